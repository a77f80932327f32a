//! Policies of listeners and of instances' ports, by their types.

use api_elb as api;
use kernel::Result;

use crate::errors;
use crate::rules::listener::{is_http, is_secure};
use crate::state::load_balancer::{Listener, LoadBalancer, Policy, Says};

const POLICIES_MAX: usize = 100;
pub const BALANCER_COOKIE: &str = "LBCookieStickinessPolicyType";
pub const APPLICATION_COOKIE: &str = "AppCookieStickinessPolicyType";
pub const PROXY_PROTOCOL: &str = "ProxyProtocolPolicyType";
pub const TLS: &str = "SSLNegotiationPolicyType";
const PERIOD: &str = "CookieExpirationPeriod";
const COOKIE: &str = "CookieName";
const PROXY: &str = "ProxyProtocol";
const REFERENCE: &str = "Reference-Security-Policy";

/// What listeners have that name none.
pub const USUAL: &str = "ELBSecurityPolicy-2016-08";

/// Predefined policies, with the versions they allow by AWS's word. TLS 1.2 is what is spoken here.
pub const PREDEFINED: [(&str, &[&str]); 9] = [
    (USUAL, &["TLSv1", "TLSv1.1", "TLSv1.2"]),
    ("ELBSecurityPolicy-TLS-1-2-2017-01", &["TLSv1.2"]),
    ("ELBSecurityPolicy-TLS-1-1-2017-01", &["TLSv1.1", "TLSv1.2"]),
    ("ELBSecurityPolicy-2015-05", &["TLSv1", "TLSv1.1", "TLSv1.2"]),
    ("ELBSecurityPolicy-2015-03", &["TLSv1", "TLSv1.1", "TLSv1.2"]),
    ("ELBSecurityPolicy-2015-02", &["TLSv1", "TLSv1.1", "TLSv1.2"]),
    ("ELBSecurityPolicy-2014-10", &["TLSv1", "TLSv1.1", "TLSv1.2"]),
    ("ELBSecurityPolicy-2014-01", &["TLSv1", "TLSv1.1", "TLSv1.2", "SSLv3"]),
    ("ELBSecurityPolicy-2011-08", &["TLSv1", "SSLv3"]),
];

/// Suites that are spoken, as OpenSSL names them.
const SUITES: [&str; 4] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
];

/// Types of policies: name, what they are for, and their attributes with type, default and cardinality.
type Attribute = (&'static str, &'static str, Option<&'static str>, &'static str);
pub const TYPES: [(&str, &str, &[Attribute]); 4] = [
    (TLS, "TLS of listeners, by a predefined policy", &[(REFERENCE, "String", None, "ONE")]),
    (APPLICATION_COOKIE, "Stickiness by a cookie of the application", &[(COOKIE, "String", None, "ONE")]),
    (
        BALANCER_COOKIE,
        "Stickiness by a cookie of the load balancer",
        &[(PERIOD, "Long", None, "ZERO_OR_ONE")],
    ),
    (PROXY_PROTOCOL, "Whether streams begin with who asks", &[(PROXY, "Boolean", None, "ONE")]),
];

/// # Errors
/// `ValidationError`, `DuplicatePolicyName`, `TooManyPolicies`.
pub fn add(to: &mut LoadBalancer, name: &str, says: Says) -> Result<()> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > 128 || !name.bytes().all(word) {
        return Err(errors::validation(format!("'{name}' is not a valid policy name")));
    }
    if to.policy(name).is_some() {
        return Err(errors::duplicate_policy(name));
    }
    if to.policies.len() >= POLICIES_MAX {
        return Err(errors::too_many_policies(POLICIES_MAX));
    }
    to.policies.push(Policy { name: name.to_owned(), says });
    Ok(())
}

/// Secure listeners have the usual policy until somebody says otherwise, and so it is among the balancer's.
pub fn add_usual(to: &mut LoadBalancer) {
    let wanted = to.listeners.iter().any(|one| one.policies.iter().any(|name| name == USUAL));
    if wanted && to.policy(USUAL).is_none() {
        to.policies.push(Policy { name: USUAL.to_owned(), says: Says::Tls(USUAL.to_owned()) });
    }
}

