//! A machine's first boot against a metadata service of our own, in a network namespace of our own.

use std::io::Read;
use std::net::TcpListener as StdListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use compute::{Config, ImageId, MachineId, Machines, Seed};
use nix::sched::{CloneFlags, setns};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::lab::Lab;

pub(crate) const SERVICE: &str = "169.254.169.254";

/// A network namespace that ends with the test.
pub(crate) struct Net(String);

impl Net {
    pub(crate) fn new(name: &str) -> Self {
        let net = Self(name.to_owned());
        net.ip(&["netns", "del", name]);
        net.ip(&["netns", "add", name]);
        net.ip(&["-n", name, "link", "set", "lo", "up"]);
        net.ip(&["-n", name, "addr", "add", &format!("{SERVICE}/32"), "dev", "lo"]);
        net
    }

    fn ip(&self, args: &[&str]) {
        let _ = Command::new("ip").args(args).output().unwrap();
    }

    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.0)
    }

    /// A listener inside, served from outside.
    pub(crate) fn listen(&self) -> TcpListener {
        let path = self.path();
        let inside = std::thread::spawn(move || {
            setns(std::fs::File::open(path).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
            StdListener::bind((SERVICE, 80)).unwrap()
        });
        let listener = inside.join().unwrap();
        listener.set_nonblocking(true).unwrap();
        TcpListener::from_std(listener).unwrap()
    }

    /// The namespace's view of a port on its loopback.
    fn get(&self, port: u16) -> Option<String> {
        let path = self.path();
        let inside = std::thread::spawn(move || {
            setns(std::fs::File::open(path).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            std::io::Write::write_all(&mut stream, b"GET / HTTP/1.0\r\n\r\n").ok()?;
            let mut text = String::new();
            let _ = stream.read_to_string(&mut text);
            (!text.is_empty()).then_some(text)
        });
        inside.join().unwrap()
    }

    fn run(&self, command: &str) -> Output {
        let net = format!("--net={}", self.path().display());
        Command::new("nsenter").arg(net).args(["sh", "-c", command]).output().unwrap()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.ip(&["netns", "del", &self.0]);
    }
}

/// What a metadata service tells, only to those with a token if it is strict.
pub(crate) async fn serve(listener: TcpListener, strict: bool, key: String, user_data: String) {
    while let Ok((stream, _)) = listener.accept().await {
        let (key, user_data) = (key.clone(), user_data.clone());
        tokio::spawn(async move { converse(stream, strict, &key, &user_data).await });
    }
}

async fn converse(stream: TcpStream, strict: bool, key: &str, user_data: &str) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        let head = head.to_lowercase();
        let length =
            head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await.ok()?;
        let path = head.split(' ').nth(1)?.trim_end_matches('/').replace("/2009-04-04/", "/latest/");
        let path = path
            .replace("/2016-09-02/", "/latest/")
            .replace("/2018-09-24/", "/latest/")
            .replace("/2021-03-23/", "/latest/");
        let known = !strict || head.contains("x-aws-ec2-metadata-token: secret");
        let answer = match path.as_str() {
            "/latest/api/token" => Some("secret".to_owned()),
            _ if !known => None,
            "/latest/user-data" => Some(user_data.to_owned()),
            "/latest/meta-data" => Some("instance-id\nlocal-hostname\npublic-keys/".to_owned()),
            "/latest/meta-data/instance-id" => Some("i-0123456789abcdef0".to_owned()),
            "/latest/meta-data/local-hostname" => Some("m".to_owned()),
            "/latest/meta-data/public-keys" => Some("0=mine".to_owned()),
            "/latest/meta-data/public-keys/0" => Some("openssh-key".to_owned()),
            "/latest/meta-data/public-keys/0/openssh-key" => Some(key.to_owned()),
            _ => None,
        };
        let (status, text) = match &answer {
            Some(text) => ("200 OK", text.as_str()),
            None if known => ("404 Not Found", ""),
            None => ("401 Unauthorized", ""),
        };
        let reply = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        stream.get_mut().write_all(reply.as_bytes()).await.ok()?;
    }
}

/// A fresh key pair: the path of the private one, and the public one.
fn make_key(lab: &Lab) -> (PathBuf, String) {
    let path = lab.config.place.data.join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status();
    assert!(made.unwrap().success());
    let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    (path, public)
}

async fn seeded(lab: &Lab, net: &Net, image: ImageId, memory_bytes: u64) -> MachineId {
    let mut spec = Lab::spec("m");
    spec.image = image;
    spec.memory_bytes = memory_bytes;
    spec.vcpus = 2;
    spec.namespace = Some(net.path());
    spec.seed = Seed { metadata: Some(format!("http://{SERVICE}")), ..Seed::default() };
    let id = spec.id.clone();
    lab.engine.ensure_created(spec).await.unwrap();
    id
}

async fn wait_for<T>(
    (lab, id): (&Lab, &MachineId),
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if let Some(found) = tokio::task::block_in_place(&mut look) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no {what} within {limit:?}:\n{}", lab.console(id).await);
}

