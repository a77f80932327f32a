//! What a guest learns from inside: metadata and names.

use std::net::{IpAddr, Ipv4Addr};

use api_ec2 as api;
use api_ec2::op;
use ec2::controllers::{dns, imds};
use ec2::state::id::{Id, VpcId};
use http_body_util::BodyExt;
use hyper::{HeaderMap, Method, StatusCode};
use kernel::Ctx;

use crate::cloud::{Cloud, cloud, cloud_that_asks};
use crate::instance::{becomes, describe, id, launch, run};

pub(crate) struct Guest {
    pub(crate) ctx: Ctx,
    pub(crate) vpc: VpcId,
    pub(crate) address: IpAddr,
}

impl Guest {
    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> (StatusCode, String) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let answer = imds::respond(&self.ctx, &self.vpc, self.address, &method, path, &map).await;
        let (parts, body) = answer.response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, String::from_utf8(body.to_vec()).unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        self.ask(Method::GET, path, &[]).await
    }
}

/// What an instance that runs reads of its metadata; `None` where there is nothing.
pub(crate) async fn read(cloud: &Cloud, id: &str, path: &str) -> Option<String> {
    let instance = describe(cloud, id).await;
    let guest = Guest {
        ctx: cloud.ctx("ec2"),
        vpc: VpcId::parse(instance.vpc_id.as_ref().unwrap()).unwrap(),
        address: instance.private_ip_address.as_ref().unwrap().parse().unwrap(),
    };
    let (status, text) = guest.get(path).await;
    (status == StatusCode::OK).then_some(text)
}

pub(crate) async fn guest(cloud: &Cloud, request: api::RunInstancesRequest) -> (Guest, api::Instance) {
    let launched = id(&run(cloud, request).await);
    let instance = becomes(cloud, &launched, "running").await;
    let guest = Guest {
        ctx: cloud.ctx("ec2"),
        vpc: VpcId::parse(instance.vpc_id.as_ref().unwrap()).unwrap(),
        address: instance.private_ip_address.as_ref().unwrap().parse().unwrap(),
    };
    (guest, instance)
}

const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "x-aws-ec2-metadata-token";

