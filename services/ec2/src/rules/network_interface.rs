//! What interfaces are called and how many groups they wear.

/// AWS's default quota, "Security groups per network interface".
pub const GROUPS_MAX: usize = 5;

/// A MAC address of ten hexadecimal digits: locally administered, unicast.
pub fn mac(digits: &str) -> String {
    let mut mac = "0a".to_owned();
    for (at, digit) in digits.chars().take(10).enumerate() {
        if at % 2 == 0 {
            mac.push(':');
        }
        mac.push(digit);
    }
    mac
}

/// The bytes of a MAC address as [`mac`] writes it.
pub fn mac_bytes(mac: &str) -> [u8; 6] {
    let mut bytes = [0; 6];
    for (byte, digits) in bytes.iter_mut().zip(mac.split(':')) {
        *byte = u8::from_str_radix(digits, 16).unwrap_or(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_reads_back() {
        let mac = mac("0123456789");
        assert_eq!(mac, "0a:01:23:45:67:89");
        assert_eq!(mac_bytes(&mac), [0x0a, 0x01, 0x23, 0x45, 0x67, 0x89]);
    }
}
