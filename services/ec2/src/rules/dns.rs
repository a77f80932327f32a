//! What the name server of a VPC answers (VPC user guide, "DNS attributes for your VPC").

use std::net::Ipv4Addr;

use super::region::{private_domain, public_domain};
use crate::state::id::{Id, InstanceId};

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Address(Ipv4Addr),
    /// A name of the VPC that has no record of the type asked for.
    NoData,
    /// No such name. Told at once: a guest that waits for names boots slowly.
    NoName,
    /// The name of an address (a PTR question).
    Name(String),
    /// A public name of an instance of the region: the caller looks up who holds the address.
    Public(Ipv4Addr),
    /// The name of an instance after its id: the caller looks up which records it has.
    Resource(InstanceId),
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    A,
    Aaaa,
    Ptr,
    Other,
}

/// Answers for `name` (without its last dot, in any case) in `region`.
pub fn answer(region: &str, name: &str, asked: Asked) -> Answer {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let found = if matches!(name.as_str(), "instance-data" | "instance-data.ec2.internal") {
        Some(Answer::Address(net::METADATA))
    } else if let Some(host) = name.strip_suffix(&format!(".{}", private_domain(region))) {
        let resource = || InstanceId::parse(host).map(Answer::Resource);
        dashed(host, "ip-").map(Answer::Address).or_else(resource)
    } else if let Some(host) = name.strip_suffix(&format!(".{}", public_domain(region))) {
        dashed(host, "ec2-").map(Answer::Public)
    } else if let Some(host) = name.strip_suffix(".in-addr.arpa") {
        reversed(host).map(|address| Answer::Name(super::region::private_dns_name(region, address)))
    } else {
        None
    };
    match (found, asked) {
        (Some(answer @ (Answer::Address(_) | Answer::Public(_))), Asked::A) => answer,
        (Some(answer @ Answer::Name(_)), Asked::Ptr) => answer,
        (Some(answer @ Answer::Resource(_)), _) => answer,
        (Some(_), _) => Answer::NoData,
        (None, _) => Answer::NoName,
    }
}

fn dashed(host: &str, prefix: &str) -> Option<Ipv4Addr> {
    host.strip_prefix(prefix)?.replace('-', ".").parse().ok()
}

fn reversed(host: &str) -> Option<Ipv4Addr> {
    let address: Ipv4Addr = host.parse().ok()?;
    let [a, b, c, d] = address.octets();
    Some(Ipv4Addr::new(d, c, b, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_region_have_addresses_and_others_do_not_exist() {
        let ip = Ipv4Addr::new(172, 31, 5, 6);
        assert_eq!(answer("us-east-1", "IP-172-31-5-6.ec2.internal.", Asked::A), Answer::Address(ip));
        let name = "ip-172-31-5-6.eu-west-1.compute.internal";
        assert_eq!(answer("eu-west-1", name, Asked::A), Answer::Address(ip));
        assert_eq!(answer("eu-west-1", name, Asked::Other), Answer::NoData);
        assert_eq!(answer("us-east-1", name, Asked::A), Answer::NoName);
        let public = "ec2-198-18-0-1.compute-1.amazonaws.com";
        assert_eq!(answer("us-east-1", public, Asked::A), Answer::Public(Ipv4Addr::new(198, 18, 0, 1)));
        let ptr = answer("us-east-1", "6.5.31.172.in-addr.arpa", Asked::Ptr);
        assert_eq!(ptr, Answer::Name("ip-172-31-5-6.ec2.internal".to_owned()));
        for bad in ["example.com", "ip-1-2-3.ec2.internal", "ec2.internal", ""] {
            assert_eq!(answer("us-east-1", bad, Asked::A), Answer::NoName, "{bad}");
        }
    }
}
