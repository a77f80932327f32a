//! Access points: their life, what passes through them, and who decides.

use std::sync::Arc;

use api_s3::{
    CopyObjectRequest, DeleteBucketRequest, GetBucketVersioningRequest, GetObjectRequest, HeadBucketRequest,
    ListObjectsV2Request, PutBucketPolicyRequest, op,
};
use api_s3control::{
    CreateAccessPointRequest, CreateAccessPointResult, DeleteAccessPointPolicyRequest,
    DeleteAccessPointRequest, GetAccessPointPolicyRequest, GetAccessPointPolicyStatusRequest,
    GetAccessPointRequest, ListAccessPointsRequest, PublicAccessBlockConfiguration,
    PutAccessPointPolicyRequest, VpcConfiguration, op as control,
};
use kernel::beside::CrossOrigin;
use kernel::gate::Call;
use kernel::request_log::Requested;
use kernel::testing::TestCloud;
use kernel::{Caller, Error, Principal, PrivateWay};
use policy::{Document, Kind, Policy};
use s3::state::access_point as stored;
use s3::state::watch::Watch;
use shape::Operation;

use super::Lab;

const OWN: &str = "000000000000";
const OTHER: &str = "222222222222";
const ARN: &str = "arn:aws:s3:us-east-1:000000000000:accesspoint/files";

fn create(name: &str) -> CreateAccessPointRequest {
    CreateAccessPointRequest {
        account_id: OWN.to_owned(),
        name: name.to_owned(),
        bucket: "bbb".to_owned(),
        ..Default::default()
    }
}

async fn made(lab: &Lab, name: &str) -> CreateAccessPointResult {
    lab.cloud.call(control::CreateAccessPoint, create(name)).await.unwrap()
}

async fn gone(cloud: &TestCloud, name: &str) -> Result<(), Error> {
    let input = DeleteAccessPointRequest { account_id: OWN.to_owned(), name: name.to_owned() };
    cloud.call(control::DeleteAccessPoint, input).await
}

async fn let_in(lab: &Lab, text: &str) -> Result<(), Error> {
    let input = PutAccessPointPolicyRequest {
        account_id: OWN.to_owned(),
        name: "files".to_owned(),
        policy: text.to_owned(),
    };
    lab.cloud.call(control::PutAccessPointPolicy, input).await
}

fn statement(effect: &str, principal: &str, action: &str, resources: &str, condition: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "{effect}", "Principal": {principal},
        "Action": "{action}", "Resource": {resources}, "Condition": {condition}}}]}}"#
    )
}

