//! The actions and condition keys that policies of S3 may name (service authorization reference, "Amazon S3").

use kernel::Result;

use crate::errors;

/// Actions on objects, without their head.
const OF_OBJECTS: [&str; 34] = [
    "AbortMultipartUpload",
    "BypassGovernanceRetention",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjectVersion",
    "DeleteObjectVersionTagging",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetObjectTorrent",
    "GetObjectVersion",
    "GetObjectVersionAcl",
    "GetObjectVersionAttributes",
    "GetObjectVersionForReplication",
    "GetObjectVersionTagging",
    "GetObjectVersionTorrent",
    "InitiateReplication",
    "ListMultipartUploadParts",
    "ObjectOwnerOverrideToBucketOwner",
    "PutObject",
    "PutObjectAcl",
    "PutObjectLegalHold",
    "PutObjectRetention",
    "PutObjectTagging",
    "PutObjectVersionAcl",
    "PutObjectVersionTagging",
    "ReplicateDelete",
    "ReplicateObject",
    "ReplicateTags",
    "RestoreObject",
    "UpdateObjectEncryption",
];

/// Actions on buckets.
const OF_BUCKETS: [&str; 66] = [
    "CreateBucket",
    "CreateBucketMetadataTableConfiguration",
    "DeleteBucket",
    "DeleteBucketMetadataTableConfiguration",
    "DeleteBucketPolicy",
    "DeleteBucketWebsite",
    "GetAccelerateConfiguration",
    "GetAnalyticsConfiguration",
    "GetBucketAbac",
    "GetBucketAcl",
    "GetBucketCORS",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketMetadataTableConfiguration",
    "GetBucketNotification",
    "GetBucketObjectLockConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketPublicAccessBlock",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetEncryptionConfiguration",
    "GetIntelligentTieringConfiguration",
    "GetInventoryConfiguration",
    "GetLifecycleConfiguration",
    "GetMetricsConfiguration",
    "GetReplicationConfiguration",
    "ListBucket",
    "ListBucketMultipartUploads",
    "ListBucketVersions",
    "ListTagsForResource",
    "PauseReplication",
    "PutAccelerateConfiguration",
    "PutAnalyticsConfiguration",
    "PutBucketAbac",
    "PutBucketAcl",
    "PutBucketCORS",
    "PutBucketLogging",
    "PutBucketNotification",
    "PutBucketObjectLockConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketPublicAccessBlock",
    "PutBucketRequestPayment",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutBucketWebsite",
    "PutEncryptionConfiguration",
    "PutIntelligentTieringConfiguration",
    "PutInventoryConfiguration",
    "PutLifecycleConfiguration",
    "PutMetricsConfiguration",
    "PutReplicationConfiguration",
    "TagResource",
    "UntagResource",
    "UpdateBucketMetadataInventoryTableConfiguration",
    "UpdateBucketMetadataJournalTableConfiguration",
    // Names that stand for what is above, taken since policies bear them.
    "DeleteBucketTagging",
    "DeleteReplicationConfiguration",
    "GetBucketLifecycleConfiguration",
    "HeadBucket",
    "ListBucketByTags",
    "PutBucketLifecycleConfiguration",
];

/// Actions on neither: of accounts, access points, jobs and grants.
const OF_OTHERS: [&str; 30] = [
    "*AccessGrant*",
    "*AccessPoint",
    "*AccessPointConfigurationForObjectLambda",
    "*AccessPointForObjectLambda",
    "*AccessPointPolicy",
    "*AccessPointPolicyForObjectLambda",
    "*AccessPointPolicyStatus",
    "*AccessPointPolicyStatusForObjectLambda",
    "*AccessPointPublicAccessBlock",
    "*AccessPointScope",
    "AssociateAccessGrantsIdentityCenter",
    "DissociateAccessGrantsIdentityCenter",
    "CreateJob",
    "DescribeJob",
    "*JobTagging",
    "ListJobs",
    "UpdateJobPriority",
    "UpdateJobStatus",
    "*MultiRegionAccessPoint*",
    "GetAccountPublicAccessBlock",
    "PutAccountPublicAccessBlock",
    "GetDataAccess",
    "ListAccessPoints",
    "ListAccessPointsForObjectLambda",
    "ListAllMyBuckets",
    "ListStorageLensConfigurations",
    "ListStorageLensGroups",
    "*StorageLens*",
    "SubmitMultiRegionAccessPointRoutes",
    "ListCallerAccessGrants",
];

