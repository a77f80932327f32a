//! What a default VPC looks like (VPC user guide, "Default VPCs").

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

pub const DEFAULT_CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 0, 0), 16);
/// One per zone.
pub const DEFAULT_SUBNETS: [Ipv4Net; 3] = [
    Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 0, 0), 20),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 16, 0), 20),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 32, 0), 20),
];
pub const ANYWHERE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);
