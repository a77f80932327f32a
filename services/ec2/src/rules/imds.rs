//! What the metadata service tells an instance about itself (EC2 user guide, "Instance metadata categories").

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde_json::json;

use super::imds_network::{InterfaceFacts, network};
use super::imds_role::RoleFacts;
use super::region;
use crate::state::scheduled_event::ScheduledEvent;

/// Everything the tree is made of.
#[derive(Clone, Debug)]
pub struct Facts {
    pub account: String,
    pub region: String,
    pub zone: String,
    pub partition: String,
    pub instance_id: String,
    pub instance_type: String,
    pub image_id: String,
    pub architecture: &'static str,
    pub reservation_id: String,
    pub launch_index: u32,
    pub launched_at: String,
    pub private_ip: Ipv4Addr,
    /// Its own name inside of its VPC.
    pub hostname: String,
    /// Its VPC gives public addresses names.
    pub has_public_name: bool,
    pub first: InterfaceFacts,
    pub further: Vec<InterfaceFacts>,
    pub vpc_id: String,
    /// The primary one first.
    pub vpc_cidrs: Vec<String>,
    pub vpc_cidrs6: Vec<String>,
    /// Name and OpenSSH line.
    pub key: Option<(String, String)>,
    pub user_data: Option<Vec<u8>>,
    /// `None` where the instance's options keep them away.
    pub tags: Option<BTreeMap<String, String>>,
    /// `None` without an instance profile, and where nobody asks.
    pub role: Option<RoleFacts>,
    /// It has an instance profile.
    pub has_role: bool,
    pub events: Vec<ScheduledEvent>,
    /// `None` on demand.
    pub spot: Option<SpotFacts>,
}