#[tokio::test]
async fn a_guest_is_known_by_its_address() {
    let cloud = cloud().await;
    let request = api::CreateKeyPairRequest {
        key_name: "k".to_owned(),
        key_type: Some("ed25519".to_owned()),
        ..Default::default()
    };
    cloud.call(op::CreateKeyPair, request).await.unwrap();
    let request = api::RunInstancesRequest {
        key_name: Some("k".to_owned()),
        user_data: Some("IyEvYmluL3NoCg==".to_owned()),
        ..launch()
    };
    let (guest, instance) = guest(&cloud, request).await;
    let (status, text) = guest.get("/latest/meta-data/instance-id").await;
    assert_eq!((status, Some(text)), (StatusCode::OK, instance.instance_id));
    assert_eq!(guest.get("/latest/user-data").await.1, "#!/bin/sh\n");
    let key = guest.get("/latest/meta-data/public-keys/0/openssh-key").await.1;
    assert!(key.starts_with("ssh-ed25519 ") && key.ends_with(" k"), "{key}");
    assert_eq!(guest.get("/latest/meta-data/nothing").await.0, StatusCode::NOT_FOUND);
    let stranger = Guest { address: Ipv4Addr::new(172, 31, 255, 250).into(), ..guest };
    assert_eq!(stranger.get("/latest/meta-data/instance-id").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn every_interface_has_a_folder() {
    let cloud = cloud().await;
    let (guest, instance) = guest(&cloud, launch()).await;
    let first = instance.network_interfaces.unwrap().remove(0);
    let subnet = first.subnet_id.unwrap();
    let input = api::CreateNetworkInterfaceRequest {
        subnet_id: subnet.clone(),
        secondary_private_ip_address_count: Some(1),
        ..Default::default()
    };
    let more = cloud.call(op::CreateNetworkInterface, input).await.unwrap().network_interface.unwrap();
    let input = api::AttachNetworkInterfaceRequest {
        network_interface_id: more.network_interface_id.clone().unwrap(),
        instance_id: instance.instance_id.unwrap(),
        device_index: 1,
        ..Default::default()
    };
    cloud.call(op::AttachNetworkInterface, input).await.unwrap();
    let folder = "/latest/meta-data/network/interfaces/macs";
    let mut macs = [format!("{}/", first.mac_address.unwrap()), format!("{}/", more.mac_address.unwrap())];
    let second = macs[1].clone();
    macs.sort();
    assert_eq!(guest.get(&format!("{folder}/")).await.1, macs.join("\n"));
    let addresses = more.private_ip_addresses.unwrap().into_iter().filter_map(|it| it.private_ip_address);
    for (name, wanted) in [
        ("device-number", "1".to_owned()),
        ("interface-id", more.network_interface_id.unwrap()),
        ("local-ipv4s", addresses.collect::<Vec<_>>().join("\n")),
        ("subnet-id", subnet),
    ] {
        assert_eq!(guest.get(&format!("{folder}/{second}{name}")).await.1, wanted, "{name}");
    }
}

#[tokio::test]
async fn tokens_are_given_checked_and_end() {
    let cloud = cloud().await;
    let options = api::InstanceMetadataOptionsRequest {
        http_tokens: Some("required".to_owned()),
        ..Default::default()
    };
    let request = api::RunInstancesRequest { metadata_options: Some(options), ..launch() };
    let (guest, instance) = guest(&cloud, request).await;
    let path = "/latest/meta-data/ami-id";
    assert_eq!(guest.get(path).await.0, StatusCode::UNAUTHORIZED);
    let put =
        async |headers: &[(&'static str, &str)]| guest.ask(Method::PUT, "/latest/api/token", headers).await;
    for bad in ["0", "21601", "soon"] {
        assert_eq!(put(&[(TTL, bad)]).await.0, StatusCode::BAD_REQUEST);
    }
    assert_eq!(put(&[]).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(put(&[(TTL, "60"), ("x-forwarded-for", "1.2.3.4")]).await.0, StatusCode::FORBIDDEN);
    let (status, token) = put(&[(TTL, "60")]).await;
    assert_eq!(status, StatusCode::OK);
    let (status, text) = guest.ask(Method::GET, path, &[(TOKEN, &token)]).await;
    assert_eq!((status, Some(text)), (StatusCode::OK, instance.image_id));
    assert_eq!(guest.ask(Method::GET, path, &[(TOKEN, "x")]).await.0, StatusCode::UNAUTHORIZED);
    cloud.advance(61_000);
    assert_eq!(guest.ask(Method::GET, path, &[(TOKEN, &token)]).await.0, StatusCode::UNAUTHORIZED);

    let request = api::ModifyInstanceMetadataOptionsRequest {
        instance_id: instance.instance_id.unwrap(),
        http_endpoint: Some("disabled".to_owned()),
        ..Default::default()
    };
    cloud.call(op::ModifyInstanceMetadataOptions, request).await.unwrap();
    assert_eq!(put(&[(TTL, "60")]).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn names_are_answered_at_once() {
    use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
    use hickory_proto::rr::{Name, RecordType};
    let cloud = cloud().await;
    let (guest, instance) = guest(&cloud, launch()).await;
    let ask = async |name: &str| {
        let mut question = Message::new(7, MessageType::Query, OpCode::Query);
        question.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
        let reply = dns::respond(&guest.ctx, &guest.vpc, &question.to_vec().unwrap()).await.unwrap();
        let reply = Message::from_vec(&reply).unwrap();
        (reply.metadata.response_code, reply.answers.first().map(|record| record.data.to_string()))
    };
    let private = instance.private_ip_address.unwrap();
    let expected = (ResponseCode::NoError, Some(private));
    let (private_name, public_name) = (instance.private_dns_name.unwrap(), instance.public_dns_name.unwrap());
    assert_eq!(ask(&private_name).await, expected);
    assert_eq!(ask(&public_name).await, expected, "from inside: the private address");
    let unknown = (ResponseCode::NXDomain, None);
    assert_eq!(ask("example.com").await, unknown);
    assert_eq!(dns::respond(&guest.ctx, &guest.vpc, b"no message").await, None);

    let off = api::ModifyVpcAttributeRequest {
        vpc_id: guest.vpc.as_str().to_owned(),
        enable_dns_hostnames: Some(api::AttributeBooleanValue { value: Some(false) }),
        ..Default::default()
    };
    cloud.call(op::ModifyVpcAttribute, off).await.unwrap();
    assert_eq!(ask(&private_name).await, unknown);
    assert_eq!(ask(&public_name).await, unknown);
    assert_eq!(ask("instance-data").await.0, ResponseCode::NoError);
    let shown = describe(&cloud, instance.instance_id.as_ref().unwrap()).await;
    assert_eq!(shown.public_dns_name.as_deref(), Some(""));
    assert!(shown.public_ip_address.is_some());
    assert_eq!(guest.get("/latest/meta-data/public-hostname").await.0, StatusCode::NOT_FOUND);
    assert_eq!(guest.get("/latest/meta-data/public-ipv4").await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_service_speaks_http_and_tells_strangers_nothing() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let cloud = cloud().await;
    let (guest, _) = guest(&cloud, launch()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    cloud.house.spawn(imds::serve(guest.ctx.clone(), guest.vpc.clone(), listener));
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = "GET /latest/meta-data/ HTTP/1.1\r\nHost: x\r\n";
    // Two requests on one connection; the second ends it.
    stream.write_all(format!("{request}\r\n{request}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer.matches("HTTP/1.1 403 Forbidden").count(), 2, "{answer}");
    assert!(!answer.contains("ami-id"));
}

#[tokio::test]
async fn names_of_the_world_are_asked_of_its_name_servers_where_there_are_some() {
    use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
    use hickory_proto::rr::{Name, RecordType};
    let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = server.local_addr().unwrap();
    let told = async move {
        let mut buffer = [0; 512];
        let (length, peer) = server.recv_from(&mut buffer).await.unwrap();
        let question = Message::from_vec(&buffer[..length]).unwrap();
        let mut reply = Message::response(question.metadata.id, OpCode::Query);
        reply.queries.clone_from(&question.queries);
        server.send_to(&reply.to_vec().unwrap(), peer).await.unwrap();
        question.queries[0].name().to_ascii()
    };
    let cloud = cloud_that_asks(&at.to_string()).await;
    let (guest, _) = guest(&cloud, launch()).await;
    let mut question = Message::new(7, MessageType::Query, OpCode::Query);
    question.add_query(Query::query(Name::from_ascii("example.com.").unwrap(), RecordType::A));
    let question = question.to_vec().unwrap();
    let (told, reply) = tokio::join!(told, dns::respond(&guest.ctx, &guest.vpc, &question));
    let reply = Message::from_vec(&reply.unwrap()).unwrap();
    assert_eq!((reply.metadata.id, reply.metadata.response_code), (7, ResponseCode::NoError));
    assert_eq!(told, "example.com.");
}
