//! Makes the registry of services from the lines of `Cargo.toml` that point into `services/`, and links the program at a fixed
//! place.

#![allow(clippy::disallowed_methods, reason = "cargo speaks through the environment")]

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    write_registry();
    // At a fixed place: docs/decisions/0013.
    if env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|found| found == "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}

fn write_registry() {
    let manifest_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let manifest = manifest_dir.join("Cargo.toml");
    println!("cargo::rerun-if-changed={}", manifest.display());
    let text = fs::read_to_string(&manifest).expect("the manifest is readable");
    let services = text.lines().filter_map(|line| {
        let (name, path) = line.split_once(" = { path = \"../services/")?;
        path.starts_with(name).then(|| name.replace('-', "_"))
    });
    let calls: String = services.map(|name| format!("        {name}::service(plugs),\n")).collect();
    let registry = format!(
        "/// Every service of this build.\n\
         pub(crate) fn services(plugs: &kernel::Plugs) -> Vec<kernel::Service> {{\n    vec![\n{calls}    ]\n}}\n"
    );
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("registry.rs");
    fs::write(out, registry).expect("the registry is written");
}
