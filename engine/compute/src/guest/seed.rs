//! A machine's first boot: lets the owners of its keys in and runs its user data, once.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result, Trying};
use crate::guest::init::say;
use crate::guest::{cloud_config, metadata, settle};

const STATE: &str = "/var/lib/cloudlet";
const LOG: &str = "/var/log/cloud-init-output.log";
/// Who may log in with the machine's key: folder, and its owner.
const LOGINS: [(&str, u32); 3] = [("/root", 0), ("/home/ec2-user", 1000), ("/home/debian", 1000)];

/// The service: done when the user data's own processes let go of its output.
pub(crate) fn run() -> Result<()> {
    let Ok(base) = env::var("CLOUDLET_METADATA") else { return Ok(()) };
    // A disk that was copied begins anew under its new name.
    let machine = env::var("CLOUDLET_MACHINE").unwrap_or_default();
    let state = Path::new(STATE).join(machine);
    let done = state.join("seeded");
    if done.exists() {
        return Ok(());
    }
    fs::create_dir_all(&state).at("create", &state)?;
    let facts = {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.trying(|| "start a runtime".to_owned())?.block_on(metadata::ask(&base))?
    };
    for (home, owner) in LOGINS {
        let home = Path::new(home);
        if home.is_dir() {
            admit(home, owner, &facts.keys)?;
        }
    }
    // Before it runs: what is to happen once must not happen twice when it ends with a reboot.
    fs::write(&done, "").at("write", &done)?;
    match facts.user_data {
        Some(data) if data.starts_with(cloud_config::HEADER) => follow(&state, &data, &facts.keys),
        Some(data) if !data.is_empty() => run_user_data(&state, &data),
        _ => Ok(()),
    }
}

/// Does what a cloud-config asks for, its commands last.
fn follow(state: &Path, data: &[u8], keys: &[String]) -> Result<()> {
    let config = cloud_config::parse(data)?;
    settle::settle(&config);
    if !config.keys.is_empty() {
        let keys = [keys, &config.keys].concat();
        for (home, owner) in LOGINS.into_iter().filter(|(home, _)| Path::new(home).is_dir()) {
            admit(Path::new(home), owner, &keys)?;
        }
    }
    if config.script.is_empty() { Ok(()) } else { run_user_data(state, config.script.as_bytes()) }
}

/// Lets the owners of these keys in, and nobody else.
pub(crate) fn admit(home: &Path, owner: u32, keys: &[String]) -> Result<()> {
    let folder = home.join(".ssh");
    fs::create_dir_all(&folder).at("create", &folder)?;
    let file = folder.join("authorized_keys");
    let lines: String = keys.iter().flat_map(|key| [key.as_str(), "\n"]).collect();
    fs::write(&file, lines).at("write", &file)?;
    for (path, mode) in [(&folder, 0o700), (&file, 0o600)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).at("protect", path)?;
        chown(path, Some(owner), Some(owner)).at("hand over", path)?;
    }
    Ok(())
}

/// What a script asks to be run by.
fn interpreter(script: &[u8]) -> String {
    let line = script.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line).into_owned();
    line.trim_start_matches("#!").split_whitespace().next().unwrap_or_default().to_owned()
}

/// Runs a script as root, with what it prints on the console and in the log.
fn run_user_data(state: &Path, data: &[u8]) -> Result<()> {
    let script: PathBuf = state.join("user-data");
    fs::write(&script, data).at("write", &script)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).at("protect", &script)?;
    if !data.starts_with(b"#!") {
        let kind = String::from_utf8_lossy(data.split(|byte| *byte == b'\n').next().unwrap_or_default())
            .into_owned();
        let reason = format!(
            "this image takes scripts and cloud-config; its user data begins with {kind:?} and was not run"
        );
        return Err(Error::Spec(reason));
    }
    let (mut output, input) = std::io::pipe().trying(|| "open a pipe".to_owned())?;
    let errors = input.try_clone().trying(|| "open a pipe".to_owned())?;
    let mut command = Command::new(&script);
    command.current_dir("/").stdin(Stdio::null()).stdout(input).stderr(errors);
    let mut child = match command.spawn() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let reason = format!("this image has no {}; its user data was not run", interpreter(data));
            return Err(Error::Spec(reason));
        }
        spawned => spawned.trying(|| "run the user data".to_owned())?,
    };
    // The command holds the writing ends of the pipe; with it gone only the script's own processes do.
    drop(command);
    let mut log = File::options().create(true).append(true).open(LOG).trying(|| format!("open {LOG}"))?;
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = output.read(&mut bytes) {
        let part = bytes.get(..length).unwrap_or_default();
        // Neither a full disk nor a closed console ends the script.
        let _ = log.write_all(part);
        let _ = std::io::stdout().write_all(part);
        let _ = std::io::stdout().flush();
    }
    let status = child.wait().trying(|| "wait for the user data".to_owned())?;
    say(&format!("user data ended: {status}"));
    Ok(())
}
