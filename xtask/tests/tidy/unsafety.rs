//! Unsafe code: only in the engine, and each with its argument.

use crate::tree::Tree;

/// A comment may stand so many lines above its block, the statement's own lines included.
const NEAR_LINES: usize = 6;

/// Unsafe code elsewhere, or without an argument.
pub(crate) fn argued(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for source in tree.sources.iter().filter(|source| !source.path.starts_with("fuzz/")) {
        let path = &source.path;
        let lines: Vec<&str> = source.text.lines().collect();
        for (at, line) in source.code.bare.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            let is_unsafe = words.any(|word| word == "unsafe" || word == "unsafe_code");
            if !is_unsafe {
                continue;
            }
            let near = &lines[at.saturating_sub(NEAR_LINES)..=at];
            let is_lint = line.contains("unsafe_code");
            if !path.starts_with("engine/") {
                broken.push(format!("{path}:{}: unsafe code lives in the engine only", at + 1));
            } else if !is_lint && !near.iter().any(|line| line.contains("SAFETY:")) {
                broken.push(format!("{path}:{}: say in a `SAFETY:` comment why this is sound", at + 1));
            }
        }
    }
    broken
}
