//! Patterns with `*` and `?`, without regard to case where that is asked for.

/// `*` stands for any characters, `?` for exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
    any_case: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Many,
    One,
    Byte(u8),
}

impl Piece {
    fn of(byte: u8) -> Self {
        match byte {
            b'*' => Self::Many,
            b'?' => Self::One,
            other => Self::Byte(other),
        }
    }
}

impl Pattern {
    pub fn new(text: &str) -> Self {
        Self { pieces: text.bytes().map(Piece::of).collect(), any_case: false }
    }

    /// As for host names.
    pub fn any_case(text: &str) -> Self {
        Self { any_case: true, ..Self::new(&text.to_ascii_lowercase()) }
    }

    /// As for query strings: without regard to case, and a `\` before `*`, `?` or another `\` takes it as it stands.
    pub fn escaped(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let mut bytes = lower.bytes().peekable();
        let mut pieces = Vec::with_capacity(lower.len());
        while let Some(byte) = bytes.next() {
            let taken = bytes.next_if(|next| byte == b'\\' && matches!(next, b'*' | b'?' | b'\\'));
            pieces.push(taken.map_or_else(|| Piece::of(byte), Piece::Byte));
        }
        Self { pieces, any_case: true }
    }

    /// Takes time in proportion to both lengths multiplied, never more.
    pub fn fits(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let (mut at, mut from) = (0, 0);
        // Where the last star was, and how much it has swallowed.
        let mut star: Option<(usize, usize)> = None;
        while let Some(have) = text.get(from) {
            let have = if self.any_case { have.to_ascii_lowercase() } else { *have };
            match self.pieces.get(at) {
                Some(Piece::Many) => {
                    star = Some((at, from));
                    at += 1;
                }
                Some(want) if *want == Piece::One || *want == Piece::Byte(have) => {
                    at += 1;
                    from += 1;
                }
                _ => match &mut star {
                    Some((place, swallowed)) => {
                        *swallowed += 1;
                        (at, from) = (*place + 1, *swallowed);
                    }
                    None => return false,
                },
            }
        }
        self.pieces.get(at..).unwrap_or_default().iter().all(|rest| *rest == Piece::Many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, fits) in [
            ("/img/*", "/img/a/b.png", true),
            ("/img/*", "/IMG/a", false),
            ("/img/*/pics", "/img/x/pics", true),
            ("/img/*/pics", "/img/x/pic", false),
            ("*.example.com", "test.example.com", true),
            ("*.example.com", "example.com", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(Pattern::new(pattern).fits(text), fits, "{pattern} {text}");
        }
        assert!(Pattern::any_case("*.Example.com").fits("A.eXample.COM"));
    }

    #[test]
    fn what_is_escaped_stands_for_itself() {
        for (pattern, text, fits) in [
            (r"a\*b", "a*b", true),
            (r"a\*b", "aXb", false),
            (r"*lit\*eral*", "aLIT*eralb", true),
            (r"*lit\*eral*", "alitXeralb", false),
            (r"c\?d*", "c?de", true),
            (r"c\?d*", "cxde", false),
            (r"back\\slash", r"back\slash", true),
            (r"a\\*", r"a\bc", true),
            (r"a\b\", r"a\b\", true),
        ] {
            assert_eq!(Pattern::escaped(pattern).fits(text), fits, "{pattern} {text}");
        }
        assert!(!Pattern::any_case(r"a\*").fits("a*"), "only where that is asked for");
    }
}
