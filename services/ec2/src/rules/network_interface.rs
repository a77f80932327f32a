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
