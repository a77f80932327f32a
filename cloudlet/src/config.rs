//! Settings: from the command line, else from the environment, else the defaults. Read here and nowhere else.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use blob::Remote;
use clap::Args;
use kernel::audit::AuditLimits;
use kernel::{GateSettings, Mode};

use crate::cli::{Outcome, Problem};

const PORT: u16 = 4566;
/// Of the range for tests between networks (RFC 2544): nobody's on the internet.
pub(crate) const PUBLIC_RANGE: &str = "198.18.0.0/16";

/// Options of `cloudlet up`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Folder of everything that lasts [default: cloudlet in the user's state folder]
    #[arg(long, env = "CLOUDLET_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Address to listen on; on other than loopback, real root keys are needed
    #[arg(long, env = "GATEWAY_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:4566")]
    pub(crate) listen: String,

    /// Ends the instances too when the cloud ends; without it they go on and are found again
    #[arg(long)]
    pub(crate) stop_instances: bool,

    /// Lets the well-known credential test/test in even when listening beyond loopback. Anybody who reaches the port
    /// then owns every account.
    #[arg(long)]
    pub(crate) allow_test_credentials: bool,

    /// Serves only these services (comma-separated boto3 names)
    #[arg(long, env = "SERVICES", value_name = "NAMES", value_delimiter = ',')]
    pub(crate) services: Vec<String>,

    /// Host name in the URLs we hand out
    #[arg(long, env = "LOCALSTACK_HOST", value_name = "HOST[:PORT]")]
    pub(crate) public_host: Option<String>,

    /// Addresses that instances get as their public ones
    #[arg(long, env = "CLOUDLET_PUBLIC_CIDR", value_name = "CIDR", default_value = PUBLIC_RANGE)]
    pub(crate) public_cidr: String,

    /// Lets instances with a public address and a way to an internet gateway reach the Internet, by this host's default
    /// route and name servers. The host's links to it forward packets then, and nothing that begins in an instance gets
    /// into the host or to private addresses around it.
    #[arg(long, env = "CLOUDLET_INTERNET")]
    pub(crate) internet: bool,

    /// What becomes of calls that policies deny: refused, or recorded and let pass (signatures are verified either way)
    #[arg(long, env = "CLOUDLET_IDENTITY", value_name = "observe|enforce", default_value = "enforce", value_parser = mode)]
    pub(crate) identity: Mode,

    /// Most audit records kept in the store; 0 keeps none there
    #[arg(long, env = "CLOUDLET_AUDIT_RECORDS", value_name = "COUNT", default_value_t = 100_000)]
    pub(crate) audit_records: u64,

    /// How long audit records are kept
    #[arg(long, env = "CLOUDLET_AUDIT_DAYS", value_name = "DAYS", default_value_t = 30)]
    pub(crate) audit_days: u32,

    /// How many times over the host's memory may be promised to instances
    #[arg(long, env = "CLOUDLET_OVERCOMMIT", value_name = "FACTOR", default_value_t = 4.0, value_parser = overcommit)]
    pub(crate) overcommit: f64,

    /// What instances are that are not tagged cloudlet:machine: containers, or microVMs with a kernel of their own
    #[arg(long, env = "CLOUDLET_MACHINES", value_name = "KIND", default_value = "container")]
    #[arg(value_parser = ["container", "microvm"])]
    pub(crate) machines: String,

    /// How many times faster archived objects come back than from AWS, which takes hours
    #[arg(long, env = "CLOUDLET_RESTORE_SPEED", value_name = "FACTOR", default_value_t = 1)]
    pub(crate) restore_speed: u32,

    /// Seconds between two looks at what load balancers count, 1 to 60; AWS looks every minute
    #[arg(long, env = "CLOUDLET_METRICS_EVERY", value_name = "SECONDS", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=60))]
    pub(crate) metrics_every: u32,

    /// Bucket of another object store that keeps the bytes of objects instead of the data folder, as
    /// s3://BUCKET[/PREFIX]; it is reached by the four settings below, and must be this cloud's alone
    #[arg(long, env = "CLOUDLET_OBJECTS", value_name = "URL", requires_all = ["objects_key", "objects_secret"])]
    pub(crate) objects: Option<String>,

    /// Where that store is; AWS's own without it
    #[arg(long, env = "CLOUDLET_OBJECTS_ENDPOINT", value_name = "URL")]
    pub(crate) objects_endpoint: Option<String>,

    /// The region of that bucket
    #[arg(long, env = "CLOUDLET_OBJECTS_REGION", value_name = "NAME", default_value = "us-east-1")]
    pub(crate) objects_region: String,

    /// The access key for that store
    #[arg(long, env = "CLOUDLET_OBJECTS_KEY", value_name = "ID")]
    pub(crate) objects_key: Option<String>,

    /// Its secret
    #[arg(long, env = "CLOUDLET_OBJECTS_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub(crate) objects_secret: Option<String>,

    /// Folder of programs to run when the cloud is ready, in the order of their names
    #[arg(
        long,
        env = "CLOUDLET_READY_D",
        value_name = "DIR",
        default_value = "/etc/localstack/init/ready.d"
    )]
    pub(crate) ready_d: PathBuf,

    /// 0 keeps everything in a temporary folder that goes with the process
    #[arg(long, env = "PERSISTENCE", value_name = "0|1", default_value_t = 1, hide = true)]
    pub(crate) persistence: u8,

    /// Logs more
    #[arg(long, env = "DEBUG", value_name = "0|1", default_value_t = 0, hide_default_value = true)]
    pub(crate) debug: u8,
}

