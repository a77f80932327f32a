//! What is known about a request: keys and their values, looked up only when a policy asks.

use std::borrow::Cow;

/// The values of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values<'a> {
    One(Cow<'a, str>),
    /// Of a key that may have several; also none.
    Many(Cow<'a, [String]>),
    /// Of a key that is meant as a whole: an operator for one value fits several of them in no allowance, and each of them
    /// in a denial.
    List(Cow<'a, [String]>),
}

impl<'a> Values<'a> {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (one, many): (Option<&str>, &[String]) = match self {
            Self::One(value) => (Some(value), &[]),
            Self::Many(values) | Self::List(values) => (None, values),
        };
        one.into_iter().chain(many.iter().map(String::as_str))
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Many(values) | Self::List(values) if values.is_empty())
    }

    /// The value, where there is exactly one.
    pub(crate) fn single(&self) -> Option<&str> {
        match self {
            Self::One(value) => Some(value),
            Self::Many(values) | Self::List(values) => match &**values {
                [value] => Some(value),
                _ => None,
            },
        }
    }
}

impl<'a> From<&'a str> for Values<'a> {
    fn from(value: &'a str) -> Self {
        Self::One(Cow::Borrowed(value))
    }
}

impl From<String> for Values<'_> {
    fn from(value: String) -> Self {
        Self::One(Cow::Owned(value))
    }
}

impl<'a> From<&'a [String]> for Values<'a> {
    fn from(values: &'a [String]) -> Self {
        Self::Many(Cow::Borrowed(values))
    }
}

/// The condition keys of a request.
///
/// Names of keys are alike in any case (`aws:CurrentTime`, `AWS:currenttime`), tag names within them too.
/// A value may be computed at the moment it is asked for.
pub trait Context {
    /// `None` when the request has no such key.
    fn find(&self, key: &str) -> Option<Values<'_>>;

    /// Whether conditions on a key are left aside: an allowance does not depend on them, and a denial that has one does
    /// not apply.
    fn waives(&self, _key: &str) -> bool {
        false
    }
}

/// Nothing is known.
impl Context for () {
    fn find(&self, _key: &str) -> Option<Values<'_>> {
        None
    }
}

/// Keys and values in a list; later ones do not replace earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Facts(Vec<(String, Vec<String>)>);

impl Facts {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.0.push((key.to_owned(), vec![value.to_owned()]));
        self
    }

    #[must_use]
    pub fn with_all<'v>(mut self, key: &str, values: impl IntoIterator<Item = &'v str>) -> Self {
        self.0.push((key.to_owned(), values.into_iter().map(str::to_owned).collect()));
        self
    }
}

impl Context for Facts {
    fn find(&self, key: &str) -> Option<Values<'_>> {
        let (_, values) = self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?;
        Some(match values.as_slice() {
            [value] => Values::from(value.as_str()),
            several => Values::from(several),
        })
    }
}
