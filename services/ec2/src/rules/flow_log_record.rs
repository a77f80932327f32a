//! Records of flows: a line for each, of the fields its log's format names (VPC user guide, "Flow log records").

use std::net::IpAddr;

use kernel::Scope;

use crate::rules::region;

/// What a record tells of the interface it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub interface: String,
    pub vpc: String,
    pub subnet: String,
    pub instance: Option<String>,
    pub zone: String,
    /// The first address it has, of IPv4; what it forwards goes under this one.
    pub address: IpAddr,
    pub addresses: Vec<IpAddr>,
}

/// A flow within an aggregation interval, or that there was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// `None`: what `status` says of the whole interval.
    pub flow: Option<(&'a net::Flow, net::Tally)>,
    pub status: &'static str,
    /// Seconds since 1970.
    pub start: i64,
    pub end: i64,
}

/// A record, without the end of its line.
pub fn line(scope: &Scope, fields: &[(&'static str, u8)], facts: &Facts, row: &Row<'_>) -> String {
    let version = fields.iter().map(|(_, version)| *version).max().unwrap_or(2);
    let words: Vec<String> = fields
        .iter()
        .map(|(name, _)| {
            let known = match *name {
                "version" => Some(version.to_string()),
                "log-status" => Some(row.status.to_owned()),
                "start" => Some(row.start.to_string()),
                "end" => Some(row.end.to_string()),
                name => of_interface(scope, facts, name).or_else(|| {
                    let (flow, tally) = row.flow?;
                    of_flow(facts, flow, tally, name)
                }),
            };
            known.unwrap_or_else(|| "-".to_owned())
        })
        .collect();
    words.join(" ")
}

fn of_interface(scope: &Scope, facts: &Facts, name: &str) -> Option<String> {
    match name {
        "account-id" => Some(scope.account.to_string()),
        "interface-id" => Some(facts.interface.clone()),
        "vpc-id" => Some(facts.vpc.clone()),
        "subnet-id" => Some(facts.subnet.clone()),
        "instance-id" => facts.instance.clone(),
        "region" => Some(scope.region.to_string()),
        "az-id" => Some(region::zone_id(scope.region.as_str(), &facts.zone)),
        _ => None,
    }
}

fn of_flow(facts: &Facts, flow: &net::Flow, tally: net::Tally, name: &str) -> Option<String> {
    // What passes through the interface on behalf of others has its address on its own side.
    let own = |address: IpAddr, is_own_side: bool| {
        let foreign = is_own_side && address.is_ipv4() && !facts.addresses.contains(&address);
        if foreign { facts.address } else { address }
    };
    Some(match name {
        "srcaddr" => own(flow.source, !flow.inbound).to_string(),
        "dstaddr" => own(flow.target, flow.inbound).to_string(),
        "pkt-srcaddr" => flow.source.to_string(),
        "pkt-dstaddr" => flow.target.to_string(),
        "srcport" => flow.source_port.to_string(),
        "dstport" => flow.target_port.to_string(),
        "protocol" => flow.protocol.to_string(),
        "packets" => tally.packets.to_string(),
        "bytes" => tally.bytes.to_string(),
        "action" => if flow.accepted { "ACCEPT" } else { "REJECT" }.to_owned(),
        "type" => if flow.source.is_ipv4() { "IPv4" } else { "IPv6" }.to_owned(),
        "flow-direction" => if flow.inbound { "ingress" } else { "egress" }.to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::flow_log::{DEFAULT_FORMAT, fields};

    fn scope() -> Scope {
        Scope { account: "123456789012".parse().unwrap(), region: "eu-west-1".parse().unwrap() }
    }

    fn facts() -> Facts {
        Facts {
            interface: "eni-1".into(),
            vpc: "vpc-1".into(),
            subnet: "subnet-1".into(),
            instance: Some("i-1".into()),
            zone: "eu-west-1a".into(),
            address: "10.0.0.5".parse().unwrap(),
            addresses: vec!["10.0.0.5".parse().unwrap(), "10.0.0.6".parse().unwrap()],
        }
    }

    fn flow(inbound: bool, accepted: bool, source: &str, target: &str) -> net::Flow {
        net::Flow {
            nic: "eni-1".into(),
            inbound,
            accepted,
            protocol: 6,
            source: source.parse().unwrap(),
            source_port: 40_000,
            target: target.parse().unwrap(),
            target_port: 443,
        }
    }

    fn told(format: &str, flow: Option<&net::Flow>) -> String {
        let tally = net::Tally { packets: 3, bytes: 180 };
        let status = if flow.is_some() { "OK" } else { "NODATA" };
        let row = Row { flow: flow.map(|flow| (flow, tally)), status, start: 100, end: 160 };
        line(&scope(), &fields(format).unwrap(), &facts(), &row)
    }

    #[test]
    fn records_have_the_fields_of_their_format_in_its_order() {
        let out = flow(false, true, "10.0.0.5", "10.0.1.9");
        assert_eq!(
            told(DEFAULT_FORMAT, Some(&out)),
            "2 123456789012 eni-1 10.0.0.5 10.0.1.9 40000 443 6 3 180 100 160 ACCEPT OK"
        );
        assert_eq!(told(DEFAULT_FORMAT, None), "2 123456789012 eni-1 - - - - - - - 100 160 - NODATA");
        let refused = flow(true, false, "198.18.0.1", "10.0.0.6");
        let format = "${action} ${flow-direction} ${type} ${vpc-id} ${subnet-id} ${instance-id} ${tcp-flags} ${region} \
                      ${az-id} ${dstaddr} ${version} ${traffic-path}";
        assert_eq!(
            told(format, Some(&refused)),
            "REJECT ingress IPv4 vpc-1 subnet-1 i-1 - eu-west-1 euw1-az1 10.0.0.6 5 -"
        );
    }

    #[test]
    fn what_is_forwarded_goes_under_the_interfaces_own_address() {
        let out = flow(false, true, "10.0.9.9", "198.18.0.1");
        let format = "${srcaddr} ${pkt-srcaddr} ${dstaddr} ${pkt-dstaddr}";
        assert_eq!(told(format, Some(&out)), "10.0.0.5 10.0.9.9 198.18.0.1 198.18.0.1");
        let back = flow(true, true, "198.18.0.1", "10.0.9.9");
        assert_eq!(told(format, Some(&back)), "198.18.0.1 198.18.0.1 10.0.0.5 10.0.9.9");
        let six = flow(false, true, "fdc1:d1e::5", "fdc1:d1e::9");
        assert_eq!(told(format, Some(&six)), "fdc1:d1e::5 fdc1:d1e::5 fdc1:d1e::9 fdc1:d1e::9");
    }
}
