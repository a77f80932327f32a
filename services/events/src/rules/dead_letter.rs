//! What dead letters tell of a delivery that was given up (EventBridge user guide, "Considerations when using a
//! dead-letter queue").

use kernel::{Error, Kind};

/// The code of an error as dead letters bear it.
pub fn code(error: &Error) -> &'static str {
    match error.kind() {
        Kind::Denied => "NO_PERMISSIONS",
        Kind::NotFound => "RESOURCE_NOT_FOUND",
        Kind::Throttled => "THROTTLING",
        Kind::Invalid | Kind::Conflict | Kind::Limit | Kind::Unsupported => "INVALID_PARAMETER",
        Kind::Unavailable | Kind::Internal => "SDK_CLIENT_ERROR",
    }
}
