//! The one thing that whoever logs in runs: it stands between them and their machine's shim.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

use super::machine_of;
use crate::control::{Answer, Ask, read_frame, write_frame};
use crate::error::{Error, Result, Trying};
use crate::tie;

/// How long a visit lasts at most (EC2 user guide: "typically", an hour).
const VISIT_MAX: Duration = Duration::from_secs(3_600);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The role, as the user of an SSH server: `sockets` has those of the shims.
pub(crate) fn run(sockets: &Path) -> Result<()> {
    tie::to_parent()?;
    let user = std::env::var("USER").unwrap_or_default();
    let id = machine_of(&user)?;
    let mut console =
        UnixStream::connect(sockets.join(id.as_str())).map_err(|_| Error::NotRunning(id.to_string()))?;
    let asked = console
        .set_read_timeout(Some(ANSWER_WITHIN))
        .and_then(|()| write_frame(&mut console, &Ask::Attach))
        .and_then(|()| read_frame(&mut console))
        .and_then(|answer| console.set_read_timeout(None).map(|()| answer));
    match asked.trying(|| "ask for the console".to_owned())? {
        Answer::Accepted => {}
        Answer::Refused(reason) => return Err(Error::Shim { id: id.to_string(), reason }),
        Answer::State(_) => {
            return Err(Error::Shim { id: id.to_string(), reason: "a strange answer".to_owned() });
        }
    }
    // What is typed is the machine's to interpret. Without a terminal there is nothing to set.
    if let Ok(mut terminal) = tcgetattr(io::stdin()) {
        cfmakeraw(&mut terminal);
        tcsetattr(io::stdin(), SetArg::TCSANOW, &terminal).trying(|| "set the terminal".to_owned())?;
    }
    let typing = console.as_fd().try_clone_to_owned().trying(|| "share the console".to_owned())?;
    std::thread::spawn(move || copy(&mut io::stdin(), &mut UnixStream::from(typing)));
    std::thread::spawn(|| {
        std::thread::sleep(VISIT_MAX);
        let _ = io::stdout().write_all(b"\r\nThe hour of this session is over.\r\n");
        std::process::exit(0);
    });
    copy(&mut console, &mut io::stdout());
    Ok(())
}

/// Until one of the two ends.
fn copy(from: &mut impl Read, to: &mut impl Write) {
    let mut bytes = [0; 4096];
    loop {
        match from.read(&mut bytes) {
            Ok(0) => return,
            Ok(length) => {
                let sent = to.write_all(bytes.get(..length).unwrap_or_default()).and_then(|()| to.flush());
                if sent.is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
