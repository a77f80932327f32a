//! Speaks with QEMU's monitor, one command after the other (QEMU's documentation, "QMP protocol specification").

use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::{Error, Result, Trying};
use crate::sys;

/// How long QEMU may take for one command.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

pub(crate) struct Monitor {
    reader: BufReader<UnixStream>,
    /// What came between answers.
    events: Vec<Value>,
}

impl Monitor {
    pub(crate) fn connect(socket: &Path) -> Result<Self> {
        Self::greet(UnixStream::connect(socket).at("connect to", socket)?)
    }

    /// Takes over a connection on which nothing was said yet.
    pub(crate) fn greet(stream: UnixStream) -> Result<Self> {
        stream.set_read_timeout(Some(ANSWER_WITHIN)).trying(|| "listen to QEMU".to_owned())?;
        let mut monitor = Self { reader: BufReader::new(stream), events: Vec::new() };
        monitor.hear()?;
        monitor.run("qmp_capabilities", &json!({}))?;
        Ok(monitor)
    }

    /// # Errors
    /// [`Error::Host`] in QEMU's words when it refuses.
    pub(crate) fn run(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        let line = json!({ "execute": command, "arguments": arguments }).to_string() + "\n";
        self.reader.get_mut().write_all(line.as_bytes()).trying(|| "speak to QEMU".to_owned())?;
        self.answer(command)
    }

    fn answer(&mut self, command: &str) -> Result<Value> {
        loop {
            let mut said = self.hear()?;
            if let Some(answer) = said.get_mut("return") {
                return Ok(answer.take());
            }
            if let Some(error) = said.get("error") {
                let words = error.get("desc").and_then(Value::as_str).unwrap_or_default();
                return Err(Error::Host(format!("QEMU refuses {command}: {words}")));
            }
            self.events.push(said);
        }
    }

    /// Gives QEMU a descriptor under a name.
    pub(crate) fn pass(&mut self, name: &str, fd: &impl AsFd) -> Result<()> {
        let line = json!({ "execute": "getfd", "arguments": { "fdname": name } }).to_string() + "\n";
        sys::send_with_fd(self.reader.get_ref().as_fd(), line.as_bytes(), fd.as_fd())
            .trying(|| "hand QEMU a descriptor".to_owned())?;
        self.answer("getfd").map(drop)
    }

    /// Waits for an event of this name about this device; false when it does not come.
    pub(crate) fn wait_for(&mut self, name: &str, device: &str, within: Duration) -> Result<bool> {
        let is_it = |event: &Value| {
            event.get("event").and_then(Value::as_str) == Some(name)
                && event.pointer("/data/device").and_then(Value::as_str) == Some(device)
        };
        let begun = Instant::now();
        loop {
            if self.events.iter().any(is_it) {
                self.events.clear();
                return Ok(true);
            }
            let left = within.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            self.reader.get_ref().set_read_timeout(Some(left)).trying(|| "listen to QEMU".to_owned())?;
            let heard = self.hear();
            self.reader
                .get_ref()
                .set_read_timeout(Some(ANSWER_WITHIN))
                .trying(|| "listen to QEMU".to_owned())?;
            match heard {
                Ok(event) => self.events.push(event),
                Err(Error::Io { source, .. })
                    if matches!(source.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
                {
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn hear(&mut self) -> Result<Value> {
        let mut line = String::new();
        let length = self.reader.read_line(&mut line).trying(|| "listen to QEMU".to_owned())?;
        if length == 0 {
            return Err(Error::Host("QEMU ended".to_owned()));
        }
        serde_json::from_str(&line).trying(|| "understand QEMU".to_owned())
    }
}
