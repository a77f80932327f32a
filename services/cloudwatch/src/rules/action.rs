//! What an alarm may do when its state changes, by ARN.

use kernel::{Arn, Result, Scope};

use crate::errors;

/// Actions for one state.
pub const ACTIONS_MAX: usize = 5;

/// What an action does. Whoever does it takes it from an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `arn:aws:automate:<region>:ec2:stop|terminate|reboot|recover`
    Instance,
    /// A scaling policy: told again as long as the state lasts.
    Scaling,
    /// A topic or a function.
    Message,
}

/// Reads an action of an alarm of `scope`.
///
/// # Errors
/// When it is no ARN, or of something alarms cannot do here.
pub fn parse(arn: &str, scope: &Scope) -> Result<Action> {
    let refuse = || errors::validation(format!("Invalid arn syntax: {arn}"));
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, service, region, rest @ ..] = parts.as_slice() else { return Err(refuse()) };
    if *region != scope.region.as_str() {
        return Err(errors::validation(format!(
            "Invalid region {region} specified. Only {} is supported.",
            scope.region
        )));
    }
    match (*service, rest) {
        ("automate", ["ec2", "stop" | "terminate" | "reboot" | "recover"]) => Ok(Action::Instance),
        ("autoscaling", [_, what]) if what.starts_with("scalingPolicy:") && arn.parse::<Arn>().is_ok() => {
            Ok(Action::Scaling)
        }
        ("sns", [_, topic]) if !topic.is_empty() && arn.parse::<Arn>().is_ok() => Ok(Action::Message),
        ("lambda", [_, what]) if what.starts_with("function:") && arn.parse::<Arn>().is_ok() => {
            Ok(Action::Message)
        }
        ("automate" | "autoscaling" | "sns" | "lambda", _) => Err(refuse()),
        _ => Err(errors::validation(format!("Alarm actions of {service} are not supported here: {arn}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_known_by_their_arns() {
        let scope = Scope { account: "000000000000".parse().unwrap(), region: "eu-west-1".parse().unwrap() };
        let of = |arn: &str| parse(arn, &scope).ok();
        assert_eq!(of("arn:aws:automate:eu-west-1:ec2:stop"), Some(Action::Instance));
        assert_eq!(of("arn:aws:sns:eu-west-1:000000000000:topic"), Some(Action::Message));
        assert_eq!(of("arn:aws:lambda:eu-west-1:000000000000:function:f"), Some(Action::Message));
        let policy = "arn:aws:autoscaling:eu-west-1:000000000000:scalingPolicy:1-2:autoScalingGroupName/g:policyName/p";
        assert_eq!(of(policy), Some(Action::Scaling));
        for bad in [
            "",
            "stop",
            "arn:aws:automate:eu-west-1:ec2:explode",
            "arn:aws:automate:us-east-1:ec2:stop",
            "arn:aws:ssm:eu-west-1:000000000000:opsitem:1",
            "arn:aws:sns:eu-west-1:000000000000:",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
