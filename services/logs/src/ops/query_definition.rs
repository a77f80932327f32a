//! Queries saved under a name.

use api_logs::{
    DeleteQueryDefinitionRequest, DeleteQueryDefinitionResponse, DescribeQueryDefinitionsRequest,
    DescribeQueryDefinitionsResponse, PutQueryDefinitionRequest, PutQueryDefinitionResponse, QueryDefinition,
};
use kernel::tokens::{Token, fingerprint};
use kernel::{Ctx, Result};

use super::query::check_language;
use super::{limit_of, page};
use crate::errors;
use crate::state::definition::{self, DEFINITIONS_MAX, Definition};

const OPERATION: &str = "logs:PutQueryDefinition";

pub async fn put_query_definition(
    ctx: &Ctx,
    input: PutQueryDefinitionRequest,
) -> Result<PutQueryDefinitionResponse> {
    check_language(input.query_language.as_deref())?;
    let print = fingerprint(&input);
    let PutQueryDefinitionRequest {
        name,
        query_definition_id,
        log_group_names,
        query_string,
        client_token,
        ..
    } = input;
    let is_new = query_definition_id.is_none();
    let new = Definition {
        id: query_definition_id.unwrap_or_else(|| ctx.ids().uuid()),
        name,
        text: query_string,
        groups: log_group_names.unwrap_or_default(),
        modified_at: ctx.now(),
    };
    let id = ctx
        .write(|tx| {
            if let Some(token) = &client_token {
                match tx.find_token(OPERATION, token, &print)? {
                    Token::Repeated(made) => return Ok(made),
                    Token::Mismatched => {
                        return Err(errors::invalid("The clientToken was used for another request"));
                    }
                    Token::Fresh => tx.remember_token(OPERATION, token, &print, &new.id)?,
                }
            }
            if is_new && definition::count(tx, ctx.scope())? >= DEFINITIONS_MAX {
                return Err(errors::limit("Resource limit exceeded."));
            }
            if !is_new && definition::find(tx, ctx.scope(), &new.id)?.is_none() {
                return Err(errors::not_found("query definition"));
            }
            definition::put(tx, ctx.scope(), &new)?;
            Ok(new.id.clone())
        })
        .await?;
    Ok(PutQueryDefinitionResponse { query_definition_id: Some(id) })
}

pub async fn delete_query_definition(
    ctx: &Ctx,
    input: DeleteQueryDefinitionRequest,
) -> Result<DeleteQueryDefinitionResponse> {
    let id = input.query_definition_id;
    ctx.write(|tx| match definition::find(tx, ctx.scope(), &id)? {
        Some(_) => definition::delete(tx, ctx.scope(), &id),
        None => Err(errors::not_found("query definition")),
    })
    .await?;
    Ok(DeleteQueryDefinitionResponse { success: Some(true) })
}

pub async fn describe_query_definitions(
    ctx: &Ctx,
    input: DescribeQueryDefinitionsRequest,
) -> Result<DescribeQueryDefinitionsResponse> {
    check_language(input.query_language.as_deref())?;
    let prefix = input.query_definition_name_prefix.unwrap_or_default();
    let show = |definition: Definition| {
        let shown = QueryDefinition {
            query_language: Some("CWLI".to_owned()),
            query_definition_id: Some(definition.id.clone()),
            name: Some(definition.name),
            query_string: Some(definition.text),
            last_modified: Some(definition.modified_at),
            log_group_names: Some(definition.groups),
            ..QueryDefinition::default()
        };
        (definition.id, shown)
    };
    let all = definition::all(ctx).await?.into_iter().filter(|one| one.name.starts_with(&prefix));
    let limit = limit_of(input.max_results, DEFINITIONS_MAX);
    let all = all.map(show).collect();
    let (found, next) = page(ctx, "DescribeQueryDefinitions", input.next_token.as_deref(), limit, all)?;
    Ok(DescribeQueryDefinitionsResponse { query_definitions: Some(found), next_token: next })
}
