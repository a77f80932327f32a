//! Idempotency tokens: the same request twice is one request.

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use shape::{Member, Ref, Struct};

use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::key::KeyReader;
use crate::table::Table;
use crate::tx::Tx;

/// What a token was first used for.
#[derive(Serialize, Deserialize)]
struct Used {
    fingerprint: String,
    /// What the operation made: the id it answers from when it is asked again.
    made: String,
    at: Millis,
}

static TOKENS: Table<Used> = Table::new("kernel/token");

/// Tokens are remembered for a day, as AWS does at the least.
pub const KEPT_MS: Millis = 24 * 3_600_000;

/// What is known of a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Token {
    /// Never seen.
    Fresh,
    /// This very request was made before, and made this.
    Repeated(String),
    /// Another request bore it.
    Mismatched,
}

impl Tx<'_, '_> {
    /// Looks a client's token up, for an operation whose request has this [`fingerprint`].
    pub fn find_token(&mut self, operation: &str, token: &str, fingerprint: &str) -> Result<Token> {
        let scope = *self.ctx().scope();
        let now = self.ctx().now();
        Ok(match TOKENS.get(self, &scope, (operation, token))? {
            Some(used) if now - used.at > KEPT_MS => Token::Fresh,
            Some(used) if used.fingerprint == fingerprint => Token::Repeated(used.made),
            Some(_) => Token::Mismatched,
            None => Token::Fresh,
        })
    }

    /// Remembers, with the records of this transaction, what a token's request made.
    pub fn remember_token(
        &mut self,
        operation: &str,
        token: &str,
        fingerprint: &str,
        made: &str,
    ) -> Result<()> {
        let scope = *self.ctx().scope();
        let at = self.ctx().now();
        let used = Used { fingerprint: fingerprint.to_owned(), made: made.to_owned(), at };
        TOKENS.put(self, &scope, (operation, token), &used)
    }

    /// Forgets tokens past their time, at most `limit`. Gives how many.
    pub(crate) fn forget_old_tokens(&mut self, limit: usize) -> Result<usize> {
        let now = self.ctx().now();
        let rows = TOKENS.list_all(self, None, limit)?;
        let old = rows.into_iter().filter(|(_, used)| now - used.at > KEPT_MS);
        let mut forgotten = 0;
        for (key, _) in old {
            let mut key = KeyReader(&key);
            if let (Some(scope), Some(operation), Some(token)) = (key.scope(), key.text(), key.text()) {
                TOKENS.delete(self, &scope, (operation, token))?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }
}

/// A request that is done once, however often it comes: its operation, its client's token, and what it asks.
#[derive(Debug)]
pub struct Once<'a> {
    operation: &'static str,
    token: Option<&'a str>,
    asked: String,
}

impl<'a> Once<'a> {
    /// `asked` is the request's [`fingerprint`]. An empty token is none.
    pub fn new(operation: &'static str, token: Option<&'a String>, asked: String) -> Self {
        Self { operation, token: token.map(String::as_str).filter(|token| !token.is_empty()), asked }
    }

    /// What it made when it came before.
    ///
    /// # Errors
    /// `mismatched`, when its token was another request's.
    pub fn find(
        &self,
        tx: &mut Tx<'_, '_>,
        mismatched: impl FnOnce(&str) -> Error,
    ) -> Result<Option<String>> {
        let Some(token) = self.token else { return Ok(None) };
        match tx.find_token(self.operation, token, &self.asked)? {
            Token::Fresh => Ok(None),
            Token::Repeated(made) => Ok(Some(made)),
            Token::Mismatched => Err(mismatched(token)),
        }
    }

    /// What it made now, with the records of this transaction.
    pub fn remember(&self, tx: &mut Tx<'_, '_>, made: &str) -> Result<()> {
        self.token.map_or(Ok(()), |token| tx.remember_token(self.operation, token, &self.asked, made))
    }
}

/// A digest of everything a request says but its token.
pub fn fingerprint(input: &dyn Struct) -> String {
    let mut digest = digest::Context::new(&digest::SHA256);
    add_struct(&mut digest, input);
    digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn add_struct(digest: &mut digest::Context, value: &dyn Struct) {
    for (i, member) in value.schema().members.iter().enumerate() {
        if !member.idempotency_token {
            add(digest, member, value.get(i).view());
        }
    }
}

fn add(digest: &mut digest::Context, member: &Member, value: Option<Ref<'_>>) {
    let Some(value) = value else { return };
    // Name and length before each value, so that no two requests read alike.
    let mut text = |text: &[u8]| {
        digest.update(member.name.as_bytes());
        digest.update(&[0]);
        digest.update(&text.len().to_be_bytes());
        digest.update(text);
    };
    match value {
        Ref::String(value) => text(value.as_bytes()),
        Ref::Blob(value) => text(value),
        Ref::Boolean(value) => text(&[u8::from(value)]),
        Ref::Integer(value) => text(&value.to_be_bytes()),
        Ref::Long(value) => text(&value.to_be_bytes()),
        Ref::Float(value) => text(&value.to_be_bytes()),
        Ref::Double(value) => text(&value.to_be_bytes()),
        Ref::Timestamp(value) => text(&value.as_millis().to_be_bytes()),
        Ref::Document(value) => text(value.0.to_string().as_bytes()),
        // A stream is read once, by its handler.
        Ref::Stream(_) => {}
        Ref::Struct(value) => {
            text(&[]);
            add_struct(digest, value);
            digest.update(b"}");
        }
        Ref::List(list) => {
            text(&list.len().to_be_bytes());
            for at in 0..list.len() {
                if let (Some(item), Some(element)) = (list.at(at), member.schema.members.first()) {
                    add(digest, element, item.view());
                }
            }
        }
        Ref::Map(map) => {
            text(&map.len().to_be_bytes());
            map.each(&mut |key, item| {
                digest.update(key.as_bytes());
                digest.update(&[0]);
                if let Some(element) = member.schema.members.get(1) {
                    add(digest, element, item.view());
                }
            });
        }
    }
}
