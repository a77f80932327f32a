//! Ranges and addresses of IPv6: what a VPC, a subnet and an interface may have.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use kernel::Result;

use crate::errors;
use crate::state::ipv6::Wish;
use crate::state::vpc::Vpc;

pub const ANYWHERE6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0);
/// What AWS calls the pool that blocks come from.
pub const POOL: &str = "Amazon";
/// What Amazon gives a VPC (VPC user guide, "VPC CIDR blocks").
pub const BLOCK_PREFIX: u8 = 56;
/// Blocks of one VPC: AWS's default quota, "IPv6 CIDR blocks per VPC".
pub const BLOCKS_MAX: usize = 5;
/// A subnet's block: from /44 to /64, by fours.
const SUBNET_PREFIXES: std::ops::RangeInclusive<u8> = 44..=64;
const SUBNET_PREFIX_STEP: u8 = 4;
/// The first four addresses of a subnet, and its last, are nobody's.
const RESERVED_FIRST: u128 = 4;

/// The block a request names for a subnet of `vpc`.
///
/// # Errors
/// When it is none, of a size subnets do not have, or outside of the VPC's blocks.
pub fn check_subnet_block(vpc: &Vpc, text: &str) -> Result<Ipv6Net> {
    let cidr = text.parse::<Ipv6Net>().map_err(|_| errors::cidr_invalid(text, "ipv6CidrBlock"))?;
    let length = cidr.prefix_len();
    let fits = SUBNET_PREFIXES.contains(&length) && length.is_multiple_of(SUBNET_PREFIX_STEP);
    let cidr = cidr.trunc();
    if fits && vpc.ipv6.iter().any(|block| block.cidr.contains(&cidr)) {
        Ok(cidr)
    } else {
        Err(errors::subnet_range(text))
    }
}

/// The block of this cloud's range that the first bits of a random number stand for.
pub fn block(chance: u64) -> Option<Ipv6Net> {
    let chosen = u128::from(chance) << 64 & u128::from(net::GLOBAL6.hostmask());
    let network = Ipv6Addr::from(u128::from(net::GLOBAL6.network()) | chosen);
    Ipv6Net::new(network, BLOCK_PREFIX).ok().map(|block| block.trunc())
}

/// Whether two ranges have an address in common.
pub fn overlap(a: Ipv6Net, b: Ipv6Net) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// Whether interfaces may have an address of a subnet's block.
pub fn is_assignable(block: Ipv6Net, address: Ipv6Addr) -> bool {
    let first = u128::from(block.network()).saturating_add(RESERVED_FIRST);
    let last = u128::from(block.broadcast());
    block.contains(&address) && (first..last).contains(&u128::from(address))
}

/// The address of a block that these 64 bits stand for.
pub fn address(block: Ipv6Net, chance: u64) -> Ipv6Addr {
    let host = u128::from(chance) & u128::from(block.hostmask());
    Ipv6Addr::from(u128::from(block.network()) | host)
}

/// What a request asks of an interface: addresses, or so many of them.
///
/// # Errors
/// When it gives both, a negative count, or what is no address.
pub fn check_wish(addresses: &[String], count: Option<i32>) -> Result<Wish> {
    match (addresses.is_empty(), count) {
        (true, None) => Ok(Wish::AsSubnet),
        (true, Some(count)) => {
            let count = usize::try_from(count).map_err(|_| errors::invalid_value(count, "Ipv6AddressCount"));
            Ok(Wish::Count(count?))
        }
        (false, Some(_)) => Err(errors::combination("Give either IPv6 addresses or a count of them.")),
        (false, None) => {
            let read = |text: &String| text.parse().map_err(|_| errors::invalid_value(text, "ipv6Addresses"));
            Ok(Wish::These(addresses.iter().map(read).collect::<Result<_>>()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_block_but_for_the_reserved() {
        let block: Ipv6Net = "fdc1:d1e:0:1200::/64".parse().unwrap();
        let of = |text: &str| is_assignable(block, text.parse().unwrap());
        assert!(of("fdc1:d1e:0:1200::4") && of("fdc1:d1e:0:1200:ffff:ffff:ffff:fffe"));
        for bad in ["fdc1:d1e:0:1200::3", "fdc1:d1e:0:1200:ffff:ffff:ffff:ffff", "fdc1:d1e:0:1201::4"] {
            assert!(!of(bad), "{bad}");
        }
        let whole = super::block(0xffff_ffff_1234_5678).unwrap();
        assert_eq!(whole.to_string(), "fdc1:d1e:1234:5600::/56");
        assert_eq!(address(block, 0x1_0000_0005).to_string(), "fdc1:d1e:0:1200:0:1:0:5");
    }

    #[test]
    fn wishes() {
        assert_eq!(check_wish(&[], None).unwrap(), Wish::AsSubnet);
        assert_eq!(check_wish(&[], Some(2)).unwrap(), Wish::Count(2));
        let one = ["fdc1:d1e::4".to_owned()];
        assert!(matches!(check_wish(&one, None).unwrap(), Wish::These(these) if these.len() == 1));
        assert!(check_wish(&one, Some(1)).is_err());
        assert!(check_wish(&[], Some(-1)).is_err());
        assert!(check_wish(&["10.0.0.1".to_owned()], None).is_err());
    }
}
