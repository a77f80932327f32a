//! `LIKE`: `%` for anything, `_` for one character.

enum Piece {
    Any,
    One,
    Char(char),
}

/// Characters of a pattern: a text is gone through so often at most.
const PATTERN_MAX: usize = 1_024;

/// `None` where a pattern ends within an escape, or is too long.
pub(super) fn matches(text: &str, pattern: &str, escape: Option<char>) -> Option<bool> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            c if Some(c) == escape => Piece::Char(chars.next()?),
            '%' => Piece::Any,
            '_' => Piece::One,
            c => Piece::Char(c),
        });
    }
    if pieces.len() > PATTERN_MAX {
        return None;
    }
    Some(fits(&text.chars().collect::<Vec<_>>(), &pieces))
}

/// Goes on from the last `%` where it does not fit: time is bounded by the product of the two lengths.
fn fits(text: &[char], pieces: &[Piece]) -> bool {
    let (mut at, mut piece) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        let fits = match (pieces.get(piece), text.get(at)) {
            (Some(Piece::Any), _) => {
                retry = Some((at, piece + 1));
                piece += 1;
                continue;
            }
            (Some(Piece::One), Some(_)) => true,
            (Some(Piece::Char(wanted)), Some(found)) => wanted == found,
            _ => false,
        };
        if fits {
            (at, piece) = (at + 1, piece + 1);
        } else if let Some((from, after)) = retry {
            retry = Some((from + 1, after));
            (at, piece) = (from + 1, after);
        } else {
            return false;
        }
    }
    pieces.iter().skip(piece).all(|piece| matches!(piece, Piece::Any))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (text, pattern, expected) in [
            ("abc", "abc", true),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "a_c", true),
            ("abc", "a_", false),
            ("", "%", true),
            ("aXbXc", "%X%X%", true),
            ("aab", "%ab", true),
            ("ünder", "_nder", true),
            ("100%", "100!%", true),
            ("100x", "100!%", false),
        ] {
            assert_eq!(matches(text, pattern, Some('!')), Some(expected), "{text} {pattern}");
        }
        assert_eq!(matches("a", "a!", Some('!')), None);
    }
}
