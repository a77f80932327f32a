//! What the program says to the person at the terminal.

use std::fmt::Display;
use std::io::Write;

/// A line on standard output. A closed pipe is no error of ours.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line on standard error.
pub(crate) fn complain(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
