//! The list of operations served, `models/<service>.ops`.
//!
//! One operation a line, sorted. `-Member.Path` after it names an input member that is not honoured and therefore
//! refused by name; `~Member` one that no handler reads and that is accepted all the same. An indented line goes on
//! with the operation above; `#` starts a comment.

use crate::Error;

/// One served operation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Served {
    pub name: String,
    pub refused: Vec<String>,
    pub harmless: Vec<String>,
}

/// Reads a list.
///
/// # Errors
/// When it is not sorted, or a word is neither an operation nor a marker.
pub(crate) fn parse(text: &str) -> Result<Vec<Served>, Error> {
    let mut all: Vec<Served> = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace().peekable();
        if !line.starts_with(char::is_whitespace)
            && let Some(name) = words.next()
        {
            if all.last().is_some_and(|last| last.name.as_str() >= name) {
                return Err(Error::List(format!("{name} is out of order")));
            }
            all.push(Served { name: name.to_owned(), ..Served::default() });
        }
        for word in words {
            let Some(op) = all.last_mut() else {
                return Err(Error::List(format!("{word} stands before any operation")));
            };
            match word.split_at_checked(1) {
                Some(("-", path)) if !path.is_empty() => op.refused.push(path.to_owned()),
                Some(("~", path)) if !path.is_empty() => op.harmless.push(path.to_owned()),
                _ => return Err(Error::List(format!("{word:?} after {} is no marker", op.name))),
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_operations_and_their_markers() {
        let list = parse("# all\nCreateKey ~Origin\nRun -A.B\n   -C ~D # why\n").unwrap();
        assert_eq!(list[0].harmless, ["Origin"]);
        assert_eq!(list[1].refused, ["A.B", "C"]);
        assert_eq!(list[1].harmless, ["D"]);
    }

    #[test]
    fn disorder_and_strange_words_are_refused() {
        for bad in ["B\nA\n", "A\nA\n", "  -x\n", "A B\n", "A -\n"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
