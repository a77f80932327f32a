//! How much of a list is given at once.

use kernel::Result;

use crate::errors;

/// The number a `limit` says, at most `max`, which is also the default (API reference, lists).
///
/// # Errors
/// *InvalidParameterValueException* for what is no positive number.
pub fn limit(given: Option<&str>, max: usize) -> Result<usize> {
    let Some(text) = given else { return Ok(max) };
    let number = text.parse::<usize>().ok().filter(|number| *number > 0);
    Ok(number.ok_or_else(|| errors::invalid(format!("Invalid limit: {text}")))?.min(max))
}

/// # Errors
/// *InvalidParameterValueException*.
pub fn flag(given: Option<&str>, name: &str) -> Result<Option<bool>> {
    match given {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => Err(errors::invalid(format!("Invalid {name}: {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(limit(None, 50).unwrap(), 50);
        assert_eq!(limit(Some("7"), 50).unwrap(), 7);
        assert_eq!(limit(Some("700"), 50).unwrap(), 50);
        assert!(limit(Some("0"), 50).is_err() && limit(Some("x"), 50).is_err());
        assert_eq!(flag(Some("true"), "completed").unwrap(), Some(true));
        assert!(flag(Some("yes"), "completed").is_err());
    }
}
