//! A house with load balancing, and a stand-in for EC2: two subnets, one security group, instances as tests say.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use api_ec2 as ec2;
use api_elbv2::*;
use balance::{FakeFronts, Fronts};
use kernel::testing::TestCloud;
use kernel::{Access, Ctx, Error, Kind, Plugs, Result, Service, ServiceBuilder};
use net::{FakeNetworks, Networks};

pub(crate) const VPC: &str = "vpc-1";
pub(crate) const SUBNETS: [&str; 3] = ["subnet-a", "subnet-b", "subnet-c"];
pub(crate) const GROUP: &str = "sg-1";
pub(crate) const OWN_RANGE: &str = "fdc1:d1e::/56";
pub(crate) const PEER_RANGE: &str = "fdc1:d1e:2::/56";

/// What the stand-in knows.
pub(crate) struct Stand {
    networks: Arc<FakeNetworks>,
    interfaces: Mutex<BTreeMap<String, ec2::NetworkInterface>>,
    has_gateway: AtomicBool,
}

pub(crate) struct Cloud {
    pub(crate) test: TestCloud,
    pub(crate) fronts: Arc<FakeFronts>,
    stand: Arc<Stand>,
}

async fn describe_subnets(_: &Ctx, input: ec2::DescribeSubnetsRequest) -> Result<ec2::DescribeSubnetsResult> {
    let wanted = input.subnet_ids.unwrap_or_else(|| SUBNETS.map(str::to_owned).to_vec());
    let subnet = |id: &String| {
        let at = SUBNETS.iter().position(|known| known == id);
        let at = at.ok_or_else(|| Error::new(Kind::NotFound, "InvalidSubnetID.NotFound", "no"))?;
        Ok(ec2::Subnet {
            subnet_id: Some(id.clone()),
            vpc_id: Some(VPC.to_owned()),
            availability_zone: Some(format!("us-east-1{}", ["a", "b", "c"][at])),
            cidr_block: Some(format!("10.0.{at}.0/24")),
            // All but the last have a range of IPv6.
            ipv6_cidr_block_association_set: (at < 2).then(|| vec![six_of(at)]),
            ..Default::default()
        })
    };
    let subnets = Some(wanted.iter().map(subnet).collect::<Result<_>>()?);
    Ok(ec2::DescribeSubnetsResult { subnets, ..Default::default() })
}

fn six_of(at: usize) -> ec2::SubnetIpv6CidrBlockAssociation {
    let state = Some("associated".to_owned());
    ec2::SubnetIpv6CidrBlockAssociation {
        ipv6_cidr_block: Some(format!("fdc1:d1e:0:{at}::/64")),
        ipv6_cidr_block_state: Some(ec2::SubnetCidrBlockState { state, ..Default::default() }),
        ..Default::default()
    }
}

async fn describe_groups(
    _: &Ctx,
    _: ec2::DescribeSecurityGroupsRequest,
) -> Result<ec2::DescribeSecurityGroupsResult> {
    let group = ec2::SecurityGroup { group_id: Some(GROUP.to_owned()), ..Default::default() };
    Ok(ec2::DescribeSecurityGroupsResult { security_groups: Some(vec![group]), ..Default::default() })
}

async fn describe_vpcs(_: &Ctx, _: ec2::DescribeVpcsRequest) -> Result<ec2::DescribeVpcsResult> {
    let range = ec2::VpcIpv6CidrBlockAssociation {
        ipv6_cidr_block: Some(OWN_RANGE.to_owned()),
        ..Default::default()
    };
    let vpc = ec2::Vpc { ipv6_cidr_block_association_set: Some(vec![range]), ..Default::default() };
    Ok(ec2::DescribeVpcsResult { vpcs: Some(vec![vpc]), ..Default::default() })
}

/// One with our VPC, and one of others.
async fn describe_peerings(
    _: &Ctx,
    _: ec2::DescribeVpcPeeringConnectionsRequest,
) -> Result<ec2::DescribeVpcPeeringConnectionsResult> {
    let side = |vpc: &str, range: &str| {
        let block = ec2::Ipv6CidrBlock { ipv6_cidr_block: Some(range.to_owned()) };
        let (vpc_id, ranges) = (Some(vpc.to_owned()), Some(vec![block]));
        Some(ec2::VpcPeeringConnectionVpcInfo { vpc_id, ipv6_cidr_block_set: ranges, ..Default::default() })
    };
    let peering = |one, other| ec2::VpcPeeringConnection {
        requester_vpc_info: one,
        accepter_vpc_info: other,
        ..Default::default()
    };
    let ours = peering(side("vpc-2", PEER_RANGE), side(VPC, OWN_RANGE));
    let others = peering(side("vpc-2", PEER_RANGE), side("vpc-3", "fdc1:d1e:3::/56"));
    let all = Some(vec![ours, others]);
    Ok(ec2::DescribeVpcPeeringConnectionsResult { vpc_peering_connections: all, ..Default::default() })
}

