//! What an operation answers when it does not succeed.

use std::error::Error as StdError;
use std::fmt;

use shape::{ErrorDef, Struct};

/// The closed set of ways to fail. It gives the HTTP status where the code has none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is wrong in itself: 400.
    Invalid,
    /// What it names is not there: 400, or 404 where the model says so.
    NotFound,
    /// It contradicts what is there: 400, or 409 where the model says so.
    Conflict,
    /// The caller may not: 403.
    Denied,
    /// Too fast: 400, or 429 where the model says so.
    Throttled,
    /// Too many or too big: 400.
    Limit,
    /// We do not do this, and say so: 501 for operations, 400 for parameters.
    Unsupported,
    /// Not now: 503.
    Unavailable,
    /// Our fault: 500.
    Internal,
}

impl Kind {
    /// The status of a code that brings none.
    pub fn status(self) -> u16 {
        match self {
            Kind::Invalid | Kind::NotFound | Kind::Conflict | Kind::Throttled | Kind::Limit => 400,
            Kind::Denied => 403,
            Kind::Unsupported => 501,
            Kind::Unavailable => 503,
            Kind::Internal => 500,
        }
    }
}

/// An operation's refusal or failure. `message` is for the caller, in AWS's wording; `cause` never leaves the log.
#[derive(Debug)]
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    code: &'static str,
    query_code: &'static str,
    status: u16,
    message: String,
    fields: Option<Box<dyn Struct>>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("code", &self.code)
            .field("status", &self.status)
            .field("message", &self.message)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

impl Error {
    /// A code that no model lists, with its status by kind: EC2's codes, and those common to all services.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self::with(kind, code, code, kind.status(), message.into())
    }

    /// An exception of the model, with the code and status the model gives it.
    pub fn modeled(kind: Kind, def: &'static ErrorDef, message: impl Into<String>) -> Self {
        Self::with(kind, def.code, def.query_code, def.status, message.into())
    }

    /// Our own failure. The caller is told only that there was one; `cause` goes to the log.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let message = "We encountered an internal error. Please try again.".to_owned();
        let mut error = Self::with(Kind::Internal, "InternalFailure", "InternalFailure", 500, message);
        error.0.cause = Some(cause.into());
        error
    }

    fn with(kind: Kind, code: &'static str, query_code: &'static str, status: u16, message: String) -> Self {
        Self(Box::new(Inner { kind, code, query_code, status, message, fields: None, cause: None }))
    }

    /// The same error under another HTTP status.
    #[must_use]
    pub fn status_is(mut self, status: u16) -> Self {
        self.0.status = status;
        self
    }

    /// Adds the modelled members of the exception besides its message.
    #[must_use]
    pub fn with_fields(mut self, fields: impl Struct) -> Self {
        self.0.fields = Some(Box::new(fields));
        self
    }

    /// Adds the private reason.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }
    pub fn code(&self) -> &'static str {
        self.0.code
    }
    pub fn query_code(&self) -> &'static str {
        self.0.query_code
    }
    pub fn status(&self) -> u16 {
        self.0.status
    }
    pub fn message(&self) -> &str {
        &self.0.message
    }
    pub fn fields(&self) -> Option<&dyn Struct> {
        self.0.fields.as_deref()
    }
    /// Whose fault it is, in the words of the query protocols.
    pub fn is_sender(&self) -> bool {
        !matches!(self.0.kind, Kind::Internal | Kind::Unavailable | Kind::Unsupported)
    }
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync)> {
        self.0.cause.as_deref()
    }

    /// The cause, what caused that, and so on, for a log.
    pub fn causes(&self) -> String {
        let mut words = Vec::new();
        let mut next = StdError::source(self);
        while let Some(cause) = next {
            words.push(cause.to_string());
            next = cause.source();
        }
        words.join(": ")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A store that fails is our fault; one that is contended is busy.
impl From<store::StoreError> for Error {
    fn from(error: store::StoreError) -> Self {
        match error {
            store::StoreError::Contended { .. } => {
                let message =
                    "The request could not be finished because of other requests. Please try again.";
                Self::new(Kind::Unavailable, "ServiceUnavailable", message).because(error)
            }
            store::StoreError::Full { free } => {
                let message = format!(
                    "The disk with the data folder is full: {} MiB are left. Nothing was changed.",
                    free >> 20
                );
                Self::new(Kind::Unavailable, "ServiceUnavailable", message).because(error)
            }
            other => Self::internal(other),
        }
    }
}
