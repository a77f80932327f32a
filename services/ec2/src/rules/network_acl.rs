//! What the ACL of a new VPC says.

use crate::rules::vpc::ANYWHERE;
use crate::state::network_acl::Entry;

/// The number AWS shows for the last word, which cannot be changed: `*` on its console.
pub const LAST_RULE: i32 = 32_767;
/// Where rules begin by custom.
const FIRST_RULE: i32 = 100;

/// Everything passes, both ways.
pub fn default_entries() -> Vec<Entry> {
    let entry =
        |number, egress, allow| Entry { number, egress, allow, protocol: "-1".to_owned(), cidr: ANYWHERE };
    vec![
        entry(FIRST_RULE, true, true),
        entry(LAST_RULE, true, false),
        entry(FIRST_RULE, false, true),
        entry(LAST_RULE, false, false),
    ]
}
