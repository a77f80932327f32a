//! Turns a service model into plain structs, static tables and operation markers.
//!
//! The build script of an `api/*` crate calls [`build`]; the tables it writes are those of the `shape` crate.

mod emit;
mod fix;
pub mod model;
mod names;
pub mod ordered;
mod reach;
mod served;

use std::path::{Path, PathBuf};
use std::{env, fs, io};

pub use fix::Fix;
pub use model::Model;
pub use served::Served;

/// Why a service could not be generated: a fault in `models/`, or a file that is not there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read or write {0}")]
    File(PathBuf, #[source] io::Error),
    #[error("{0} is not what it should be")]
    Json(PathBuf, #[source] serde_json::Error),
    #[error("list of operations: {0}")]
    List(String),
    #[error("model: {0}")]
    Model(String),
}

/// Generates `$OUT_DIR/api.rs` for a service, from `models/` two folders up.
///
/// # Panics
/// When it cannot: this runs in a build script, whose way to fail is a panic.
pub fn build(service: &str) {
    let models = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../../models");
    let out = PathBuf::from(variable("OUT_DIR")).join("api.rs");
    let written =
        from_files(&models, service).and_then(|code| fs::write(&out, code).map_err(|e| Error::File(out, e)));
    if let Err(error) = written {
        let cause = std::error::Error::source(&error).map(|c| format!(": {c}")).unwrap_or_default();
        panic!("{service}: {error}{cause}");
    }
    for suffix in ["json", "ops", "fix.json"] {
        say(&format!("cargo::rerun-if-changed={}", models.join(format!("{service}.{suffix}")).display()));
    }
}

#[expect(clippy::print_stdout, reason = "cargo listens to a build script's standard output")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::disallowed_methods, reason = "cargo talks to build scripts through the environment")]
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is set by cargo"))
}

/// The Rust source of a service, from its three files in `models`.
///
/// # Errors
/// When a file is missing or malformed, or names what the model does not have.
pub fn from_files(models: &Path, service: &str) -> Result<String, Error> {
    let read = |suffix: &str| {
        let path = models.join(format!("{service}.{suffix}"));
        fs::read_to_string(&path).map(|text| (path.clone(), text)).map_err(|e| Error::File(path, e))
    };
    let (path, text) = read("json")?;
    let mut model: Model = serde_json::from_str(&text).map_err(|e| Error::Json(path, e))?;
    let served = served::parse(&read("ops")?.1)?;
    // Always there, be it empty: a file that is watched and missing makes every build generate again.
    let (path, text) = read("fix.json")?;
    let fix: Fix = serde_json::from_str(&text).map_err(|e| Error::Json(path, e))?;
    stream_events(&mut model);
    make_optional(&mut model, &fix)?;
    leave_to_service(&mut model, &fix)?;
    add_statuses(&mut model, &fix)?;
    add_headers(&mut model, &fix)?;
    generate(service, &model, &served, &fix)
}

/// A stream of events travels as its bytes: who answers writes them with `shape::event`.
fn stream_events(model: &mut Model) {
    for (_, shape) in model.shapes.0.iter_mut().filter(|(_, shape)| shape.eventstream) {
        *shape = model::Shape { kind: "blob".to_owned(), streaming: true, ..Default::default() };
    }
}

fn make_optional(model: &mut Model, fix: &Fix) -> Result<(), Error> {
    for path in &fix.optional {
        let unknown = || Error::Model(format!("{path} is no required member"));
        let (name, member) = path.split_once('.').ok_or_else(unknown)?;
        let shape = model.shapes.0.iter_mut().find(|(shape, _)| shape == name).ok_or_else(unknown)?;
        let at = shape.1.required.iter().position(|required| required == member).ok_or_else(unknown)?;
        shape.1.required.remove(at);
    }
    Ok(())
}

/// Takes its demands off a text that the service checks by itself.
fn leave_to_service(model: &mut Model, fix: &Fix) -> Result<(), Error> {
    for name in &fix.checked_by_service {
        let found = model.shapes.0.iter_mut().find(|(shape, one)| shape == name && one.kind == "string");
        let (_, shape) = found.ok_or_else(|| Error::Model(format!("{name} is no text")))?;
        (shape.min, shape.max, shape.pattern) = (None, None, None);
        shape.values.clear();
    }
    Ok(())
}

/// Adds members that say an answer's status.
fn add_statuses(model: &mut Model, fix: &Fix) -> Result<(), Error> {
    const SHAPE: &str = "AnswerStatus";
    for (output, member) in &fix.statuses {
        let unknown = || Error::Model(format!("{output} is no structure"));
        let shape = model.shapes.0.iter_mut().find(|(shape, _)| shape == output).ok_or_else(unknown)?;
        let location = Some("statusCode".to_owned());
        let reference = model::Reference { shape: SHAPE.to_owned(), location, ..Default::default() };
        shape.1.members.0.push((member.clone(), reference));
    }
    if !fix.statuses.is_empty() {
        let shape = model::Shape { kind: "integer".to_owned(), ..Default::default() };
        model.shapes.0.push((SHAPE.to_owned(), shape));
    }
    Ok(())
}

/// Adds members for headers that the model does not have.
fn add_headers(model: &mut Model, fix: &Fix) -> Result<(), Error> {
    const SHAPE: &str = "AddedHeader";
    for (path, header) in &fix.headers {
        let unknown = || Error::Model(format!("{path} cannot be added"));
        let (name, member) = path.split_once('.').ok_or_else(unknown)?;
        let shape = model.shapes.0.iter_mut().find(|(shape, _)| shape == name).ok_or_else(unknown)?;
        if shape.1.members.0.iter().any(|(known, _)| known == member) {
            return Err(unknown());
        }
        let reference = model::Reference {
            shape: SHAPE.to_owned(),
            location: Some("header".to_owned()),
            location_name: Some(header.clone()),
            ..Default::default()
        };
        shape.1.members.0.push((member.to_owned(), reference));
    }
    if !fix.headers.is_empty() {
        let shape = model::Shape { kind: "string".to_owned(), ..Default::default() };
        model.shapes.0.push((SHAPE.to_owned(), shape));
    }
    Ok(())
}

/// The Rust source of a service.
///
/// # Errors
/// When the list or the facts name what the model does not have.
pub fn generate(service: &str, model: &Model, served: &[Served], fix: &Fix) -> Result<String, Error> {
    emit::service(&reach::Reach::of(service, model, served, fix)?)
}
