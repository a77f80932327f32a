//! Keys sent to instances of a whole house, whose machines only remember what was run in them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod ssh_key;

use std::sync::Arc;

use api_ec2 as ec2;
use compute::FakeMachines;
use kernel::Plugs;
use kernel::testing::TestCloud;
use net::FakeNetworks;

pub struct Cloud {
    pub cloud: TestCloud,
    pub machines: Arc<FakeMachines>,
}

pub async fn cloud() -> Cloud {
    let machines = Arc::new(FakeMachines::new());
    let plugs = Plugs::default()
        .with::<Arc<dyn compute::Machines>>(machines.clone())
        .with::<Arc<dyn net::Networks>>(Arc::new(FakeNetworks::new()))
        .with::<Arc<dyn block::Volumes>>(Arc::new(block::FakeVolumes::new()));
    let services = vec![::ec2::service(&plugs), ec2_instance_connect::service(&plugs)];
    Cloud { cloud: TestCloud::new(services).await, machines }
}

impl Cloud {
    /// An instance that runs.
    pub async fn instance(&self) -> String {
        let images = self.cloud.call(ec2::op::DescribeImages, ec2::DescribeImagesRequest::default()).await;
        let host =
            images.unwrap().images.unwrap().into_iter().find(|image| image.name.as_deref() == Some("host"));
        let request = ec2::RunInstancesRequest {
            image_id: host.unwrap().image_id,
            instance_type: Some("t3.micro".to_owned()),
            min_count: 1,
            max_count: 1,
            ..Default::default()
        };
        let made = self.cloud.call(ec2::op::RunInstances, request).await.unwrap();
        let id = made.instances.unwrap().remove(0).instance_id.unwrap();
        let runs = async || (self.state(&id).await == "running").then_some(());
        self.cloud.eventually("it runs", runs).await;
        id
    }

    pub async fn state(&self, id: &str) -> String {
        let request =
            ec2::DescribeInstancesRequest { instance_ids: Some(vec![id.to_owned()]), ..Default::default() };
        let told = self.cloud.call(ec2::op::DescribeInstances, request).await.unwrap();
        told.reservations.unwrap().remove(0).instances.unwrap().remove(0).state.unwrap().name.unwrap()
    }
}
