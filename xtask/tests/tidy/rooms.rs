//! The rooms of a service.

use crate::tree::Tree;

const ROOMS: [&str; 6] = ["controllers", "errors", "ops", "rules", "service", "state"];
const SINGLE: [&str; 6] = ["errors.rs", "events.rs", "lib.rs", "meter.rs", "service.rs", "template.rs"];
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = ["common", "helper", "helpers", "manager", "misc", "models", "types", "utils"];

/// Files that stand in no room, or under a name that says nothing.
pub(crate) fn rooms(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for service in tree.services() {
        for path in tree.under(&format!("services/{service}")) {
            if let Err(why) = check(service, path) {
                broken.push(format!("services/{service}/{path}: {why}"));
            }
        }
    }
    broken
}

fn check(service: &str, path: &str) -> Result<(), String> {
    match path.split('/').collect::<Vec<_>>()[..] {
        ["Cargo.toml" | "README.md"] | ["data" | "tests", _, ..] if !stray_test(path) => Ok(()),
        ["src", file] if SINGLE.contains(&file) => Ok(()),
        ["src", room, ref inside @ ..] if ROOMS.contains(&room) && !inside.is_empty() => {
            let named = inside.iter().map(|part| part.trim_end_matches(".rs"));
            for name in named {
                if EMPTY_NAMES.contains(&name) {
                    return Err(format!("`{name}` says nothing; name the resource"));
                }
                if name == service || name.starts_with(&format!("{service}_")) {
                    return Err(format!("`{name}` repeats the service's name; name the resource"));
                }
            }
            Ok(())
        }
        _ => Err(format!("no such room: src/{ROOMS:?}, src/{SINGLE:?}, data, tests/it")),
    }
}

fn stray_test(path: &str) -> bool {
    path.starts_with("tests/") && !path.starts_with("tests/it/")
}

/// Services that don't say what they serve.
pub(crate) fn readme(tree: &Tree) -> Vec<String> {
    let has = |service: &&str| tree.under(&format!("services/{service}")).contains(&"README.md");
    let without = tree.services().into_iter().filter(|service| !has(service));
    without
        .map(|service| format!("services/{service}: README.md is missing: what is served, where we differ"))
        .collect()
}
