//! Bucket policies: what is refused, and which are public (S3 user guide, "Blocking public access to your Amazon S3
//! storage", "The meaning of public").

use std::net::IpAddr;

use kernel::Result;
use policy::{Condition, Document, Effect, Kind, Policy, PrincipalType, Statement};

use super::action::{self, About};
use crate::errors;

/// A bucket policy's size (S3 user guide, "Quotas").
const BYTES_MAX: usize = 20 * 1_024;

/// Keys that name somebody in particular, in lower case.
const NAMING: [&str; 14] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

/// Where the names of services end.
const SERVICES_AT: [&str; 4] = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".aws.internal"];

/// The web identity providers that need no ARN (IAM user guide, "AWS JSON policy elements: Principal").
const PROVIDERS: [&str; 4] =
    ["accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com"];

/// A bucket policy made ready to decide.
#[derive(Clone, Debug)]
pub struct Ready {
    pub policy: std::sync::Arc<Policy>,
    /// It lets in whoever comes.
    pub is_public: bool,
}

/// Reads a policy for the bucket with this ARN.
///
/// # Errors
/// *MalformedPolicy*.
pub fn check(text: &str, bucket_arn: &str) -> Result<Ready> {
    if text.len() > BYTES_MAX {
        return Err(errors::malformed_policy("Policy exceeds the maximum allowed document size."));
    }
    let read = Document::parse(Kind::Resource, text, &[]);
    let document = read.map_err(|reason| errors::malformed_policy(reason.message))?;
    for statement in &document.statements {
        let about: Vec<About> =
            statement.actions.entries.iter().map(|action| action::read(action)).collect::<Result<_>>()?;
        let names_it = |resource: &String| {
            let rest = resource.strip_prefix(bucket_arn);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '*']))
        };
        if !statement.resources.iter().flat_map(|resources| &resources.entries).all(names_it) {
            return Err(errors::malformed_policy("Policy has invalid resource"));
        }
        if is_of_bucket(bucket_arn) && !statement.actions.except {
            check_applies(statement, &about, bucket_arn)?;
        }
        if !statement.conditions.iter().all(|condition| action::is_key(&condition.key)) {
            return Err(errors::malformed_policy("Policy has an invalid condition key"));
        }
        let lists = statement.actions.entries.iter().all(|action| action::may_list(action));
        if !(lists || statement.actions.except) && statement.conditions.iter().any(|c| of_lists(&c.key)) {
            let message = "Conditions do not apply to combination of actions and resources in statement";
            return Err(errors::malformed_policy(message));
        }
        let principals = statement.principals.iter().flat_map(|principals| &principals.entries);
        if !principals.into_iter().all(can_be) {
            return Err(errors::malformed_policy("Invalid principal in policy"));
        }
    }
    Ok(ready(&document))
}

