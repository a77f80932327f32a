//! The ids of EC2's resources: a prefix, a dash, and seventeen hexadecimal digits that the house chooses.

use std::fmt;

use kernel::Key;
use kernel::ids::Ids;
use serde::{Deserialize, Serialize};

/// Digits after the prefix, as AWS has given them since 2016.
const DIGITS: usize = 17;
/// Ids given before that.
const DIGITS_SHORT: usize = 8;

/// What all ids share.
pub trait Id: Sized {
    /// With its dash: `vpc-`.
    const PREFIX: &'static str;
    /// What AWS calls the resource where it names types: `vpc`, `security-group`.
    const RESOURCE: &'static str;

    fn as_str(&self) -> &str;
    /// `None` when the text cannot be such an id, whether or not there is one.
    fn parse(text: &str) -> Option<Self>;
}

/// Whether `text` is `prefix` and as many digits as an id has.
fn is_well_formed(prefix: &str, text: &str) -> bool {
    let Some(digits) = text.strip_prefix(prefix) else { return false };
    let length_fits = digits.len() == DIGITS || digits.len() == DIGITS_SHORT;
    length_fits && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

macro_rules! ids {
    ($($name:ident $prefix:literal $resource:literal)*) => {$(
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn fresh(ids: Ids<'_>) -> Self {
                Self(format!("{}{}", Self::PREFIX, ids.hex(DIGITS)))
            }
        }

        impl Id for $name {
            const PREFIX: &'static str = $prefix;
            const RESOURCE: &'static str = $resource;

            fn as_str(&self) -> &str {
                &self.0
            }
            fn parse(text: &str) -> Option<Self> {
                is_well_formed($prefix, text).then(|| Self(text.to_owned()))
            }
        }

        impl Key for $name {
            fn write_to(&self, out: &mut Vec<u8>) {
                self.0.write_to(out);
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

ids! {
    VpcId "vpc-" "vpc"
    CidrAssociationId "vpc-cidr-assoc-" ""
    SubnetCidrAssociationId "subnet-cidr-assoc-" ""
    SubnetId "subnet-" "subnet"
    EgressOnlyInternetGatewayId "eigw-" "egress-only-internet-gateway"
    FlowLogId "fl-" "vpc-flow-log"
    InternetGatewayId "igw-" "internet-gateway"
    RouteTableId "rtb-" "route-table"
    RouteTableAssociationId "rtbassoc-" ""
    NetworkAclId "acl-" "network-acl"
    NetworkAclAssociationId "aclassoc-" ""
    DhcpOptionsId "dopt-" "dhcp-options"
    GroupId "sg-" "security-group"
    RuleId "sgr-" "security-group-rule"
    InterfaceId "eni-" "network-interface"
    AttachmentId "eni-attach-" ""
    AllocationId "eipalloc-" "elastic-ip"
    AddressAssociationId "eipassoc-" ""
    NatGatewayId "nat-" "natgateway"
    PeeringId "pcx-" "vpc-peering-connection"
    EndpointId "vpce-" "vpc-endpoint"
    PrefixListId "pl-" "prefix-list"
    InstanceId "i-" "instance"
    ProfileAssociationId "iip-assoc-" ""
    LaunchTemplateId "lt-" "launch-template"
    ReservationId "r-" ""
    KeyPairId "key-" "key-pair"
    ImageId "ami-" "image"
    ExportImageTaskId "export-ami-" "export-image-task"
    ImportImageTaskId "import-ami-" "import-image-task"
    ImportSnapshotTaskId "import-snap-" "import-snapshot-task"
    VolumeId "vol-" "volume"
    SnapshotId "snap-" "snapshot"
    SpotRequestId "sir-" "spot-instances-request"
    CapacityReservationId "cr-" "capacity-reservation"
    HostId "h-" "dedicated-host"
    PlacementGroupId "pg-" "placement-group"
}

#[cfg(test)]
mod tests {
    use kernel::ids::SystemIds;

    use super::*;

    #[test]
    fn ids_read_back_and_strange_ones_do_not() {
        let id = VpcId::fresh(Ids(&SystemIds));
        assert_eq!(VpcId::parse(id.as_str()), Some(id));
        assert!(VpcId::parse("vpc-1234abcd").is_some());
        for bad in ["vpc-", "vpc-xyz", "subnet-1234abcd", "vpc-1234ABCD", "vpc-0123456789abcdef01"] {
            assert_eq!(VpcId::parse(bad), None, "{bad}");
        }
    }
}
