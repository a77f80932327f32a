//! Generates the API of a service that exists to be attacked: every kind of shape in every place.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    let code = api_codegen::from_files(Path::new(&here.join("models")), "thing").expect("the model is sound");
    fs::write(out.join("thing.rs"), code).expect("cargo gave us the folder");
    println!("cargo::rerun-if-changed=models");
}
