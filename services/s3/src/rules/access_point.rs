//! Access points: how they are named, and which requests pass through them (S3 user guide, "Managing access with access
//! points").

use kernel::{AccountId, Arn, Partition, Region, Result, Scope};

use crate::errors::access_point as errors;

const ALIAS_TAIL: &str = "-s3alias";
/// Bytes of a name that its alias begins with, at most; 63 are a label of a host.
const ALIAS_HEAD_MAX: usize = 20;
/// Characters of an alias that chance gives.
pub const ALIAS_RANDOM: usize = 34;

/// What is asked of a whole bucket by way of an access point; all else about buckets is refused. A new bucket's name is looked
/// at elsewhere.
const OF_BUCKETS: [&str; 9] = [
    "s3:CreateBucket",
    "s3:GetBucketAcl",
    "s3:GetBucketCORS",
    "s3:GetBucketLocation",
    "s3:GetBucketNotification",
    "s3:GetBucketPolicy",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:ListBucketVersions",
];

/// What stands in a bucket's place and means an access point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way<'a> {
    Named { scope: Scope, name: &'a str },
    Alias(&'a str),
}

impl<'a> Way<'a> {
    /// The access point that is named in a bucket's place, if one is: by its ARN, or by its alias.
    pub fn of(bucket: &'a str) -> Option<Self> {
        if bucket.ends_with(ALIAS_TAIL) {
            return Some(Self::Alias(bucket));
        }
        let mut parts = bucket.strip_prefix("arn:")?.splitn(5, ':');
        let (partition, service, region) = (parts.next()?, parts.next()?, parts.next()?);
        let (account, resource) = (parts.next()?, parts.next()?);
        let scope = Scope { account: account.parse().ok()?, region: region.parse().ok()? };
        let name = resource.strip_prefix("accesspoint/").filter(|_| service == "s3")?;
        // To the letter as the gate reads it: what it cannot read belongs to nobody there.
        (partition == scope.region.partition().to_string()).then_some(Self::Named { scope, name })
    }

    /// The access point in an ARN that stands for it, or for a key behind it; and the key.
    pub fn of_arn(arn: &'a Arn) -> Option<(Self, Option<&'a str>)> {
        if arn.account.is_empty() {
            let (name, key) =
                arn.resource.split_once('/').map_or((&*arn.resource, None), |(name, key)| (name, Some(key)));
            return name.ends_with(ALIAS_TAIL).then_some((Self::Alias(name), key));
        }
        let scope = Scope::of_arn(arn)?;
        let rest = arn.resource.strip_prefix("accesspoint/")?;
        let (name, key) = rest.split_once("/object/").map_or((rest, None), |(name, key)| (name, Some(key)));
        Some((Self::Named { scope, name }, key))
    }
}

/// # Errors
/// *MethodNotAllowed* where a bucket is named by an access point, and the action is not for those.
pub fn check_action(bucket: &str, action: &str) -> Result<()> {
    if Way::of(bucket).is_some() && !OF_BUCKETS.contains(&action) {
        return Err(errors::not_through());
    }
    Ok(())
}

/// # Errors
/// *InvalidRequest*.
pub fn check_name(name: &str) -> Result<()> {
    let edge = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let good = (3..=50).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && edge(name.bytes().next())
        && edge(name.bytes().last())
        && !name.ends_with(ALIAS_TAIL);
    if good { Ok(()) } else { Err(errors::bad_name()) }
}

/// # Errors
/// *InvalidRequest*.
pub fn check_account(account: &str) -> Result<AccountId> {
    account.parse().map_err(|_| errors::bad_account())
}

/// A name for it where a bucket is expected.
pub fn alias(name: &str, random: &str) -> String {
    let head = name.get(..ALIAS_HEAD_MAX).unwrap_or(name).trim_end_matches('-');
    format!("{head}-{random}{ALIAS_TAIL}")
}

/// The host of the region's access points.
pub fn endpoint(region: Region, dual_stack: bool) -> String {
    let domain = if region.partition() == Partition::AwsCn { "amazonaws.com.cn" } else { "amazonaws.com" };
    let stack = if dual_stack { "dualstack." } else { "" };
    format!("s3-accesspoint.{stack}{region}.{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:s3:eu-west-1:000000000001:accesspoint/files";

    #[test]
    fn what_a_buckets_name_may_stand_for() {
        let Some(Way::Named { scope, name }) = Way::of(ARN) else { panic!() };
        assert_eq!((scope.region.as_str(), name), ("eu-west-1", "files"));
        assert_eq!(Way::of("files-x-s3alias"), Some(Way::Alias("files-x-s3alias")));
        for other in [
            "files",
            "arn:aws:s3:::files",
            "arn:aws:s3:eu-west-1:1:accesspoint/files",
            "arn:aws:sqs:a:b:c",
            "arn::s3:eu-west-1:000000000001:accesspoint/files",
            "arn:aws-cn:s3:eu-west-1:000000000001:accesspoint/files",
        ] {
            assert_eq!(Way::of(other), None, "{other}");
        }
        let behind = format!("{ARN}/object/a/object/b").parse().unwrap();
        let (way, key) = Way::of_arn(&behind).unwrap();
        assert_eq!((Some(way), key), (Way::of(ARN), Some("a/object/b")));
        let alias = "arn:aws:s3:::files-x-s3alias/a/b".parse().unwrap();
        assert_eq!(Way::of_arn(&alias), Some((Way::Alias("files-x-s3alias"), Some("a/b"))));
        assert_eq!(Way::of_arn(&"arn:aws:s3:::files/a".parse().unwrap()), None);
    }

    #[test]
    fn names_and_aliases() {
        for good in ["abc", "0-9", &"a".repeat(50)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["ab", "a.b", "Abc", "-ab", "ab-", "a_b", "abc-s3alias", &"a".repeat(51)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        let random = "0".repeat(ALIAS_RANDOM);
        assert_eq!(alias("files", &random), format!("files-{random}-s3alias"));
        assert_eq!(alias(&"a".repeat(50), &random).len(), 63);
        assert!(!alias("aaaaaaaaaaaaaaaaaaa-b", &random).contains("--"));
    }

    #[test]
    fn what_passes() {
        assert!(check_action("bucket", "s3:PutBucketPolicy").is_ok());
        assert!(check_action(ARN, "s3:ListBucket").is_ok());
        assert_eq!(check_action(ARN, "s3:PutBucketPolicy").unwrap_err().status(), 405);
        assert!(check_action("files-x-s3alias", "s3:GetBucketVersioning").is_err());
    }
}
