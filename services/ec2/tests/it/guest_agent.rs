//! What guests ask the CloudWatch agent for is done from outside of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use api_ec2 as api;
use api_logs as logs;
use compute::CommandOutput;
use ec2::state::guest_agent as state;
use kernel::Plugs;
use kernel::testing::TestCloud;
use serde_json::json;

use crate::cloud::{Cloud, plugs};
use crate::identities::Known;
use crate::instance::{becomes, id, launch, run, terminate};

const LOOK_MS: i64 = 5_000;

/// A guest with files of its own, in which the programs it is asked to run really run.
#[derive(Clone)]
struct Guest {
    folder: Arc<tempfile::TempDir>,
    /// The configuration of the agent.
    config: Arc<Mutex<String>>,
    told: Arc<Mutex<Vec<String>>>,
    looks: Arc<Mutex<usize>>,
}

impl Guest {
    fn on(cloud: &Cloud) -> Self {
        let guest = Self {
            folder: Arc::new(tempfile::tempdir().unwrap()),
            config: Arc::default(),
            told: Arc::default(),
            looks: Arc::default(),
        };
        let one = guest.clone();
        cloud.machines.on_command(move |command| one.run(command));
        guest
    }

    fn run(&self, command: &[String]) -> CommandOutput {
        if command[0] == "cat" {
            let stdout = format!("up\n{}", self.config.lock().unwrap()).into_bytes();
            return CommandOutput { stdout, ..Default::default() };
        }
        if command[2].contains("date -u") {
            self.told.lock().unwrap().extend_from_slice(&command[4..]);
            return CommandOutput::default();
        }
        *self.looks.lock().unwrap() += 1;
        let done = Command::new(&command[0]).args(&command[1..]).output().unwrap();
        CommandOutput { code: done.status.code().unwrap(), stdout: done.stdout, ..Default::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Asks for these entries of files in the guest's folder.
    fn ask_for(&self, entries: &[serde_json::Value]) {
        let mut entries = entries.to_vec();
        for entry in &mut entries {
            let name = entry["file_path"].as_str().unwrap();
            // The console is nobody's file.
            if !name.starts_with('/') {
                entry["file_path"] = json!(self.path(name).to_str().unwrap());
            }
        }
        let config = json!({"logs": {"logs_collected": {"files": {"collect_list": entries}}}});
        *self.config.lock().unwrap() = config.to_string();
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

fn append(path: &Path, text: &str) {
    use std::io::Write;
    let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A cloud with logs, and a role `agent` that may do this to them.
async fn cloud(may: &str) -> (Cloud, Known) {
    let machines = Arc::new(compute::FakeMachines::new());
    let networks = Arc::new(net::FakeNetworks::new());
    let known = Known::default();
    let trust = r#"{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#;
    known.profile("agent", "ec2.amazonaws.com");
    known.role("agent", trust, may);
    let services = vec![
        ec2::service(&plugs(&machines, &networks)),
        cloudwatch::service(&Plugs::default()),
        ::logs::service(&Plugs::default()),
        known.service(),
    ];
    (Cloud { cloud: TestCloud::new(services).await, machines, networks }, known)
}

const ALL: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;

async fn launched(cloud: &Cloud, profile: Option<&str>) -> String {
    let profile = profile.map(|name| api::IamInstanceProfileSpecification {
        name: Some(name.to_owned()),
        ..Default::default()
    });
    let request = api::RunInstancesRequest { iam_instance_profile: profile, ..launch() };
    let id = id(&run(cloud, request).await);
    becomes(cloud, &id, "running").await;
    id
}

async fn lines(cloud: &Cloud, group: &str) -> Vec<String> {
    let input = logs::FilterLogEventsRequest { log_group_name: Some(group.to_owned()), ..Default::default() };
    let found = cloud.call(logs::op::FilterLogEvents, input).await;
    let events = found.ok().and_then(|found| found.events).unwrap_or_default();
    events.into_iter().filter_map(|event| event.message).collect()
}

/// Lets time go by until these are all the lines of a group.
async fn shipped(cloud: &Cloud, group: &str, wanted: &[&str]) {
    until(cloud, group, async || lines(cloud, group).await == wanted).await;
}

async fn until(cloud: &Cloud, what: &str, is: impl AsyncFn() -> bool) {
    cloud
        .eventually(what, async || {
            cloud.advance(LOOK_MS);
            is().await.then_some(())
        })
        .await;
}

/// Lets so many looks go by.
async fn looks(cloud: &Cloud, guest: &Guest, count: usize) {
    let begun = *guest.looks.lock().unwrap();
    until(cloud, "looks", async || *guest.looks.lock().unwrap() >= begun + count).await;
}

#[tokio::test]
async fn a_refused_retention_is_told_once_and_holds_nothing_up() {
    let (cloud, _) = cloud(ALL).await;
    let guest = Guest::on(&cloud);
    guest.ask_for(&[json!({"file_path": "a.log", "log_group_name": "a", "retention_in_days": 8})]);
    append(&guest.path("a.log"), "one\ntwo\n");
    launched(&cloud, Some("agent")).await;
    shipped(&cloud, "a", &["one", "two"]).await;
    looks(&cloud, &guest, 4).await;
    append(&guest.path("a.log"), "three\n");
    shipped(&cloud, "a", &["one", "two", "three"]).await;
    looks(&cloud, &guest, 4).await;
    assert_eq!(lines(&cloud, "a").await, ["one", "two", "three"], "each once");
    let told = guest.told();
    assert!(told.len() == 1 && told[0].starts_with("a: retention_in_days 8 is not set: "), "{told:?}");
}

#[tokio::test]
async fn a_console_is_shipped_beside_files_and_without_any() {
    let (cloud, _) = cloud(ALL).await;
    let guest = Guest::on(&cloud);
    let console = json!({"file_path": "/dev/console", "log_group_name": "said", "filters": [
        {"type": "exclude", "expression": "secret"}]});
    guest.ask_for(&[console.clone(), json!({"file_path": "a.log", "log_group_name": "a"})]);
    append(&guest.path("a.log"), "one\n");
    let made = launched(&cloud, Some("agent")).await;
    let machine = compute::MachineId::new(made).unwrap();
    cloud.machines.write_console(&machine, b"it boots\r\na secret\r\n");
    shipped(&cloud, "said", &["it boots"]).await;
    shipped(&cloud, "a", &["one"]).await;
    guest.ask_for(&[console]);
    cloud.machines.write_console(&machine, b"login: ");
    looks(&cloud, &guest, 3).await;
    cloud.machines.write_console(&machine, b"ann\r\n");
    shipped(&cloud, "said", &["it boots", "login: ann"]).await;
}

#[tokio::test]
async fn a_group_that_is_refused_rests_and_does_not_hold_up_others() {
    let may = r#"{"Effect":"Allow","Action":"logs:*","Resource":"arn:aws:logs:*:*:log-group:a*"}"#;
    let (cloud, known) = cloud(may).await;
    let guest = Guest::on(&cloud);
    guest.ask_for(&[
        json!({"file_path": "b.log", "log_group_name": "b"}),
        json!({"file_path": "a.log", "log_group_name": "a"}),
    ]);
    append(&guest.path("a.log"), "one\n");
    append(&guest.path("b.log"), "two\n");
    launched(&cloud, Some("agent")).await;
    shipped(&cloud, "a", &["one"]).await;
    until(&cloud, "told", async || !guest.told().is_empty()).await;
    looks(&cloud, &guest, 8).await;
    let told = guest.told();
    assert!(told.len() == 1 && told[0].contains("not authorized"), "{told:?}");
    let trust = r#"{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#;
    known.role("agent", trust, ALL);
    shipped(&cloud, "b", &["two"]).await;
}

#[tokio::test]
async fn a_role_is_asked_for_when_there_is_something_to_ship_and_not_at_every_look() {
    let (cloud, _) = cloud(ALL).await;
    let guest = Guest::on(&cloud);
    guest.ask_for(&[json!({"file_path": "a.log", "log_group_name": "a"})]);
    append(&guest.path("a.log"), "");
    launched(&cloud, None).await;
    looks(&cloud, &guest, 4).await;
    assert!(guest.told().is_empty(), "nobody misses a role without need");
    append(&guest.path("a.log"), "one\n");
    until(&cloud, "told", async || !guest.told().is_empty()).await;
    let told = guest.told();
    assert!(told.len() == 1 && told[0].contains("no role that trusts EC2"), "{told:?}");
}

#[tokio::test]
async fn a_configuration_that_is_gone_is_stored_no_more_and_what_was_shipped_is_not_shipped_again() {
    let (cloud, _) = cloud(ALL).await;
    let guest = Guest::on(&cloud);
    let entry = [json!({"file_path": "a.log", "log_group_name": "a"})];
    guest.ask_for(&entry);
    append(&guest.path("a.log"), "one\n");
    let made = launched(&cloud, Some("agent")).await;
    shipped(&cloud, "a", &["one"]).await;
    let configs = async || cloud.ctx("ec2").read(|snap| state::configs(snap)).await.unwrap().len();
    assert_eq!(configs().await, 1);
    guest.config.lock().unwrap().clear();
    until(&cloud, "gone", async || configs().await == 0).await;
    append(&guest.path("a.log"), "two\n");
    guest.ask_for(&entry);
    shipped(&cloud, "a", &["one", "two"]).await;
    terminate(&cloud, &made).await.unwrap();
    becomes(&cloud, &made, "terminated").await;
    cloud.advance(2 * 3_600_000);
    until(&cloud, "forgotten", async || configs().await == 0).await;
}

#[tokio::test]
async fn lines_have_their_own_times_and_only_those_that_are_wanted_are_shipped() {
    let (cloud, _) = cloud(ALL).await;
    let guest = Guest::on(&cloud);
    let format = "%Y-%m-%d %H:%M:%S";
    guest.ask_for(&[
        json!({"file_path": "a.log", "log_group_name": "a", "timestamp_format": format, "timezone": "UTC",
            "multi_line_start_pattern": "{timestamp_format}", "filters": [{"type": "exclude", "expression": "health"}]}),
        json!({"file_path": "b.log", "log_group_name": "b", "from_beginning": false}),
        json!({"file_path": "c.log", "log_group_name": "c", "timestamp_format": format}),
    ]);
    let begun = cloud.now().div_euclid(1_000) * 1_000;
    let text = |ago_s: i64| {
        let at = time::OffsetDateTime::from_unix_timestamp(begun / 1_000 - ago_s).unwrap();
        format!("{} {:02}:{:02}:{:02}", at.date(), at.hour(), at.minute(), at.second())
    };
    // Further apart than one call of PutLogEvents takes.
    let (first, second) = (100_000, 3_600);
    let lines =
        [format!("{} one\nmore of it\n", text(first)), format!("{} health\n{} two\n", text(9), text(second))];
    append(&guest.path("a.log"), &lines.concat());
    append(&guest.path("b.log"), "old\n");
    append(&guest.path("c.log"), &format!("{} long ago\n", text(30 * 86_400)));
    launched(&cloud, Some("agent")).await;
    let events = async || {
        let input =
            logs::FilterLogEventsRequest { log_group_name: Some("a".to_owned()), ..Default::default() };
        let found = cloud.call(logs::op::FilterLogEvents, input).await.ok();
        let events = found.and_then(|found| found.events).unwrap_or_default();
        events.into_iter().map(|event| (event.timestamp.unwrap(), event.message.unwrap())).collect::<Vec<_>>()
    };
    let wanted = [
        (begun - first * 1_000, format!("{} one\nmore of it", text(first))),
        (begun - second * 1_000, format!("{} two", text(second))),
    ];
    until(&cloud, "both", async || events().await == wanted).await;
    until(&cloud, "told", async || !guest.told().is_empty()).await;
    assert!(guest.told()[0].ends_with("c.log: lines have times that c does not keep"), "{:?}", guest.told());
    looks(&cloud, &guest, 2).await;
    append(&guest.path("b.log"), "new\n");
    shipped(&cloud, "b", &["new"]).await;
}