/// What a spot instance is told about its future.
#[derive(Clone, Debug, Default)]
pub struct SpotFacts {
    /// Since when it is at risk.
    pub rebalance: Option<String>,
    /// What will be done to it, and when.
    pub action: Option<(&'static str, String)>,
}

/// The versions a client may name.
const VERSIONS: [&str; 22] = [
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "2011-01-01",
    "2011-05-01",
    "2012-01-12",
    "2014-02-25",
    "2014-11-05",
    "2015-10-20",
    "2016-04-19",
    "2016-06-30",
    "2016-09-02",
    "2018-09-24",
    "2021-03-23",
    "2021-07-15",
    "latest",
];

/// The bytes under `path`; `None` where there is nothing.
pub fn get(path: &str, facts: &Facts) -> Option<Vec<u8>> {
    let path = path.trim_matches('/');
    if path.is_empty() {
        return Some(VERSIONS.join("\n").into_bytes());
    }
    let (version, rest) = path.split_once('/').unwrap_or((path, ""));
    if !VERSIONS.contains(&version) {
        return None;
    }
    let leaves = leaves(facts);
    if let Some(leaf) = leaves.get(rest) {
        return Some(leaf.clone());
    }
    if rest == "meta-data/public-keys" {
        return facts.key.as_ref().map(|(name, _)| format!("0={name}").into_bytes());
    }
    listing(&leaves, rest).map(String::into_bytes)
}

/// The names right under `folder`, those of folders with a slash. Under a version the top folders bear none.
fn listing(leaves: &BTreeMap<String, Vec<u8>>, folder: &str) -> Option<String> {
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let names: BTreeSet<String> = leaves
        .keys()
        .filter_map(|leaf| leaf.strip_prefix(&prefix))
        .map(|rest| match rest.split_once('/') {
            Some((name, _)) if folder.is_empty() => name.to_owned(),
            Some((name, _)) => format!("{name}/"),
            None => rest.to_owned(),
        })
        .collect();
    (!names.is_empty()).then(|| names.into_iter().collect::<Vec<_>>().join("\n"))
}

fn leaves(facts: &Facts) -> BTreeMap<String, Vec<u8>> {
    let mut leaves = BTreeMap::new();
    let mut put = |path: String, value: String| drop(leaves.insert(path, value.into_bytes()));
    identity(facts, &mut put);
    network(facts, &mut put);
    if let Some((_, line)) = &facts.key {
        put("meta-data/public-keys/0/openssh-key".to_owned(), line.clone());
    }
    for (key, value) in facts.tags.iter().flatten() {
        put(format!("meta-data/tags/instance/{key}"), value.clone());
    }
    if let Some(role) = &facts.role {
        put("meta-data/iam/info".to_owned(), role.info.clone());
        if let Some((name, document)) = &role.credentials {
            put(format!("meta-data/iam/security-credentials/{name}"), document.clone());
        }
    } else if facts.has_role {
        // For the listing of what is above: nobody reads it here.
        put("meta-data/iam/info".to_owned(), String::new());
    }
    put("dynamic/instance-identity/document".to_owned(), document(facts));
    if let Some(spot) = &facts.spot {
        market(spot, &mut put);
    }
    if let Some(data) = &facts.user_data {
        leaves.insert("user-data".to_owned(), data.clone());
    }
    leaves
}

/// Absent until there is something to tell, as AWS has it.
fn market(spot: &SpotFacts, put: &mut impl FnMut(String, String)) {
    if let Some(at) = &spot.rebalance {
        let notice = json!({ "noticeTime": at }).to_string();
        put("meta-data/events/recommendations/rebalance".to_owned(), notice);
    }
    if let Some((action, at)) = &spot.action {
        let notice = json!({ "action": action, "time": at }).to_string();
        put("meta-data/spot/instance-action".to_owned(), notice);
        if *action == "terminate" {
            put("meta-data/spot/termination-time".to_owned(), at.clone());
        }
    }
}

fn identity(facts: &Facts, put: &mut impl FnMut(String, String)) {
    let domain = if facts.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    let zone_id = region::zone_id(&facts.region, &facts.zone);
    let life_cycle = if facts.spot.is_some() { "spot" } else { "on-demand" };
    for (name, value) in [
        ("ami-id", facts.image_id.clone()),
        ("ami-launch-index", facts.launch_index.to_string()),
        ("ami-manifest-path", "(unknown)".to_owned()),
        ("block-device-mapping/ami", super::image::ROOT_DEVICE.to_owned()),
        ("events/maintenance/history", super::scheduled_event::told(&facts.events, true)),
        ("events/maintenance/scheduled", super::scheduled_event::told(&facts.events, false)),
        ("block-device-mapping/root", super::image::ROOT_DEVICE.to_owned()),
        ("instance-action", "none".to_owned()),
        ("instance-id", facts.instance_id.clone()),
        ("instance-life-cycle", life_cycle.to_owned()),
        ("instance-type", facts.instance_type.clone()),
        ("placement/availability-zone", facts.zone.clone()),
        ("placement/availability-zone-id", zone_id),
        ("placement/region", facts.region.clone()),
        ("profile", "default-hvm".to_owned()),
        ("reservation-id", facts.reservation_id.clone()),
        ("security-groups", facts.first.group_names()),
        ("services/domain", domain.to_owned()),
        ("services/partition", facts.partition.clone()),
    ] {
        put(format!("meta-data/{name}"), value);
    }
}

/// The instance identity document. It is not signed.
fn document(facts: &Facts) -> String {
    let document = json!({
        "accountId": facts.account,
        "architecture": facts.architecture,
        "availabilityZone": facts.zone,
        "billingProducts": null,
        "devpayProductCodes": null,
        "marketplaceProductCodes": null,
        "imageId": facts.image_id,
        "instanceId": facts.instance_id,
        "instanceType": facts.instance_type,
        "kernelId": null,
        "pendingTime": facts.launched_at,
        "privateIp": facts.private_ip,
        "ramdiskId": null,
        "region": facts.region,
        "version": "2017-09-30",
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// The longest life of a token, in seconds: six hours.
const TTL_MAX_S: i64 = 21_600;

/// The life asked for in the header of a token request. `None` when it is missing or out of bounds.
pub fn token_ttl_s(header: Option<&str>) -> Option<i64> {
    header?.parse().ok().filter(|ttl| (1..=TTL_MAX_S).contains(ttl))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            zone: "us-east-1b".to_owned(),
            partition: "aws".to_owned(),
            instance_id: "i-1".to_owned(),
            instance_type: "t3.micro".to_owned(),
            image_id: "ami-1".to_owned(),
            architecture: "x86_64",
            reservation_id: "r-1".to_owned(),
            launch_index: 0,
            launched_at: "2026-01-01T00:00:00Z".to_owned(),
            private_ip: Ipv4Addr::new(172, 31, 0, 4),
            hostname: "ip-172-31-0-4.ec2.internal".to_owned(),
            has_public_name: true,
            first: InterfaceFacts {
                device: 0,
                id: "eni-1".to_owned(),
                mac: "0a:00:00:00:00:01".to_owned(),
                addresses: vec![(Ipv4Addr::new(172, 31, 0, 4), Some(Ipv4Addr::new(198, 18, 0, 1)))],
                ipv6: Vec::new(),
                subnet_id: "subnet-1".to_owned(),
                subnet_cidr: "172.31.0.0/20".to_owned(),
                subnet_cidrs6: Vec::new(),
                groups: vec![("sg-1".to_owned(), "default".to_owned())],
            },
            further: Vec::new(),
            vpc_id: "vpc-1".to_owned(),
            vpc_cidrs: vec!["172.31.0.0/16".to_owned()],
            vpc_cidrs6: Vec::new(),
            key: Some(("k".to_owned(), "ssh-ed25519 AAAA k".to_owned())),
            user_data: Some(b"#!/bin/sh\n".to_vec()),
            tags: None,
            role: None,
            has_role: false,
            events: Vec::new(),
            spot: None,
        }
    }

    fn text(path: &str, facts: &Facts) -> Option<String> {
        get(path, facts).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn leaves_folders_and_what_is_not_there() {
        let facts = facts();
        let get = |path: &str| text(path, &facts);
        assert_eq!(get("/latest/meta-data/instance-id").as_deref(), Some("i-1"));
        assert_eq!(get("/2021-03-23/meta-data/placement/region").as_deref(), Some("us-east-1"));
        assert_eq!(get("/latest").as_deref(), Some("dynamic\nmeta-data\nuser-data"));
        assert_eq!(get("/latest/user-data").as_deref(), Some("#!/bin/sh\n"));
        assert_eq!(get("/latest/meta-data/public-keys/").as_deref(), Some("0=k"));
        assert_eq!(get("/latest/meta-data/public-keys/0/").as_deref(), Some("openssh-key"));
        let macs = get("/latest/meta-data/network/interfaces/macs/").unwrap();
        assert_eq!(macs, "0a:00:00:00:00:01/");
        let top = get("/latest/meta-data/").unwrap();
        assert!(top.lines().any(|line| line == "placement/") && top.lines().any(|line| line == "hostname"));
        assert!(get("/").unwrap().ends_with("latest"));
        for absent in ["/latest/nothing", "/1999-01-01/meta-data/", "/latest/meta-data/tags/instance"] {
            assert_eq!(get(absent), None, "{absent}");
        }
        let document = get("/latest/dynamic/instance-identity/document").unwrap();
        assert!(document.contains("\"instanceId\": \"i-1\""));
    }

    #[test]
    fn without_key_and_user_data_there_are_none() {
        let mut facts = Facts { key: None, user_data: None, ..facts() };
        facts.first.addresses.iter_mut().for_each(|(_, public)| *public = None);
        for absent in ["latest/user-data", "latest/meta-data/public-keys/", "latest/meta-data/public-ipv4"] {
            assert_eq!(get(absent, &facts), None, "{absent}");
        }
    }

    #[test]
    fn an_instance_with_a_profile_has_a_folder_about_its_role() {
        assert_eq!(text("latest/meta-data/iam/", &facts()), None);
        let top = text("latest/meta-data/", &Facts { has_role: true, ..facts() }).unwrap();
        assert!(top.lines().any(|line| line == "iam/"), "{top}");
        let role =
            RoleFacts { info: "about".to_owned(), credentials: Some(("r".to_owned(), "secret".to_owned())) };
        let facts = Facts { role: Some(role), has_role: true, ..facts() };
        let get = |path: &str| text(path, &facts);
        assert_eq!(get("latest/meta-data/iam/").as_deref(), Some("info\nsecurity-credentials/"));
        assert_eq!(get("latest/meta-data/iam/info").as_deref(), Some("about"));
        assert_eq!(get("latest/meta-data/iam/security-credentials/").as_deref(), Some("r"));
        assert_eq!(get("latest/meta-data/iam/security-credentials/r").as_deref(), Some("secret"));
        assert_eq!(get("latest/meta-data/iam/security-credentials/s"), None);
    }

    #[test]
    fn a_spot_instance_is_told_what_will_be_done_to_it() {
        let spot = |action| SpotFacts { rebalance: Some("T1".to_owned()), action };
        let get = |spot: SpotFacts, path: &str| text(path, &Facts { spot: Some(spot), ..facts() });
        let calm = SpotFacts::default();
        assert_eq!(get(calm.clone(), "latest/meta-data/instance-life-cycle").as_deref(), Some("spot"));
        assert_eq!(get(calm, "latest/meta-data/spot/instance-action"), None);
        let path = "latest/meta-data/events/recommendations/rebalance";
        assert_eq!(get(spot(None), path).as_deref(), Some(r#"{"noticeTime":"T1"}"#));
        let ends = || spot(Some(("terminate", "T2".to_owned())));
        let action = get(ends(), "latest/meta-data/spot/instance-action");
        assert_eq!(action.as_deref(), Some(r#"{"action":"terminate","time":"T2"}"#));
        assert_eq!(get(ends(), "latest/meta-data/spot/termination-time").as_deref(), Some("T2"));
        let stops = spot(Some(("stop", "T2".to_owned())));
        assert_eq!(get(stops, "latest/meta-data/spot/termination-time"), None);
    }

    #[test]
    fn tokens_live_one_second_to_six_hours() {
        assert_eq!(token_ttl_s(Some("21600")), Some(21_600));
        for bad in [None, Some("0"), Some("21601"), Some("x"), Some("")] {
            assert_eq!(token_ttl_s(bad), None);
        }
    }
}
