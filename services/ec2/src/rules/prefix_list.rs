//! What prefix lists may hold, and which filters find them.

use ipnet::Ipv4Net;
use kernel::{Result, Scope};

use crate::errors;
use crate::state::prefix_list::{Change, Entry, PrefixList};

pub const FAMILY: &str = "IPv4";
const ENTRIES_MAX: i32 = 1_000;
const NAME_CHARS_MAX: usize = 255;
const DESCRIPTION_CHARS_MAX: usize = 255;

/// # Errors
/// When the name is AWS's or too long, the size none, or the family not IPv4.
pub fn check_new(name: &str, entries_max: i32, family: &str) -> Result<()> {
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.starts_with("com.amazonaws") {
        return Err(errors::invalid_value(name, "PrefixListName"));
    }
    if !(1..=ENTRIES_MAX).contains(&entries_max) {
        return Err(errors::invalid_value(entries_max, "MaxEntries"));
    }
    match family {
        FAMILY => Ok(()),
        "IPv6" => Err(errors::unsupported("IPv6")),
        other => Err(errors::invalid_value(other, "AddressFamily")),
    }
}

/// # Errors
/// When the range is none, or the description too long.
pub fn check_entry(cidr: Option<String>, description: Option<String>) -> Result<Entry> {
    let text = cidr.ok_or_else(|| errors::missing("Cidr"))?;
    let cidr = text.parse::<Ipv4Net>().map_err(|_| errors::cidr_malformed(&text))?.trunc();
    if description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_CHARS_MAX) {
        return Err(errors::invalid_value("Description", "Entry"));
    }
    Ok(Entry { cidr, description })
}

/// # Errors
/// When there are more entries than the list holds.
pub fn check_size(entries: &[Entry], entries_max: i32) -> Result<()> {
    let fits = i32::try_from(entries.len()).is_ok_and(|count| count <= entries_max);
    if fits { Ok(()) } else { Err(errors::prefix_list_full(entries_max)) }
}

/// The entries after a change.
///
/// # Errors
/// When one to remove is not there.
pub fn changed(entries: &[Entry], added: &[Entry], removed: &[Ipv4Net]) -> Result<Vec<Entry>> {
    if let Some(absent) = removed.iter().find(|cidr| !entries.iter().any(|entry| entry.cidr == **cidr)) {
        return Err(errors::invalid_value(absent, "RemoveEntries"));
    }
    let mut next: Vec<Entry> =
        entries.iter().filter(|entry| !removed.contains(&entry.cidr)).cloned().collect();
    for entry in added {
        next.retain(|known| known.cidr != entry.cidr);
        next.push(entry.clone());
    }
    Ok(next)
}

/// The state a list is in: every change is done when it is answered.
pub fn state(list: &PrefixList) -> &'static str {
    match list.last_change {
        Change::Created => "create-complete",
        Change::Modified => "modify-complete",
        Change::Restored => "restore-complete",
    }
}

/// Who owns a list, and its ARN.
pub fn owner(list: &PrefixList, scope: &Scope) -> (String, String) {
    let arn = scope.arn("ec2", format_args!("prefix-list/{}", list.id));
    match list.is_of_services() {
        true => ("AWS".to_owned(), arn.replacen(&scope.account.to_string(), "aws", 1)),
        false => (scope.account.to_string(), arn),
    }
}

pub const FILTERS: &[&str] = &["owner-id", "prefix-list-id", "prefix-list-name"];

/// What a list has under the name of a filter.
pub fn values(list: &PrefixList, scope: &Scope, name: &str) -> Vec<String> {
    vec![match name {
        "owner-id" => owner(list, scope).0,
        "prefix-list-id" => list.id.to_string(),
        "prefix-list-name" => list.name.clone(),
        _ => return Vec::new(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_added_replaced_and_removed() {
        let entry =
            |cidr: &str, text: &str| check_entry(Some(cidr.to_owned()), Some(text.to_owned())).unwrap();
        let old = [entry("10.0.0.0/8", "a"), entry("10.1.0.0/16", "b")];
        let next = changed(&old, &[entry("10.0.0.9/8", "c")], &["10.1.0.0/16".parse().unwrap()]).unwrap();
        assert_eq!(next, [entry("10.0.0.0/8", "c")]);
        assert!(changed(&old, &[], &["10.2.0.0/16".parse().unwrap()]).is_err());
        assert!(check_size(&old, 1).is_err() && check_size(&old, 2).is_ok());
        assert!(check_new("com.amazonaws.x", 1, FAMILY).is_err() && check_new("x", 0, FAMILY).is_err());
    }
}