/// `i-<number>` has the addresses 10.0.0.<number> and fdc1:d1e::<number>, the latter up to 99, and runs.
async fn describe_instances(
    _: &Ctx,
    input: ec2::DescribeInstancesRequest,
) -> Result<ec2::DescribeInstancesResult> {
    let instance = |id: String| ec2::Instance {
        private_ip_address: Some(format!("10.0.0.{}", &id[2..])),
        network_interfaces: (id.len() < 5).then(|| vec![first_interface(&id[2..])]),
        instance_id: Some(id),
        vpc_id: Some(VPC.to_owned()),
        placement: Some(ec2::Placement {
            availability_zone: Some("us-east-1a".to_owned()),
            ..Default::default()
        }),
        state: Some(ec2::InstanceState { name: Some("running".to_owned()), ..Default::default() }),
        ..Default::default()
    };
    let instances = input.instance_ids.unwrap_or_default().into_iter().map(instance).collect();
    let reservation = ec2::Reservation { instances: Some(instances), ..Default::default() };
    Ok(ec2::DescribeInstancesResult { reservations: Some(vec![reservation]), ..Default::default() })
}

fn first_interface(number: &str) -> ec2::InstanceNetworkInterface {
    let address =
        ec2::InstanceIpv6Address { ipv6_address: Some(format!("fdc1:d1e::{number}")), ..Default::default() };
    let attachment = ec2::InstanceNetworkInterfaceAttachment { device_index: Some(0), ..Default::default() };
    ec2::InstanceNetworkInterface {
        attachment: Some(attachment),
        ipv6_addresses: Some(vec![address]),
        ..Default::default()
    }
}

/// Ours leads to the internet, unless the test says otherwise.
async fn describe_gateways(
    ctx: &Ctx,
    _: ec2::DescribeInternetGatewaysRequest,
) -> Result<ec2::DescribeInternetGatewaysResult> {
    let leads = ctx.own::<Arc<Stand>>().has_gateway.load(Ordering::Relaxed);
    let internet_gateways = Some(leads.then(ec2::InternetGateway::default).into_iter().collect());
    Ok(ec2::DescribeInternetGatewaysResult { internet_gateways, ..Default::default() })
}

/// Every allocation is there, and nobody's.
async fn describe_addresses(
    _: &Ctx,
    input: ec2::DescribeAddressesRequest,
) -> Result<ec2::DescribeAddressesResult> {
    let address = |id| ec2::Address { allocation_id: Some(id), ..Default::default() };
    let addresses = input.allocation_ids.into_iter().flatten().map(address).collect();
    Ok(ec2::DescribeAddressesResult { addresses: Some(addresses) })
}

/// And can be had by no interface.
async fn associate(_: &Ctx, _: ec2::AssociateAddressRequest) -> Result<ec2::AssociateAddressResult> {
    Err(Error::new(Kind::Conflict, "Gateway.NotAttached", "no"))
}

async fn create_interface(
    ctx: &Ctx,
    input: ec2::CreateNetworkInterfaceRequest,
) -> Result<ec2::CreateNetworkInterfaceResult> {
    let stand = ctx.own::<Arc<Stand>>();
    let id = format!("eni-{}", ctx.ids().hex(8));
    let at = SUBNETS.iter().position(|known| *known == input.subnet_id).unwrap();
    let number = u8::try_from(stand.interfaces.lock().unwrap().len()).unwrap();
    let address = Ipv4Addr::new(10, 0, u8::try_from(at).unwrap(), 100 + number);
    stand.nic(&id, address).await;
    let interface = ec2::NetworkInterface {
        network_interface_id: Some(id.clone()),
        private_ip_address: Some(address.to_string()),
        association: None,
        ipv6_addresses: input.ipv6_address_count.map(|_| vec![address6(number)]),
        ..Default::default()
    };
    stand.interfaces.lock().unwrap().insert(id, interface.clone());
    Ok(ec2::CreateNetworkInterfaceResult { network_interface: Some(interface), ..Default::default() })
}

fn address6(number: u8) -> ec2::NetworkInterfaceIpv6Address {
    ec2::NetworkInterfaceIpv6Address {
        ipv6_address: Some(format!("fdc1:d1e::{number:x}")),
        ..Default::default()
    }
}

