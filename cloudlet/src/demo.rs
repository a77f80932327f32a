//! `cloudlet demo`: the first tour, made through the cloud's own API as any client would make it.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::net::TcpStream;

use crate::cli::{Outcome, Problem};
use crate::client::{Client, block_on};
use crate::config::Endpoint;
use crate::lines::say;
use crate::query::{Answer, Query};

/// Options of `cloudlet demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    endpoint: Endpoint,

    /// Image to boot, by name
    #[arg(long, default_value = "host")]
    image: String,

    /// Where to put the private key
    #[arg(long, value_name = "FILE", default_value = "cloudlet-demo.pem")]
    key: PathBuf,
}

/// Runs as root at the first boot.
const USER_DATA: &str = r#"#!/bin/sh
mkdir -p /srv/web && cd /srv/web
cat > index.html <<PAGE
<h1>Hello from $(hostname)</h1>
<p>This page is served by an instance that booted $(cut -d. -f1 /proc/uptime) seconds into its host's life.</p>
PAGE
if command -v python3 >/dev/null; then exec python3 -m http.server 80; fi
exec busybox httpd -f -p 80
"#;

const GROUP: &str = "cloudlet-demo";
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);
const PAGE_BYTES_MAX: usize = 64 * 1024;

pub(crate) fn run(options: &Demo) -> Outcome {
    block_on(tour(options))
}

async fn tour(options: &Demo) -> Outcome {
    let client = Client::new(&options.endpoint.endpoint)?;
    let steps = Steps::new(6);
    let begun = Instant::now();

    steps.begin("finding the image");
    let images = ec2(
        &client,
        Query::new("DescribeImages").with("Filter.1.Name", "name").with("Filter.1.Value.1", &options.image),
    )
    .await?;
    let image =
        images.first("imageId").ok_or_else(|| Problem(format!("no image is named {}", options.image)))?;

    steps.begin("making a key pair");
    // First its place: the private half is told once.
    let mut key_file = begin_key(&options.key)?;
    let key_name = format!("demo-{}", std::process::id());
    let key = ec2(&client, Query::new("CreateKeyPair").with("KeyName", &key_name).with("KeyType", "ed25519"))
        .await?;
    let pem = key.need("keyMaterial")?;
    std::io::Write::write_all(&mut key_file, pem.as_bytes()).map_err(|e| cannot_write(&options.key, &e))?;

    steps.begin("opening ports 22 and 80");
    let group = security_group(&client).await?;

    steps.begin("starting an instance");
    let run = Query::new("RunInstances")
        .with("ImageId", &image)
        .with("InstanceType", "t3.micro")
        .with("MinCount", "1")
        .with("MaxCount", "1")
        .with("KeyName", &key_name)
        .with("SecurityGroupId.1", &group)
        .with("UserData", &base64::Engine::encode(&base64::engine::general_purpose::STANDARD, USER_DATA))
        .with("TagSpecification.1.ResourceType", "instance")
        .with("TagSpecification.1.Tag.1.Key", "Name")
        .with("TagSpecification.1.Tag.1.Value", "cloudlet-demo");
    let instance = ec2(&client, run).await?.need("instanceId")?;

    steps.begin("waiting for its public address");
    let address = poll("the instance does not come up", async || {
        let running = Query::new("DescribeInstances")
            .with("InstanceId.1", &instance)
            .with("Filter.1.Name", "instance-state-name")
            .with("Filter.1.Value.1", "running");
        ec2(&client, running).await.ok()?.first("ipAddress")
    })
    .await?;

    steps.begin("waiting for its web server");
    let page = poll("the web server does not answer", async || page(&address).await.ok()).await?;
    steps.end();

    say(format_args!("\n{}", page.trim_end()));
    say(format_args!("\nInstance {instance}: http://{address}/ ({} ms)", begun.elapsed().as_millis()));
    say(format_args!("ssh -i {} ec2-user@{address}", options.key.display()));
    say(format_args!("aws ec2 terminate-instances --instance-ids {instance}"));
    Ok(())
}

async fn ec2(client: &Client, query: Query) -> Outcome<Answer> {
    query.send(client, "ec2", "2016-11-15").await
}

/// The tour's security group, made at the first tour and found at the next.
async fn security_group(client: &Client) -> Outcome<String> {
    let found = Query::new("DescribeSecurityGroups")
        .with("Filter.1.Name", "group-name")
        .with("Filter.1.Value.1", GROUP);
    if let Some(group) = ec2(client, found).await?.first("groupId") {
        return Ok(group);
    }
    let make = Query::new("CreateSecurityGroup")
        .with("GroupName", GROUP)
        .with("GroupDescription", "Made by cloudlet demo: ssh and http from everywhere");
    let group = ec2(client, make).await?.need("groupId")?;
    let mut open = Query::new("AuthorizeSecurityGroupIngress").with("GroupId", &group);
    for (at, port) in [(1, "22"), (2, "80")] {
        open = open
            .with(&format!("IpPermissions.{at}.IpProtocol"), "tcp")
            .with(&format!("IpPermissions.{at}.FromPort"), port)
            .with(&format!("IpPermissions.{at}.ToPort"), port)
            .with(&format!("IpPermissions.{at}.IpRanges.1.CidrIp"), "0.0.0.0/0");
    }
    ec2(client, open).await?;
    Ok(group)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(&format!("cannot write {}", path.display()), error)
}

fn begin_key(path: &Path) -> Outcome<std::fs::File> {
    let begin = || {
        // Taken away first, so that an old file's mode does not stay.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    };
    begin().map_err(|e| cannot_write(path, &e))
}

/// Asks again and again until there is an answer.
async fn poll<T>(never: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> Outcome<T> {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.map_err(|_| Problem(never.to_owned()))
}

/// The page at port 80 of an address.
async fn page(address: &str) -> Result<String, Box<dyn std::error::Error>> {
    let stream = tokio::time::timeout(Duration::from_secs(1), TcpStream::connect((address, 80))).await??;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = http::Request::get("/").header("host", address).body(Empty::<bytes::Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    if !answer.status().is_success() {
        return Err(answer.status().to_string().into());
    }
    let body = Limited::new(answer.into_body(), PAGE_BYTES_MAX).collect().await;
    let body = body.map_err(|_| "the page is too long")?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// A bar with what is being done.
struct Steps(ProgressBar);

impl Steps {
    fn new(steps: u64) -> Self {
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}");
        let bar = ProgressBar::new(steps);
        Self(match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    fn begin(&self, what: &'static str) {
        if self.0.is_hidden() {
            say(what);
        }
        self.0.set_message(what);
        self.0.inc(1);
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
