//! Patterns over events in columns: `[ip, user, ..., status = 4*, bytes > 1000]`.

use super::lexer::{Token, tokens};
use super::logic::{Conditions, Logic};
use super::operand::{Operand, Sign};
use super::{Extracted, Wrong};

#[derive(Clone, Debug)]
pub(super) struct Columns {
    before: Vec<Column>,
    /// Behind an ellipsis; `None` where there is none.
    after: Option<Vec<Column>>,
}

#[derive(Clone, Debug)]
struct Column {
    /// With its dollar sign.
    name: String,
    condition: Option<Logic<Condition>>,
}

#[derive(Clone, Debug)]
struct Condition(Sign, Operand);

const COLUMNS_MAX: usize = 256;

impl Columns {
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let inside = inside.ok_or_else(|| Wrong::new("a pattern for columns ends with ]"))?;
        let mut columns = Self { before: Vec::new(), after: None };
        let tokens = tokens(inside)?;
        if tokens.is_empty() {
            columns.after = Some(Vec::new());
            return Ok(columns);
        }
        for (at, words) in tokens.split(|token| *token == Token::Comma).enumerate() {
            if matches!(words, [Token::Word(word)] if word == "...") {
                if columns.after.replace(Vec::new()).is_some() {
                    return Err(Wrong::new("a pattern has one ellipsis at most"));
                }
                continue;
            }
            let column = Column::parse(at + 1, words)?;
            columns.after.as_mut().unwrap_or(&mut columns.before).push(column);
        }
        match columns.all().count() {
            ..=COLUMNS_MAX => Ok(columns),
            _ => Err(Wrong::new(format!("a pattern has at most {COLUMNS_MAX} columns"))),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Column> {
        self.before.iter().chain(self.after.iter().flatten())
    }

    pub(super) fn regexes(&self) -> usize {
        let conditions = self.all().filter_map(|column| column.condition.as_ref());
        conditions.map(|logic| logic.count(&|Condition(_, operand)| operand.is_regex())).sum()
    }

    pub(super) fn has(&self, selector: &str) -> bool {
        self.all().any(|column| column.name == selector)
    }

    /// The columns of an event that is meant. Those an ellipsis stands for are named by their place.
    pub(super) fn find(&self, message: &str) -> Option<Extracted> {
        let fields = split(message);
        let (least, last) = (self.all().count(), self.after.as_ref().map_or(0, Vec::len));
        let fits = if self.after.is_some() { fields.len() >= least } else { fields.len() == least };
        if !fits {
            return None;
        }
        let tail = fields.len() - last;
        let mut found = Extracted::with_capacity(fields.len());
        for (at, field) in fields.into_iter().enumerate() {
            let behind = || self.after.as_ref().and_then(|after| after.get(at.checked_sub(tail)?));
            match self.before.get(at).or_else(behind) {
                Some(column) => {
                    let fits = |Condition(sign, operand): &Condition| operand.fits(*sign, field);
                    if column.condition.as_ref().is_some_and(|logic| !logic.holds(&fits)) {
                        return None;
                    }
                    found.push((column.name.clone(), field.to_owned()));
                }
                None => found.push((format!("${}", at + 1), field.to_owned())),
            }
        }
        Some(found)
    }
}

/// Fields stand between blanks; quotes and brackets hold one together, and are no part of it.
fn split(message: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = message.trim_start();
    while let Some(first) = rest.chars().next() {
        let closing = match first {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let held = closing.and_then(|closing| rest.get(1..)?.split_once(closing));
        let (field, after) = match held {
            Some(pair) => pair,
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        fields.push(field);
        rest = after.trim_start();
    }
    fields
}

impl Column {
    fn parse(place: usize, words: &[Token]) -> Result<Self, Wrong> {
        let mut parser = Parser { words, at: 0, name: None };
        let condition = parser.column()?;
        if let Some(left) = words.get(parser.at) {
            return Err(Wrong::new(format!("{left:?} has no meaning here")));
        }
        let name = parser.name.unwrap_or_else(|| place.to_string());
        Ok(Self { name: format!("${name}"), condition })
    }
}

struct Parser<'w> {
    words: &'w [Token],
    at: usize,
    /// Of the column; each of its conditions says it again.
    name: Option<String>,
}

impl Parser<'_> {
    /// A name alone, or conditions on it.
    fn column(&mut self) -> Result<Option<Logic<Condition>>, Wrong> {
        match self.words {
            [] => Err(Wrong::new("a column has no name")),
            [Token::Word(name)] => {
                self.at = 1;
                self.named(name).map(|()| None)
            }
            _ => self.any_of(0).map(Some),
        }
    }

    fn named(&mut self, name: &str) -> Result<(), Wrong> {
        let is_name = name.chars().all(|c| c.is_alphanumeric() || "_-.@".contains(c));
        match self.name.get_or_insert_with(|| name.to_owned()) == name && is_name {
            true => Ok(()),
            false => Err(Wrong::new(format!("'{name}' is not the name of this column"))),
        }
    }
}

impl Conditions for Parser<'_> {
    type One = Condition;

    fn takes(&mut self, token: &Token) -> bool {
        let is = self.words.get(self.at) == Some(token);
        self.at += usize::from(is);
        is
    }

    fn one(&mut self) -> Result<Condition, Wrong> {
        let (Some(Token::Word(name)), Some(sign), Some(operand)) =
            (self.words.get(self.at), self.words.get(self.at + 1), self.words.get(self.at + 2))
        else {
            return Err(Wrong::new("a condition is a name, a sign and a value"));
        };
        let sign = Sign::of(sign).ok_or_else(|| Wrong::new(format!("'{name}' is compared to nothing")))?;
        self.named(name)?;
        self.at += 3;
        Ok(Condition(sign, Operand::read(sign, operand)?))
    }
}
