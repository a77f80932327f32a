//! Patterns over JSON events: `{ $.status = 5* && ($.user IS NULL || $.sizes[0] > 10) }`.

use serde_json::Value;

use super::lexer::{Token, tokens};
use super::logic::{Conditions, Logic};
use super::operand::{Operand, Sign};
use super::{Extracted, Wrong};

#[derive(Clone, Debug)]
pub(super) struct JsonFilter {
    /// None takes every object.
    condition: Option<Logic<Condition>>,
    selectors: Vec<Selector>,
}

#[derive(Clone, Debug)]
enum Condition {
    Compare(Selector, Sign, Operand),
    Is(Selector, Being),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Being {
    True,
    False,
    Null,
    Absent,
}

/// Where a value lies.
#[derive(Clone, Debug)]
struct Selector {
    written: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    /// `[*]`, `.*`
    Each,
}

impl JsonFilter {
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let inside = inside.ok_or_else(|| Wrong::new("a pattern for JSON ends with }"))?;
        let mut parser = Parser { tokens: tokens(inside)?, at: 0, selectors: Vec::new() };
        let condition = match parser.tokens.is_empty() {
            true => None,
            false => Some(parser.any_of(0)?),
        };
        match parser.tokens.get(parser.at) {
            None => Ok(Self { condition, selectors: parser.selectors }),
            Some(left) => Err(Wrong::new(format!("{left:?} has no meaning here"))),
        }
    }

    pub(super) fn regexes(&self) -> usize {
        self.condition.as_ref().map_or(0, |logic| logic.count(&Condition::is_by_regex))
    }

    fn read(&self, message: &str) -> Option<Value> {
        let event = object(message)?;
        let holds = |one: &Condition| one.holds(&event);
        self.condition.as_ref().is_none_or(|logic| logic.holds(&holds)).then_some(event)
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        self.read(message).is_some()
    }

    pub(super) fn extract(&self, message: &str) -> Option<Extracted> {
        let event = self.read(message)?;
        let mut found = Extracted::new();
        for selector in &self.selectors {
            let is_known = found.iter().any(|(name, _)| *name == selector.written);
            if let (false, Some(value)) = (is_known, selector.find(&event).first()) {
                found.push((selector.written.clone(), text_of(value)));
            }
        }
        Some(found)
    }
}

/// Only objects are events in JSON. What begins otherwise is not even read.
fn object(message: &str) -> Option<Value> {
    if !message.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(message).ok().filter(Value::is_object)
}

/// The value a selector names in an event.
pub(super) fn value_at(selector: &str, message: &str) -> Option<String> {
    let selector = Selector::parse(selector).ok()?;
    let event = object(message)?;
    selector.find(&event).first().map(|value| text_of(value))
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Condition {
    fn is_by_regex(&self) -> bool {
        matches!(self, Self::Compare(_, _, operand) if operand.is_regex())
    }

    fn holds(&self, event: &Value) -> bool {
        match self {
            Self::Compare(selector, sign, operand) => {
                selector.find(event).into_iter().any(|value| match value {
                    Value::String(text) => operand.fits(*sign, text),
                    Value::Number(number) => operand.fits(*sign, &number.to_string()),
                    Value::Bool(is) => operand.fits(*sign, if *is { "true" } else { "false" }),
                    Value::Null | Value::Array(_) | Value::Object(_) => false,
                })
            }
            Self::Is(selector, Being::Absent) => selector.find(event).is_empty(),
            Self::Is(selector, being) => selector.find(event).into_iter().any(|value| match being {
                Being::True => *value == Value::Bool(true),
                Being::False => *value == Value::Bool(false),
                Being::Null | Being::Absent => value.is_null(),
            }),
        }
    }
}

impl Selector {
    fn parse(written: &str) -> Result<Self, Wrong> {
        let wrong = || Wrong::new(format!("'{written}' is no selector"));
        let mut rest = written.strip_prefix('$').ok_or_else(wrong)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = step(rest).ok_or_else(wrong)?;
            steps.push(step);
            rest = after;
        }
        match steps.is_empty() {
            true => Err(wrong()),
            false => Ok(Self { written: written.to_owned(), steps }),
        }
    }

    fn find<'v>(&self, event: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![event];
        for step in &self.steps {
            found = match step {
                Step::Key(key) => found.into_iter().filter_map(|value| value.get(key)).collect(),
                Step::Index(index) => found.into_iter().filter_map(|value| value.get(index)).collect(),
                Step::Each => found.into_iter().flat_map(each).collect(),
            };
        }
        found
    }
}

fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    }
}

/// The first step of a selector without its `$`, and the rest.
fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(inner) = text.strip_prefix("[\"").or_else(|| text.strip_prefix(".[\"")) {
        let (key, rest) = inner.split_once("\"]")?;
        return Some((Step::Key(key.to_owned()), rest));
    }
    if let Some(inner) = text.strip_prefix("['").or_else(|| text.strip_prefix(".['")) {
        let (key, rest) = inner.split_once("']")?;
        return Some((Step::Key(key.to_owned()), rest));
    }
    if let Some(inner) = text.strip_prefix('[') {
        let (index, rest) = inner.split_once(']')?;
        let step = if index.trim() == "*" { Step::Each } else { Step::Index(index.trim().parse().ok()?) };
        return Some((step, rest));
    }
    let name = text.strip_prefix('.')?;
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (key, rest) = name.split_at(end);
    match key {
        "" => None,
        "*" => Some((Step::Each, rest)),
        key => Some((Step::Key(key.to_owned()), rest)),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    selectors: Vec<Selector>,
}

impl Parser {
    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes_word(&mut self, wanted: &str) -> bool {
        let is =
            matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(is);
        is
    }
}

impl Conditions for Parser {
    type One = Condition;

    fn takes(&mut self, token: &Token) -> bool {
        let is = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(is);
        is
    }

    fn one(&mut self) -> Result<Condition, Wrong> {
        let Some(Token::Word(written)) = self.take() else {
            return Err(Wrong::new("a selector is missing"));
        };
        let selector = Selector::parse(&written)?;
        self.selectors.push(selector.clone());
        if self.takes_word("IS") {
            let beings = [("TRUE", Being::True), ("FALSE", Being::False), ("NULL", Being::Null)];
            let being = beings.into_iter().find(|(word, _)| self.takes_word(word));
            let (_, being) = being.ok_or_else(|| Wrong::new("IS takes TRUE, FALSE or NULL"))?;
            return Ok(Condition::Is(selector, being));
        }
        if self.takes_word("NOT") {
            return match self.takes_word("EXISTS") {
                true => Ok(Condition::Is(selector, Being::Absent)),
                false => Err(Wrong::new("NOT takes EXISTS")),
            };
        }
        let sign = self.take().as_ref().and_then(Sign::of);
        let sign = sign.ok_or_else(|| Wrong::new(format!("'{written}' is compared to nothing")))?;
        let operand = self.take().ok_or_else(|| Wrong::new("a value is missing"))?;
        Ok(Condition::Compare(selector, sign, Operand::read(sign, &operand)?))
    }
}
