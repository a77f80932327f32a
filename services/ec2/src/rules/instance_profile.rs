//! Instance profiles: how a request names one, and how an instance's is shown.

use api_ec2 as api;
use kernel::{Access, Arn, Result, Scope};
use shape::Timestamp;

use crate::errors;
use crate::state::id::InstanceId;
use crate::state::instance::Profile;

/// The profile a request means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    Name(String),
    Arn(String),
}

/// `None` where neither is given.
///
/// # Errors
/// `InvalidParameterCombination` for both.
pub fn check(given: api::IamInstanceProfileSpecification) -> Result<Option<Wish>> {
    let text = |given: Option<String>| given.filter(|text| !text.is_empty());
    match (text(given.name), text(given.arn)) {
        (Some(_), Some(_)) => Err(errors::profile_by_name_and_arn()),
        (Some(name), None) => Ok(Some(Wish::Name(name))),
        (None, Some(arn)) => Ok(Some(Wish::Arn(arn))),
        (None, None) => Ok(None),
    }
}

impl Wish {
    /// The name to look for in the account of `scope`.
    ///
    /// # Errors
    /// `InvalidIamInstanceProfileArn.Malformed` for what is no ARN, `InvalidParameterValue` for one that is not of a profile there.
    pub fn name(&self, scope: &Scope) -> Result<String> {
        match self {
            Wish::Name(name) => Ok(name.clone()),
            Wish::Arn(arn) => {
                let parsed = arn.parse::<Arn>().map_err(|_| errors::profile_arn_malformed(arn))?;
                let own = parsed.account == scope.account.to_string();
                name(arn).filter(|_| own).ok_or_else(|| errors::profile_arn_invalid(arn))
            }
        }
    }

    /// What is said when there is no such profile.
    pub fn missing(&self) -> kernel::Error {
        match self {
            Wish::Name(name) => errors::profile_name_invalid(name),
            Wish::Arn(arn) => errors::profile_arn_invalid(arn),
        }
    }
}

/// The name at the end of a profile's ARN.
pub fn name(arn: &str) -> Option<String> {
    let parsed = arn.parse::<Arn>().ok().filter(|arn| arn.service == "iam")?;
    let (_, name) = parsed
        .resource
        .strip_prefix("instance-profile/")
        .map(|path| path.rsplit_once('/').unwrap_or(("", path)))?;
    Some(name.to_owned()).filter(|name| !name.is_empty())
}

/// Leave to give an instance this role.
pub fn pass_role(role_arn: &str) -> Access {
    let to = ["ec2.amazonaws.com".to_owned()];
    Access::on(role_arn).action(PASS_ROLE).condition("iam:PassedToService", to)
}

pub const PASS_ROLE: &str = "iam:PassRole";

pub fn shown(profile: &Profile) -> api::IamInstanceProfile {
    api::IamInstanceProfile { arn: Some(profile.arn.clone()), id: Some(profile.id.clone()) }
}

pub fn association(
    instance: &InstanceId,
    profile: &Profile,
    state: &str,
) -> api::IamInstanceProfileAssociation {
    api::IamInstanceProfileAssociation {
        association_id: Some(profile.association.to_string()),
        instance_id: Some(instance.to_string()),
        iam_instance_profile: Some(shown(profile)),
        state: Some(state.to_owned()),
        timestamp: Some(Timestamp::from_millis(profile.since)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_named_in_one_way() {
        let spec = |name: Option<&str>, arn: Option<&str>| api::IamInstanceProfileSpecification {
            name: name.map(str::to_owned),
            arn: arn.map(str::to_owned),
        };
        assert_eq!(check(spec(None, None)).unwrap(), None);
        assert_eq!(check(spec(Some("p"), Some(""))).unwrap(), Some(Wish::Name("p".to_owned())));
        assert_eq!(check(spec(Some("p"), Some("a"))).unwrap_err().code(), "InvalidParameterCombination");
    }

    #[test]
    fn names_end_arns() {
        let found = |arn: &str| name(arn);
        assert_eq!(found("arn:aws:iam::000000000000:instance-profile/p").as_deref(), Some("p"));
        assert_eq!(found("arn:aws:iam::000000000000:instance-profile/a/b/p").as_deref(), Some("p"));
        for strange in
            ["p", "arn:aws:iam::000000000000:role/p", "arn:aws:iam::000000000000:instance-profile/"]
        {
            assert_eq!(found(strange), None, "{strange}");
        }
    }
}
