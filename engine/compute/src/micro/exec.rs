//! Asks a guest's agent, on one of the ports it listens at.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::fcntl::{Flock, FlockArg};

use crate::error::{Error, Result, Trying};
use crate::micro::words::{Answer, Asked, Lines, Question, Said, line};
use crate::micro::{TALKS, talk_socket};
use crate::record::{Orders, now_ms};

/// How often a free port is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// How long a guest may take for what is no command: it may still be booting.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Runs a command in the guest with its output as ours; returns how it ended.
pub(crate) fn run(orders: &Orders, folder: &Path, argv: &[String]) -> Result<i32> {
    let mut talk = Talk::begin(orders, folder, Asked::Run(argv.to_vec()), None)?;
    loop {
        match talk.hear()? {
            Said::Out(part) => write(&mut io::stdout(), &part)?,
            Said::Err(part) => write(&mut io::stderr(), &part)?,
            Said::Done(code) => return Ok(code),
            Said::Failed(reason) => return Err(Error::Host(reason)),
            Said::Busy(_) => {}
        }
    }
}

/// Asks for what ends with one word; returns that.
pub(crate) fn ask(orders: &Orders, folder: &Path, asked: Asked) -> Result<Said> {
    match Talk::begin(orders, folder, asked, Some(ANSWER_WITHIN))?.hear()? {
        Said::Failed(reason) => Err(Error::Host(reason)),
        said => Ok(said),
    }
}

fn write(to: &mut impl Write, part: &str) -> Result<()> {
    let bytes = STANDARD.decode(part).map_err(|_| Error::Host("the guest speaks no base64".to_owned()))?;
    to.write_all(&bytes).and_then(|()| to.flush()).trying(|| "pass on output".to_owned())
}

/// One question on a port of our own.
struct Talk {
    stream: UnixStream,
    lines: Lines,
    id: String,
    _port: Flock<File>,
}

impl Talk {
    fn begin(orders: &Orders, folder: &Path, ask: Asked, within: Option<Duration>) -> Result<Self> {
        let (number, port) = free_port(folder)?;
        let socket = talk_socket(&orders.place, &orders.spec.id, number);
        let mut stream = UnixStream::connect(&socket).at("connect to", &socket)?;
        stream.set_read_timeout(within).at("listen on", &socket)?;
        let id = format!("{}-{}", now_ms(), std::process::id());
        let question = line(&Question { id: id.clone(), ask }).at("ask at", &socket)?;
        stream.write_all(&question).at("ask at", &socket)?;
        Ok(Self { stream, lines: Lines::default(), id, _port: port })
    }

    fn hear(&mut self) -> Result<Said> {
        let mut bytes = [0; 16 * 1024];
        loop {
            while let Some(answer) = self.lines.next::<Answer>() {
                if answer.id == self.id {
                    return Ok(answer.said);
                }
            }
            let length = self.stream.read(&mut bytes).trying(|| "listen to the guest".to_owned())?;
            if length == 0 {
                return Err(Error::Host("the guest is gone".to_owned()));
            }
            self.lines.feed(bytes.get(..length).unwrap_or_default());
        }
    }
}

/// A port that nobody else of us uses, now or soon.
fn free_port(folder: &Path) -> Result<(usize, Flock<File>)> {
    let begun = Instant::now();
    while begun.elapsed() < ANSWER_WITHIN {
        for number in 0..TALKS {
            let path = folder.join(format!("talk.{number}"));
            let file = File::options().create(true).append(true).open(&path).at("open", &path)?;
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok((number, lock)),
                Err((_, nix::Error::EWOULDBLOCK)) => {}
                Err((_, error)) => return Err(error).at("lock", &path),
            }
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    Err(Error::Host("the guest has too much to do".to_owned()))
}
