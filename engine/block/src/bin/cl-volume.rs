//! The executable whose roles the tests of this crate use, as `cloudlet` is that of the cloud.

use std::process::ExitCode;

fn main() -> ExitCode {
    block::roles::run_if_role(std::env::args_os()).unwrap_or(ExitCode::FAILURE)
}
