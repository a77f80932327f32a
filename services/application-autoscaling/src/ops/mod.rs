//! The operations, by what they are about.

pub mod activity;
pub mod policy;
pub mod scheduled_action;
pub mod tag;
pub mod target;

use kernel::{Ctx, Reader, Result, Scope};

use crate::errors;
use crate::rules::key::TargetKey;
use crate::state::target::{Target, find};

const PAGE_MAX: usize = 50;

/// # Errors
/// When it is not registered.
fn get_target(from: &mut impl Reader, scope: &Scope, key: &TargetKey) -> Result<Target> {
    find(from, scope, key)?.ok_or_else(|| errors::no_target(key))
}

/// What a listing is asked for: everything of a namespace, of a resource, or of one number of it.
struct Of {
    namespace: String,
    resources: Vec<String>,
    dimension: Option<String>,
}

impl Of {
    /// # Errors
    /// A dimension without a resource.
    fn new(namespace: String, resources: Vec<String>, dimension: Option<String>) -> Result<Self> {
        if dimension.is_some() && resources.is_empty() {
            return Err(errors::validation(
                "Resource ID must be specified where a scalable dimension is specified.",
            ));
        }
        Ok(Self { namespace, resources, dimension })
    }

    fn has(&self, key: &TargetKey) -> bool {
        key.namespace() == self.namespace
            && (self.resources.is_empty() || self.resources.contains(&key.resource))
            && self.dimension.as_ref().is_none_or(|dimension| *dimension == key.dimension)
    }
}

/// One page of a listing, and the token of the next.
fn page<T>(
    ctx: &Ctx,
    operation: &str,
    all: Vec<T>,
    (token, limit): (Option<String>, Option<i32>),
) -> Result<(Vec<T>, Option<String>)> {
    let size = match limit {
        None => PAGE_MAX,
        Some(limit) => match usize::try_from(limit) {
            Ok(size @ 1..) => size.min(PAGE_MAX),
            _ => return Err(errors::validation("MaxResults must be greater than or equal to 1.")),
        },
    };
    ctx.cut_page(operation, all, token.as_deref(), size).ok_or_else(errors::bad_token)
}
