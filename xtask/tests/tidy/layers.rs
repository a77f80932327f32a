//! Who may use whom.

use std::collections::BTreeMap;

use crate::tree::Tree;

/// What stands in a folder may depend on what stands in those. The test of the wire generates an API of its own.
const MAY_USE: [(&str, &[&str]); 9] = [
    ("api/", &["api/codegen", "kernel/shape"]),
    ("engine/block", &["engine/blob"]),
    ("engine/", &[]),
    ("fuzz", &["api/", "kernel/", "services/", "wire"]),
    ("kernel/", &["kernel/"]),
    ("services/", &["api/", "engine/", "kernel/core", "kernel/policy", "kernel/shape", "shared/"]),
    ("shared/", &["api/", "kernel/core", "kernel/shape"]),
    ("wire", &["api/codegen", "kernel/core", "kernel/shape"]),
    ("xtask", &["api/codegen"]),
];

/// Layers whose tests may bring others of the same: what one does is often seen in another.
const TESTED_TOGETHER: [&str; 2] = ["engine/", "services/"];

/// Dependencies that go against the layers.
pub(crate) fn arrows(tree: &Tree) -> Vec<String> {
    let folders: BTreeMap<&str, &str> =
        tree.manifests.iter().map(|manifest| (&*manifest.name, &*manifest.folder)).collect();
    let mut broken = Vec::new();
    for manifest in &tree.manifests {
        let Some((_, may)) = MAY_USE.iter().find(|(from, _)| manifest.folder.starts_with(from)) else {
            continue;
        };
        let folder = &manifest.folder;
        let layer = TESTED_TOGETHER.into_iter().find(|layer| folder.starts_with(layer));
        let for_tests = |used: &&&&str| layer.is_none_or(|layer| !used.starts_with(layer));
        let find = |name: &String| folders.get(name.as_str());
        let used = manifest.dependencies.iter().filter_map(find);
        for used in used.chain(manifest.test_dependencies.iter().filter_map(find).filter(|u| for_tests(&u))) {
            if used != folder && !may.iter().any(|allowed| used.starts_with(allowed)) {
                broken.push(format!("{folder}/Cargo.toml: {folder} must not use {used}; it may use {may:?}"));
            }
        }
    }
    broken
}

/// Services without a rank, that ask one above them, or that ask each other in a circle.
pub(crate) fn ranks(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    let mut ranks = BTreeMap::new();
    for manifest in tree.manifests.iter().filter(|manifest| manifest.folder.starts_with("services/")) {
        match manifest.rank {
            Some(rank @ 0..=3) => {
                ranks.insert(&*manifest.name, rank);
            }
            _ => broken.push(format!("{}/Cargo.toml: [package.metadata.house] rank = 0..3", manifest.folder)),
        }
    }
    let mut equals: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for manifest in tree.manifests.iter().filter(|manifest| ranks.contains_key(&*manifest.name)) {
        let rank = ranks[&*manifest.name];
        for asked in manifest.dependencies.iter().filter_map(|name| name.strip_prefix("api-")) {
            match ranks.get(asked) {
                Some(higher) if *higher > rank => broken.push(format!(
                    "services/{} (rank {rank}) asks {asked} (rank {higher}): upwards, tell by events",
                    manifest.name
                )),
                Some(equal) if *equal == rank && asked != manifest.name => {
                    equals.entry(&manifest.name).or_default().push(asked);
                }
                _ => {}
            }
        }
    }
    let circle = |start: &&&str| reaches(&equals, start, start, equals.len());
    if let Some(start) = equals.keys().find(circle) {
        broken.push(format!("services/{start}: services of equal rank ask each other in a circle"));
    }
    broken
}

fn reaches(asks: &BTreeMap<&str, Vec<&str>>, from: &str, to: &str, steps: usize) -> bool {
    let next = asks.get(from).into_iter().flatten();
    steps > 0 && next.into_iter().any(|asked| *asked == to || reaches(asks, asked, to, steps - 1))
}
