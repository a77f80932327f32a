//! What can go wrong with a machine.

use std::io;
use std::path::{Path, PathBuf};

/// A verb's failure. The verb may be tried again unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The id or the specification is wrong in itself; trying again is useless.
    #[error("machine specification: {0}")]
    Spec(String),
    /// No machine of that id was created.
    #[error("machine {0} does not exist")]
    Absent(String),
    /// The verb needs a running machine.
    #[error("machine {0} is not running")]
    NotRunning(String),
    /// The image is unknown, or could not be prepared.
    #[error("image {image}: {reason}")]
    Image { image: String, reason: String },
    /// This host lacks what machines need.
    #[error("this host cannot run machines: {0}")]
    Host(String),
    /// The machine could not be started.
    #[error("machine {id} did not start: {reason}")]
    Start { id: String, reason: String },
    /// The machine's shim did not answer as it should.
    #[error("shim of machine {id}: {reason}")]
    Shim { id: String, reason: String },
    /// The command was not done in time.
    #[error("no answer within {0} ms")]
    Timeout(u64),
    /// The operating system refused.
    #[error("{what}")]
    Io {
        what: String,
        #[source]
        source: io::Error,
    },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Names what was tried when the operating system refused.
pub(crate) trait Trying<T> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T>;
    /// The same, for a verb on a path.
    fn at(self, verb: &str, path: &Path) -> Result<T>
    where
        Self: Sized,
    {
        let path: PathBuf = path.to_owned();
        self.trying(|| format!("{verb} {}", path.display()))
    }
}

impl<T, E: Into<io::Error>> Trying<T> for std::result::Result<T, E> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::Io { what: what(), source: error.into() })
    }
}

/// The error and all its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    line
}
