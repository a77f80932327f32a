//! A house with load balancing, and a stand-in for EC2: two subnets, one security group, instances as tests say.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use api_ec2 as ec2;
use api_elb::*;
use balance::{FakeFronts, Fronts};
use kernel::testing::TestCloud;
use kernel::{Access, Ctx, Error, Kind, Plugs, Result, Service, ServiceBuilder};
use net::{FakeNetworks, Networks};

pub(crate) const VPC: &str = "vpc-1";
pub(crate) const SUBNETS: [&str; 3] = ["subnet-a", "subnet-b", "subnet-c"];
pub(crate) const GROUP: &str = "sg-1";

/// What the stand-in knows.
pub(crate) struct Stand {
    networks: Arc<FakeNetworks>,
    interfaces: Mutex<BTreeMap<String, ec2::NetworkInterface>>,
    /// How many there have been: addresses are not taken twice.
    made: Mutex<u8>,
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
            ..Default::default()
        })
    };
    let subnets = Some(wanted.iter().map(subnet).collect::<Result<_>>()?);
    Ok(ec2::DescribeSubnetsResult { subnets, ..Default::default() })
}

async fn describe_groups(
    _: &Ctx,
    _: ec2::DescribeSecurityGroupsRequest,
) -> Result<ec2::DescribeSecurityGroupsResult> {
    let group = ec2::SecurityGroup {
        group_id: Some(GROUP.to_owned()),
        group_name: Some("default".to_owned()),
        ..Default::default()
    };
    Ok(ec2::DescribeSecurityGroupsResult { security_groups: Some(vec![group]), ..Default::default() })
}

/// `i-<number>` has the address 10.0.0.<number> and runs.
async fn describe_instances(
    _: &Ctx,
    input: ec2::DescribeInstancesRequest,
) -> Result<ec2::DescribeInstancesResult> {
    let instance = |id: String| ec2::Instance {
        private_ip_address: Some(format!("10.0.0.{}", &id[2..])),
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

/// Ours leads to the internet.
async fn describe_gateways(
    _: &Ctx,
    _: ec2::DescribeInternetGatewaysRequest,
) -> Result<ec2::DescribeInternetGatewaysResult> {
    let internet_gateways = Some(vec![ec2::InternetGateway::default()]);
    Ok(ec2::DescribeInternetGatewaysResult { internet_gateways, ..Default::default() })
}

async fn create_interface(
    ctx: &Ctx,
    input: ec2::CreateNetworkInterfaceRequest,
) -> Result<ec2::CreateNetworkInterfaceResult> {
    let stand = ctx.own::<Arc<Stand>>();
    let id = format!("eni-{}", ctx.ids().hex(8));
    let at = SUBNETS.iter().position(|known| *known == input.subnet_id).unwrap();
    let number = {
        let mut made = stand.made.lock().unwrap();
        *made += 1;
        *made
    };
    let address = Ipv4Addr::new(10, 0, u8::try_from(at).unwrap(), 100 + number);
    stand.nic(&id, address).await;
    let interface = ec2::NetworkInterface {
        network_interface_id: Some(id.clone()),
        private_ip_address: Some(address.to_string()),
        association: None,
        ..Default::default()
    };
    stand.interfaces.lock().unwrap().insert(id, interface.clone());
    Ok(ec2::CreateNetworkInterfaceResult { network_interface: Some(interface), ..Default::default() })
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
    if input.associate_public_ip_address == Some(true) {
        let mut known = ctx.own::<Arc<Stand>>().interfaces.lock().unwrap();
        let public_ip = Some("198.18.0.9".to_owned());
        known.get_mut(&input.network_interface_id).unwrap().association =
            Some(ec2::NetworkInterfaceAssociation { public_ip, ..Default::default() });
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
    s.op(ec2::op::DescribeInternetGateways, describe_gateways).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeSubnets, describe_subnets).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeSecurityGroups, describe_groups).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeInstances, describe_instances).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::CreateNetworkInterface, create_interface).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeNetworkInterfaces, describe_interfaces).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::ModifyNetworkInterfaceAttribute, modify_interface).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DeleteNetworkInterface, delete_interface).access(|_, _| Ok(Access::any()));
    s.build()
}

pub(crate) fn service(fronts: Arc<dyn Fronts>, networks: Arc<dyn Networks>) -> Service {
    elb::service(&Plugs::default().with(fronts).with(networks))
}

pub(crate) async fn cloud() -> Cloud {
    let (fronts, networks) = (Arc::<FakeFronts>::default(), Arc::new(FakeNetworks::default()));
    let stand =
        Arc::new(Stand { networks: networks.clone(), interfaces: Mutex::default(), made: Mutex::default() });
    let services = vec![service(fronts.clone(), networks), stand_in(stand.clone())];
    Cloud { test: TestCloud::new(services).await, fronts, stand }
}

impl Cloud {
    pub(crate) fn interfaces(&self) -> usize {
        self.stand.interfaces.lock().unwrap().len()
    }

    /// A load balancer in the first two subnets, with a listener from port 80 to port 8080.
    pub(crate) async fn balancer(&self, name: &str) {
        let subnets = Some(SUBNETS[..2].iter().map(|&id| id.to_owned()).collect());
        let listeners = vec![listener("HTTP", 80)];
        let input = CreateAccessPointInput {
            load_balancer_name: name.into(),
            listeners,
            subnets,
            ..Default::default()
        };
        self.test.call(op::CreateLoadBalancer, input).await.unwrap();
        self.test
            .eventually("it has a front", async || {
                let is_it = |front: &balance::FrontSpec| front.places.len() == 2;
                self.fronts.all().iter().any(is_it).then_some(())
            })
            .await;
    }

    pub(crate) async fn shown(&self, name: &str) -> LoadBalancerDescription {
        let names = Some(vec![name.to_owned()]);
        let input = DescribeAccessPointsInput { load_balancer_names: names, ..Default::default() };
        let found = self.test.call(op::DescribeLoadBalancers, input).await.unwrap();
        found.load_balancer_descriptions.unwrap().remove(0)
    }

    pub(crate) async fn register(&self, name: &str, ids: &[&str]) {
        let input = RegisterEndPointsInput { load_balancer_name: name.into(), instances: instances(ids) };
        self.test.call(op::RegisterInstancesWithLoadBalancer, input).await.unwrap();
    }

    /// State and description by id.
    pub(crate) async fn health(&self, name: &str) -> BTreeMap<String, (String, String)> {
        let input = DescribeEndPointStateInput { load_balancer_name: name.into(), instances: None };
        let found = self.test.call(op::DescribeInstanceHealth, input).await.unwrap();
        let found = found.instance_states.unwrap().into_iter();
        found.map(|one| (one.instance_id.unwrap(), (one.state.unwrap(), one.description.unwrap()))).collect()
    }
}

pub(crate) fn instances(ids: &[&str]) -> Vec<Instance> {
    ids.iter().map(|&id| Instance { instance_id: Some(id.into()) }).collect()
}

pub(crate) fn listener(protocol: &str, port: i32) -> Listener {
    Listener {
        protocol: protocol.into(),
        load_balancer_port: port,
        instance_protocol: None,
        instance_port: port + 8_000,
        ssl_certificate_id: None,
    }
}
