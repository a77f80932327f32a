//! Rules of security groups, as resources with ids.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{combination, invalid_parameter_value, malformed};
use crate::state::id::RuleId;

pub fn rules_limit() -> Error {
    let message = "The maximum number of rules per security group has been reached.";
    Error::new(Kind::Limit, "RulesPerSecurityGroupLimitExceeded", message)
}

pub fn rule_not_found(id: impl Display) -> Error {
    let message = format!("The security group rule ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidSecurityGroupRuleId.NotFound", message)
}

pub fn rule_malformed(text: &str) -> Error {
    malformed::<RuleId>("InvalidSecurityGroupRuleId.Malformed", text)
}

pub fn rule_description_invalid() -> Error {
    invalid_parameter_value(
        "Invalid rule description. Valid descriptions are strings less than 256 characters \
         from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
    )
}

pub fn rule_with_peers() -> Error {
    combination("Exactly one of CidrIpv4, CidrIpv6 and ReferencedGroupId is needed")
}

pub fn descriptions_missing_or_twice() -> Error {
    combination("Exactly one of the parameters ipPermissions and securityGroupRuleDescriptions is needed")
}
