//! Policies written into users, groups and roles.

use api_iam::{
    DeleteGroupPolicyRequest, DeleteRolePolicyRequest, DeleteUserPolicyRequest, GetGroupPolicyRequest,
    GetGroupPolicyResponse, GetRolePolicyRequest, GetRolePolicyResponse, GetUserPolicyRequest,
    GetUserPolicyResponse, ListGroupPoliciesRequest, ListGroupPoliciesResponse, ListRolePoliciesRequest,
    ListRolePoliciesResponse, ListUserPoliciesRequest, ListUserPoliciesResponse, PutGroupPolicyRequest,
    PutRolePolicyRequest, PutUserPolicyRequest,
};
use kernel::{Ctx, Result};

use super::{Page, edit, page, read};
use crate::errors;
use crate::rules::document;
use crate::state::identity::Kind;

async fn put(ctx: &Ctx, kind: Kind, name: String, policy: String, text: String) -> Result<()> {
    document::check_inline(&text)?;
    edit(ctx, kind, name, move |_, identity| {
        identity.inline.insert(policy.clone(), text.clone());
        document::check_inline_sum(kind, &identity.name, &identity.inline)
    })
    .await
}

/// The identity's name as it is written, and the document.
async fn get(ctx: &Ctx, kind: Kind, name: &str, policy: &str) -> Result<(String, String)> {
    let identity = read(ctx, kind, name).await?;
    let text = identity.inline.get(policy).ok_or_else(|| errors::no_such_inline_policy(kind, policy))?;
    Ok((identity.name.clone(), document::shown(text)))
}

async fn delete(ctx: &Ctx, kind: Kind, name: String, policy: String) -> Result<()> {
    edit(ctx, kind, name, move |_, identity| {
        let gone = identity.inline.remove(&policy);
        gone.map(|_| ()).ok_or_else(|| errors::no_such_inline_policy(kind, &policy))
    })
    .await
}

async fn list(
    ctx: &Ctx,
    kind: Kind,
    name: &str,
    marker: Option<&str>,
    max_items: Option<i32>,
) -> Result<Page<String>> {
    let names = read(ctx, kind, name).await?.inline.into_keys();
    page(ctx, "ListInlinePolicies", marker, max_items, names, |name| name)
}

pub async fn put_user_policy(ctx: &Ctx, input: PutUserPolicyRequest) -> Result<()> {
    put(ctx, Kind::User, input.user_name, input.policy_name, input.policy_document).await
}

pub async fn put_group_policy(ctx: &Ctx, input: PutGroupPolicyRequest) -> Result<()> {
    put(ctx, Kind::Group, input.group_name, input.policy_name, input.policy_document).await
}

pub async fn put_role_policy(ctx: &Ctx, input: PutRolePolicyRequest) -> Result<()> {
    put(ctx, Kind::Role, input.role_name, input.policy_name, input.policy_document).await
}

pub async fn get_user_policy(ctx: &Ctx, input: GetUserPolicyRequest) -> Result<GetUserPolicyResponse> {
    let (user_name, policy_document) = get(ctx, Kind::User, &input.user_name, &input.policy_name).await?;
    Ok(GetUserPolicyResponse { user_name, policy_name: input.policy_name, policy_document })
}

pub async fn get_group_policy(ctx: &Ctx, input: GetGroupPolicyRequest) -> Result<GetGroupPolicyResponse> {
    let (group_name, policy_document) = get(ctx, Kind::Group, &input.group_name, &input.policy_name).await?;
    Ok(GetGroupPolicyResponse { group_name, policy_name: input.policy_name, policy_document })
}

pub async fn get_role_policy(ctx: &Ctx, input: GetRolePolicyRequest) -> Result<GetRolePolicyResponse> {
    let (role_name, policy_document) = get(ctx, Kind::Role, &input.role_name, &input.policy_name).await?;
    Ok(GetRolePolicyResponse { role_name, policy_name: input.policy_name, policy_document })
}

pub async fn delete_user_policy(ctx: &Ctx, input: DeleteUserPolicyRequest) -> Result<()> {
    delete(ctx, Kind::User, input.user_name, input.policy_name).await
}

pub async fn delete_group_policy(ctx: &Ctx, input: DeleteGroupPolicyRequest) -> Result<()> {
    delete(ctx, Kind::Group, input.group_name, input.policy_name).await
}

pub async fn delete_role_policy(ctx: &Ctx, input: DeleteRolePolicyRequest) -> Result<()> {
    delete(ctx, Kind::Role, input.role_name, input.policy_name).await
}

pub async fn list_user_policies(
    ctx: &Ctx,
    input: ListUserPoliciesRequest,
) -> Result<ListUserPoliciesResponse> {
    let page = list(ctx, Kind::User, &input.user_name, input.marker.as_deref(), input.max_items).await?;
    let Page { items: policy_names, is_truncated, marker } = page;
    Ok(ListUserPoliciesResponse { policy_names, is_truncated, marker })
}

pub async fn list_group_policies(
    ctx: &Ctx,
    input: ListGroupPoliciesRequest,
) -> Result<ListGroupPoliciesResponse> {
    let page = list(ctx, Kind::Group, &input.group_name, input.marker.as_deref(), input.max_items).await?;
    let Page { items: policy_names, is_truncated, marker } = page;
    Ok(ListGroupPoliciesResponse { policy_names, is_truncated, marker })
}

pub async fn list_role_policies(
    ctx: &Ctx,
    input: ListRolePoliciesRequest,
) -> Result<ListRolePoliciesResponse> {
    let page = list(ctx, Kind::Role, &input.role_name, input.marker.as_deref(), input.max_items).await?;
    let Page { items: policy_names, is_truncated, marker } = page;
    Ok(ListRolePoliciesResponse { policy_names, is_truncated, marker })
}