/// Where a running cloud is reached.
#[derive(Debug, Args)]
pub(crate) struct Endpoint {
    /// URL of the running cloud
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", default_value = "http://127.0.0.1:4566")]
    pub(crate) endpoint: String,
}

fn overcommit(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor| (0.01..=1_000.0).contains(factor));
    factor.ok_or_else(|| "say a factor from 0.01 to 1000".to_owned())
}

fn mode(text: &str) -> Result<Mode, String> {
    let modes = [Mode::Enforce, Mode::Observe];
    modes.into_iter().find(|mode| mode.word() == text).ok_or_else(|| "say observe or enforce".to_owned())
}

impl Up {
    /// How the gate behaves.
    pub(crate) fn gate(&self) -> GateSettings {
        let age_ms_max = i64::from(self.audit_days) * 86_400_000;
        let audit = AuditLimits { records_max: self.audit_records, age_ms_max };
        GateSettings { mode: self.identity, audit }
    }

    /// The addresses to listen on: `GATEWAY_LISTEN` may name several, and may leave out the port.
    pub(crate) fn listen_on(&self) -> Outcome<Vec<SocketAddr>> {
        self.listen.split(',').map(str::trim).filter(|text| !text.is_empty()).map(parse_listen).collect()
    }

    /// The store of another that keeps the bytes of objects; `None` where the data folder does.
    pub(crate) fn remote_objects(&self) -> Outcome<Option<Remote>> {
        let Some(url) = self.objects.as_deref() else { return Ok(None) };
        let place = url.strip_prefix("s3://").map(|place| place.split_once('/').unwrap_or((place, "")));
        let place = place.filter(|(bucket, _)| !bucket.is_empty());
        let (bucket, prefix) =
            place.ok_or_else(|| Problem(format!("{url:?} is not s3://BUCKET[/PREFIX]")))?;
        let region = self.objects_region.clone();
        let aws = || format!("https://s3.{region}.amazonaws.com");
        Ok(Some(Remote {
            endpoint: self.objects_endpoint.clone().unwrap_or_else(aws),
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            access_key: self.objects_key.clone().unwrap_or_default(),
            secret: self.objects_secret.clone().unwrap_or_default(),
            region,
        }))
    }

    /// The data folder. `None` asks for a temporary one.
    pub(crate) fn data_dir(&self) -> Outcome<Option<PathBuf>> {
        if self.persistence == 0 {
            return Ok(None);
        }
        data_dir(self.data.as_deref()).map(Some)
    }
}

/// The data folder that was named, or the one in the user's state folder.
pub(crate) fn data_dir(named: Option<&Path>) -> Outcome<PathBuf> {
    if let Some(data) = named {
        let problem = |e| Problem::new(&format!("the data folder {} has no path", data.display()), &e);
        return std::path::absolute(data).map_err(problem);
    }
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
    let state = state.or_else(home);
    let state = state.ok_or_else(|| Problem("no home folder: say where with --data DIR".to_owned()))?;
    Ok(state.join("cloudlet"))
}

fn parse_listen(text: &str) -> Outcome<SocketAddr> {
    let with_port = match text.parse::<IpAddr>() {
        Ok(address) => Ok(SocketAddr::new(address, PORT)),
        Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            return Err(Problem(format!(
                "cannot listen on {text:?}: it is not an ADDRESS:PORT; say 127.0.0.1:{text}"
            )));
        }
        Err(_) if text.starts_with(':') => format!("0.0.0.0{text}").parse::<SocketAddr>(),
        Err(_) => text.parse::<SocketAddr>(),
    };
    with_port.or_else(|_| {
        let named = if text.contains(':') { text.to_owned() } else { format!("{text}:{PORT}") };
        let found = named.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
        found.ok_or_else(|| Problem(format!("cannot listen on {text:?}: it is not an ADDRESS:PORT")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses_are_read_as_users_write_them() {
        let reads = |text: &str| parse_listen(text).map(|address| address.to_string()).ok();
        assert_eq!(reads("127.0.0.1:4567").as_deref(), Some("127.0.0.1:4567"));
        assert_eq!(reads("0.0.0.0").as_deref(), Some("0.0.0.0:4566"));
        assert_eq!(reads(":4570").as_deref(), Some("0.0.0.0:4570"));
        assert_eq!(reads("[::1]:4566").as_deref(), Some("[::1]:4566"));
        assert_eq!(reads("not an address"), None);
        assert_eq!(reads("4570"), None, "no address, whatever the resolver thinks");
    }
}
