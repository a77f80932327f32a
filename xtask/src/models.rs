//! Refreshes `models/`: the newest model of a service, stripped by reading it into the fields we use.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::{fs, io};

use api_codegen::Model;
use flate2::read::GzDecoder;

/// Which file failed, and how.
pub(crate) type Error = String;

/// Writes `models/<service>.json` for each service.
pub(crate) fn refresh(botocore: &Path, services: &[String]) -> Result<(), Error> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    for service in services {
        let source = newest(&botocore.join("data").join(service))?;
        let say = |error: &dyn std::fmt::Display| format!("{}: {error}", source.display());
        let model: Model =
            serde_json::from_reader(open(&source).map_err(|e| say(&e))?).map_err(|e| say(&e))?;
        let target = models.join(format!("{service}.json"));
        let lines = model.to_lines().map_err(|e| say(&e))?;
        fs::write(&target, lines).map_err(|e| format!("{}: {e}", target.display()))?;
    }
    Ok(())
}

/// The model of the latest API version, which sorts last.
fn newest(folder: &Path) -> Result<PathBuf, Error> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut versions: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    versions.sort();
    let version = versions.pop().ok_or_else(|| format!("{} is empty", folder.display()))?;
    let names = ["service-2.json.gz", "service-2.json"].map(|name| version.join(name));
    let found = names.into_iter().find(|path| path.exists());
    found.ok_or_else(|| format!("{} has no service-2.json", version.display()))
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let file = BufReader::new(File::open(path)?);
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    Ok(if packed { Box::new(BufReader::new(GzDecoder::new(file))) } else { Box::new(file) })
}