async fn assign_six(
    ctx: &Ctx,
    input: ec2::AssignIpv6AddressesRequest,
) -> Result<ec2::AssignIpv6AddressesResult> {
    let mut known = ctx.own::<Arc<Stand>>().interfaces.lock().unwrap();
    known.get_mut(&input.network_interface_id).unwrap().ipv6_addresses = Some(vec![address6(0xa)]);
    Ok(Default::default())
}

async fn unassign_six(
    ctx: &Ctx,
    input: ec2::UnassignIpv6AddressesRequest,
) -> Result<ec2::UnassignIpv6AddressesResult> {
    let mut known = ctx.own::<Arc<Stand>>().interfaces.lock().unwrap();
    known.get_mut(&input.network_interface_id).unwrap().ipv6_addresses = None;
    Ok(Default::default())
}

async fn describe_interfaces(
    ctx: &Ctx,
    input: ec2::DescribeNetworkInterfacesRequest,
) -> Result<ec2::DescribeNetworkInterfacesResult> {
    let known = ctx.own::<Arc<Stand>>().interfaces.lock().unwrap();
    let wanted = input.network_interface_ids.unwrap_or_default();
    let found = wanted.iter().filter_map(|id| known.get(id).cloned()).collect();
    Ok(ec2::DescribeNetworkInterfacesResult { network_interfaces: Some(found), ..Default::default() })
}

async fn modify_interface(ctx: &Ctx, input: ec2::ModifyNetworkInterfaceAttributeRequest) -> Result<()> {
    if let Some(public) = input.associate_public_ip_address {
        let mut known = ctx.own::<Arc<Stand>>().interfaces.lock().unwrap();
        let public_ip = Some("198.18.0.9".to_owned());
        let association = ec2::NetworkInterfaceAssociation { public_ip, ..Default::default() };
        known.get_mut(&input.network_interface_id).unwrap().association = public.then_some(association);
    }
    Ok(())
}

async fn delete_interface(ctx: &Ctx, input: ec2::DeleteNetworkInterfaceRequest) -> Result<()> {
    let known = ctx.own::<Arc<Stand>>().interfaces.lock().unwrap().remove(&input.network_interface_id);
    known.map(drop).ok_or_else(|| Error::new(Kind::NotFound, "InvalidNetworkInterfaceID.NotFound", "no"))
}

impl Stand {
    /// As EC2 would have its network make it.
    async fn nic(&self, id: &str, address: Ipv4Addr) {
        let network = net::NetworkSpec {
            id: VPC.into(),
            cidrs: vec!["10.0.0.0/16".parse().unwrap()],
            cidrs6: Vec::new(),
            resolver: Ipv4Addr::new(10, 0, 0, 2),
            segments: Vec::new(),
            translators: Vec::new(),
            peers: Vec::new(),
            sets: Vec::new(),
            services: Vec::new(),
        };
        self.networks.ensure_network(network).await.unwrap();
        let nic = net::NicSpec {
            id: id.into(),
            network: VPC.into(),
            mac: [2, 0, 0, 0, address.octets()[2], address.octets()[3]],
            address,
            prefix_len: 24,
            gateway: Ipv4Addr::new(10, 0, 0, 1),
            groups: Vec::new(),
            source_check: true,
            carries: false,
            public_address: None,
            secondary: Vec::new(),
            addresses6: Vec::new(),
            guises: Vec::new(),
            beside: None,
            mtu: 1_500,
            watched: false,
        };
        self.networks.ensure_nic(nic).await.unwrap();
    }
}

fn stand_in(stand: Arc<Stand>) -> Service {
    let mut s = ServiceBuilder::new(&ec2::SERVICE);
    s.own(stand);
    s.op(ec2::op::DescribeSubnets, describe_subnets).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeSecurityGroups, describe_groups).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeVpcs, describe_vpcs).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeVpcPeeringConnections, describe_peerings).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeInstances, describe_instances).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::CreateNetworkInterface, create_interface).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeNetworkInterfaces, describe_interfaces).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::ModifyNetworkInterfaceAttribute, modify_interface).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DeleteNetworkInterface, delete_interface).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeInternetGateways, describe_gateways).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeAddresses, describe_addresses).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::AssociateAddress, associate).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::AssignIpv6Addresses, assign_six).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::UnassignIpv6Addresses, unassign_six).access(|_, _| Ok(Access::any()));
    s.build()
}