/// Whether a condition asks for what only listings have (service authorization reference, "Amazon S3").
fn of_lists(key: &str) -> bool {
    ["s3:delimiter", "s3:max-keys", "s3:prefix"].iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// Whether there can be such a principal. Users and roles are looked up; which services there are is not ours to know.
fn can_be((kind, name): &(PrincipalType, String)) -> bool {
    let hex = |name: &str| name.bytes().all(|b| b.is_ascii_hexdigit());
    match kind {
        PrincipalType::Any | PrincipalType::Aws => true,
        PrincipalType::Service => SERVICES_AT.iter().any(|tail| name.ends_with(tail)),
        // Of an account, or of an origin access identity.
        PrincipalType::CanonicalUser => matches!(name.len(), 64 | 96) && hex(name),
        PrincipalType::Federated => {
            let arn = |kind| name.starts_with("arn:aws") && name.contains(kind);
            PROVIDERS.contains(&name.as_str()) || arn(":saml-provider/") || arn(":oidc-provider/")
        }
    }
}

/// An access point's ARN names region and account; what may be done with the point itself is not ours to sort out.
fn is_of_bucket(arn: &str) -> bool {
    arn.contains(":s3:::")
}

/// Every action is one on the bucket, or on objects, and the statement names such.
fn check_applies(statement: &Statement, about: &[About], bucket_arn: &str) -> Result<()> {
    let Some(resources) = statement.resources.as_ref().filter(|resources| !resources.except) else {
        return Ok(());
    };
    let rest = |resource: &String| resource.strip_prefix(bucket_arn).unwrap_or_default().to_owned();
    let rests: Vec<String> = resources.entries.iter().map(rest).collect();
    let objects = rests.iter().any(|rest| !rest.is_empty());
    let buckets = rests.iter().any(|rest| !rest.starts_with('/'));
    let applies = |about: &About| (about.buckets && buckets) || (about.objects && objects);
    if about.iter().all(applies) {
        return Ok(());
    }
    Err(errors::malformed_policy("Action does not apply to any resource(s) in statement"))
}

/// A stored policy again; `None` when it does not read, which lets nobody in.
pub fn compile(text: &str) -> Option<Ready> {
    Document::parse(Kind::Resource, text, &[]).ok().map(|document| ready(&document))
}

fn ready(document: &Document) -> Ready {
    let policy = std::sync::Arc::new(Policy::compile("bucket policy", document));
    Ready { policy, is_public: document.statements.iter().any(is_public) }
}

fn is_public(statement: &Statement) -> bool {
    let everybody = statement.principals.as_ref().is_none_or(|principals| {
        let any = |(kind, name): &(PrincipalType, String)| *kind == PrincipalType::Any || name == "*";
        principals.except || principals.entries.iter().any(any)
    });
    statement.effect == Effect::Allow && everybody && !statement.conditions.iter().any(names_somebody)
}

/// Whether a condition holds for some in particular only.
fn names_somebody(condition: &Condition) -> bool {
    let operator = &condition.operator;
    let key = condition.key.to_ascii_lowercase();
    let binds = !operator.negated
        && !operator.if_exists
        && operator.relation != policy::Relation::Null
        && operator.qualifier != Some(policy::Qualifier::All);
    let fixed = |value: &String| !value.contains(['*', '?']) && !value.contains("${");
    let fits = |value: &String| if key == "aws:sourceip" { is_narrow(value) } else { fixed(value) };
    binds && NAMING.contains(&key.as_str()) && condition.values.iter().all(fits)
}

/// Whether a range of addresses is somebody's: no broader than /8, of IPv6 /32.
fn is_narrow(range: &str) -> bool {
    let (address, length) = range.split_once('/').map_or((range, None), |(a, length)| (a, Some(length)));
    let length = length.map(str::parse::<u8>);
    match (address.parse::<IpAddr>(), length) {
        (Ok(_), None) => true,
        (Ok(IpAddr::V4(_)), Some(Ok(length))) => length >= 8,
        (Ok(IpAddr::V6(_)), Some(Ok(length))) => length >= 32,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:s3:::bbb";

    fn of(principal: &str, condition: &str) -> String {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": {principal},
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bbb/*", "Condition": {condition}}}]}}"#
        )
    }

    #[test]
    fn policies_are_of_their_bucket_and_of_s3() {
        let good = of(r#""*""#, "{}");
        assert!(check(&good, ARN).is_ok());
        for bad in [
            good.replace("bbb/*", "bbbb/*"),
            good.replace("arn:aws:s3:::bbb/*", "*"),
            good.replace("s3:GetObject", "sqs:SendMessage"),
            good.replace("Principal", "Principle"),
            "{}".to_owned(),
            format!("{good}{}", " ".repeat(BYTES_MAX)),
        ] {
            assert_eq!(check(&bad, ARN).unwrap_err().code(), "MalformedPolicy", "{bad}");
        }
    }

    #[test]
    fn policies_that_can_never_work_are_refused() {
        let of = |action: &str, resource: &str, condition: &str| {
            let text = format!(
                r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": "*",
                "Action": {action}, "Resource": {resource}, "Condition": {condition}}}]}}"#
            );
            check(&text, ARN).err().map(|error| error.message().to_owned())
        };
        let (bucket, objects) = (r#""arn:aws:s3:::bbb""#, r#""arn:aws:s3:::bbb/*""#);
        let both = format!("[{bucket}, {objects}]");
        let applies = Some("Action does not apply to any resource(s) in statement");
        for (action, resource, refused) in [
            (r#""s3:DeleteObjekt""#, objects, Some("Policy has invalid action")),
            (r#""s3:GetObject""#, bucket, applies),
            (r#""s3:ListBucket""#, objects, applies),
            (r#"["s3:GetObject", "s3:ListBucket"]"#, objects, applies),
            (r#"["s3:GetObject", "s3:ListBucket"]"#, &both, None),
            (r#""s3:ListAllMyBuckets""#, &both, applies),
            (r#""s3:*""#, bucket, None),
            (r#""s3:Get*""#, objects, None),
            (r#""*""#, bucket, None),
            (r#"["s3:GetObject", "s3:ListBucket"]"#, r#""arn:aws:s3:::bbb*""#, None),
        ] {
            assert_eq!(of(action, resource, "{}").as_deref(), refused, "{action} {resource}");
        }
        let get = r#""s3:GetObject""#;
        let key = |key: &str| format!(r#"{{"StringEquals": {{"{key}": "v"}}}}"#);
        assert_eq!(of(get, objects, &key("s3:ExistingObjectTag/a")), None);
        assert_eq!(of(get, objects, &key("aws:PrincipalTag/a")), None);
        let inapplicable =
            Some("Conditions do not apply to combination of actions and resources in statement");
        for name in ["s3:prefix", "S3:Max-Keys", "s3:delimiter"] {
            assert_eq!(of(get, objects, &key(name)).as_deref(), inapplicable, "{name}");
            assert_eq!(of(r#""s3:List*""#, bucket, &key(name)), None, "{name}");
            let more = r#"["s3:ListBucket", "s3:GetBucketAcl"]"#;
            assert_eq!(of(more, bucket, &key(name)).as_deref(), inapplicable, "{name}");
        }
        let unknown = Some("Policy has an invalid condition key");
        assert_eq!(of(get, objects, &key("s3:ExistingObjectTags/a")).as_deref(), unknown);
    }

    #[test]
    fn principals_that_cannot_be() {
        let id = "a1".repeat(32);
        for (kind, name, good) in [
            ("Service", "logging.s3.amazonaws.com", true),
            ("Service", "s3.example.org", false),
            ("CanonicalUser", id.as_str(), true),
            ("CanonicalUser", "abc", false),
            ("Federated", "cognito-identity.amazonaws.com", true),
            ("Federated", "arn:aws:iam::111122223333:saml-provider/p", true),
            ("Federated", "x", false),
        ] {
            let refused = check(&of(&format!(r#"{{"{kind}": "{name}"}}"#), "{}"), ARN).err();
            let message = refused.map(|error| error.message().to_owned());
            assert_eq!(message.as_deref(), (!good).then_some("Invalid principal in policy"), "{kind} {name}");
        }
    }

    #[test]
    fn what_is_public() {
        let somebody = r#"{"AWS": "arn:aws:iam::111122223333:root"}"#;
        for (principal, condition, public) in [
            (r#""*""#, "{}", true),
            (r#"{"AWS": "*"}"#, "{}", true),
            (somebody, "{}", false),
            (r#""*""#, r#"{"StringEquals": {"aws:PrincipalAccount": "111122223333"}}"#, false),
            (r#""*""#, r#"{"StringLike": {"aws:SourceArn": "arn:*"}}"#, true),
            (r#""*""#, r#"{"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}}"#, true),
            (r#""*""#, r#"{"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}"#, true),
            (r#""*""#, r#"{"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#, false),
            (r#""*""#, r#"{"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}"#, true),
            (r#""*""#, r#"{"Bool": {"aws:SecureTransport": "true"}}"#, true),
        ] {
            let ready = check(&of(principal, condition), ARN).unwrap();
            assert_eq!(ready.is_public, public, "{principal} {condition}");
        }
    }
}
