//! What the metadata service tells of an instance's role, as the documents clients read.

use kernel::{Issued, Millis};
use serde_json::{Value, json};

use super::instant::iso;
use crate::state::instance::Profile;

/// The two documents.
#[derive(Clone, Debug)]
pub struct RoleFacts {
    pub info: String,
    /// The role's name, and its credentials or why there are none.
    pub credentials: Option<(String, String)>,
}

/// Whether a path may lead to them, so that they are made only for who asks.
pub fn is_about(path: &str) -> bool {
    let mut parts = path.trim_matches('/').split('/').skip(1);
    parts.next() == Some("meta-data") && parts.next() == Some("iam")
}

fn text(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default()
}

pub fn info(profile: &Profile, now: Millis) -> String {
    text(&json!({
        "Code": "Success",
        "LastUpdated": iso(now),
        "InstanceProfileArn": profile.arn,
        "InstanceProfileId": profile.id,
    }))
}

/// The profile was deleted, or is another one under the same name.
pub fn profile_gone(profile: &Profile, now: Millis) -> String {
    let message = format!("Instance Profile {} was not found.", profile.arn);
    text(&json!({ "Code": "InstanceProfileNotFound", "Message": message, "LastUpdated": iso(now) }))
}

pub fn credentials(issued: &Issued, issued_at: Millis) -> String {
    text(&json!({
        "Code": "Success",
        "LastUpdated": iso(issued_at),
        "Type": "AWS-HMAC",
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": issued.secret,
        "Token": issued.session_token,
        "Expiration": iso(issued.expires_at),
    }))
}

/// The role's trust policy does not name EC2.
pub fn untrusted(role: &str, now: Millis) -> String {
    let message = format!("EC2 cannot assume the role {role}: its trust policy does not allow it.");
    text(&json!({ "Code": "AssumeRoleUnauthorizedAccess", "Message": message, "LastUpdated": iso(now) }))
}

#[cfg(test)]
mod tests {
    use super::is_about;

    #[test]
    fn only_paths_about_roles_are() {
        for path in ["/latest/meta-data/iam", "/latest/meta-data/iam/info", "/2021-03-23/meta-data/iam/x/y/"]
        {
            assert!(is_about(path), "{path}");
        }
        for path in ["/", "/latest/meta-data/", "/latest/meta-data/iamb", "/latest/user-data"] {
            assert!(!is_about(path), "{path}");
        }
    }
}
