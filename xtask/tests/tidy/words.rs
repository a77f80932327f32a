//! Words that must not be said.

use crate::tree::Tree;

/// Words of the services' world, beside the names of the services themselves.
const THEIRS: [&str; 4] = ["ami", "imds", "s3", "vpc"];

/// Where a name stands for something else than the service, and for what.
const MEANS_ELSE: [(&str, &str, &str); 15] = [
    ("kernel/core/src/house/directory.rs", "ec2", "the protocol called after it"),
    ("kernel/core/src/caller.rs", "iam", "the ARNs of principals"),
    ("kernel/core/src/principal.rs", "vpc", "condition keys that policies of every service know"),
    ("kernel/policy/src/decision.rs", "vpc", "the wording of a refusal"),
    ("kernel/shape/src/schema.rs", "ec2", "the protocol called after it"),
    ("kernel/policy/src/document/", "ec2", "the wording of a refusal"),
    ("kernel/policy/src/document/", "iam", "the wording of a refusal, and the ARNs of principals"),
    ("kernel/policy/src/document/", "sts", "what a trust policy is about, and the ARNs of principals"),
    ("wire/src/", "ec2", "the protocol called after it"),
    ("wire/src/detail.rs", "s3", "the name of an element of refusals"),
    ("engine/block/src/export.rs", "vpc", "the name qemu-img has for VHD"),
    ("engine/block/src/import.rs", "vpc", "the name qemu-img has for VHD"),
    ("engine/blob/src/remote.rs", "s3", "the protocol called after it, which other stores speak too"),
    ("engine/compute/src/image/", "ec2", "the login and the data source images know"),
    ("engine/compute/src/guest/", "ec2", "the login and the headers guests know"),
];

/// Services called after a thing that everybody speaks of: their names say nothing about who is meant.
const EVERYDAY: [&str; 2] = ["events", "logs"];

/// Names of services in code below the services.
pub(crate) fn no_service_named(tree: &Tree) -> Vec<String> {
    let mut names = tree.services();
    names.extend(THEIRS);
    names.retain(|name| !EVERYDAY.contains(name));
    let mut broken = Vec::new();
    let below = |path: &str| ["kernel/", "wire/", "engine/"].iter().any(|layer| path.starts_with(layer));
    for source in tree.sources.iter().filter(|source| below(&source.path) && is_shipped(&source.path)) {
        for (at, line) in source.code.shipped.lines().enumerate() {
            let Some(name) =
                words(line).find_map(|word| names.iter().find(|name| word.eq_ignore_ascii_case(name)))
            else {
                continue;
            };
            let is_else =
                |(path, word, _): &(&str, &str, &str)| source.path.starts_with(path) && word == name;
            if !MEANS_ELSE.iter().any(is_else) {
                let path = &source.path;
                broken.push(format!("{path}:{}: names `{name}`; take it as a table or an argument", at + 1));
            }
        }
    }
    broken
}

/// Tests may name what they like.
fn is_shipped(path: &str) -> bool {
    let is_test = path.contains("/tests/") || path.contains("/examples/") || path.ends_with("/tests.rs");
    !is_test && !path.ends_with("/vectors.rs")
}

/// The words of identifiers: `DescribeVpc`, `describe_vpc` and `describe-vpc` say the same two.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric()).flat_map(|identifier| {
        let ends = identifier.bytes().zip(identifier.bytes().skip(1)).enumerate();
        let cuts = ends.filter(|(_, (a, b))| !a.is_ascii_uppercase() && b.is_ascii_uppercase());
        let mut cuts: Vec<usize> = cuts.map(|(at, _)| at + 1).collect();
        cuts.push(identifier.len());
        let mut from = 0;
        cuts.into_iter().map(move |to| &identifier[std::mem::replace(&mut from, to)..to])
    })
}

/// Work left for later in the text. What is not done is an issue.
pub(crate) fn nothing_left_to_do(tree: &Tree) -> Vec<String> {
    let marks = [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];
    let texts = tree.sources.iter().map(|source| (&source.path, &source.text));
    let texts = texts.chain(tree.files.iter().map(|file| (&file.path, &file.text)));
    // Models are AWS's words, not ours.
    let texts = texts.filter(|(path, _)| !path.starts_with("models/"));
    let mut broken = Vec::new();
    for (path, text) in texts {
        for (at, line) in text.lines().enumerate() {
            let said =
                |mark: &&&str| line.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == **mark);
            if let Some(mark) = marks.iter().find(said) {
                broken.push(format!("{path}:{}: {mark}: do it, or write an issue and say why not", at + 1));
            }
        }
    }
    broken
}

#[test]
fn identifiers_are_told_apart_into_words() {
    assert_eq!(words("fn describe_vpc(Vpc9Id").collect::<Vec<_>>(), ["fn", "describe", "vpc", "Vpc9", "Id"]);
}
