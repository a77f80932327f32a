//! ARNs of schedules and their groups.

use kernel::{Arn, Scope};

const SERVICE: &str = "scheduler";
/// The group of schedules that name none. It is always there.
pub const DEFAULT: &str = "default";

pub fn schedule(scope: &Scope, group: Option<&str>, name: &str) -> String {
    scope.arn(SERVICE, format_args!("schedule/{}/{name}", group.unwrap_or(DEFAULT)))
}

pub fn group(scope: &Scope, name: &str) -> String {
    scope.arn(SERVICE, format_args!("schedule-group/{name}"))
}

/// The name of the group an ARN of this scope means.
pub fn group_of(scope: &Scope, text: &str) -> Option<String> {
    let arn: Arn = text.parse().ok()?;
    let name = arn.resource.strip_prefix("schedule-group/")?;
    (arn.service == SERVICE && Scope::of_arn(&arn) == Some(*scope)).then(|| name.to_owned())
}
