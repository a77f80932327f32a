//! Files the compiler never sees.

use std::collections::BTreeSet;

use crate::manifest::Manifest;
use crate::tree::{Source, Tree};

/// Sources no crate reaches through its modules.
pub(crate) fn dead(tree: &Tree) -> Vec<String> {
    let mut reached = BTreeSet::new();
    for manifest in &tree.manifests {
        let own = |source: &&Source| source.path.starts_with(&format!("{}/", manifest.folder));
        for source in tree.sources.iter().filter(own).filter(|source| is_root(manifest, &source.path)) {
            follow(tree, source, &mut reached);
        }
    }
    let dead = tree.sources.iter().filter(|source| !reached.contains(source.path.as_str()));
    dead.map(|source| format!("{}: no `mod` leads here; name it or delete it", source.path)).collect()
}

/// Whether Cargo compiles the file by itself.
fn is_root(manifest: &Manifest, path: &str) -> bool {
    let inside = &path[manifest.folder.len() + 1..];
    let parts: Vec<&str> = inside.split('/').collect();
    manifest.roots.iter().any(|root| root == inside)
        || matches!(
            parts[..],
            ["build.rs"]
                | ["src", "lib.rs" | "main.rs"]
                | ["src", "bin", _]
                | ["src", "bin", _, "main.rs"]
                | ["tests" | "examples" | "benches", _]
                | ["tests" | "examples" | "benches", _, "main.rs"]
        )
}

fn follow<'a>(tree: &'a Tree, source: &'a Source, reached: &mut BTreeSet<&'a str>) {
    if !reached.insert(&source.path) {
        return;
    }
    let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let stem = file.trim_end_matches(".rs");
    let is_head = matches!(file, "lib.rs" | "main.rs" | "mod.rs" | "build.rs");
    let mut from = vec![format!("{folder}/{stem}")];
    // The head of a crate or folder has its modules beside it; so have single-file tests, examples and programs.
    if is_head
        || source.path.contains("/tests/")
        || source.path.contains("/examples/")
        || source.path.contains("/bin/")
    {
        from.insert(0, folder.to_owned());
    }
    for name in modules(&source.code.bare) {
        for folder in &from {
            for path in [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")] {
                if let Some(next) = tree.source(&path) {
                    follow(tree, next, reached);
                }
            }
        }
    }
    for path in named(&source.text) {
        if let Some(next) = tree.source(&format!("{folder}/{path}")) {
            follow(tree, next, reached);
        }
    }
}

/// The names in `mod name;`.
fn modules(bare: &str) -> impl Iterator<Item = &str> {
    let lines = bare.lines().filter_map(|line| line.split_once("mod ").map(|(_, rest)| rest));
    lines.filter_map(|rest| rest.trim().strip_suffix(';'))
}

/// The files in `#[path = "…"]` and `include!("…")`.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let marks = ["#[path = \"", "include!(\""];
    let starts =
        marks.into_iter().flat_map(|mark| text.match_indices(mark).map(|(at, mark)| at + mark.len()));
    starts.filter_map(|at| text[at..].split('"').next())
}
