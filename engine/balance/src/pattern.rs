//! Patterns with `*` and `?`, without regard to case where that is asked for.

/// `*` stands for any characters, `?` for exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Vec<u8>,
    any_case: bool,
}

impl Pattern {
    pub fn new(text: &str) -> Self {
        Self { text: text.as_bytes().to_vec(), any_case: false }
    }

    /// As for host names.
    pub fn any_case(text: &str) -> Self {
        Self { text: text.to_ascii_lowercase().into_bytes(), any_case: true }
    }

    /// Takes time in proportion to both lengths multiplied, never more.
    pub fn fits(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let (mut at, mut from) = (0, 0);
        // Where the last star was, and how much it has swallowed.
        let mut star: Option<(usize, usize)> = None;
        while let Some(have) = text.get(from) {
            let have = if self.any_case { have.to_ascii_lowercase() } else { *have };
            match self.text.get(at) {
                Some(b'*') => {
                    star = Some((at, from));
                    at += 1;
                }
                Some(want) if *want == b'?' || *want == have => {
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
        self.text.get(at..).unwrap_or_default().iter().all(|rest| *rest == b'*')
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
}
