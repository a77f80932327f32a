//! What is refused, and with which words; what is read, and as what.

use policy::{Effect, Kind, PrincipalType, Version, size};

use crate::parse;

const SYNTAX: &str = "Syntax errors in policy.";
const LEGACY: &str = "The policy failed legacy parsing";
const VERSION: &str = "Policy document must be version 2012-10-17 or greater.";
const VENDOR: &str = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
const NO_ACTIONS: &str = "Policy statement must contain actions.";
const NO_RESOURCES: &str = "Policy statement must contain resources.";
const SAME_SID: &str = "Statement IDs (SID) in a single policy must be unique.";

fn refusal(kind: Kind, text: &str) -> String {
    parse(kind, text).map_or_else(|reason| reason.message, |_| "read".to_owned())
}

/// A document of one statement, given by its members.
fn one(members: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": {{{members}}}}}"#)
}

/// One statement that allows, given by its action and resource.
fn allow(action: &str, resource: &str) -> String {
    one(&format!(r#""Effect": "Allow", "Action": {action}, "Resource": {resource}"#))
}

fn with_condition(condition: &str) -> String {
    one(&format!(r#""Effect": "Allow", "Action": "s3:x", "Resource": "*", "Condition": {condition}"#))
}

#[test]
fn shapes_that_cannot_be_read() {
    let fine = r#""Effect": "Allow", "Action": "s3:x", "Resource": "*""#;
    let deep = "[".repeat(100_000);
    let documents = [
        "This is not a json document".to_owned(),
        String::new(),
        "[]".into(),
        deep,
        format!(r#"{{"Version": "2013-10-17", "Statement": {{{fine}}}}}"#),
        format!(r#"{{"Version": 2012, "Statement": {{{fine}}}}}"#),
        r#"{"Version": "2012-10-17"}"#.into(),
        r#"{"Version": "2012-10-17", "Statement": []}"#.into(),
        r#"{"Version": "2012-10-17", "Statement": ["afd"]}"#.into(),
        r#"{"Version": "2012-10-17", "Statement": "afd"}"#.into(),
        format!(r#"{{"Version": "2012-10-17", "Statement": {{{fine}}}, "Extra": 1}}"#),
        format!(r#"{{"Version": "2012-10-17", "Id": [], "Statement": {{{fine}}}}}"#),
        format!(r#"{{"Version": "2012-10-17", "Version": "2012-10-17", "Statement": {{{fine}}}}}"#),
        one(&format!("{fine}, \"Extra\": 1")),
        one(&format!("{fine}, \"Effect\": \"Deny\"")),
        one(&format!("{fine}, \"NotResource\": []")),
        one(&format!("{fine}, \"NotAction\": \"s3:y\"")),
        one(&format!("{fine}, \"Sid\": {{}}")),
        one(r#""Effect": "invalid", "Action": "s3:x", "Resource": "*""#),
        one(r#""Action": "s3:x", "Resource": "*""#),
        allow("[[]]", "\"*\""),
        allow("{}", "\"*\""),
        allow("null", "\"*\""),
        allow("\"s3:x\"", "[\"*\", {}]"),
        with_condition("[]"),
        with_condition("\"a\""),
        with_condition(r#"{"StringEquals": "b"}"#),
        with_condition(r#"{"StringEquals": []}"#),
        with_condition(r#"{"StringEquals": {"a": {}}}"#),
        with_condition(r#"{"StringEquals": {"a": null}}"#),
        with_condition(r#"{"x": {"a": "1"}}"#),
        with_condition(r#"{"NullIfExists": {"a": "true"}}"#),
        with_condition(r#"{"ForAnyValue::StringEqualsIfExists": {"a": "asf"}}"#),
        allow(&format!("\"s3:{}\"", "x".repeat(5_000)), "\"*\""),
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#,
            vec![format!("{{{fine}}}"); 2_001].join(",")
        ),
        format!("{}{}", allow("\"s3:x\"", "\"*\""), " ".repeat(131_072)),
    ];
    for document in documents {
        let shown: String = document.chars().take(200).collect();
        assert_eq!(refusal(Kind::Identity, &document), SYNTAX, "{shown}");
    }
}

#[test]
fn what_identity_policies_may_not_say() {
    let cases = [
        (r#"{"Statement": {"Effect": "denY", "Action": "s3:x", "Resource": "*"}}"#.to_owned(), VERSION),
        (r#"{"Version": "2008-10-17", "Statement": {"Effect": "Allow"}}"#.into(), VERSION),
        (
            one(r#""Effect": "Allow", "Principal": "*", "Action": "s3:x", "Resource": "*""#),
            "Policy document should not specify a principal.",
        ),
        (one(r#""Effect": "denY", "Action": "s3:x", "Resource": "*""#), LEGACY),
        (one(r#""Effect": "Allow", "Resource": "arn:aws:s3::example_bucket""#), LEGACY),
        (allow("\"s3:x\"", "\"arn:aws::::example_bucket\""), LEGACY),
        (allow("\"s3:x\"", "\"arn:aws::fdsasf\""), LEGACY),
        (with_condition(r#"{"DateGreaterThan": {"a": "sdfdsf"}}"#), LEGACY),
        (with_condition(r#"{"DateLessThan": {"a": "9223372036854775808"}}"#), LEGACY),
        (with_condition(r#"{"NumericLessThan": {"a": ["1", "many"]}}"#), LEGACY),
        (with_condition(r#"{"IpAddress": {"aws:SourceIp": "203.0.113.0/33"}}"#), LEGACY),
        (one(r#""Effect": "Allow""#), NO_ACTIONS),
        (allow("[]", "\"*\""), NO_ACTIONS),
        (one(r#""Effect": "Allow", "Action": "s3:x""#), NO_RESOURCES),
        (allow("\"s3:x\"", "[]"), NO_RESOURCES),
        (allow("\"invalid\"", "\"*\""), VENDOR),
        (one(r#""Effect": "Allow", "Action": "invalid""#), VENDOR),
        (one(r#""Effect": "Allow", "NotAction": "", "Resource": "*""#), VENDOR),
        (allow("\"a a:ListBucket\"", "\"*\""), "Vendor a a is not valid"),
        (allow("\"s*:ListBucket\"", "\"*\""), "Vendor s* is not valid"),
        (allow("\":ListBucket\"", "\"*\""), "Vendor  is not valid"),
        (allow("[\"s3:x\", \"s:3s:List\"]", "\"*\""), "Actions/Condition can contain only one colon."),
        (
            allow("\"s3:x\"", "\"invalid resource\""),
            "Resource invalid resource must be in ARN format or \"*\".",
        ),
        (allow("\"s3:x\"", "\"\""), "Resource  must be in ARN format or \"*\"."),
        (allow("\"s:3:x\"", "[\"adf\"]"), "Resource adf must be in ARN format or \"*\"."),
        (
            allow("\"s3:x\"", "\"a:bsdf\""),
            "Partition \"bsdf\" is not valid for resource \"arn:bsdf:*:*:*:*\".",
        ),
        (
            allow("\"s3:x\"", "\"a:b:cadf\""),
            "Partition \"b\" is not valid for resource \"arn:b:cadf:*:*:*\".",
        ),
        (
            allow("\"s3:x\"", "\"a:b:c:d:e:f:g:h\""),
            "Partition \"b\" is not valid for resource \"arn:b:c:d:e:f:g:h\".",
        ),
        (
            allow("\"s3:x\"", "\"aws:s3:::bucket\""),
            "Partition \"s3\" is not valid for resource \"arn:s3:::bucket:*\".",
        ),
        (
            allow("\"s3:x\"", "[\"arn:error:s3:::bucket\", \"arn:error:s3::bucket\"]"),
            "Partition \"error\" is not valid for resource \"arn:error:s3:::bucket\".",
        ),
        (
            allow("\"s3:x\"", "\"arn:aws\""),
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            allow("\"s3:x\"", "\"arn:aws:s*:::bucket\""),
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            allow("\"s3:x\"", "\"arn:aws:s3:us-east-1::bucket\""),
            "Resource arn:aws:s3:us-east-1::bucket can not contain region information.",
        ),
        (
            allow("\"s3:x\"", "\"arn:aws:iam:us-east-1::user/x\""),
            "IAM resource arn:aws:iam:us-east-1::user/x cannot contain region information.",
        ),
        (
            allow("\"s3:x\"", "\"arn:aws:iam:::bucket\""),
            "IAM resource path must either be \"*\" or start with user/, role/, group/, policy/, mfa/.",
        ),
    ];
    for (document, expected) in cases {
        assert_eq!(refusal(Kind::Identity, &document), expected, "{document}");
        let session = refusal(Kind::Session, &document);
        assert_eq!(session, expected, "as session policy: {document}");
    }
}

#[test]
fn names_of_statements() {
    let two = |a: &str, b: &str| {
        let s = |sid: &str| {
            format!(r#"{{"Sid": "{sid}", "Effect": "Allow", "Action": "s3:x", "Resource": "*"}}"#)
        };
        format!(r#"{{"Version": "2012-10-17", "Statement": [{}, {}]}}"#, s(a), s(b))
    };
    assert_eq!(refusal(Kind::Identity, &two("same", "same")), SAME_SID);
    assert_eq!(refusal(Kind::Identity, &two("", "")), "read");
    assert_eq!(refusal(Kind::Identity, &two("one", "two")), "read");
    assert!(
        refusal(Kind::Identity, &two("with space", "x"))
            .starts_with("Statement IDs (SID) must be alpha-numeric.")
    );
    // What comes earlier in AWS's order is told first.
    let early = r#"{"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow"}, {"Sid": "a", "Effect": "Allow"}]}"#;
    assert_eq!(refusal(Kind::Identity, early), SAME_SID);
}

#[test]
fn what_is_read() {
    let documents = [
        allow("\"s3:ListBucket\"", "[\"arn:aws:s3:::example_bucket\", \"*\"]"),
        allow("\"iam: asdf safdsf af \"", "\"arn:aws:s3:::b\""),
        allow("\"*\"", "\"arn:aws:fdsasf\""),
        allow("\"*:*\"", "\"arn:aws:s33:::b\""),
        allow("[\"s3-s:x\", \"s3.s:x\"]", "\"arn:aws:invalid-service:us-east-1::x\""),
        allow("\"s3:*\"", "\"arn:aws:s3:us-west-2:123456789012:accesspoint/mine\""),
        allow(
            "\"iam:x\"",
            "[\"arn:aws:iam::*:user/${aws:username}\", \"arn:aws:iam::*:*\", \"arn:aws:iam::1:ro*\"]",
        ),
        one(r#""Effect": "Deny", "NotAction": "s3:x", "NotResource": "*""#),
        one(r#""Sid": "", "Effect": "Allow", "Action": "s3:x", "Resource": "*", "Condition": {}"#),
        with_condition(r#"{"DateGreaterThan": {}, "x": {}}"#),
        with_condition(r#"{"DateGreaterThan": {"a": []}}"#),
        with_condition(r#"{"DateGreaterThan": {"a": "01T"}, "DateLessThan": {"a": "-292275054"}}"#),
        with_condition(
            r#"{"NumericLessThan": {"a": 5}, "Bool": {"b": true}, "NumericEquals": {"c": [1.5, "2"]}}"#,
        ),
        with_condition(r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "Department"}}"#),
    ];
    for document in documents {
        assert_eq!(refusal(Kind::Identity, &document), "read", "{document}");
    }
    let document = parse(Kind::Identity, &with_condition(r#"{"Bool": {"b": [true, "x"]}}"#)).unwrap();
    assert_eq!((document.version, document.statements.len()), (Version::V2012, 1));
    assert_eq!(document.statements[0].effect, Effect::Allow);
    assert_eq!(document.statements[0].conditions[0].values, ["true", "x"]);
}

fn trust(members: &str) -> String {
    one(&format!(r#""Effect": "Allow", {members}"#))
}

#[test]
fn trust_policies() {
    let principal = r#""Principal": {"AWS": "111122223333"}"#;
    let assume = r#""Action": "sts:AssumeRole""#;
    let cases = [
        ("{invalid".to_owned(), "This policy contains invalid Json"),
        (r#"{"Version": "2012-10-17", "statement": {}}"#.into(), "Unknown field statement"),
        (
            r#"{"Version": "2012", "Statement": {"Effect": "Allow"}}"#.into(),
            "The policy must contain a valid version string",
        ),
        (
            r#"{"Version": "2012-10-17", "Statement": []}"#.into(),
            "Could not parse the policy: Statement is empty!",
        ),
        (trust(assume), "Missing required field Principal"),
        (
            trust(&format!(r#""Principal": {{}}, {assume}"#)),
            "Missing required field Principal cannot be empty!",
        ),
        (trust(principal), "Missing required field Action"),
        (
            trust(&format!(r#"{principal}, "Action": "*""#)),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            trust(&format!(r#"{principal}, "Action": "s3:x""#)),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (trust(&format!(r#"{principal}, {assume}, "Resource": "*""#)), "Has prohibited field Resource"),
        (
            trust(&format!(r#"{principal}, {assume}, "NotResource": "*""#)),
            "AssumeRole policy must not contain resources.",
        ),
        (
            trust(&format!(r#""NotPrincipal": {{"AWS": "*"}}, {assume}"#)),
            "Allow with NotPrincipal is not allowed.",
        ),
        (
            trust(&format!(r#""Principal": "*", {assume}"#)),
            "AssumeRolepolicy contained an invalid principal: \"STAR\":\"*\".",
        ),
        (
            trust(&format!(r#""Principal": {{"Service": "nonsense"}}, {assume}"#)),
            "Invalid principal in policy: \"SERVICE\":\"nonsense\"",
        ),
        (trust(&format!(r#""Principal": {{"Robot": "x"}}, {assume}"#)), SYNTAX),
        (trust(&format!(r#"{principal}, "Action": ["sts:AssumeRole", "sts:TagSession"]"#)), "read"),
        (trust(r#""Principal": {"AWS": "*"}, "Action": "sts:*""#), "read"),
        (trust(&format!(r#""Principal": {{"Service": "ec2.amazonaws.com"}}, {assume}"#)), "read"),
        (format!(r#"{{"Statement": [{{"Effect": "Allow", {principal}, {assume}}}]}}"#), "read"),
    ];
    for (document, expected) in cases {
        assert_eq!(refusal(Kind::Trust, &document), expected, "{document}");
    }
}

#[test]
fn principals_by_form() {
    let good = [
        "*",
        "111122223333",
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:user/path/kim",
        "arn:aws-cn:iam::111122223333:role/x",
        "arn:aws:sts::111122223333:assumed-role/x/session",
        "arn:aws:sts::111122223333:federated-user/kim",
        "AIDAJQABLZS4A3QDU576Q",
    ];
    let bad = [
        "",
        "kim",
        "1111",
        "arn:aws:iam::111122223333:group/all",
        "arn:aws:iam::111122223333:user/*",
        "arn:aws:iam::111122223333:user/",
        "arn:aws:iam::kim:root",
        "arn:aws:s3:::bucket",
        "**",
    ];
    let document = |name: &str| {
        one(&format!(
            r#""Effect": "Allow", "Principal": {{"AWS": ["{name}"]}}, "Action": "s3:x", "Resource": "*""#
        ))
    };
    for name in good {
        assert_eq!(refusal(Kind::Resource, &document(name)), "read", "{name}");
    }
    for name in bad {
        let expected = format!("Invalid principal in policy: \"AWS\":\"{name}\"");
        assert_eq!(refusal(Kind::Resource, &document(name)), expected, "{name}");
    }
    let everybody = one(r#""Effect": "Deny", "Principal": "*", "Action": "s3:x", "Resource": "*""#);
    let read = parse(Kind::Resource, &everybody).unwrap();
    assert_eq!(
        read.statements[0].principals.as_ref().unwrap().entries,
        [(PrincipalType::Any, "*".to_owned())]
    );
}

#[test]
fn organization_policies() {
    const WORDING: &str =
        "The provided policy document does not meet the requirements of the specified policy type.";
    let rcp = |effect: &str, principal: &str, rest: &str| {
        one(&format!(r#""Effect": "{effect}", "Principal": {principal}, {rest}"#))
    };
    let rest = r#""Action": "s3:x", "Resource": "*""#;
    let cases = [
        (Kind::ServiceControl, allow("\"*\"", "\"*\""), true),
        (Kind::ServiceControl, one(r#""Effect": "Deny", "NotAction": "s3:x", "Resource": "*""#), true),
        (Kind::ServiceControl, rcp("Deny", "\"*\"", rest), false),
        (Kind::ServiceControl, "nonsense".into(), false),
        (Kind::ResourceControl, rcp("Deny", "\"*\"", rest), true),
        (Kind::ResourceControl, rcp("Deny", r#"{"AWS": "*"}"#, rest), true),
        (Kind::ResourceControl, rcp("Allow", "\"*\"", r#""Action": "*", "Resource": "*""#), true),
        (Kind::ResourceControl, rcp("Allow", "\"*\"", rest), false),
        (Kind::ResourceControl, rcp("Deny", r#"{"AWS": "111122223333"}"#, rest), false),
        (Kind::ResourceControl, rcp("Deny", "\"*\"", r#""NotAction": "s3:x", "Resource": "*""#), false),
        (Kind::ResourceControl, one(&format!(r#""Effect": "Deny", {rest}"#)), false),
    ];
    for (kind, document, good) in cases {
        match parse(kind, &document) {
            Ok(_) => assert!(good, "{document}"),
            Err(reason) => {
                assert!(!good, "{document}: {reason:?}");
                assert_eq!(reason.message, WORDING);
                assert!(reason.detail.is_some_and(|detail| !detail.is_empty()), "{document}");
            }
        }
    }
}

#[test]
fn size_counts_what_is_no_white_space() {
    assert_eq!(size("{ \"a\" :\n\t\"b c\" }"), 10);
    assert_eq!(size("é"), 1);
}