/// What a policy of a type says with these attributes.
///
/// # Errors
/// `PolicyTypeNotFound`; `InvalidConfigurationRequest` for attributes it does not have, or that are not served.
pub fn read(type_name: &str, given: &[api::PolicyAttribute]) -> Result<Says> {
    let Some((.., attributes)) = TYPES.iter().find(|(name, ..)| *name == type_name) else {
        return Err(match type_name {
            "PublicKeyPolicyType" | "BackendServerAuthenticationPolicyType" => {
                errors::unsupported(format_args!("The policy type {type_name}"))
            }
            other => errors::policy_type_not_found(other),
        });
    };
    let mut value = None;
    for one in given {
        let name = one.attribute_name.as_deref().unwrap_or_default();
        if !attributes.iter().any(|(known, ..)| *known == name) {
            return Err(errors::unsupported(format_args!("The attribute {name} of {type_name}")));
        }
        if value.replace(one.attribute_value.clone().unwrap_or_default()).is_some() {
            return Err(errors::configuration(format!("{name} is given twice")));
        }
    }
    match (type_name, value) {
        (BALANCER_COOKIE, None) => Ok(Says::BalancerCookie(None)),
        (BALANCER_COOKIE, Some(period)) => {
            let period =
                period.parse().map_err(|_| errors::configuration(format!("{PERIOD} is no number")))?;
            balancer_cookie(Some(period))
        }
        (APPLICATION_COOKIE, Some(name)) => application_cookie(name),
        (PROXY_PROTOCOL, Some(on)) => match &*on.to_ascii_lowercase() {
            "true" => Ok(Says::ProxyProtocol(true)),
            "false" => Ok(Says::ProxyProtocol(false)),
            _ => Err(errors::configuration(format!("{PROXY} is true or false"))),
        },
        (TLS, Some(name)) if PREDEFINED.iter().any(|(known, _)| *known == name) => Ok(Says::Tls(name)),
        (TLS, Some(name)) => Err(errors::policy_not_found(&name)),
        (_, None) => Err(errors::configuration(format!("{type_name} needs its attribute"))),
        (other, _) => Err(errors::policy_type_not_found(other)),
    }
}

/// # Errors
/// `ValidationError`.
pub fn balancer_cookie(period_s: Option<i64>) -> Result<Says> {
    match period_s {
        Some(seconds) if seconds <= 0 => Err(errors::validation(format!("{PERIOD} must be above 0"))),
        period => Ok(Says::BalancerCookie(period)),
    }
}

/// # Errors
/// `ValidationError`.
pub fn application_cookie(name: String) -> Result<Says> {
    let token = |byte: u8| byte.is_ascii_graphic() && !br#"()<>@,;:\"/[]?={}"#.contains(&byte);
    if name.is_empty() || name.len() > 512 || !name.bytes().all(token) || name == "AWSELB" {
        return Err(errors::validation(format!("'{name}' is not a valid cookie name")));
    }
    Ok(Says::ApplicationCookie(name))
}

/// Whether a listener may have these policies.
///
/// # Errors
/// `PolicyNotFound`, `InvalidConfigurationRequest`.
pub fn check_of_listener(of: &LoadBalancer, listener: &Listener, names: &[String]) -> Result<()> {
    let (mut sticky, mut tls) = (0, 0);
    for name in names {
        match &of.policy(name).ok_or_else(|| errors::policy_not_found(name))?.says {
            Says::BalancerCookie(_) | Says::ApplicationCookie(_) if is_http(&listener.protocol) => {
                sticky += 1;
            }
            Says::Tls(_) if is_secure(&listener.protocol) => tls += 1,
            _ => {
                return Err(errors::configuration(format!(
                    "The policy {name} cannot be of a listener whose protocol is {}",
                    listener.protocol
                )));
            }
        }
    }
    if sticky > 1 || tls > 1 {
        return Err(errors::configuration("A listener has at most one policy of a kind"));
    }
    Ok(())
}

