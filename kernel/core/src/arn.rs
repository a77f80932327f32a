//! Amazon Resource Names and their parts.
//!
//! Format: `arn:partition:service:region:account:resource` (IAM user guide, "Identify AWS resources with ARNs").

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A group of regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Partition {
    Aws,
    AwsCn,
    AwsUsGov,
}

impl Partition {
    pub fn as_str(self) -> &'static str {
        match self {
            Partition::Aws => "aws",
            Partition::AwsCn => "aws-cn",
            Partition::AwsUsGov => "aws-us-gov",
        }
    }

    /// The partition a region belongs to.
    pub fn of_region(region: &str) -> Self {
        if region.starts_with("cn-") {
            Partition::AwsCn
        } else if region.starts_with("us-gov-") {
            Partition::AwsUsGov
        } else {
            Partition::Aws
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Twelve decimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(u64);

impl AccountId {
    /// The account of the root credential `test`.
    pub const DEFAULT: Self = Self(0);
    const MAX: u64 = 999_999_999_999;

    /// As they are written.
    pub(crate) fn digits(self) -> [u8; 12] {
        let (mut digits, mut rest) = ([b'0'; 12], self.0);
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        digits
    }
}

/// A string that is not what it should name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not {1}")]
pub struct Malformed(pub String, pub &'static str);

impl FromStr for AccountId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let digits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        let number = if digits { text.parse().ok() } else { None };
        match number {
            Some(number) if number <= Self::MAX => Ok(Self(number)),
            _ => Err(Malformed(text.to_owned(), "an account id of twelve digits")),
        }
    }
}

impl TryFrom<String> for AccountId {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        let digits = id.digits();
        std::str::from_utf8(&digits).unwrap_or_default().to_owned()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

/// `us-east-1` and its like: lower-case letters, digits and dashes, at most 32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region {
    bytes: [u8; Self::LENGTH_MAX],
    length: u8,
}

impl Region {
    pub const LENGTH_MAX: usize = 32;
    /// No region: where the house keeps what is no account's. No text parses to it.
    pub(crate) const HOUSE: Self = Self { bytes: [0; Self::LENGTH_MAX], length: 0 };

    pub fn as_str(&self) -> &str {
        let used = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(used).unwrap_or_default()
    }

    pub fn partition(&self) -> Partition {
        Partition::of_region(self.as_str())
    }
}

impl FromStr for Region {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let well_formed = !text.is_empty()
            && text.len() <= Self::LENGTH_MAX
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let mut bytes = [0; Self::LENGTH_MAX];
        match (well_formed, bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (true, Some(head), Ok(length)) => {
                head.copy_from_slice(text.as_bytes());
                Ok(Self { bytes, length })
            }
            _ => Err(Malformed(text.to_owned(), "a region name")),
        }
    }
}

impl TryFrom<String> for Region {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.as_str().to_owned()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A parsed ARN. Region and account may be empty, as the service prescribes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arn {
    pub partition: String,
    pub service: String,
    pub region: String,
    pub account: String,
    pub resource: String,
}

impl FromStr for Arn {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        match (next(), next(), next(), next(), next(), next()) {
            (Some("arn"), Some(partition), Some(service), Some(region), Some(account), Some(resource))
                if !partition.is_empty() && !service.is_empty() && !resource.is_empty() =>
            {
                let [partition, service, region, account, resource] =
                    [partition, service, region, account, resource].map(str::to_owned);
                Ok(Self { partition, service, region, account, resource })
            }
            _ => Err(Malformed(text.to_owned(), "an ARN")),
        }
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_are_twelve_digits_and_keep_their_zeros() {
        assert_eq!("000000000012".parse::<AccountId>().unwrap().to_string(), "000000000012");
        for bad in ["", "12", "00000000001a", "0000000000123", "+00000000001"] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn arns_keep_colons_in_the_resource() {
        let arn: Arn = "arn:aws:sns:us-east-1:000000000000:topic:sub".parse().unwrap();
        assert_eq!(arn.resource, "topic:sub");
        assert_eq!(arn.to_string(), "arn:aws:sns:us-east-1:000000000000:topic:sub");
        for bad in ["arn:aws:sqs", "arn:aws:sqs:us-east-1:000000000000:", "ARN:aws:sqs:a:b:c"] {
            assert!(bad.parse::<Arn>().is_err(), "{bad}");
        }
    }

    #[test]
    fn regions_are_bounded_and_plain() {
        assert_eq!("eu-central-1".parse::<Region>().unwrap().as_str(), "eu-central-1");
        assert!("EU".parse::<Region>().is_err());
        assert!("a".repeat(33).parse::<Region>().is_err());
    }
}
