//! What a service says of how it is found, beyond what its model says.

use crate::sigv4::Signing;

/// Routing facts the models lack. Declared by the service, handed over by whoever assembles the house.
#[derive(Clone, Copy, Debug)]
pub struct Hints {
    /// Names in a signature's scope besides the model's signing name.
    pub scopes: &'static [&'static str],
    /// First labels of host names besides the model's endpoint prefix and the service's name.
    pub hosts: &'static [&'static str],
    /// Paths that name a resource in requests of the query protocols.
    pub paths: &'static [PathHint],
    /// A label before the service's in the host name is the first segment of the path.
    pub virtual_hosts: bool,
    pub signing: Signing,
    /// Gets what nobody else is asked for.
    pub fallback: bool,
    /// Requests without a signature go on, as nobody's; the gate decides.
    pub anonymous: bool,
    /// Longest body of an operation that does not stream.
    pub body_bytes_max: usize,
}

impl Hints {
    /// For a service that needs none.
    pub const NONE: Hints = Hints {
        scopes: &[],
        hosts: &[],
        paths: &[],
        virtual_hosts: false,
        signing: Signing::Common,
        fallback: false,
        anonymous: false,
        body_bytes_max: 2 * 1_024 * 1_024,
    };
}

/// A path with a meaning, and the parameter that means the same.
#[derive(Clone, Copy, Debug)]
pub struct PathHint {
    /// Segments: `{account}` is twelve digits, `{region}` a region, `{name}` anything, all else itself.
    pub pattern: &'static str,
    /// Gets the whole URL where the form does not give it.
    pub param: &'static str,
}

impl PathHint {
    pub(super) fn matches(&self, path: &str) -> bool {
        let mut given = path.trim_end_matches('/').split('/');
        let fits = |wanted: &str| match (wanted, given.next()) {
            (_, None) => false,
            ("{account}", Some(segment)) => segment.parse::<kernel::AccountId>().is_ok(),
            ("{region}", Some(segment)) => looks_like_region(segment),
            ("{name}", Some(segment)) => !segment.is_empty(),
            (literal, Some(segment)) => literal == segment,
        };
        self.pattern.split('/').all(fits) && given.next().is_none()
    }
}

/// `us-east-1`, `us-gov-west-1`: at least two dashes and a digit at the end.
pub(super) fn looks_like_region(text: &str) -> bool {
    text.matches('-').count() >= 2
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text.parse::<kernel::Region>().is_ok()
}
