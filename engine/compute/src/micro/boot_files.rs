//! Reads what kernels come as: compressed images, and modules that name what they need.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Result, Trying};

const XZ: &[u8] = b"\xfd7zXZ\0";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const GZIP: &[u8] = b"\x1f\x8b";
/// Of the boot protocol's header (Linux's documentation, `arch/x86/boot`).
const SETUP_SECTORS: usize = 0x1f1;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;
const SECTOR: usize = 512;
/// The mark of the note by which a kernel says that it starts without its own unpacker.
const STARTS_DIRECTLY: &[u8] = b"\x12\0\0\0Xen\0";

/// The kernel inside a bootable image, where it is one that starts directly and can be unpacked here.
pub(crate) fn unpacked(image: &[u8]) -> Option<Vec<u8>> {
    let word = |at: usize| usize::try_from(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?)).ok();
    let sectors = usize::from(*image.get(SETUP_SECTORS)?).max(4) + 1;
    let begin = sectors * SECTOR + word(PAYLOAD_OFFSET)?;
    let packed = image.get(begin..begin.checked_add(word(PAYLOAD_LENGTH)?)?)?;
    let kernel = unpack(packed).ok()?;
    // Notes are aligned to four bytes.
    let words = |bytes: &[u8]| bytes == STARTS_DIRECTLY;
    let direct = kernel.len() > 8
        && (0..kernel.len() - 8).step_by(4).any(|at| kernel.get(at..at + 8).is_some_and(words));
    (kernel.starts_with(b"\x7fELF") && direct).then_some(kernel)
}

/// A kernel's payload ends with its length, which is none of the compressed stream's.
fn unpack(packed: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let unknown = || Error::Host("it is compressed in a way not known here".to_owned());
    if packed.starts_with(XZ) {
        return by_xz(packed);
    } else if packed.starts_with(ZSTD) {
        let decoder = zstd::stream::read::Decoder::new(packed).trying(|| "unpack".to_owned())?;
        decoder.single_frame().read_to_end(&mut bytes).trying(|| "unpack".to_owned())?;
    } else if packed.starts_with(GZIP) {
        flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).trying(|| "unpack".to_owned())?;
    } else {
        return Err(unknown());
    }
    Ok(bytes)
}

fn by_xz(packed: &[u8]) -> Result<Vec<u8>> {
    let mut child = Command::new("xz")
        .args(["-dc", "--single-stream"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .trying(|| "run xz".to_owned())?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let bytes = std::thread::scope(|scope| {
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(packed)));
        let mut bytes = Vec::new();
        stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut bytes)).map(|_| bytes)
    });
    child.wait().trying(|| "wait for xz".to_owned())?;
    bytes.trying(|| "read from xz".to_owned())
}

/// A module's name from that of its file: `virtio-rng.ko.xz` is `virtio_rng`.
pub(crate) fn module_name(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let stem =
        file.trim_end_matches(".xz").trim_end_matches(".zst").trim_end_matches(".gz").strip_suffix(".ko")?;
    Some(stem.replace('-', "_"))
}

/// A module's bytes, uncompressed.
pub(crate) fn read_module(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).at("read", path)?;
    if bytes.starts_with(b"\x7fELF") { Ok(bytes) } else { unpack(&bytes) }
}

/// The modules that one says it builds upon.
pub(crate) fn needs(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"depends=";
    let fields = module.split(|byte| *byte == 0);
    let named = fields.filter_map(|field| field.strip_prefix(KEY)).next().unwrap_or_default();
    let names = String::from_utf8_lossy(named).into_owned();
    names.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_needs_of_modules() {
        assert_eq!(module_name(Path::new("a/virtio-rng.ko.xz")).as_deref(), Some("virtio_rng"));
        assert_eq!(module_name(Path::new("a/modules.dep")), None);
        assert_eq!(needs(b"\x7fELF\0license=GPL\0depends=virtio,virtio-ring\0"), ["virtio", "virtio_ring"]);
        assert!(needs(b"\0depends=\0").is_empty());
    }

    #[test]
    fn what_is_no_kernel_is_left_as_it_is() {
        assert_eq!(unpacked(b"MZ"), None);
        assert_eq!(unpacked(&vec![0; 4096]), None);
    }
}