fn login(net: &Net, key: &std::path::Path, user: &str, command: &str) -> Option<String> {
    let line = format!(
        "ssh -i {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes \
         -o ConnectTimeout=5 {user}@127.0.0.1 {command}",
        key.display()
    );
    let output = net.run(&line);
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_let_in_and_user_data_runs_once() {
    let Some(lab) = Lab::new("seed").await else { return };
    // So that what is measured is not the self-test.
    lab.run("first").await;
    let net = Net::new("cltestseed");
    let (key, public) = make_key(&lab);
    let user_data = "#!/bin/sh\necho run >> /root/runs\necho hello from user data\nmkdir -p /srv/www\n\
                     echo it works > /srv/www/index.html\nexec python3 -m http.server -d /srv/www 8080\n";
    let service = tokio::spawn(serve(net.listen(), true, public, user_data.to_owned()));
    let id = seeded(&lab, &net, ImageId::host(), 256 << 20).await;
    let begun = Instant::now();
    lab.engine.ensure_running(&id).await.unwrap();
    let started = begun.elapsed();
    lab.console_has(&id, "hello from user data").await;
    let page = wait_for((&lab, &id), "page", Duration::from_secs(10), || net.get(8080)).await;
    eprintln!("running after {started:?}, web server answers after {:?}", begun.elapsed());
    assert!(page.contains("it works"), "{page}");
    for user in ["root", "ec2-user"] {
        let hello =
            wait_for((&lab, &id), "login", Duration::from_secs(10), || login(&net, &key, user, "id -un"))
                .await;
        assert_eq!(hello, format!("{user}\n"));
    }
    eprintln!("ssh after {:?}", begun.elapsed());
    lab.engine.reboot(&id, 10_000).await.unwrap();
    wait_for((&lab, &id), "login", Duration::from_secs(10), || login(&net, &key, "root", "true")).await;
    assert_eq!(lab.sh(&id, "cat /root/runs").await, "run\n");
    service.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_born_in_the_machines_user_namespace_belongs_to_the_machine() {
    let Some(lab) = Lab::new("own").await else { return };
    let (net, users) = (Net("cltestown".to_owned()), lab.engine.user_namespace().unwrap());
    let make = format!(
        "umount {path} 2>/dev/null; mkdir -p /run/netns && touch {path} || exit 1
         nsenter --user={users} unshare --net sleep 10 & sleep 0.3
         mount --bind /proc/$!/ns/net {path}; kill $!",
        path = net.path().display(),
        users = users.display()
    );
    assert!(Command::new("sh").args(["-c", &make]).status().unwrap().success());
    let mut spec = Lab::spec("m");
    spec.namespace = Some(net.path());
    let id = spec.id.clone();
    lab.engine.ensure_created(spec).await.unwrap();
    lab.engine.ensure_running(&id).await.unwrap();
    let seen =
        lab.sh(&id, "ip addr add 10.9.8.7/32 dev lo && ip -4 -o addr show dev lo | grep -c 10.9.8.7").await;
    assert_eq!(seen, "1\n");
    let outside = net.run("ip -4 -o addr show dev lo");
    assert!(String::from_utf8_lossy(&outside.stdout).contains("10.9.8.7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn user_data_that_is_no_script_is_refused_aloud() {
    let Some(lab) = Lab::new("yaml").await else { return };
    let net = Net::new("cltestyaml");
    let service = tokio::spawn(serve(
        net.listen(),
        true,
        "ssh-ed25519 AAAA".into(),
        "#include\nhttp://example.org/more\n".into(),
    ));
    let id = seeded(&lab, &net, ImageId::host(), 256 << 20).await;
    lab.engine.ensure_running(&id).await.unwrap();
    lab.console_has(&id, "was not run").await;
    service.abort();
}

/// Takes minutes and a Debian mirror, hence by request only.
#[tokio::test(flavor = "multi_thread")]
async fn debian_boots_with_systemd_and_cloud_init() {
    if std::env::var_os("CLOUDLET_TEST_DEBIAN").is_none() {
        eprintln!("SKIPPED: set CLOUDLET_TEST_DEBIAN=1 to build and boot Debian 12");
        return;
    }
    // Who runs this again and again may keep the image.
    let keep_images = |config: &mut Config| {
        if let Some(images) = std::env::var_os("CLOUDLET_TEST_IMAGES") {
            std::fs::create_dir_all(&images).unwrap();
            std::os::unix::fs::symlink(&images, config.place.data.join("images")).unwrap();
        }
    };
    let Some(lab) = Lab::with("deb", keep_images).await else { return };
    let net = Net::new("cltestdeb");
    let (key, public) = make_key(&lab);
    let user_data = "#!/bin/sh\necho run >> /root/runs\necho hello from user data\n";
    // Debian's cloud-init does not know this cloud, and asks strangers without a token.
    let service = tokio::spawn(serve(net.listen(), false, public, user_data.to_owned()));
    let begun = Instant::now();
    let id = seeded(&lab, &net, ImageId::debian_12(), 1 << 30).await;
    eprintln!("image after {:?}", begun.elapsed());
    let begun = Instant::now();
    lab.engine.ensure_running(&id).await.unwrap();
    let entered = tokio::time::timeout(Duration::from_secs(90), async {
        wait_for((&lab, &id), "login", Duration::from_secs(80), || login(&net, &key, "debian", "sudo id -un"))
            .await
    });
    assert_eq!(entered.await.unwrap(), "root\n");
    eprintln!("ssh after {:?}", begun.elapsed());
    wait_for((&lab, &id), "user data", Duration::from_secs(60), || {
        login(&net, &key, "debian", "sudo cat /root/runs")
    })
    .await;
    eprintln!("user data after {:?}", begun.elapsed());
    let begun = Instant::now();
    lab.engine.reboot(&id, 30_000).await.unwrap();
    wait_for((&lab, &id), "login", Duration::from_secs(60), || login(&net, &key, "debian", "true")).await;
    eprintln!("ssh again after {:?}", begun.elapsed());
    let begun = Instant::now();
    lab.engine.stop(&id, 30_000).await.unwrap();
    eprintln!("off after {:?}", begun.elapsed());
    service.abort();
}