/// Condition keys without their head, in lower case. What ends in a slash goes on with the name of a tag.
const KEYS: [&str; 53] = [
    "accessgrantsinstancearn",
    "accesspointnetworkorigin",
    "accesspointtag/",
    "authtype",
    "buckettag/",
    "dataaccesspointaccount",
    "dataaccesspointarn",
    "delimiter",
    "destinationregion",
    "existingjoboperation",
    "existingjobpriority",
    "existingobjecttag/",
    "if-match",
    "if-none-match",
    "inventoryaccessibleoptionalfields",
    "isreplicationpauserequest",
    "jobsuspendedcause",
    "locationconstraint",
    "max-keys",
    "object-lock-legal-hold",
    "object-lock-mode",
    "object-lock-remaining-retention-days",
    "object-lock-retain-until-date",
    "objectcreationoperation",
    "prefix",
    "requestjoboperation",
    "requestjobpriority",
    "requestobjecttag/",
    "requestobjecttagkeys",
    "resourceaccount",
    "signatureage",
    "signatureversion",
    "tlsversion",
    "versionid",
    "x-amz-acl",
    "x-amz-bucket-namespace",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-server-side-encryption-context",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-tagging-directive",
    "x-amz-website-redirect-location",
];

const HEAD: &str = "s3:";

/// What a pattern of a policy's actions is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    pub buckets: bool,
    pub objects: bool,
}

/// Reads an action of a policy, with wildcards or without.
///
/// # Errors
/// *MalformedPolicy* for one that S3 has not.
pub fn read(action: &str) -> Result<About> {
    if action == "*" {
        return Ok(About { buckets: true, objects: true });
    }
    let name = rest(action).ok_or_else(invalid)?;
    let any = |known: &[&str]| known.iter().any(|known| fits(name, known));
    let about = About { buckets: any(&OF_BUCKETS), objects: any(&OF_OBJECTS) };
    let others = || OF_OTHERS.iter().any(|known| fits(name, known) || fits(known, name));
    if about.buckets || about.objects || others() { Ok(about) } else { Err(invalid()) }
}

/// Whether a pattern of actions means one that lists keys.
pub fn may_list(action: &str) -> bool {
    let lists = ["ListBucket", "ListBucketVersions", "ListBucketMultipartUploads"];
    action == "*" || rest(action).is_some_and(|name| lists.iter().any(|known| fits(name, known)))
}

fn invalid() -> kernel::Error {
    errors::malformed_policy("Policy has invalid action")
}

/// Whether conditions may ask for a key. Those of other services are not ours to know.
pub fn is_key(key: &str) -> bool {
    let Some(name) = rest(key) else { return true };
    let name = name.to_ascii_lowercase();
    KEYS.iter().any(|known| match known.strip_suffix('/') {
        Some(_) => name.starts_with(known) && name.len() > known.len(),
        None => name == *known,
    })
}

/// What follows the service's name.
fn rest(text: &str) -> Option<&str> {
    let (head, rest) = text.split_at_checked(HEAD.len())?;
    head.eq_ignore_ascii_case(HEAD).then_some(rest)
}

/// Whether a pattern with `*` and `?` fits a text, in any case. Only the last `*` is ever tried again.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut seen, mut again) = (0, 0, None);
    while let Some(byte) = text.get(seen) {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                again = Some((at, seen));
            }
            Some(wanted) if *wanted == b'?' || wanted.eq_ignore_ascii_case(byte) => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((behind, from)) = again else { return false };
                (at, seen) = (behind, from + 1);
                again = Some((behind, seen));
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_known_with_wildcards_or_without() {
        let of = |action| read(action).map(|about| (about.buckets, about.objects)).ok();
        assert_eq!(of("*"), Some((true, true)));
        assert_eq!(of("s3:*"), Some((true, true)));
        assert_eq!(of("S3:getobject"), Some((false, true)));
        assert_eq!(of("s3:GetObject*"), Some((false, true)));
        assert_eq!(of("s3:Get*"), Some((true, true)));
        assert_eq!(of("s3:?etObject"), Some((false, true)));
        assert_eq!(of("s3:ListBucket"), Some((true, false)));
        assert_eq!(of("s3:*Object"), Some((false, true)));
        assert_eq!(of("s3:ListAllMyBuckets"), Some((false, false)));
        assert_eq!(of("s3:GetAccessPointPolicy"), Some((false, false)));
        for bad in ["s3:DeleteObjekt", "s3:", "s3", "s3:Foo*", "sqs:SendMessage", "s3:GetObject?", ""] {
            assert_eq!(of(bad), None, "{bad}");
        }
        let stars = format!("s3:{}b", "*a".repeat(1_000));
        assert_eq!(of(&stars), None);
    }

    #[test]
    fn keys_are_known() {
        for good in
            ["s3:prefix", "S3:X-Amz-Acl", "s3:ExistingObjectTag/role", "aws:SourceIp", "kms:ViaService"]
        {
            assert!(is_key(good), "{good}");
        }
        for bad in ["s3:prefixx", "s3:ExistingObjectTag/", "s3:ExistingObjectTag", "s3:UploadId", "s3:"] {
            assert!(!is_key(bad), "{bad}");
        }
    }

    #[test]
    fn lists_are_in_order() {
        assert!(KEYS.is_sorted());
        assert!(OF_OBJECTS.is_sorted());
    }
}
