//! What is stored: of snapshots that are being written, which blocks have been.

pub mod written;
