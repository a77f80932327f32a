//! What is listed, what is served, what is tested.

use std::collections::BTreeSet;
use std::fs;

use crate::tree::Tree;

/// Operations no test with a client names, one a line, `service Operation`. It may only shrink.
const UNTESTED: &str = "tests/untested.txt";

/// Every service with the operations in its list.
fn listed(tree: &Tree) -> Vec<(&str, Vec<&str>)> {
    let lists = tree.files.iter().filter_map(|file| {
        let service = file.path.strip_prefix("models/")?.strip_suffix(".ops")?;
        let begins = |line: &&str| line.starts_with(|c: char| c.is_ascii_alphabetic());
        let operations = file.text.lines().filter(begins).filter_map(|line| line.split_whitespace().next());
        Some((service, operations.collect()))
    });
    lists.collect()
}

/// Operations that are listed and that no service declares.
pub(crate) fn declared(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (service, operations) in listed(tree) {
        let served_by = tree.server_of(service);
        let page = format!("services/{served_by}/src/service.rs");
        let Some(source) = tree.source(&page) else {
            broken.push(format!("{page} is missing, and models/{service}.ops lists operations"));
            continue;
        };
        // A contents page that outgrew its file goes on in a folder of its name.
        let more = format!("services/{served_by}/src/service/");
        let pages =
            || std::iter::once(source).chain(tree.sources.iter().filter(|it| it.path.starts_with(&more)));
        let declares = |name: &str| pages().any(|page| page.code.bare.contains(&format!("op::{name},")));
        let missing = operations.into_iter().filter(|name| !declares(name));
        broken.extend(
            missing.map(|name| {
                format!("{page}: `s.op(op::{name}, …)` is missing; models/{service}.ops lists it")
            }),
        );
    }
    broken
}

/// Differences between the operations no test names and the ones we know of.
pub(crate) fn untested(tree: &Tree) -> Vec<String> {
    let mut found = BTreeSet::new();
    for (service, operations) in listed(tree) {
        let own = format!("services/{}/tests/", tree.server_of(service));
        let sources =
            tree.sources.iter().filter(|source| source.path.starts_with(&own)).map(|source| &source.text);
        let files = tree.files.iter().filter(|f| f.path.starts_with("tests/") && f.path.ends_with(".py"));
        let said: BTreeSet<&str> =
            sources.chain(files.map(|file| &file.text)).flat_map(|text| words(text)).collect();
        for operation in operations {
            let forms = [operation.to_owned(), joined(operation, '_'), joined(operation, '-')];
            if !forms.iter().any(|form| said.contains(form.as_str())) {
                found.insert(format!("{service} {operation}"));
            }
        }
    }
    let path = tree.root.join(UNTESTED);
    if std::env::var_os("TIDY_WRITE").is_some() && tree.root.exists() {
        fs::write(&path, found.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }
    let known: BTreeSet<String> =
        fs::read_to_string(&path).unwrap_or_default().lines().map(str::to_owned).collect();
    let more = found.difference(&known);
    let fewer = known.difference(&found);
    let more = more.map(|line| format!("{line}: no test in tests/ or the service's tests/it names it"));
    let fewer =
        fewer.map(|line| format!("{line}: is tested or gone; take it off {UNTESTED} (TIDY_WRITE=1 does it)"));
    more.chain(fewer).collect()
}

/// Words with their underscores and hyphens.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
}

/// `SendMessage` as `send_message`; a run of capitals is one word, as clients have it.
fn joined(operation: &str, by: char) -> String {
    let mut out = String::new();
    let chars: Vec<char> = operation.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let after_small = at > 0 && !chars[at - 1].is_ascii_uppercase();
        let before_small = chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if at > 0 && c.is_ascii_uppercase() && (after_small || before_small) {
            out.push(by);
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[test]
fn operations_are_found_as_clients_spell_them() {
    assert_eq!(joined("GetQueueUrl", '_'), "get_queue_url");
    assert_eq!(joined("DescribeDBInstances", '-'), "describe-db-instances");
}
