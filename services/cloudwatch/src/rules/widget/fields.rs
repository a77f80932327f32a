//! The fields of a JSON object, each taken once; what is left over is not drawn.

use kernel::{Error, Result};
use serde_json::{Map, Value};

use crate::errors;

/// An object that is being read.
pub struct Fields {
    path: String,
    map: Map<String, Value>,
}

pub(super) fn refuse(path: &str, why: &str) -> Error {
    errors::validation(format!(
        "Invalid MetricWidget: {}{why}.",
        if path.is_empty() { "it ".to_owned() } else { format!("{path} ") }
    ))
}

impl Fields {
    pub fn new(path: &str, value: Value) -> Result<Self> {
        match value {
            Value::Object(map) => Ok(Self { path: path.to_owned(), map }),
            _ => Err(refuse(path, "must be an object")),
        }
    }

    pub fn refuse(&self, name: &str, why: &str) -> Error {
        refuse(&self.place(name), why)
    }

    pub fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    fn take<T>(&mut self, name: &str, kind: &str, read: impl Fn(Value) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.map.remove(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.refuse(name, &format!("must be {kind}")))
    }

    pub fn text(&mut self, name: &str) -> Result<Option<String>> {
        self.take(name, "a string", |value| if let Value::String(text) = value { Some(text) } else { None })
    }

    pub fn whole(&mut self, name: &str) -> Result<Option<i64>> {
        self.take(name, "an integer", |value| value.as_i64())
    }

    pub fn number(&mut self, name: &str) -> Result<Option<f64>> {
        self.take(name, "a number", |value| value.as_f64())
    }

    pub fn truth(&mut self, name: &str) -> Result<Option<bool>> {
        self.take(name, "true or false", |value| value.as_bool())
    }

    pub fn list(&mut self, name: &str) -> Result<Vec<Value>> {
        let list = self
            .take(name, "an array", |value| if let Value::Array(list) = value { Some(list) } else { None });
        list.map(Option::unwrap_or_default)
    }

    pub fn object(&mut self, name: &str) -> Result<Option<Self>> {
        let place = self.place(name);
        self.map.remove(name).map(|value| Self::new(&place, value)).transpose()
    }

    pub fn one_of<T: Copy>(&mut self, name: &str, known: &[(&str, T)]) -> Result<Option<T>> {
        let Some(word) = self.text(name)? else { return Ok(None) };
        let found = known.iter().find(|(known, _)| *known == word);
        let names = || known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        match found {
            Some((_, value)) => Ok(Some(*value)),
            None => Err(self.refuse(name, &format!("is {word}, and only these are drawn here: {}", names()))),
        }
    }

    /// # Errors
    /// When anything was not taken.
    pub fn finish(self) -> Result<()> {
        match self.map.keys().next() {
            Some(name) => Err(self.refuse(name, "is not drawn here")),
            None => Ok(()),
        }
    }
}
