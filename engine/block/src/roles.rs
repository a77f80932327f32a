//! The other lives of our executable: the process that serves the plain side of one sealed volume.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use nix::fcntl::{Flock, FlockArg};
use zeroize::Zeroizing;

use crate::error::{Error, Result, Trying};
use crate::seal::Key;
use crate::serve;

pub(crate) const SERVE: &str = "__sealed-volume";
/// Its second half, which stays: nobody's child, so that nobody has to wait for it.
const STAY: &str = "__sealed-volume-stay";

/// Plays the role that the arguments name, if they name one. `main` calls this before it starts a thread.
pub fn run_if_role(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let args: Vec<OsString> = args.into_iter().collect();
    let [_, role, file, folder] = args.as_slice() else { return None };
    let done = match role.to_str()? {
        SERVE => begin(&args),
        STAY => stay(Path::new(file), Path::new(folder)),
        _ => return None,
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stdout(), "{error}");
            ExitCode::FAILURE
        }
    })
}

/// Starts the half that stays, which has our input and output, and goes.
fn begin(args: &[OsString]) -> Result<()> {
    let program = std::env::current_exe().trying(|| "find our executable".to_owned())?;
    let begun = Command::new(program).arg(STAY).args(args.iter().skip(2)).process_group(0).spawn();
    begun.trying(|| "stay".to_owned()).map(drop)
}

fn stay(file: &Path, folder: &Path) -> Result<()> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(Key::BYTES));
    std::io::stdin().read_to_end(&mut bytes).trying(|| "read a volume's key".to_owned())?;
    let key = Key::new(&bytes)?;
    drop(bytes);
    let opened = OpenOptions::new().read(true).write(true).open(file).at("open", file)?;
    let lock = File::open(file).at("open", file)?;
    // One process per volume: who detaches it waits for this to be let go.
    let _lock = Flock::lock(lock, FlockArg::LockSharedNonblock)
        .map_err(|(_, error)| std::io::Error::from(error))
        .at("lock", file)?;
    // Who looks into processes does not look into this one.
    nix::sys::prctl::set_dumpable(false).trying(|| "hide our memory".to_owned())?;
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Error::Spec("a volume's file has no name".to_owned()))?;
    let session = serve::mount(opened, name, &key, folder)?;
    drop(key);
    quiet()?;
    session.run().trying(|| "serve a volume".to_owned())
}

/// Lets go of the pipe to whoever waits for us: the plain side is there.
fn quiet() -> Result<()> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.at("open", Path::new("/dev/null"))?;
    nix::unistd::dup2_stdin(&null).trying(|| "close our input".to_owned())?;
    nix::unistd::dup2_stdout(&null).trying(|| "close our output".to_owned())
}
