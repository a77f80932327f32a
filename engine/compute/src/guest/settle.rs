//! Does what a `#cloud-config` asks for. What fails is told on the console and keeps nothing else from being done.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::unistd::{Group, Uid, User as Account, chown, sethostname};

use crate::error::{Error, Result, Trying};
use crate::guest::cloud_config::{CloudConfig, User, WriteFile};
use crate::guest::init::say;
use crate::guest::seed::admit;

const SUDOERS: &str = "/etc/sudoers.d/90-cloudlet-users";

/// All but its commands, which are for whoever runs scripts.
pub(crate) fn settle(config: &CloudConfig) {
    config.notes.iter().for_each(|note| say(&format!("cloud-config: {note}")));
    let told = |what: &str, outcome: Result<()>| {
        if let Err(error) = outcome {
            say(&format!("cloud-config: {what}: {}", crate::error::chain(&error)));
        }
    };
    if let Some(name) = &config.hostname {
        told("hostname", set_name(name));
    }
    for user in &config.users {
        told(&user.name, add(user));
    }
    // After the users, who may own them.
    for file in &config.files {
        told(&file.path, write(file));
    }
}

fn set_name(name: &str) -> Result<()> {
    let short = name.split('.').next().unwrap_or_default();
    sethostname(short).trying(|| "set the host name".to_owned())?;
    fs::write("/etc/hostname", format!("{short}\n")).trying(|| "write /etc/hostname".to_owned())?;
    let hosts = fs::read_to_string("/etc/hosts").trying(|| "read /etc/hosts".to_owned())?;
    let kept = hosts.lines().filter(|line| !line.starts_with("127.0.1.1"));
    let lines: String =
        kept.chain([format!("127.0.1.1 {name} {short}").as_str()]).flat_map(|line| [line, "\n"]).collect();
    fs::write("/etc/hosts", lines).trying(|| "write /etc/hosts".to_owned())
}

fn add(user: &User) -> Result<()> {
    if find(&user.name)?.is_none() {
        let mut command = Command::new("useradd");
        command.arg(if user.no_home { "-M" } else { "-m" });
        if user.system {
            command.arg("-r");
        }
        for (option, value) in [("-c", &user.gecos), ("-s", &user.shell)] {
            if let Some(value) = value {
                command.arg(option).arg(value);
            }
        }
        let output = command.arg("--").arg(&user.name).stdin(Stdio::null()).output();
        let output = output.trying(|| "run useradd".to_owned())?;
        if !output.status.success() {
            return Err(Error::Host(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
    }
    for group in &user.groups {
        let output =
            Command::new("usermod").args(["-a", "-G", group, "--", &user.name]).stdin(Stdio::null()).output();
        let output = output.trying(|| "run usermod".to_owned())?;
        if !output.status.success() {
            say(&format!("cloud-config: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
    }
    if !user.sudo.is_empty() {
        let mut file =
            File::options().create(true).append(true).open(SUDOERS).trying(|| format!("open {SUDOERS}"))?;
        for rule in &user.sudo {
            writeln!(file, "{} {rule}", user.name).trying(|| format!("write {SUDOERS}"))?;
        }
        fs::set_permissions(SUDOERS, fs::Permissions::from_mode(0o440))
            .trying(|| format!("protect {SUDOERS}"))?;
    }
    if user.keys.is_empty() {
        return Ok(());
    }
    let account = find(&user.name)?.ok_or_else(|| Error::Host("it was not made".to_owned()))?;
    admit(&account.dir, account.uid.as_raw(), &user.keys)
}

/// The user of people in an image that leaves it to its own init to make one.
pub(crate) fn ensure_login(name: &str) -> Result<()> {
    if find(name)?.is_some() {
        return Ok(());
    }
    let sudo = vec!["ALL=(ALL) NOPASSWD:ALL".to_owned()];
    let shell = Some("/bin/bash".to_owned());
    add(&User { name: name.to_owned(), shell, sudo, ..User::default() })
}

fn find(name: &str) -> Result<Option<Account>> {
    Account::from_name(name).trying(|| format!("look for {name}"))
}

fn write(file: &WriteFile) -> Result<()> {
    let path = Path::new(&file.path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).at("create", folder)?;
    }
    let bytes = match file.encoded {
        true => {
            let packed: String = file.content.split_whitespace().collect();
            STANDARD.decode(packed).map_err(|_| Error::Spec("its content is not base64".to_owned()))?
        }
        false => file.content.clone().into_bytes(),
    };
    let mut options = File::options();
    options.create(true).write(true).append(file.append).truncate(!file.append);
    let mut open = options.open(path).at("open", path)?;
    open.write_all(&bytes).at("write", path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(file.mode)).at("protect", path)?;
    let Some(owner) = &file.owner else { return Ok(()) };
    let (user, group) = owner.split_once(':').unwrap_or((owner, ""));
    let account = find(user)?.ok_or_else(|| Error::Host(format!("there is no user {user}")))?;
    let gid = match group {
        "" => account.gid,
        name => {
            let found = Group::from_name(name).trying(|| format!("look for {name}"))?;
            found.ok_or_else(|| Error::Host(format!("there is no group {name}")))?.gid
        }
    };
    chown(path, Some(Uid::from_raw(account.uid.as_raw())), Some(gid)).at("hand over", path)
}
