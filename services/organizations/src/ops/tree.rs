//! The tree, by ids: what is above and what is below.

use api_organizations::{
    Child, ListChildrenRequest, ListChildrenResponse, ListParentsRequest, ListParentsResponse, Parent,
};
use kernel::{Ctx, Result};

use super::page;
use crate::errors;
use crate::state::organization::managed;

const UNIT: &str = "ORGANIZATIONAL_UNIT";

pub async fn list_children(ctx: &Ctx, input: ListChildrenRequest) -> Result<ListChildrenResponse> {
    let organization = managed(ctx).await?;
    if !organization.is_parent(&input.parent_id) {
        return Err(errors::no_such_parent());
    }
    let is_below = |id: &&String| organization.parent(id) == Some(&input.parent_id);
    let all: Vec<String> = match input.child_type.as_str() {
        UNIT => organization.units.keys().filter(is_below).cloned().collect(),
        _ => organization.accounts.keys().filter(is_below).cloned().collect(),
    };
    let (token, max) = (input.next_token.as_deref(), input.max_results);
    let (ids, next_token) = page(ctx, "ListChildren", all, |id| id, token, max)?;
    let child = |id| Child { id: Some(id), r#type: Some(input.child_type.clone()) };
    Ok(ListChildrenResponse { children: Some(ids.into_iter().map(child).collect()), next_token })
}

/// Everything has one parent, so a page is all there is.
pub async fn list_parents(ctx: &Ctx, input: ListParentsRequest) -> Result<ListParentsResponse> {
    let organization = managed(ctx).await?;
    let parent = organization.parent(&input.child_id).ok_or_else(errors::no_such_child)?.to_owned();
    let (token, max) = (input.next_token.as_deref(), input.max_results);
    let (ids, next_token) = page(ctx, "ListParents", vec![parent], |id| id, token, max)?;
    let kind = |id: &str| if id == organization.root { "ROOT" } else { UNIT };
    let parents = ids.into_iter().map(|id| Parent { r#type: Some(kind(&id).to_owned()), id: Some(id) });
    Ok(ListParentsResponse { parents: Some(parents.collect()), next_token })
}
