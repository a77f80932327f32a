//! The cloud the tests run on.

use std::sync::Arc;

use compute::FakeMachines;
use kernel::Plugs;
use kernel::testing::TestCloud;
use net::FakeNetworks;

use crate::identities::Known;

/// A house with EC2, and the engines to look behind it.
pub(crate) struct Cloud {
    pub(crate) cloud: TestCloud,
    pub(crate) machines: Arc<FakeMachines>,
    pub(crate) networks: Arc<FakeNetworks>,
}

impl std::ops::Deref for Cloud {
    type Target = TestCloud;
    fn deref(&self) -> &TestCloud {
        &self.cloud
    }
}

pub(crate) async fn cloud() -> Cloud {
    let (machines, networks) = (Arc::new(FakeMachines::new()), Arc::new(FakeNetworks::new()));
    let cloud = TestCloud::new(vec![ec2::service(&plugs(&machines, &networks))]).await;
    Cloud { cloud, machines, networks }
}

/// On a host that has room for two instances of `t3.micro`.
pub(crate) async fn tight_cloud() -> Cloud {
    let (machines, networks) = (Arc::new(FakeMachines::new()), Arc::new(FakeNetworks::new()));
    let plugs = plugs(&machines, &networks).set("ec2.overcommit", "0.01");
    Cloud { cloud: TestCloud::new(vec![ec2::service(&plugs)]).await, machines, networks }
}

/// One that asks this name server for names of the world.
pub(crate) async fn cloud_that_asks(server: &str) -> Cloud {
    let (machines, networks) = (Arc::new(FakeMachines::new()), Arc::new(FakeNetworks::new()));
    let plugs = plugs(&machines, &networks).set("ec2.name-servers", server);
    Cloud { cloud: TestCloud::new(vec![ec2::service(&plugs)]).await, machines, networks }
}

/// With a service that keeps identities beside it.
pub(crate) async fn cloud_with_roles() -> (Cloud, Known) {
    let (machines, networks) = (Arc::new(FakeMachines::new()), Arc::new(FakeNetworks::new()));
    let known = Known::default();
    let services = vec![ec2::service(&plugs(&machines, &networks)), known.service()];
    (Cloud { cloud: TestCloud::new(services).await, machines, networks }, known)
}

pub(crate) fn plugs(machines: &Arc<FakeMachines>, networks: &Arc<FakeNetworks>) -> Plugs {
    Plugs::default()
        .with::<Arc<dyn compute::Machines>>(machines.clone())
        .with::<Arc<dyn net::Networks>>(networks.clone())
        .with::<Arc<dyn block::Volumes>>(Arc::new(block::FakeVolumes::new()))
}