pub(crate) fn service(fronts: Arc<dyn Fronts>, networks: Arc<dyn Networks>) -> Service {
    elbv2::service(&Plugs::default().with(fronts).with(networks))
}

pub(crate) async fn cloud() -> Cloud {
    let (fronts, networks) = (Arc::<FakeFronts>::default(), Arc::new(FakeNetworks::default()));
    let stand = Arc::new(Stand {
        networks: networks.clone(),
        interfaces: Mutex::default(),
        has_gateway: true.into(),
    });
    let services = vec![service(fronts.clone(), networks), stand_in(stand.clone())];
    Cloud { test: TestCloud::new(services).await, fronts, stand }
}

impl Cloud {
    /// Interfaces that have an address of IPv6.
    pub(crate) fn interfaces_with_six(&self) -> usize {
        let all = self.stand.interfaces.lock().unwrap();
        all.values().filter(|one| one.ipv6_addresses.is_some()).count()
    }

    /// Interfaces that have a public address.
    pub(crate) fn interfaces_in_public(&self) -> usize {
        let all = self.stand.interfaces.lock().unwrap();
        all.values().filter(|one| one.association.is_some()).count()
    }

    /// Whether the VPC has a gateway to the internet.
    pub(crate) fn set_gateway(&self, there: bool) {
        self.stand.has_gateway.store(there, Ordering::Relaxed);
    }

    pub(crate) fn interfaces(&self) -> usize {
        self.stand.interfaces.lock().unwrap().len()
    }

    /// The ARN of an active application load balancer in the first two subnets.
    pub(crate) async fn balancer(&self, name: &str) -> String {
        let subnets = Some(SUBNETS[..2].iter().map(|&id| id.to_owned()).collect());
        self.made(CreateLoadBalancerInput { name: name.into(), subnets, ..Default::default() }).await
    }

    /// The ARN of an active one as asked for.
    pub(crate) async fn made(&self, input: CreateLoadBalancerInput) -> String {
        let made = self.test.call(op::CreateLoadBalancer, input).await.unwrap().load_balancers.unwrap();
        let arn = made[0].load_balancer_arn.clone().unwrap();
        self.test
            .eventually("it is active", async || (self.state(&arn).await == "active").then_some(()))
            .await;
        arn
    }

    pub(crate) async fn state(&self, arn: &str) -> String {
        let input = DescribeLoadBalancersInput {
            load_balancer_arns: Some(vec![arn.to_owned()]),
            ..Default::default()
        };
        let found = self.test.call(op::DescribeLoadBalancers, input).await.unwrap().load_balancers.unwrap();
        found[0].state.as_ref().unwrap().code.clone().unwrap()
    }

    pub(crate) async fn group(&self, name: &str) -> String {
        let input = CreateTargetGroupInput {
            name: name.into(),
            protocol: Some("HTTP".into()),
            port: Some(80),
            vpc_id: Some(VPC.into()),
            ..Default::default()
        };
        let made = self.test.call(op::CreateTargetGroup, input).await.unwrap().target_groups.unwrap();
        made[0].target_group_arn.clone().unwrap()
    }

    pub(crate) async fn listener(&self, of: &str, group: &str) -> String {
        let action = Action {
            r#type: "forward".into(),
            target_group_arn: Some(group.to_owned()),
            ..Default::default()
        };
        let input = CreateListenerInput {
            load_balancer_arn: of.to_owned(),
            protocol: Some("HTTP".into()),
            port: Some(80),
            default_actions: vec![action],
            ..Default::default()
        };
        let made = self.test.call(op::CreateListener, input).await.unwrap().listeners.unwrap();
        made[0].listener_arn.clone().unwrap()
    }

    pub(crate) async fn register(&self, group: &str, ids: &[&str]) {
        let targets = targets(ids);
        let input = RegisterTargetsInput { target_group_arn: group.to_owned(), targets };
        self.test.call(op::RegisterTargets, input).await.unwrap();
    }

    /// State by id.
    pub(crate) async fn health(&self, group: &str) -> BTreeMap<String, String> {
        let input = DescribeTargetHealthInput { target_group_arn: group.to_owned(), ..Default::default() };
        let found = self.test.call(op::DescribeTargetHealth, input).await.unwrap();
        let found = found.target_health_descriptions.unwrap().into_iter();
        found.map(|one| (one.target.unwrap().id, one.target_health.unwrap().state.unwrap())).collect()
    }
}

pub(crate) fn targets(ids: &[&str]) -> Vec<TargetDescription> {
    ids.iter().map(|&id| TargetDescription { id: id.into(), ..Default::default() }).collect()
}
