//! A place in the text of a query, and what stands there.

/// Why a text does not read, and where: from and to in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub words: String,
    pub from: usize,
    pub to: usize,
}

#[derive(Clone, Debug)]
pub struct Cursor<'t> {
    text: &'t str,
    /// In bytes, at a character.
    at: usize,
    /// Behind what was taken last.
    end: usize,
}

impl<'t> Cursor<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0, end: 0 }
    }

    pub fn place(&self) -> usize {
        self.at
    }

    pub fn back_to(&mut self, place: usize) {
        self.at = place;
    }

    /// What was taken since a place, without blanks around it and comments behind.
    pub fn since(&self, place: usize) -> &'t str {
        self.text.get(place..self.end).unwrap_or_default().trim()
    }

    fn go(&mut self, bytes: usize) {
        self.at += bytes;
        if bytes > 0 {
            self.end = self.at;
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Goes over blanks and comments.
    pub fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            if !self.rest().starts_with('#') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    pub fn is_at_end(&mut self) -> bool {
        self.skip();
        self.rest().is_empty()
    }

    pub fn stands(&mut self, sign: &str) -> bool {
        self.skip();
        self.rest().starts_with(sign)
    }

    /// Takes a sign, if it stands here.
    pub fn takes(&mut self, sign: &str) -> bool {
        let is = self.stands(sign);
        self.go(if is { sign.len() } else { 0 });
        is
    }

    /// Takes a word that is no part of a longer one, in any case.
    pub fn takes_word(&mut self, word: &str) -> bool {
        self.skip();
        let found = name_in(self.rest());
        let is = found.eq_ignore_ascii_case(word);
        self.go(if is { found.len() } else { 0 });
        is
    }

    /// # Errors
    /// When it does not stand here.
    pub fn expect(&mut self, sign: &str) -> Result<(), Wrong> {
        if self.takes(sign) { Ok(()) } else { Err(self.wrong(&format!("expected {sign}"))) }
    }

    /// The name that stands here, or nothing.
    pub fn peek_name(&mut self) -> &'t str {
        self.skip();
        name_in(self.rest())
    }

    /// A name, between backticks where it has other signs.
    ///
    /// # Errors
    /// When none stands here.
    pub fn name(&mut self) -> Result<String, Wrong> {
        self.skip();
        if let Some(inner) = self.rest().strip_prefix('`') {
            let Some((name, _)) = inner.split_once('`') else {
                return Err(self.wrong("a quotation does not end"));
            };
            self.go(name.len() + 2);
            return Ok(name.to_owned());
        }
        let name = name_in(self.rest());
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.wrong("expected a field"));
        }
        self.go(name.len());
        Ok(name.to_owned())
    }

    /// A text between quotes of either kind, if one stands here.
    ///
    /// # Errors
    /// When it does not end.
    pub fn text(&mut self) -> Result<Option<String>, Wrong> {
        self.skip();
        let Some(quote) = self.rest().chars().next().filter(|c| ['"', '\''].contains(c)) else {
            return Ok(None);
        };
        let mut out = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.go(at + 1);
                    return Ok(Some(out));
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('"' | '\'' | '\\'))) => out.push(escaped),
                    Some((_, other)) => out.extend(['\\', other]),
                    None => break,
                },
                other => out.push(other),
            }
        }
        Err(self.wrong("a quotation does not end"))
    }

    /// A regular expression between slashes, if one stands here.
    ///
    /// # Errors
    /// When it does not end.
    pub fn regex(&mut self) -> Result<Option<String>, Wrong> {
        self.skip();
        if !self.rest().starts_with('/') {
            return Ok(None);
        }
        let mut out = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '/' => {
                    self.go(at + 1);
                    return Ok(Some(out));
                }
                '\\' => match chars.next() {
                    Some((_, '/')) => out.push('/'),
                    Some((_, other)) => out.extend(['\\', other]),
                    None => break,
                },
                other => out.push(other),
            }
        }
        Err(self.wrong("a regular expression does not end"))
    }

    /// A number, if one stands here.
    pub fn number(&mut self) -> Option<f64> {
        self.skip();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = rest.get(..end)?.parse().ok()?;
        self.go(end);
        Some(number)
    }

    /// What is wrong here: with the word that stands here.
    pub fn wrong(&self, words: &str) -> Wrong {
        let rest = self.rest();
        let name = name_in(rest);
        let length = if name.is_empty() { rest.chars().next().map_or(0, char::len_utf8) } else { name.len() };
        let shown = rest.get(..length).unwrap_or_default();
        let from = self.text.get(..self.at).unwrap_or_default().chars().count();
        let found = if shown.is_empty() { "end of query".to_owned() } else { format!("'{shown}'") };
        let words = format!("unexpected symbol found {found} at position {from}: {words}");
        Wrong { words, from, to: from + shown.chars().count() }
    }

    /// The same of something that began at an earlier place.
    pub fn wrong_since(&self, place: usize, words: &str) -> Wrong {
        let from = self.text.get(..place).unwrap_or_default().chars().count();
        let to = self.text.get(..self.at).unwrap_or_default().chars().count();
        Wrong { words: words.to_owned(), from, to }
    }
}

fn name_in(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || "_@.".contains(c))).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}
