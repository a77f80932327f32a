//! What holds for every batch: how many entries, and their ids.

use std::collections::BTreeSet;

use api_sqs::BatchResultErrorEntry;
use kernel::{Error, Result};

use crate::errors;

const ENTRIES_MAX: usize = 10;
const ID_MAX: usize = 80;

/// Refuses a batch as a whole. `entry` is the name of its entries' shape.
pub fn check<'a>(entry: &str, ids: impl ExactSizeIterator<Item = &'a str> + Clone) -> Result<()> {
    if ids.len() == 0 {
        return Err(errors::empty_batch(entry));
    }
    if ids.len() > ENTRIES_MAX {
        return Err(errors::too_many_entries(ids.len()));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let good = |id: &str| (1..=ID_MAX).contains(&id.len()) && id.chars().all(allowed);
    if !ids.clone().all(good) {
        return Err(errors::bad_entry_id());
    }
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(errors::repeated_entry_id(id));
        }
    }
    Ok(())
}

/// An entry that failed while others did not.
pub fn failed(id: String, error: &Error) -> BatchResultErrorEntry {
    BatchResultErrorEntry {
        id,
        sender_fault: error.is_sender(),
        code: short_code(error.query_code()).to_owned(),
        message: Some(error.message().to_owned()),
    }
}

/// An empty list is left out of the answer.
pub fn some<T>(entries: Vec<T>) -> Option<Vec<T>> {
    (!entries.is_empty()).then_some(entries)
}

/// Entries name the code without the namespace some have.
fn short_code(code: &str) -> &str {
    code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_checked_as_a_whole() {
        let long = "x".repeat(81);
        for (ids, code) in [
            (vec![], Some("EmptyBatchRequest")),
            (vec!["a"; 11], Some("TooManyEntriesInBatchRequest")),
            (vec!["a", "a"], Some("BatchEntryIdsNotDistinct")),
            (vec![""], Some("InvalidBatchEntryId")),
            (vec!["a:b"], Some("InvalidBatchEntryId")),
            (vec![long.as_str()], Some("InvalidBatchEntryId")),
            (vec!["a", "b-_9"], None),
        ] {
            let refused = check("SendMessageBatchRequestEntry", ids.iter().copied()).err();
            assert_eq!(refused.map(|e| e.code()), code, "{ids:?}");
        }
    }
}
