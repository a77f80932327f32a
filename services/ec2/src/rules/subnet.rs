//! Which addresses of a subnet can be given to interfaces.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use kernel::Result;

use crate::errors;

/// Network, router, resolver, one kept for later (VPC user guide, "Subnet CIDR blocks").
const RESERVED_FIRST: u32 = 4;
/// Broadcast.
const RESERVED_LAST: u32 = 1;

/// The first address that can be assigned, and how many there are from it on.
pub fn assignable(range: Ipv4Net) -> (u32, u32) {
    let first = u32::from(range.network()).saturating_add(RESERVED_FIRST);
    let end = u32::from(range.broadcast()).saturating_sub(RESERVED_LAST);
    (first, end.saturating_add(1).saturating_sub(first))
}

pub fn check_assignable(range: Ipv4Net, address: Ipv4Addr) -> Result<()> {
    if !range.contains(&address) {
        return Err(errors::address_outside_subnet(address));
    }
    let (first, count) = assignable(range);
    let offset = u32::from(address).checked_sub(first);
    if offset.is_none_or(|offset| offset >= count) {
        return Err(errors::address_reserved(address));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_addresses_of_a_subnet_are_reserved() {
        let range: Ipv4Net = "10.0.0.0/28".parse().unwrap();
        assert_eq!(assignable(range), (u32::from(Ipv4Addr::new(10, 0, 0, 4)), 11));
        for (last, fits) in [(0, false), (3, false), (4, true), (14, true), (15, false), (16, false)] {
            let address = Ipv4Addr::new(10, 0, 0, last);
            assert_eq!(check_assignable(range, address).is_ok(), fits, "{address}");
        }
    }
}
