//! Keys sent to instances of a whole house, whose machines only remember what was run in them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod console_key;
mod ssh_key;

use std::sync::Arc;

use api_ec2 as ec2;
use compute::{ConsoleKeys, FakeMachines};
use kernel::testing::TestCloud;
use kernel::{Plugs, Service};
use net::FakeNetworks;

pub struct Cloud {
    pub cloud: TestCloud,
    pub machines: Arc<FakeMachines>,
    pub consoles: Arc<ConsoleKeys>,
}

pub async fn cloud() -> Cloud {
    let machines = Arc::new(FakeMachines::new());
    let (services, consoles) = services(&machines);
    Cloud { cloud: TestCloud::new(services).await, machines, consoles }
}

fn services(machines: &Arc<FakeMachines>) -> (Vec<Service>, Arc<ConsoleKeys>) {
    let consoles = Arc::new(ConsoleKeys::default());
    let plugs = Plugs::default()
        .with(consoles.clone())
        .with::<Arc<dyn compute::Machines>>(machines.clone())
        .with::<Arc<dyn net::Networks>>(Arc::new(FakeNetworks::new()))
        .with::<Arc<dyn block::Volumes>>(Arc::new(block::FakeVolumes::new()));
    (vec![::ec2::service(&plugs), ec2_instance_connect::service(&plugs)], consoles)
}

impl Cloud {
    /// The same cloud after its process began anew.
    pub async fn again(self) -> Self {
        let store = self.cloud.house.store().clone();
        self.cloud.house.close().await;
        let (services, consoles) = services(&self.machines);
        Self { cloud: TestCloud::over(store, services).await, machines: self.machines, consoles }
    }

    /// An instance that runs.
    pub async fn instance(&self) -> String {
        self.instance_of("t3.micro").await
    }

    pub async fn instance_of(&self, kind: &str) -> String {
        let images = self.cloud.call(ec2::op::DescribeImages, ec2::DescribeImagesRequest::default()).await;
        let host =
            images.unwrap().images.unwrap().into_iter().find(|image| image.name.as_deref() == Some("host"));
        let request = ec2::RunInstancesRequest {
            image_id: host.unwrap().image_id,
            instance_type: Some(kind.to_owned()),
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