/// Whether a port of instances may have these policies.
///
/// # Errors
/// As [`check_of_listener`].
pub fn check_of_backend(of: &LoadBalancer, port: i32, names: &[String]) -> Result<()> {
    if !of.listeners.iter().any(|one| one.instance_port == port) {
        return Err(errors::configuration(format!(
            "No listener of {} has the instance port {port}",
            of.name
        )));
    }
    for name in names {
        let policy = of.policy(name).ok_or_else(|| errors::policy_not_found(name))?;
        if !matches!(policy.says, Says::ProxyProtocol(_)) {
            return Err(errors::configuration(format!("The policy {name} cannot be of a back-end server")));
        }
        if !of.listeners.iter().any(|one| one.instance_port == port && !is_http(&one.protocol)) {
            return Err(errors::configuration(format!(
                "The policy {name} cannot be of the instance port {port}: no TCP or SSL listener has it"
            )));
        }
    }
    Ok(())
}

pub fn type_of(says: &Says) -> &'static str {
    match says {
        Says::BalancerCookie(_) => BALANCER_COOKIE,
        Says::ApplicationCookie(_) => APPLICATION_COOKIE,
        Says::ProxyProtocol(_) => PROXY_PROTOCOL,
        Says::Tls(_) => TLS,
    }
}

pub fn shown(policy: &Policy) -> api::PolicyDescription {
    let attributes = match &policy.says {
        Says::BalancerCookie(None) => Vec::new(),
        Says::BalancerCookie(Some(period)) => vec![(PERIOD, period.to_string())],
        Says::ApplicationCookie(name) => vec![(COOKIE, name.clone())],
        Says::ProxyProtocol(on) => vec![(PROXY, on.to_string())],
        Says::Tls(reference) => vec![(REFERENCE, reference.clone())],
    };
    let mut attributes: Vec<_> =
        attributes.into_iter().map(|(name, value)| attribute(name.to_owned(), value)).collect();
    if let Says::Tls(reference) = &policy.says {
        attributes.extend(allowed(reference));
    }
    api::PolicyDescription {
        policy_name: Some(policy.name.clone()),
        policy_type_name: Some(type_of(&policy.says).to_owned()),
        policy_attribute_descriptions: Some(attributes),
    }
}

/// A predefined one, which belongs to no load balancer.
pub fn shown_predefined(name: &str) -> api::PolicyDescription {
    api::PolicyDescription {
        policy_name: Some(name.to_owned()),
        policy_type_name: Some(TLS.to_owned()),
        policy_attribute_descriptions: Some(allowed(name)),
    }
}

fn attribute(name: String, value: String) -> api::PolicyAttributeDescription {
    api::PolicyAttributeDescription { attribute_name: Some(name), attribute_value: Some(value) }
}

fn allowed(reference: &str) -> Vec<api::PolicyAttributeDescription> {
    let found = PREDEFINED.iter().find(|(name, _)| *name == reference);
    let versions = found.map_or(&[][..], |(_, versions)| versions);
    let names = versions.iter().map(|version| format!("Protocol-{version}"));
    let suites = SUITES.iter().map(|&suite| suite.to_owned());
    let order = ["Server-Defined-Cipher-Order".to_owned()];
    names.chain(order).chain(suites).map(|name| attribute(name, "true".to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> api::PolicyAttribute {
        api::PolicyAttribute { attribute_name: Some(name.into()), attribute_value: Some(value.into()) }
    }

    #[test]
    fn policies_are_read_by_their_type() {
        assert_eq!(read(PROXY_PROTOCOL, &[pair(PROXY, "True")]).unwrap(), Says::ProxyProtocol(true));
        assert_eq!(read(BALANCER_COOKIE, &[]).unwrap(), Says::BalancerCookie(None));
        assert_eq!(read(TLS, &[pair(REFERENCE, USUAL)]).unwrap(), Says::Tls(USUAL.into()));
        let code = |type_name: &str, given: &[api::PolicyAttribute]| {
            read(type_name, given).unwrap_err().query_code()
        };
        assert_eq!(code(TLS, &[pair(REFERENCE, "x")]), "PolicyNotFound");
        assert_eq!(code(TLS, &[pair("Protocol-TLSv1.2", "true")]), "InvalidConfigurationRequest");
        assert_eq!(code("PublicKeyPolicyType", &[]), "InvalidConfigurationRequest");
        assert_eq!(code("x", &[]), "PolicyTypeNotFound");
        assert_eq!(code(APPLICATION_COOKIE, &[]), "InvalidConfigurationRequest");
    }
}
