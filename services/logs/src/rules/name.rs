//! Names and ARNs of groups and streams, and what a call on them must be allowed.

use kernel::{Access, Arn, Result, Scope};

use crate::errors;

const GROUP: &str = "log-group:";
const STREAM: &str = ":log-stream:";

/// As tags and identifiers name a group.
pub fn group_arn(scope: &Scope, name: &str) -> String {
    scope.arn("logs", format_args!("{GROUP}{name}"))
}

pub fn stream_arn(scope: &Scope, group: &str, stream: &str) -> String {
    scope.arn("logs", format_args!("{GROUP}{group}{STREAM}{stream}"))
}

/// On a group: policies know it with the stream left out, so that `log-group:name:*` means it.
pub fn on_group(scope: &Scope, name: &str) -> Access {
    on_stream(scope, name, "")
}

pub fn on_stream(scope: &Scope, group: &str, stream: &str) -> Access {
    Access::on(stream_arn(scope, group, stream))
}

/// The group in the resource part of an ARN.
pub fn group_of(resource: &str) -> Option<&str> {
    let rest = resource.strip_prefix(GROUP)?;
    let name = rest.split_once(':').map_or(rest, |(name, _)| name);
    (!name.is_empty()).then_some(name)
}

/// The group a name or an ARN of this scope means.
///
/// # Errors
/// When both or neither is given, or the ARN is of elsewhere.
pub fn chosen(scope: &Scope, name: Option<&str>, identifier: Option<&str>) -> Result<String> {
    match (name, identifier) {
        (Some(name), None) => Ok(name.to_owned()),
        (None, Some(identifier)) => of_identifier(scope, identifier),
        (Some(_), Some(_)) => Err(errors::invalid(
            "Only one of the following parameters can be specified: logGroupName, logGroupIdentifier",
        )),
        (None, None) => Err(errors::invalid(
            "One of the following parameters must be specified: logGroupName, logGroupIdentifier",
        )),
    }
}

/// # Errors
/// When it is an ARN of elsewhere.
pub fn of_identifier(scope: &Scope, identifier: &str) -> Result<String> {
    if !identifier.starts_with("arn:") {
        return match identifier.contains([':', '*']) {
            true => Err(errors::invalid(format!("Invalid log group identifier: {identifier}"))),
            false => Ok(identifier.to_owned()),
        };
    }
    let arn: Option<Arn> = identifier.parse().ok();
    let arn = arn.filter(|arn| arn.service == "logs");
    let group = arn.as_ref().and_then(|arn| group_of(&arn.resource));
    let (Some(arn), Some(group)) = (&arn, group) else {
        return Err(errors::invalid(format!("Invalid log group identifier: {identifier}")));
    };
    // No account is linked to another, so that only its own groups are seen by any.
    match Scope::of_arn(arn) == Some(*scope) {
        true => Ok(group.to_owned()),
        false => Err(errors::not_found("log group")),
    }
}

/// What a call on a group that is named in either way must be allowed, on the group or on one of its streams.
pub fn access(scope: &Scope, name: Option<&str>, identifier: Option<&str>, stream: &str) -> Result<Access> {
    if let (None, Some(identifier)) = (name, identifier)
        && let Ok(arn) = identifier.parse::<Arn>()
        && let (Some(of), Some(group)) = (Scope::of_arn(&arn), group_of(&arn.resource))
    {
        return Ok(on_stream(&of, group, stream));
    }
    Ok(on_stream(scope, name.or(identifier).unwrap_or_default(), stream))
}

/// # Errors
/// For names that AWS keeps to itself.
pub fn check_new_group(name: &str) -> Result<()> {
    match name.starts_with("aws/") {
        true => Err(errors::invalid("Log groups starting with aws/ are reserved for AWS.")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope { account: "000000000000".parse().unwrap(), region: "us-east-1".parse().unwrap() }
    }

    #[test]
    fn a_group_is_found_by_name_and_by_arn() {
        let of = |identifier: &str| of_identifier(&scope(), identifier);
        assert_eq!(of("/a/b").unwrap(), "/a/b");
        for tail in ["", ":*", ":log-stream:x"] {
            assert_eq!(of(&format!("{}{tail}", group_arn(&scope(), "/a/b"))).unwrap(), "/a/b");
        }
        for elsewhere in [
            "arn:aws:logs:us-east-1:111111111111:log-group:g",
            "arn:aws:logs:eu-west-1:000000000000:log-group:g",
            "arn:aws:sqs:us-east-1:000000000000:log-group:g",
            "arn:aws:logs:us-east-1:000000000000:destination:g",
            "a:b",
        ] {
            assert!(of(elsewhere).is_err(), "{elsewhere}");
        }
        assert!(chosen(&scope(), None, None).is_err());
        assert!(chosen(&scope(), Some("a"), Some("a")).is_err());
    }

    #[test]
    fn access_is_to_the_group_that_is_named() {
        let arn = "arn:aws:logs:us-east-1:111111111111:log-group:g:*";
        let access = access(&scope(), None, Some(arn), "").unwrap();
        assert_eq!(access.resources, ["arn:aws:logs:us-east-1:111111111111:log-group:g:log-stream:"]);
        assert_eq!(
            on_group(&scope(), "g").resources,
            ["arn:aws:logs:us-east-1:000000000000:log-group:g:log-stream:"]
        );
    }
}
