//! Machines: created, started, watched and removed behind one driver interface.
//!
//! [`Machines`] is the contract. [`Engine`] is the real one: it prepares images, starts one shim process per
//! machine and adopts those that outlived an earlier daemon. [`FakeMachines`] keeps the contract in memory.
//! The programs that run outside the daemon (shim, guest init, runner of commands) are roles of the same
//! executable: whoever owns `main` calls [`roles::run_if_role`] before anything else.

mod bundle;
mod capability;
mod carried;
mod cgroup;
mod console;
mod control;
mod devices;
mod disk;
mod door;
mod elf;
mod engine;
mod error;
mod exec;
mod fake;
mod folder;
mod guest;
mod image;
mod line;
mod machine;
mod micro;
mod mounts;
mod own_code;
mod place;
mod record;
pub mod roles;
mod rootfs;
mod runtime;
mod seccomp;
mod shim;
mod sys;
mod tie;
mod users;

pub use door::{ConsoleDoor, ConsoleKeys};
pub use engine::{Config, Engine};
pub use error::{Error, Result};
pub use fake::{FakeMachines, OnStart};
pub use image::oci::{Imported, Login, OciImages, Reference};
pub use image::{ImageStore, Progress};
pub use machine::{
    CONSOLE_BYTES_MAX, Capabilities, Changed, CommandOutput, ConsolePart, Device, Driver,
    EXEC_OUTPUT_BYTES_MAX, ExitReason, ImageId, ImageState, Kind, Limits, MachineId, MachineSpec, Machines,
    Observed, Seed, Stats,
};
pub use own_code::let_go_of_code;
pub use place::Place;
