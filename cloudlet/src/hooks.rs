//! Programs of the user's that run once the cloud is ready.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

/// Longest run of one program.
const RUN_MAX: Duration = Duration::from_secs(600);
const PROGRAMS_MAX: usize = 100;

/// Runs the programs of `folder` in the order of their names, one after the other. What fails is logged; the rest run.
pub(crate) async fn run_ready(folder: &Path, endpoint: &str) {
    for program in programs(folder) {
        let mut command = match program.extension().and_then(|ending| ending.to_str()) {
            Some("sh") => with_interpreter("sh", &program),
            Some("py") => with_interpreter("python3", &program),
            _ => Command::new(&program),
        };
        command
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .kill_on_drop(true);
        let name = program.display().to_string();
        match tokio::time::timeout(RUN_MAX, command.status()).await {
            Ok(Ok(status)) if status.success() => tracing::info!(name, "ready program done"),
            Ok(Ok(status)) => tracing::error!(name, %status, "ready program failed"),
            Ok(Err(error)) => tracing::error!(name, %error, "ready program cannot run"),
            Err(_) => tracing::error!(name, "ready program was ended: it took too long"),
        }
    }
}

fn with_interpreter(interpreter: &str, program: &Path) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(program);
    command
}

fn programs(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect();
    found.sort();
    found.truncate(PROGRAMS_MAX);
    found
}
