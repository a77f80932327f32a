//! Machines: created, started, watched and removed behind one driver interface.
//!
//! [`Machines`] is the contract. [`Engine`] is the real one: it prepares images, starts one shim process per
//! machine and adopts those that outlived an earlier daemon. [`FakeMachines`] keeps the contract in memory.
//! The programs that run outside the daemon (shim, guest init, runner of commands) are roles of the same
//! executable: whoever owns `main` calls [`roles::run_if_role`] before anything else.

mod error;
mod fake;
mod machine;

pub use error::{Error, Result};
pub use fake::{FakeMachines, OnStart};
pub use machine::{
    CONSOLE_BYTES_MAX, Capabilities, Changed, CommandOutput, Driver, EXEC_OUTPUT_BYTES_MAX, ExitReason,
    ImageId, MachineId, MachineSpec, Machines, Observed, Seed, Stats,
};
