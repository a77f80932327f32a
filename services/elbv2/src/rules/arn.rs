//! ARNs of load balancers and what belongs to them.

use kernel::Scope;

use crate::state::load_balancer::{Kind, LoadBalancer};

/// As ARNs name the service.
pub const SERVICE: &str = "elasticloadbalancing";

pub fn load_balancer(scope: &Scope, kind: Kind, name: &str, id: &str) -> String {
    scope.arn(SERVICE, format_args!("loadbalancer/{}/{name}/{id}", kind.short()))
}

pub fn target_group(scope: &Scope, name: &str, id: &str) -> String {
    scope.arn(SERVICE, format_args!("targetgroup/{name}/{id}"))
}

pub fn listener(scope: &Scope, of: &LoadBalancer, id: &str) -> String {
    scope.arn(SERVICE, format_args!("listener/{}/{}/{}/{id}", of.kind.short(), of.name, of.id))
}

pub fn rule(scope: &Scope, of: &LoadBalancer, listener: &str, id: &str) -> String {
    scope
        .arn(SERVICE, format_args!("listener-rule/{}/{}/{}/{listener}/{id}", of.kind.short(), of.name, of.id))
}

/// What an ARN means, by ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    LoadBalancer { id: String },
    TargetGroup { id: String },
    Listener { of: String, id: String },
    Rule { of: String, listener: String, id: String },
}

impl Named {
    pub fn of(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        if parts.next() != Some("arn") || parts.nth(1) != Some(SERVICE) {
            return None;
        }
        let resource: Vec<&str> = parts.nth(2)?.split('/').collect();
        Some(match resource.as_slice() {
            ["loadbalancer", "app" | "net", _, id] => Self::LoadBalancer { id: (*id).to_owned() },
            ["targetgroup", _, id] => Self::TargetGroup { id: (*id).to_owned() },
            ["listener", _, _, of, id] => Self::Listener { of: (*of).to_owned(), id: (*id).to_owned() },
            ["listener-rule", _, _, of, listener, id] => {
                let (of, listener, id) = ((*of).to_owned(), (*listener).to_owned(), (*id).to_owned());
                Self::Rule { of, listener, id }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_read_back() {
        let scope = Scope { account: "123456789012".parse().unwrap(), region: "us-east-1".parse().unwrap() };
        let arn = load_balancer(&scope, Kind::Application, "web", "50dc6c495c0c9188");
        assert_eq!(
            arn,
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"
        );
        assert_eq!(Named::of(&arn), Some(Named::LoadBalancer { id: "50dc6c495c0c9188".into() }));
        let arn = target_group(&scope, "web", "73e2d6bc24d8a067");
        assert_eq!(Named::of(&arn), Some(Named::TargetGroup { id: "73e2d6bc24d8a067".into() }));
        assert_eq!(Named::of("arn:aws:sqs:us-east-1:123456789012:q"), None);
        assert_eq!(Named::of("web"), None);
    }
}
