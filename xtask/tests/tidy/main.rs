//! The tests that keep the house as `docs/architecture.md` draws it. One rule, one function, one test.
//!
//! A rule takes the tree and gives what breaks it, each finding saying where, what and what to do instead.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod layers;
mod lexer;
mod manifest;
mod reach;
mod rooms;
mod surface;
mod tree;
mod unsafety;
mod words;

use tree::{Tree, tree};

fn keep(rule: fn(&Tree) -> Vec<String>) {
    let broken = rule(tree());
    assert!(broken.is_empty(), "\n\n  {}\n\n", broken.join("\n  "));
}

#[test]
fn arrows_between_crates_point_down() {
    keep(layers::arrows);
}

#[test]
fn services_ask_only_their_own_rank_and_below() {
    keep(layers::ranks);
}

#[test]
fn a_service_has_the_rooms_of_the_house() {
    keep(rooms::rooms);
}

#[test]
fn every_service_says_what_it_serves() {
    keep(rooms::readme);
}

#[test]
fn no_service_is_named_below_the_services() {
    keep(words::no_service_named);
}

#[test]
fn nothing_is_left_to_be_done() {
    keep(words::nothing_left_to_do);
}

#[test]
fn unsafe_code_is_in_the_engine_and_argued() {
    keep(unsafety::argued);
}

#[test]
fn every_operation_listed_is_served() {
    keep(surface::declared);
}

#[test]
fn untested_operations_are_the_ones_we_know_of() {
    keep(surface::untested);
}

#[test]
fn every_file_is_reached_by_its_crate() {
    keep(reach::dead);
}

/// Guides, not gates: said aloud, never failed.
#[test]
fn sizes() {
    for line in tree::too_long(tree()) {
        tree::say(&line);
    }
}

/// A rule that finds nothing anywhere keeps nothing.
#[test]
fn each_rule_finds_what_it_looks_for() {
    let bad = Tree::of(&[
        ("kernel/a/Cargo.toml", "[package]\nname = \"a\"\n[dependencies]\nx.workspace = true"),
        ("kernel/a/src/lib.rs", "mod here;"),
        ("kernel/a/src/here.rs", "fn call_x() { unsafe { go() } }"),
        ("kernel/a/src/gone.rs", concat!("// TO", "DO")),
        (
            "services/x/Cargo.toml",
            "[package]\nname = \"x\"\n[package.metadata.house]\nrank = 1\n[dependencies]\napi-y = 1",
        ),
        ("services/x/src/utils.rs", ""),
        ("services/y/Cargo.toml", "[package]\nname = \"y\"\n[package.metadata.house]\nrank = 2"),
        ("services/y/README.md", ""),
        ("models/y.ops", "Run ~A"),
    ]);
    let found = |rule: fn(&Tree) -> Vec<String>| rule(&bad).join("\n");
    assert!(found(layers::arrows).contains("kernel/a must not use services/x"));
    assert!(found(layers::ranks).contains("asks y (rank 2)"));
    assert!(found(rooms::rooms).contains("services/x/src/utils.rs: no such room"));
    assert!(found(rooms::readme).contains("services/x: README.md"));
    assert!(found(words::no_service_named).contains("here.rs:1: names `x`"));
    assert!(found(words::nothing_left_to_do).contains("gone.rs:1"));
    assert!(found(unsafety::argued).contains("here.rs:1"));
    assert!(found(surface::declared).contains("services/y/src/service.rs is missing"));
    assert!(found(surface::untested).contains("y Run"));
    assert!(found(reach::dead).contains("gone.rs") && !found(reach::dead).contains("here.rs"));
}
