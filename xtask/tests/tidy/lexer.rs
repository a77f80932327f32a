//! Rust text told apart: code, comments, strings, tests. No more grammar than the rules need.

/// The text of a source with parts of it blanked, lines and lengths kept.
pub(crate) struct Code {
    /// Without comments and test modules.
    pub(crate) shipped: String,
    /// Without comments and without what stands in strings.
    pub(crate) bare: String,
}

pub(crate) fn read(text: &str) -> Code {
    let bare = blank(text, true);
    let mut shipped = blank(text, false);
    for range in tests(&bare) {
        let blanked: String = shipped[range.clone()].chars().map(to_blank).collect();
        shipped.replace_range(range, &blanked);
    }
    Code { shipped, bare }
}

impl Code {
    /// The first line of each function that has a body, and how many lines it takes.
    pub(crate) fn functions(&self) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for (at, _) in self.bare.match_indices("fn ") {
            let head = self.bare[..at].chars().next_back();
            let Some(body) = self.bare[at..].find(['{', ';']).map(|length| at + length) else { continue };
            if head.is_some_and(|c| c.is_alphanumeric() || c == '_') || self.bare[body..].starts_with(';') {
                continue;
            }
            let lines = self.bare[at..close(&self.bare, body)].lines().count();
            found.push((self.bare[..at].matches('\n').count() + 1, lines));
        }
        found
    }
}

/// Blanks comments, and strings too when asked. One space a byte keeps every offset.
fn blank(text: &str, strings: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, hide) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), true),
            '/' if rest.starts_with("/*") => (rest.find("*/").map_or(rest.len(), |end| end + 2), true),
            '"' => (string(rest), strings),
            'r' if starts_raw(rest) && !ends_in_word(&out) => (raw_string(rest), strings),
            'b' if rest[1..].starts_with('"') && !ends_in_word(&out) => (1 + string(&rest[1..]), strings),
            '\'' => (quoted_char(rest), strings),
            _ => (first.len_utf8(), false),
        };
        let (taken, left) = rest.split_at(length);
        if hide {
            out.extend(taken.chars().map(to_blank));
        } else {
            out.push_str(taken);
        }
        rest = left;
    }
    out
}

fn to_blank(c: char) -> char {
    if c == '\n' || c.len_utf8() > 1 { c } else { ' ' }
}

fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

fn starts_raw(text: &str) -> bool {
    text[1..].trim_start_matches('#').starts_with('"')
}

/// The length of the string literal `text` begins with.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    let end = format!("\"{}", "#".repeat(hashes));
    let body = hashes + 2;
    text[body..].find(&end).map_or(text.len(), |at| body + at + end.len())
}

/// The length of a character literal, or of the quote alone where it begins a lifetime.
fn quoted_char(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => text[3..].find('\'').map_or(1, |at| at + 4),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// The ranges of modules and functions only tests see.
fn tests(bare: &str) -> Vec<std::ops::Range<usize>> {
    let marks = bare.match_indices("#[cfg(test)]");
    marks
        .map(|(at, mark)| {
            let item = at + mark.len();
            let end = bare[item..].find(['{', ';']).map_or(bare.len(), |length| item + length);
            at..close(bare, end)
        })
        .collect()
}

/// Where the block that opens at `at` ends; just after `at` where none opens there.
fn close(bare: &str, at: usize) -> usize {
    let mut depth = 0usize;
    for (offset, c) in bare[at..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + offset + c.len_utf8();
        }
    }
    bare.len()
}

#[test]
fn code_is_told_from_what_only_looks_like_it() {
    let text = "let a = 'x'; // sqs\n\
                fn f<'a>() { \"ec2 }\" }\n#[cfg(test)]\nmod tests { fn g() {} }\nlet b = r#\"\"}\"#;";
    let code = read(text);
    assert_eq!(
        code.shipped,
        "let a = 'x';       \nfn f<'a>() { \"ec2 }\" }\n            \n                       \nlet b = r#\"\"}\"#;"
    );
    assert_eq!(code.bare.len(), text.len());
    assert!(!code.bare.contains("ec2") && code.shipped.contains("ec2"));
    assert_eq!(code.functions(), [(2, 1), (4, 1)]);
}
