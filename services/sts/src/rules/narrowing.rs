//! What narrows a session: a policy, managed policies, and how much room they and tags take.

use api_sts::PolicyDescriptorType;
use kernel::{Result, SessionGrant};
use policy::{Document, Kind};

use crate::errors;

pub const POLICY_ARNS_MAX: usize = 10;

/// # Errors
/// When it is no policy for a session.
pub fn check_policy(text: Option<String>) -> Result<Option<String>> {
    if let Some(text) = &text {
        Document::parse(Kind::Session, text, &[])
            .map_err(|reason| errors::malformed_policy(reason.message))?;
    }
    Ok(text)
}

/// # Errors
/// When there are too many, or one has no ARN.
pub fn check_arns(given: Option<Vec<PolicyDescriptorType>>) -> Result<Vec<String>> {
    let given = given.unwrap_or_default();
    if given.len() > POLICY_ARNS_MAX {
        return Err(errors::too_many_policies(POLICY_ARNS_MAX));
    }
    given.into_iter().map(|one| one.arn.ok_or_else(|| errors::bad_arn(""))).collect()
}

/// The room taken, in percent; `None` when there is nothing to measure.
///
/// # Errors
/// When it is more than there is.
pub fn check_packed(grant: &SessionGrant) -> Result<Option<i32>> {
    match grant.packed_percent() {
        Some(percent) if percent > 100 => Err(errors::packed_too_large(percent)),
        percent => Ok(percent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_and_counted() {
        let fine =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#;
        assert_eq!(check_policy(Some(fine.to_owned())).unwrap().as_deref(), Some(fine));
        assert_eq!(check_policy(Some("{".to_owned())).unwrap_err().query_code(), "MalformedPolicyDocument");
        let one = PolicyDescriptorType { arn: Some("a".to_owned()) };
        assert_eq!(check_arns(Some(vec![one.clone(); POLICY_ARNS_MAX])).unwrap().len(), POLICY_ARNS_MAX);
        assert!(check_arns(Some(vec![one; POLICY_ARNS_MAX + 1])).is_err());
    }
}
