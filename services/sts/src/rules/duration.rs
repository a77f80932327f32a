//! How long sessions last, in seconds.

use kernel::Result;

use crate::errors;

const HOUR_S: i32 = 3_600;
const HALF_DAY_S: i32 = 43_200;

/// Of a role. The model bounds what may be asked for (900 to 43,200).
///
/// # Errors
/// When the role allows less, or the session was made by another role's, which bounds it to an hour.
pub fn of_role(asked: Option<i32>, role_max: i32, is_chained: bool) -> Result<i32> {
    let lasts = asked.unwrap_or(HOUR_S);
    if is_chained && lasts > HOUR_S {
        return Err(errors::chained_too_long());
    }
    if lasts > role_max { Err(errors::longer_than_role_allows()) } else { Ok(lasts) }
}

/// Of a user, or of who a user vouches for; the account's own last an hour at most, whatever was asked for.
pub fn of_user(asked: Option<i32>, is_root: bool) -> i32 {
    let lasts = asked.unwrap_or(HALF_DAY_S);
    if is_root { lasts.min(HOUR_S) } else { lasts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roles_maximum_and_chaining_bound_its_sessions() {
        assert_eq!(of_role(None, 7_200, false).unwrap(), 3_600);
        assert_eq!(of_role(Some(7_200), 7_200, false).unwrap(), 7_200);
        assert!(of_role(Some(7_201), 7_200, false).unwrap_err().message().contains("MaxSessionDuration"));
        assert!(of_role(Some(3_601), 7_200, true).unwrap_err().message().contains("role chaining"));
        assert_eq!(of_role(Some(3_600), 7_200, true).unwrap(), 3_600);
        assert_eq!(
            (of_user(None, false), of_user(None, true), of_user(Some(900), true)),
            (43_200, 3_600, 900)
        );
    }
}
