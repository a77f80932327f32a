//! What outlives a daemon, and what is told and metered.

use std::sync::{Arc, Mutex};

use compute::{MachineId, Machines};
use kernel::testing::TestCloud;
use kernel::{Ctx, Event, Result, ServiceBuilder};
use shape::ServiceDef;

use crate::cloud::{Cloud, cloud, plugs};
use crate::instance::{becomes, running, stop};

#[tokio::test]
async fn running_machines_are_adopted_dead_ones_noticed_and_strays_removed() {
    let before = cloud().await;
    let (kept, dead) = (running(&before).await, running(&before).await);
    before.house.close().await;
    let id = |text: &str| MachineId::new(text).unwrap();
    before.machines.exit(&id(&dead), compute::ExitReason::Failed("the host restarted".to_owned()));
    let mut stray = before.machines.spec(&id(&kept)).unwrap();
    stray.id = id("i-00000000000000000");
    before.machines.ensure_created(stray).await.unwrap();

    let Cloud { machines, networks, cloud } = before;
    let plugs = plugs(&machines, &networks);
    let cloud = TestCloud::over(cloud.house.store().clone(), vec![ec2::service(&plugs)]).await;
    let after = Cloud { cloud, machines, networks };
    becomes(&after, &dead, "stopped").await;
    becomes(&after, &kept, "running").await;
    assert_eq!(after.machines.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_reset_leaves_no_machine() {
    let cloud = cloud().await;
    running(&cloud).await;
    cloud.house.reset().await.unwrap();
    assert_eq!(cloud.machines.list().await.unwrap(), []);
    running(&cloud).await;
}

#[tokio::test]
async fn seconds_of_running_are_written_down_once() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    cloud.advance(90_500);
    stop(&cloud, &id).await.unwrap();
    becomes(&cloud, &id, "stopped").await;
    cloud.advance(60_000);
    let lines = kernel::meter::list(&cloud.ctx("ec2"), "ec2", None, 10).await.unwrap();
    let lines: Vec<_> = lines.into_iter().filter(|(_, line)| line.resource == id).collect();
    assert_eq!(lines.len(), 1);
    let line = &lines[0].1;
    assert_eq!((line.usage_type.as_str(), line.quantity), ("BoxUsage:t3.micro", 90));
    assert_eq!(line.unit, "Seconds");
}

static LISTENER: ServiceDef = ServiceDef { name: "listener", id: "listener", ..api_ec2::SERVICE };

#[derive(Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

async fn hear(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let state = event.detail.get("state").and_then(|state| state.as_str()).unwrap_or_default();
    ctx.own::<Heard>().0.lock().unwrap().push(state.to_owned());
    Ok(())
}

#[tokio::test]
async fn every_change_of_state_is_told() {
    let plain = cloud().await;
    let heard = Heard::default();
    let log = heard.0.clone();
    let mut listener = ServiceBuilder::new(&LISTENER);
    listener.own(heard);
    let detail = "EC2 Instance State-change Notification";
    listener.subscribe("listener/states", Some("aws.ec2"), Some(detail), hear);
    let plugs = plugs(&plain.machines, &plain.networks);
    let cloud = TestCloud::new(vec![ec2::service(&plugs), listener.build()]).await;
    let cloud = Cloud { cloud, machines: plain.machines.clone(), networks: plain.networks.clone() };
    let id = running(&cloud).await;
    stop(&cloud, &id).await.unwrap();
    becomes(&cloud, &id, "stopped").await;
    cloud
        .eventually("four events", async || {
            let mut heard = log.lock().unwrap().clone();
            heard.sort();
            (heard == ["pending", "running", "stopped", "stopping"]).then_some(())
        })
        .await;
}
