//! Resource policies: which services and accounts are let in, for all groups of an account in a region.

use std::sync::Arc;

use api_logs::{
    DeleteResourcePolicyRequest, DescribeResourcePoliciesRequest, DescribeResourcePoliciesResponse,
    PutResourcePolicyRequest, PutResourcePolicyResponse, ResourcePolicy,
};
use kernel::{Arn, Ctx, Result};
use policy::{Document, Kind, Policy};
use serde_json::Value;

use super::{limit_of, page};
use crate::errors;
use crate::state::policy::{self as stored, POLICIES_MAX, Record};

const PAGE: usize = 50;
/// A document, in characters (quota of the service).
const DOCUMENT_MAX: usize = 5_120;

fn check(document: &str) -> Result<()> {
    if document.len() > DOCUMENT_MAX {
        return Err(errors::limit("Resource limit exceeded."));
    }
    match Document::parse(Kind::Resource, document, &[]) {
        Ok(_) => Ok(()),
        Err(why) => Err(errors::invalid(format!("Invalid resource policy document: {}", why.message))),
    }
}

async fn show(ctx: &Ctx, record: Record) -> Result<ResourcePolicy> {
    Ok(ResourcePolicy {
        policy_name: Some(record.name),
        policy_document: Some(ctx.shown_policy(record.document).await?),
        last_updated_time: Some(record.updated_at),
        policy_scope: Some("ACCOUNT".to_owned()),
        revision_id: Some(record.revision),
        ..ResourcePolicy::default()
    })
}

pub async fn put_resource_policy(
    ctx: &Ctx,
    input: PutResourcePolicyRequest,
) -> Result<PutResourcePolicyResponse> {
    let (Some(name), Some(document)) = (input.policy_name, input.policy_document) else {
        return Err(errors::invalid("policyName and policyDocument must be specified"));
    };
    check(&document)?;
    let unknown =
        |name: &str| errors::invalid(format!("Invalid resource policy document: no principal {name}"));
    let document = ctx.resource_policy(document, unknown).await?;
    let new = Record { name, document, updated_at: ctx.now(), revision: ctx.ids().hex(32) };
    ctx.write(|tx| {
        let before = stored::find(tx, ctx.scope(), &new.name)?;
        check_revision(before.as_ref(), input.expected_revision_id.as_deref())?;
        if before.is_none() && stored::list(tx, ctx.scope())?.len() >= POLICIES_MAX {
            return Err(errors::limit("Resource limit exceeded."));
        }
        stored::put(tx, ctx.scope(), &new)
    })
    .await?;
    let revision_id = Some(new.revision.clone());
    Ok(PutResourcePolicyResponse { resource_policy: Some(show(ctx, new).await?), revision_id })
}

fn check_revision(before: Option<&Record>, expected: Option<&str>) -> Result<()> {
    match (before, expected) {
        (_, None) => Ok(()),
        (Some(before), Some(expected)) if before.revision == expected => Ok(()),
        _ => Err(errors::conflict("The expected revision does not match the current one.")),
    }
}

pub async fn delete_resource_policy(ctx: &Ctx, input: DeleteResourcePolicyRequest) -> Result<()> {
    let name = input.policy_name.unwrap_or_default();
    ctx.write(|tx| {
        let before = stored::find(tx, ctx.scope(), &name)?;
        let before = before.ok_or_else(|| errors::not_found("policy"))?;
        check_revision(Some(&before), input.expected_revision_id.as_deref())?;
        stored::delete(tx, ctx.scope(), &name)
    })
    .await
}

pub async fn describe_resource_policies(
    ctx: &Ctx,
    input: DescribeResourcePoliciesRequest,
) -> Result<DescribeResourcePoliciesResponse> {
    let all = match input.policy_scope.as_deref() {
        Some("RESOURCE") => Vec::new(),
        _ => stored::all(ctx).await?,
    };
    let all = all.into_iter().map(|record| (record.name.clone(), record)).collect();
    let limit = limit_of(input.limit, PAGE);
    let (records, next) = page(ctx, "DescribeResourcePolicies", input.next_token.as_deref(), limit, all)?;
    let mut policies = Vec::with_capacity(records.len());
    for record in records {
        policies.push(show(ctx, record).await?);
    }
    Ok(DescribeResourcePoliciesResponse { resource_policies: Some(policies), next_token: next })
}

/// All policies of the scope as one: each statement says itself which groups it means.
pub async fn policy_of(ctx: &Ctx, _: Arn) -> Result<Option<Arc<Policy>>> {
    let mut statements = Vec::new();
    for record in stored::all(ctx).await? {
        let read: Value = serde_json::from_str(record.document.decides()).unwrap_or_default();
        match read.get("Statement") {
            Some(Value::Array(several)) => statements.extend(several.iter().cloned()),
            Some(one) => statements.push(one.clone()),
            None => {}
        }
    }
    if statements.is_empty() {
        return Ok(None);
    }
    // Two documents may call different statements by the same name.
    for statement in &mut statements {
        statement.as_object_mut().map(|statement| statement.remove("Sid"));
    }
    let whole = serde_json::json!({ "Version": "2012-10-17", "Statement": statements });
    let document = Document::parse(Kind::Resource, &whole.to_string(), &[]);
    let document = document.map_err(|_| errors::Damaged("policy"))?;
    Ok(Some(Arc::new(Policy::compile("logs", &document))))
}