fn of_point(effect: &str, principal: &str, action: &str) -> String {
    statement(effect, principal, action, &format!(r#"["{ARN}", "{ARN}/object/*"]"#), "{}")
}

/// The bucket leaves it to access points of this account.
async fn delegate(lab: &Lab, condition: &str) {
    let resources = r#"["arn:aws:s3:::bbb", "arn:aws:s3:::bbb/*"]"#;
    let policy = statement("Allow", r#"{"AWS": "*"}"#, "*", resources, condition);
    let input = PutBucketPolicyRequest { bucket: "bbb".to_owned(), policy, ..Default::default() };
    lab.cloud.call(op::PutBucketPolicy, input).await.unwrap();
}

/// What the bucket's owner shuts for everybody.
async fn shut(lab: &Lab, restrict: bool, block: bool) {
    let configuration = api_s3::PublicAccessBlockConfiguration {
        restrict_public_buckets: Some(restrict),
        block_public_policy: Some(block),
        ..Default::default()
    };
    let input = api_s3::PutPublicAccessBlockRequest {
        bucket: "bbb".to_owned(),
        public_access_block_configuration: configuration,
        ..Default::default()
    };
    lab.cloud.call(op::PutPublicAccessBlock, input).await.unwrap();
}

async fn read(cloud: &TestCloud, bucket: &str) -> Result<Vec<u8>, &'static str> {
    let input = GetObjectRequest { bucket: bucket.to_owned(), ..super::get("k") };
    let output = cloud.call(op::GetObject, input).await.map_err(|error| error.code())?;
    Ok(output.body.collect(1 << 20).await.unwrap().to_vec())
}

#[tokio::test]
async fn they_are_made_shown_listed_and_deleted() {
    let lab = Lab::new().await;
    let first = made(&lab, "files").await;
    assert_eq!(first.access_point_arn.as_deref(), Some(ARN));
    let alias = first.alias.unwrap();
    assert!(alias.starts_with("files-") && alias.ends_with("-s3alias") && alias.len() <= 63, "{alias}");
    let again = lab.cloud.call(control::CreateAccessPoint, create("files")).await.unwrap_err();
    assert_eq!((again.code(), again.status()), ("AccessPointAlreadyOwnedByYou", 409));
    made(&lab, "more").await;

    let get = GetAccessPointRequest { account_id: OWN.to_owned(), name: "files".to_owned() };
    let shown = lab.cloud.call(control::GetAccessPoint, get.clone()).await.unwrap();
    assert_eq!((shown.bucket.as_deref(), shown.network_origin.as_deref()), (Some("bbb"), Some("Internet")));
    assert_eq!((shown.alias, shown.bucket_account_id.as_deref()), (Some(alias), Some(OWN)));
    assert_eq!(shown.public_access_block_configuration.unwrap().block_public_policy, Some(true));

    let list = |bucket: Option<&str>, token| ListAccessPointsRequest {
        account_id: OWN.to_owned(),
        bucket: bucket.map(str::to_owned),
        max_results: Some(1),
        next_token: token,
        ..Default::default()
    };
    let page = lab.cloud.call(control::ListAccessPoints, list(Some("bbb"), None)).await.unwrap();
    let rest = lab.cloud.call(control::ListAccessPoints, list(Some("bbb"), page.next_token)).await.unwrap();
    let names = |page: Option<Vec<api_s3control::AccessPoint>>| page.unwrap().remove(0).name;
    assert_eq!(
        (names(page.access_point_list), names(rest.access_point_list)),
        ("files".into(), "more".into())
    );
    assert!(rest.next_token.is_none());
    let none = lab.cloud.call(control::ListAccessPoints, list(Some("other"), None)).await.unwrap();
    assert!(none.access_point_list.unwrap().is_empty());
    let bad = lab.cloud.call(control::ListAccessPoints, list(None, Some("x".to_owned()))).await.unwrap_err();
    assert_eq!(bad.code(), "InvalidRequest");

    let bucket = || DeleteBucketRequest { bucket: "bbb".to_owned(), ..Default::default() };
    let held = lab.cloud.call(op::DeleteBucket, bucket()).await.unwrap_err();
    assert_eq!(held.code(), "BucketHasAccessPointsAttached");
    gone(&lab.cloud, "files").await.unwrap();
    gone(&lab.cloud, "more").await.unwrap();
    assert_eq!(gone(&lab.cloud, "more").await.unwrap_err().code(), "NoSuchAccessPoint");
    assert_eq!(lab.cloud.call(control::GetAccessPoint, get).await.unwrap_err().status(), 404);
    lab.cloud.call(op::DeleteBucket, bucket()).await.unwrap();
}

#[tokio::test]
async fn what_makes_none() {
    let lab = Lab::new().await;
    let code = async |cloud: &TestCloud, input| {
        cloud.call(control::CreateAccessPoint, input).await.err().map(|error: Error| error.code())
    };
    let other = lab.cloud.as_account(OTHER);
    let of_other = CreateAccessPointRequest { account_id: OTHER.to_owned(), ..create("files") };
    assert_eq!(code(&lab.cloud, create("Files")).await, Some("InvalidRequest"));
    let nowhere = CreateAccessPointRequest { bucket: "nowhere".to_owned(), ..create("files") };
    assert_eq!(code(&lab.cloud, nowhere).await, Some("NoSuchBucket"));
    assert_eq!(
        code(&lab.cloud, CreateAccessPointRequest { account_id: "1".into(), ..create("f") }).await,
        Some("InvalidRequest")
    );
    // In another's name; before another's bucket, which must be said; in another region than the bucket.
    assert_eq!(code(&lab.cloud, of_other.clone()).await, Some("AccessDenied"));
    assert_eq!(code(&other, of_other.clone()).await, Some("AccessDenied"));
    assert_eq!(code(&lab.cloud.in_region("eu-west-1"), create("files")).await, Some("InvalidRequest"));
    let network = Some(VpcConfiguration { vpc_id: "x".to_owned() });
    assert_eq!(
        code(&lab.cloud, CreateAccessPointRequest { vpc_configuration: network, ..create("files") }).await,
        Some("InvalidRequest")
    );
    let said = CreateAccessPointRequest { bucket_account_id: Some(OWN.to_owned()), ..of_other };
    assert_eq!(code(&other, said).await, None);
    let list = ListAccessPointsRequest { account_id: OTHER.to_owned(), ..Default::default() };
    assert_eq!(lab.cloud.call(control::ListAccessPoints, list).await.unwrap_err().code(), "AccessDenied");
}

#[tokio::test]
async fn objects_pass_by_arn_and_by_alias_and_buckets_do_not() {
    let lab = Lab::new().await;
    let alias = made(&lab, "files").await.alias.unwrap();
    for (at, name) in [ARN, &alias].into_iter().enumerate() {
        let put = api_s3::PutObjectRequest { bucket: name.to_owned(), ..super::put("k", format!("{at}")) };
        lab.try_put(put).await.unwrap();
        assert_eq!(lab.get("k", None).await.unwrap(), at.to_string().as_bytes());
        assert_eq!(read(&lab.cloud, name).await.unwrap(), at.to_string().as_bytes());
        let list = ListObjectsV2Request { bucket: name.to_owned(), ..Default::default() };
        let listed = lab.cloud.call(op::ListObjectsV2, list).await.unwrap();
        assert_eq!((listed.key_count, listed.name.as_deref()), (Some(1), Some(name)));
        let head = HeadBucketRequest { bucket: name.to_owned(), ..Default::default() };
        let head = lab.cloud.call(op::HeadBucket, head).await.unwrap();
        assert_eq!(head.access_point_alias, Some(name == alias));
        let versioning = GetBucketVersioningRequest { bucket: name.to_owned(), ..Default::default() };
        let refused = lab.cloud.call(op::GetBucketVersioning, versioning).await.unwrap_err();
        assert_eq!((refused.code(), refused.status()), ("MethodNotAllowed", 405));
        let source = if name == alias { format!("{alias}/k") } else { format!("{ARN}/object/k") };
        let copy = |key: &str| CopyObjectRequest {
            bucket: name.to_owned(),
            key: key.to_owned(),
            copy_source: source.clone(),
            ..Default::default()
        };
        lab.cloud.call(op::CopyObject, copy("copy")).await.unwrap();
        assert_eq!(lab.get("copy", None).await.unwrap(), at.to_string().as_bytes());
        let onto_itself = CopyObjectRequest { bucket: "bbb".to_owned(), ..copy("k") };
        assert_eq!(lab.cloud.call(op::CopyObject, onto_itself).await.unwrap_err().code(), "InvalidRequest");
        for key in ["copy"] {
            let delete = api_s3::DeleteObjectRequest {
                bucket: name.to_owned(),
                key: key.to_owned(),
                ..Default::default()
            };
            lab.cloud.call(op::DeleteObject, delete).await.unwrap();
        }
    }
    gone(&lab.cloud, "files").await.unwrap();
    assert_eq!(read(&lab.cloud, ARN).await, Err("NoSuchAccessPoint"));
    assert_eq!(read(&lab.cloud, &alias).await, Err("NoSuchAccessPoint"));
}

#[tokio::test]
async fn the_access_point_and_the_bucket_must_both_let_in() {
    let lab = Lab::new().await;
    lab.put("k", "v").await;
    let alias = made(&lab, "files").await.alias.unwrap();
    let other = lab.cloud.as_account(OTHER);
    let somebody = format!(r#"{{"AWS": "arn:aws:iam::{OTHER}:root"}}"#);
    let_in(&lab, &of_point("Allow", &somebody, "s3:GetObject")).await.unwrap();
    assert_eq!(read(&other, ARN).await, Err("AccessDenied"), "the bucket does not");
    for condition in [
        format!(r#"{{"StringEquals": {{"s3:DataAccessPointAccount": "{OWN}"}}}}"#),
        format!(r#"{{"ArnLike": {{"s3:DataAccessPointArn": "{ARN}"}}}}"#),
    ] {
        delegate(&lab, &condition).await;
        assert_eq!(read(&other, ARN).await.as_deref(), Ok(&b"v"[..]), "{condition}");
        assert_eq!(read(&other, &alias).await.as_deref(), Ok(&b"v"[..]), "{condition}");
        assert_eq!(read(&other, "bbb").await, Err("AccessDenied"), "not directly");
    }
    let put = api_s3::PutObjectRequest { bucket: ARN.to_owned(), ..super::put("k", "x") };
    assert_eq!(other.call(op::PutObject, put).await.unwrap_err().code(), "AccessDenied");
    delegate(
        &lab,
        r#"{"StringEquals": {"s3:AccessPointNetworkOrigin": "VPC", "aws:PrincipalAccount": "222222222222"}}"#,
    )
    .await;
    assert_eq!(read(&other, ARN).await, Err("AccessDenied"), "it is reached from everywhere");
    // What it denies it denies to its owner too, and to nobody who comes directly; but it can be changed.
    let_in(&lab, &of_point("Deny", r#"{"AWS": "*"}"#, "s3:*")).await.unwrap();
    assert_eq!(read(&lab.cloud, ARN).await, Err("AccessDenied"));
    assert_eq!(read(&lab.cloud, &alias).await, Err("AccessDenied"));
    assert!(read(&lab.cloud, "bbb").await.is_ok());
    let mine = |name: &str| (OWN.to_owned(), name.to_owned());
    let (account_id, name) = mine("files");
    lab.cloud
        .call(control::DeleteAccessPointPolicy, DeleteAccessPointPolicyRequest { account_id, name })
        .await
        .unwrap();
    assert!(read(&lab.cloud, ARN).await.is_ok());
    let (account_id, name) = mine("files");
    let none = GetAccessPointPolicyRequest { account_id, name };
    assert_eq!(
        lab.cloud.call(control::GetAccessPointPolicy, none).await.unwrap_err().code(),
        "NoSuchAccessPointPolicy"
    );
}

#[tokio::test]
async fn public_policies_are_blocked_unless_it_is_said() {
    let lab = Lab::new().await;
    shut(&lab, false, false).await;
    made(&lab, "files").await;
    let public = of_point("Allow", r#""*""#, "s3:GetObject");
    assert_eq!(let_in(&lab, &public).await.unwrap_err().code(), "AccessDenied");
    for bad in [
        "{}",
        &public.replace("accesspoint/files", "accesspoint/other"),
        &public.replace("s3:Get", "sqs:Get"),
    ] {
        assert_eq!(let_in(&lab, bad).await.unwrap_err().code(), "MalformedPolicy", "{bad}");
    }
    gone(&lab.cloud, "files").await.unwrap();
    let block = PublicAccessBlockConfiguration { restrict_public_buckets: Some(true), ..Default::default() };
    let input =
        CreateAccessPointRequest { public_access_block_configuration: Some(block), ..create("files") };
    lab.cloud.call(control::CreateAccessPoint, input).await.unwrap();
    let_in(&lab, &public).await.unwrap();
    let named = (OWN.to_owned(), "files".to_owned());
    let status = GetAccessPointPolicyStatusRequest { account_id: named.0.clone(), name: named.1.clone() };
    let status = lab.cloud.call(control::GetAccessPointPolicyStatus, status).await.unwrap();
    assert_eq!(status.policy_status.unwrap().is_public, Some(true));
    let shown = GetAccessPointPolicyRequest { account_id: named.0, name: named.1 };
    assert_eq!(lab.cloud.call(control::GetAccessPointPolicy, shown).await.unwrap().policy, Some(public));
    // A public one that is restricted lets in nobody but its account.
    lab.put("k", "v").await;
    delegate(&lab, &format!(r#"{{"StringEquals": {{"s3:DataAccessPointAccount": "{OWN}"}}}}"#)).await;
    assert_eq!(read(&lab.cloud.as_account(OTHER), ARN).await, Err("AccessDenied"));
    assert!(read(&lab.cloud, ARN).await.is_ok());
}

#[tokio::test]
async fn an_arn_that_the_gate_does_not_read_leads_nowhere() {
    let lab = Lab::new().await;
    lab.put("k", "v").await;
    made(&lab, "files").await;
    for partition in ["", "aws-cn", "AWS"] {
        let arn = ARN.replace("arn:aws:", &format!("arn:{partition}:"));
        for cloud in [&lab.cloud, &lab.cloud.as_account(OTHER)] {
            assert!(read(cloud, &arn).await.is_err(), "{arn}");
            let put = api_s3::PutObjectRequest { bucket: arn.clone(), ..super::put("k", "x") };
            assert!(cloud.call(op::PutObject, put).await.is_err(), "{arn}");
        }
    }
    assert_eq!(read(&lab.cloud, ARN).await.as_deref(), Ok(&b"v"[..]));
}

#[tokio::test]
async fn what_the_buckets_owner_shuts_no_access_point_opens() {
    let lab = Lab::new().await;
    lab.put("k", "v").await;
    shut(&lab, false, false).await;
    let open = PublicAccessBlockConfiguration { block_public_policy: Some(false), ..Default::default() };
    let input = CreateAccessPointRequest { public_access_block_configuration: Some(open), ..create("files") };
    lab.cloud.call(control::CreateAccessPoint, input).await.unwrap();
    delegate(&lab, &format!(r#"{{"StringEquals": {{"s3:DataAccessPointAccount": "{OWN}"}}}}"#)).await;
    let public = of_point("Allow", r#""*""#, "s3:GetObject");
    let_in(&lab, &public).await.unwrap();
    let other = lab.cloud.as_account(OTHER);
    assert!(read(&other, ARN).await.is_ok());
    shut(&lab, true, false).await;
    assert_eq!(read(&other, ARN).await, Err("AccessDenied"));
    assert!(read(&lab.cloud, ARN).await.is_ok());
    shut(&lab, false, true).await;
    assert_eq!(let_in(&lab, &public).await.unwrap_err().code(), "AccessDenied");
}

#[tokio::test]
async fn one_for_a_network_is_reached_from_there_only() {
    let lab = Lab::new().await;
    lab.put("k", "v").await;
    let vpc_configuration = Some(VpcConfiguration { vpc_id: "vpc-1".to_owned() });
    let input = CreateAccessPointRequest { vpc_configuration, ..create("files") };
    lab.cloud.call(control::CreateAccessPoint, input).await.unwrap();
    assert_eq!(read(&lab.cloud, ARN).await, Err("AccessDenied"));
    assert_eq!(from_network(&lab, "vpc-2").await, Some("AccessDenied"));
    assert_eq!(from_network(&lab, "vpc-1").await, None);
    // It is looked after from everywhere.
    gone(&lab.cloud, "files").await.unwrap();
}

/// The code of the refusal of a read from a network.
async fn from_network(lab: &Lab, network: &str) -> Option<&'static str> {
    let text = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;
    let policy = Policy::compile("endpoint", &Document::parse(Kind::Resource, text, &[]).unwrap());
    let scope = lab.cloud.scope();
    let way = PrivateWay::new("vpce-1".into(), network.into(), "s3".into(), scope.region, policy);
    let service = Caller::service("", scope.account);
    let call = Call {
        op: op::GetObject::DEF,
        scope,
        caller: Caller { principal: Principal::Root, way: Some(Arc::new(way)), ..service },
        request_id: "r".into(),
        authority: String::new(),
        input: Box::new(GetObjectRequest { bucket: ARN.to_owned(), ..super::get("k") }),
    };
    lab.cloud.house.call(call).await.err().map(|error| error.code())
}

#[tokio::test]
async fn pages_of_other_origins_are_told_of_the_bucket_behind() {
    let lab = Lab::new().await;
    let alias = made(&lab, "files").await.alias.unwrap();
    let rule = api_s3::CORSRule {
        allowed_methods: vec!["GET".to_owned()],
        allowed_origins: vec!["https://a.example".to_owned()],
        ..Default::default()
    };
    let input = api_s3::PutBucketCorsRequest {
        bucket: "bbb".to_owned(),
        cors_configuration: api_s3::CORSConfiguration { cors_rules: vec![rule] },
        ..Default::default()
    };
    lab.cloud.call(op::PutBucketCors, input).await.unwrap();
    let ask = async |path: String| {
        let asked = CrossOrigin {
            path,
            origin: "https://a.example".to_owned(),
            method: "GET".to_owned(),
            headers: Vec::new(),
            is_preflight: true,
        };
        lab.cloud.house.cross_origin("s3", asked).await.unwrap()
    };
    let encoded = ARN.replace('/', "%2F");
    for path in ["/bbb/k".to_owned(), format!("/{alias}/k"), format!("/{encoded}/k"), format!("/{encoded}")] {
        let headers = ask(path.clone()).await.unwrap();
        assert!(headers.contains(&("access-control-allow-origin", "https://a.example".to_owned())), "{path}");
    }
    for path in ["/none/k".to_owned(), format!("/{encoded}x/k"), "/none-s3alias/k".to_owned()] {
        assert_eq!(ask(path).await.unwrap_err().status(), 403);
    }
}

#[tokio::test]
async fn requests_are_logged_and_counted_with_the_bucket_behind() {
    let lab = Lab::new().await;
    let alias = made(&lab, "files").await.alias.unwrap();
    lab.make_bucket("logs").await;
    let logging = api_s3::LoggingEnabled { target_bucket: "logs".to_owned(), ..Default::default() };
    let input = api_s3::PutBucketLoggingRequest {
        bucket: "bbb".to_owned(),
        bucket_logging_status: api_s3::BucketLoggingStatus { logging_enabled: Some(logging) },
        ..Default::default()
    };
    let encoded = ARN.replace('/', "%2F");
    let paths = ["/bbb/a%20b".to_owned(), format!("/{alias}/a%20b"), format!("/{encoded}/a%20b")];
    let (house, log) = (&lab.cloud.house, lab.cloud.house.request_log("s3").unwrap());
    assert!(paths.iter().all(|path| !log.wants(path)));
    lab.cloud.call(op::PutBucketLogging, input).await.unwrap();
    let metrics = api_s3::MetricsConfiguration {
        id: "m".to_owned(),
        filter: Some(api_s3::MetricsFilter { prefix: Some("a b".to_owned()), ..Default::default() }),
    };
    let input = api_s3::PutBucketMetricsConfigurationRequest {
        bucket: "bbb".to_owned(),
        id: "m".to_owned(),
        metrics_configuration: metrics,
        ..Default::default()
    };
    lab.cloud.call(op::PutBucketMetricsConfiguration, input).await.unwrap();
    assert!(!log.wants("/logs"));
    // It may be a copy of what has logs.
    assert!(log.wants("/logs/k"));
    for path in &paths {
        assert!(log.wants(path), "{path}");
        house.note_request("s3", requested(path)).await;
    }
    house.note_request("s3", requested(&format!("/{encoded}x/k"))).await;
    let ctx = lab.cloud.ctx("s3");
    let watch = ctx.own::<Arc<Watch>>();
    let lines = watch.take_lines().remove("bbb").unwrap();
    let fields: Vec<Vec<&str>> = lines.lines().map(|line| line.split(' ').collect()).collect();
    let told: Vec<_> = fields.iter().map(|of| (of[1], of[8], of[of.len() - 2])).collect();
    assert_eq!(told, [("bbb", "a%20b", "-"), ("bbb", "a%20b", ARN), ("bbb", "a%20b", ARN)]);
    let counts = watch.take_counts();
    let counted = &counts[&("bbb".to_owned(), "m".to_owned())];
    assert_eq!(counted.iter().find(|((name, _), _)| *name == "AllRequests").unwrap().1.sum, 3.0);
}

fn requested(path: &str) -> Requested<'_> {
    Requested {
        caller: None,
        peer: "127.0.0.1".parse().unwrap(),
        request_id: "id",
        operation: "GetObject",
        method: "GET",
        path,
        target: path,
        version: "HTTP/1.1",
        host: None,
        referer: None,
        user_agent: None,
        signed: None,
        secure: false,
        received_bytes: None,
        status: 200,
        code: None,
        sent_bytes: Some(2),
        content_range: None,
        version_id: None,
        at: 0,
        took_micros: 1,
    }
}

#[tokio::test]
async fn an_account_has_ten_thousand_of_a_region_at_most() {
    let lab = Lab::new().await;
    made(&lab, "files").await;
    let ctx = lab.cloud.ctx("s3");
    let first = ctx.read(|snap| stored::find(snap, ctx.scope(), "files")).await.unwrap().unwrap();
    let many = |tx: &mut kernel::Tx<'_, '_>| {
        for at in 1..stored::POINTS_MAX {
            let (name, alias) = (format!("p{at}"), format!("p{at}-s3alias"));
            stored::insert(tx, &stored::AccessPoint { name, alias, ..first.clone() })?;
        }
        Ok(())
    };
    ctx.write(many).await.unwrap();
    let refusal = lab.cloud.call(control::CreateAccessPoint, create("more")).await.unwrap_err();
    assert_eq!(refusal.code(), "TooManyAccessPoints");
    gone(&lab.cloud, "p7").await.unwrap();
    made(&lab, "more").await;
    assert_eq!(ctx.read(|snap| stored::count(snap, ctx.scope())).await.unwrap(), stored::POINTS_MAX);
}
