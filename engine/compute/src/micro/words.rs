//! What host and guest say to each other, over virtio's serial ports: lines of JSON. A line that is none is skipped, so
//! that both find their feet again after one who spoke was killed in the middle of a word.

use std::io;

use serde::{Deserialize, Serialize};

/// The port between the shim and the guest.
pub(crate) const CONTROL_PORT: &str = "cloudlet.control";
/// Beginning of the names of the ports on which single things are asked.
pub(crate) const TALK_PORT: &str = "cloudlet.talk.";
/// Serial numbers of the disks that make up the root: the image, and what the machine writes over it.
pub(crate) const BASE_DISK: &str = "cloudlet-base";
pub(crate) const OWN_DISK: &str = "cloudlet-own";
/// No line is longer.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;

/// The first line on the control port: who the guest is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Boot {
    pub machine: String,
    pub hostname: String,
    pub resolver: Option<String>,
    /// Of its first process.
    pub env: Vec<(String, String)>,
    /// Folders with layers of their own: where, and the tags of the shared folders, the upper ones first.
    pub over: Vec<(String, Vec<String>)>,
    pub network: Network,
    /// The user of people, where the image has none yet.
    pub login: Option<String>,
    /// Whether the image's own init is another one, whose programs do not work under ours.
    pub foreign: bool,
    /// The name of the own disk among the devices.
    pub root_name: Option<String>,
}

/// How a guest's network is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Network {
    pub links: Vec<Link>,
    /// Commands for `ip -batch`.
    pub lines: Vec<String>,
}

/// What the link with this address is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub mac: String,
    pub name: String,
    pub mtu: u64,
}

/// What the shim wishes, on the control port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wish {
    PowerOff,
    Restart,
}

/// What the guest says on the control port, once it can hear wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum News {
    Up,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    /// Comes back with every answer.
    pub id: String,
    pub ask: Asked,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Asked {
    /// Run a command.
    Run(Vec<String>),
    /// Write out all file systems.
    Sync,
    /// These disks are about to go: says which are in use; with force, none is.
    Release { names: Vec<String>, force: bool },
    /// Set up the network so, and take back what was said of it before.
    Connect(Network),
    /// Give these disks, and no others, their names in `/dev`.
    Name(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub id: String,
    pub said: Said,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    /// Part of a command's output, in base64.
    Out(String),
    Err(String),
    /// The last word: how the command ended, or 0.
    Done(i32),
    /// The last word to [`Asked::Release`].
    Busy(Vec<String>),
    /// The last word: it did not work.
    Failed(String),
}

/// A message as a line, with one before it to end whatever somebody left unfinished.
pub(crate) fn line<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut bytes = vec![b'\n'];
    serde_json::to_writer(&mut bytes, message)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Lines out of bytes as they come.
#[derive(Default)]
pub(crate) struct Lines(Vec<u8>);

impl Lines {
    /// Takes in bytes. A line that grows without end is forgotten.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.0.len() + bytes.len() > LINE_BYTES_MAX {
            self.0.clear();
        }
        self.0.extend_from_slice(bytes);
    }

    /// The next whole line that says something of this kind.
    pub(crate) fn next<T: serde::de::DeserializeOwned>(&mut self) -> Option<T> {
        while let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            if let Ok(message) = serde_json::from_slice(&line) {
                return Some(message);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_unfinished_disturbs_nobody() {
        let mut lines = Lines::default();
        lines.feed(b"{\"id\":\"a\",\"sa");
        assert_eq!(lines.next::<Answer>(), None);
        let answer = Answer { id: "b".to_owned(), said: Said::Done(3) };
        let bytes = line(&answer).unwrap();
        let (head, tail) = bytes.split_at(5);
        lines.feed(head);
        assert_eq!(lines.next::<Answer>(), None);
        lines.feed(tail);
        assert_eq!(lines.next(), Some(answer));
        lines.feed(&vec![b'x'; LINE_BYTES_MAX]);
        lines.feed(b"\n\"up\"\n");
        assert_eq!(lines.next(), Some(News::Up));
    }
}
