//! What the describe operations have in common: ids, filters and pages of a listing.

use std::collections::BTreeMap;

use api_ec2::Filter;
use kernel::tokens::Token;
use kernel::{Ctx, Error, Result, Tx};

use crate::errors;
use crate::rules::filter::{Filters, pick};
use crate::rules::page::Page;
use crate::state::id::Id;
use crate::state::tag::Tags;

/// Answers a dry run, once all that can be checked without doing it has been.
pub fn check_dry_run(dry_run: Option<bool>) -> Result<()> {
    if dry_run == Some(true) { Err(errors::dry_run()) } else { Ok(()) }
}

/// The id of something that a request names; a text that cannot be one names nothing that is there.
///
/// # Errors
/// `missing`.
pub fn parse<I: Id>(text: &str, missing: impl FnOnce(String) -> Error) -> Result<I> {
    I::parse(text).ok_or_else(|| missing(text.to_owned()))
}

/// What makes a request's repetition find what the first one made: the operation, its client token, and what it asked.
pub struct Once<'a> {
    pub operation: &'static str,
    pub token: Option<&'a str>,
    pub asked: String,
}

impl<'a> Once<'a> {
    pub fn new(operation: &'static str, token: Option<&'a String>, asked: String) -> Self {
        Self { operation, token: token.map(String::as_str).filter(|token| !token.is_empty()), asked }
    }

    /// The id of what an earlier request with this token made.
    ///
    /// # Errors
    /// When that one asked for something else.
    pub fn find<I: Id>(&self, tx: &mut Tx<'_, '_>) -> Result<Option<I>> {
        Ok(self.find_text(tx)?.and_then(|made| I::parse(&made)))
    }

    /// As [`Once::find`], for what has no id of our kind.
    ///
    /// # Errors
    /// As there.
    pub fn find_text(&self, tx: &mut Tx<'_, '_>) -> Result<Option<String>> {
        let Some(token) = self.token else { return Ok(None) };
        match tx.find_token(self.operation, token, &self.asked)? {
            Token::Fresh => Ok(None),
            Token::Repeated(made) => Ok(Some(made)),
            Token::Mismatched => Err(errors::token_mismatched(token)),
        }
    }

    pub fn remember(&self, tx: &mut Tx<'_, '_>, id: &impl Id) -> Result<()> {
        self.remember_text(tx, id.as_str())
    }

    pub fn remember_text(&self, tx: &mut Tx<'_, '_>, made: &str) -> Result<()> {
        match self.token {
            Some(token) => tx.remember_token(self.operation, token, &self.asked, made),
            None => Ok(()),
        }
    }
}

/// The page a request asks for.
///
/// # Errors
/// When MaxResults is out of bounds, or the token is not one this operation gave in this scope.
pub fn open(ctx: &Ctx, operation: &str, max_results: Option<i32>, token: Option<String>) -> Result<Page> {
    Page::check(operation, max_results, token.map(|token| position(ctx, operation, &token)).transpose()?)
}

/// Where the page before ended.
///
/// # Errors
/// For a token that this operation did not give in this scope.
pub fn position(ctx: &Ctx, operation: &str, token: &str) -> Result<String> {
    let position = ctx.open_page(operation, token).and_then(|bytes| String::from_utf8(bytes).ok());
    position.ok_or_else(|| errors::token_invalid(token))
}

/// The token of the page after the one that ended with `last`.
pub fn seal(ctx: &Ctx, operation: &str, last: Option<String>) -> Option<String> {
    last.map(|last| ctx.seal_page(operation, last.as_bytes()))
}

/// A request to describe resources of one kind.
pub struct Listing {
    operation: &'static str,
    ids: Option<Vec<String>>,
    filters: Filters,
    page: Page,
}

impl Listing {
    /// The filters may bear the names `names`.
    ///
    /// # Errors
    /// As [`Filters::check`] and [`open`].
    pub fn open(
        ctx: &Ctx,
        operation: &'static str,
        ids: Option<Vec<String>>,
        (filters, names): (Option<Vec<Filter>>, &[&str]),
        (max_results, token): (Option<i32>, Option<String>),
    ) -> Result<Self> {
        let filters = Filters::check(filters, names)?;
        let page = open(ctx, operation, max_results, token)?;
        Ok(Self { operation, ids, filters, page })
    }

    /// Of all records those asked for, in the order of their ids, and the token of the next page.
    ///
    /// # Errors
    /// `missing`, for an id asked for that no record has.
    pub fn cut<T>(
        &self,
        ctx: &Ctx,
        records: Vec<T>,
        tags: &BTreeMap<String, Tags>,
        id: impl Fn(&T) -> &str,
        values: impl Fn(&T, &str) -> Vec<String>,
        missing: impl Fn(String) -> Error,
    ) -> Result<(Vec<T>, Option<String>)> {
        let mut records = pick(records, self.ids.as_ref(), &id, missing)?;
        if !self.filters.is_empty() {
            let none = Tags::new();
            records.retain(|record| {
                self.filters.accept(tags.get(id(record)).unwrap_or(&none), |name| values(record, name))
            });
        }
        let (records, last) = self.page.cut(records, |record| id(record).to_owned());
        Ok((records, seal(ctx, self.operation, last)))
    }
}
