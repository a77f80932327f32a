//! What this host has for machines with a kernel of their own: QEMU, and how fast its processors are lent to guests.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, Trying};
use crate::place::{Place, remove_file, write_atomically};

const PROGRAM: &str = "qemu-system-x86_64";
const FOLDERS: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/usr/libexec"];
/// A place remembers what the probe found until the host restarts.
const MEMORY: &str = "accelerator.json";
/// What the probe's guest has to do within [`PROBE_WITHIN`], the start of QEMU included: real hardware needs 10 ms for it,
/// one that interprets what it should run half a minute.
const PROBE_ROUNDS: u32 = 5_000_000;
const PROBE_WITHIN: Duration = Duration::from_millis(2_500);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How QEMU ends when the probe's guest writes 1 to the port made for it.
const PROBE_DONE: i32 = 3;

/// Who executes a guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Accelerator {
    /// The host's processors.
    Kvm,
    /// QEMU, which translates them: some ten times slower.
    Tcg,
}

/// Where QEMU is.
///
/// # Errors
/// [`Error::Host`] that says how to get it.
pub(crate) fn qemu() -> Result<PathBuf> {
    if std::env::consts::ARCH != "x86_64" {
        let arch = std::env::consts::ARCH;
        return Err(Error::Host(format!("machines with a kernel of their own are for x86_64, not {arch}")));
    }
    let found = FOLDERS.iter().map(|folder| Path::new(folder).join(PROGRAM)).find(|path| path.is_file());
    found.ok_or_else(|| {
        let how = "apt-get install --no-install-recommends qemu-system-x86";
        Error::Host(format!("machines with a kernel of their own need {PROGRAM}: {how}"))
    })
}

/// Whether such machines can run here; else, what is missing.
pub(crate) fn is_able() -> Result<()> {
    super::kernel::is_within_reach().and_then(|()| qemu().map(drop))
}

/// Who executes guests here. The first to ask on a host waits for a probe.
pub(crate) fn accelerator(place: &Place, qemu: &Path) -> Result<Accelerator> {
    let memory = place.run.join(MEMORY);
    if let Some(found) = fs::read(&memory).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
        return Ok(found);
    }
    let found = if is_kvm_real(place, qemu)? { Accelerator::Kvm } else { Accelerator::Tcg };
    let bytes = serde_json::to_vec(&found).map_err(io::Error::from).at("write", &memory)?;
    write_atomically(&memory, &bytes)?;
    Ok(found)
}

/// What a probe found since the host's start, if there was one.
pub(crate) fn known_accelerator(place: &Place) -> Option<Accelerator> {
    serde_json::from_slice(&fs::read(place.run.join(MEMORY)).ok()?).ok()
}

/// Boots a guest of a few instructions: that a device `kvm` is there says nothing of its speed.
fn is_kvm_real(place: &Place, qemu: &Path) -> Result<bool> {
    if !Path::new("/dev/kvm").exists() {
        return Ok(false);
    }
    let rom = place.run.join(format!("probe-{}.rom", std::process::id()));
    fs::write(&rom, probe_rom()).at("write", &rom)?;
    let guest = Command::new(qemu)
        .args([
            "-M",
            "isapc",
            "-accel",
            "kvm",
            "-m",
            "1",
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
        ])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-bios"])
        .arg(&rom)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .at("run", qemu);
    let done = guest.map(|guest| ends_well(guest, PROBE_WITHIN));
    remove_file(&rom)?;
    done
}

fn ends_well(mut guest: Child, within: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < within {
        match guest.try_wait() {
            Ok(Some(status)) => return status.code() == Some(PROBE_DONE),
            Ok(None) => std::thread::sleep(LOOK_AGAIN),
            Err(_) => break,
        }
    }
    // It may have ended in between.
    let _ = guest.kill();
    let _ = guest.wait();
    false
}

/// Counts down, and says so at a port: what a processor finds at its first instruction.
fn probe_rom() -> Vec<u8> {
    const LENGTH: usize = 64 << 10;
    /// Where a processor begins, from the end.
    const FIRST: usize = 16;
    let mut rom = vec![0xf4; LENGTH];
    let [a, b, c, d] = PROBE_ROUNDS.to_le_bytes();
    // mov ecx, rounds; dec ecx; jnz back; mov al, 1; out 0xf4, al; hlt
    let code = [0x66, 0xb9, a, b, c, d, 0x66, 0x49, 0x75, 0xfc, 0xb0, 0x01, 0xe6, 0xf4, 0xf4];
    let jump = u16::try_from(LENGTH - (LENGTH - FIRST + 3)).unwrap_or_default();
    let [low, high] = jump.to_le_bytes();
    for (at, bytes) in [(0, code.as_slice()), (LENGTH - FIRST, &[0xe9, low, high])] {
        for (to, from) in rom.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    }
    rom
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_counts_where_a_processor_begins() {
        let Ok(qemu) = qemu() else {
            eprintln!("SKIPPED: no QEMU here");
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let rom = folder.path().join("rom");
        fs::write(&rom, probe_rom()).unwrap();
        let guest = Command::new(qemu)
            .args(["-M", "isapc", "-accel", "tcg", "-m", "1", "-nodefaults", "-display", "none", "-device"])
            .args(["isa-debug-exit,iobase=0xf4,iosize=1", "-bios"])
            .arg(rom)
            .spawn()
            .unwrap();
        assert!(ends_well(guest, Duration::from_secs(20)));
    }
}
