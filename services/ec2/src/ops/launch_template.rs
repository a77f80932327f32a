//! Operations on launch templates; those on their versions are next door.

use api_ec2 as api;
use kernel::tokens::{Token, fingerprint};
use kernel::{Access, Ctx, Result, Scope};
use shape::Timestamp;

use super::page::{self, check_dry_run};
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::instance_view::View;
use crate::rules::launch_template::{self as rules, Named, Wanted};
use crate::rules::{launch_template_of, tag as tag_rules};
use crate::state::id::{Id, LaunchTemplateId};
use crate::state::launch_template::{self, LaunchTemplate, Version};
use crate::state::tag::{self, Tags};

/// A template that is named by its id is decided about at the gate, others by [`find`].
pub fn access(scope: &Scope, id: Option<&String>, is_named: bool) -> Result<Access> {
    Ok(match id {
        None if is_named => Access::free(),
        id => Access::on(arn(scope, id.map_or("*", String::as_str))),
    })
}

/// To make one, with its tags.
pub fn create_access(scope: &Scope, input: &api::CreateLaunchTemplateRequest) -> Result<Access> {
    let given = input.tag_specifications.iter().flatten().flat_map(|given| given.tags.iter().flatten());
    let tags = given.filter_map(|tag| Some((tag.key.as_deref()?, tag.value.as_deref().unwrap_or_default())));
    Ok(Access::on(arn(scope, "*")).request_tags(tags).also_to_tag("ec2:CreateTags"))
}

pub fn arn(scope: &Scope, id: &str) -> String {
    scope.arn("ec2", format_args!("launch-template/{id}"))
}

/// The template a request names, for somebody who may do `action` with it.
pub async fn find(ctx: &Ctx, action: &str, named: &Named) -> Result<LaunchTemplate> {
    let found = ctx.read(|snap| launch_template::get(snap, ctx.scope(), named)).await;
    if let Named::Name(_) = named {
        let id = found.as_ref().map_or("*", |template| template.id.as_str());
        ctx.authorize(action, &Access::on(arn(ctx.scope(), id))).await?;
    }
    found
}

pub async fn create_launch_template(
    ctx: &Ctx,
    input: api::CreateLaunchTemplateRequest,
) -> Result<api::CreateLaunchTemplateResult> {
    const OPERATION: &str = "CreateLaunchTemplate";
    let print = fingerprint(&input);
    let name = rules::check_name(input.launch_template_name)?;
    let description = rules::check_description(input.version_description)?;
    let data = rules::check_data(&input.launch_template_data)?;
    let resource = LaunchTemplateId::RESOURCE;
    let mut tags = tag_rules::of_specifications(input.tag_specifications, &[resource])?;
    let tags = tags.remove(resource).unwrap_or_default();
    let (now, by) = (ctx.now(), ctx.caller().arn());
    let template = LaunchTemplate {
        id: LaunchTemplateId::fresh(ctx.ids()),
        name,
        created_at: now,
        created_by: by.clone(),
        default_version: 1,
        latest_version: 1,
    };
    let first = Version { number: 1, description, created_at: now, created_by: by, data };
    let token = input.client_token.filter(|token| !token.is_empty());
    let scope = *ctx.scope();
    let (template, tags) = ctx
        .write(|tx| {
            if let Some(token) = &token {
                match tx.find_token(OPERATION, token, &print)? {
                    Token::Fresh => {}
                    Token::Repeated(id) => {
                        let named = Named::check(Some(id), None)?;
                        let template = launch_template::get(tx, &scope, &named)?;
                        let tags = tag::of(tx, &scope, &template.id)?;
                        return Ok((template, tags));
                    }
                    Token::Mismatched => return Err(errors::token_mismatched(token)),
                }
            }
            launch_template::insert(tx, &scope, &template, &first, tags.clone())?;
            check_dry_run(input.dry_run)?;
            if let Some(token) = &token {
                tx.remember_token(OPERATION, token, &print, template.id.as_str())?;
            }
            Ok((template.clone(), tags.clone()))
        })
        .await?;
    Ok(api::CreateLaunchTemplateResult {
        launch_template: Some(show(&template, &tags)),
        ..Default::default()
    })
}

fn show(template: &LaunchTemplate, tags: &Tags) -> api::LaunchTemplate {
    api::LaunchTemplate {
        launch_template_id: Some(template.id.to_string()),
        launch_template_name: Some(template.name.clone()),
        create_time: Some(Timestamp::from_millis(template.created_at)),
        created_by: Some(template.created_by.clone()),
        default_version_number: i64::try_from(template.default_version).ok(),
        latest_version_number: i64::try_from(template.latest_version).ok(),
        tags: tag_rules::shown(tags),
        ..Default::default()
    }
}

pub async fn modify_launch_template(
    ctx: &Ctx,
    input: api::ModifyLaunchTemplateRequest,
) -> Result<api::ModifyLaunchTemplateResult> {
    let named = Named::check(input.launch_template_id, input.launch_template_name)?;
    find(ctx, "ec2:ModifyLaunchTemplate", &named).await?;
    let wanted = input.default_version.ok_or_else(|| errors::missing("SetDefaultVersion"))?;
    let wanted = Wanted::parse(&wanted)?;
    let scope = *ctx.scope();
    let (template, tags) = ctx
        .write(|tx| {
            let mut template = launch_template::get(tx, &scope, &named)?;
            let version = launch_template::get_version(tx, &scope, &template, wanted)?;
            check_dry_run(input.dry_run)?;
            template.default_version = version.number;
            launch_template::put(tx, &scope, &template)?;
            let tags = tag::of(tx, &scope, &template.id)?;
            Ok((template, tags))
        })
        .await?;
    Ok(api::ModifyLaunchTemplateResult { launch_template: Some(show(&template, &tags)) })
}

pub async fn delete_launch_template(
    ctx: &Ctx,
    input: api::DeleteLaunchTemplateRequest,
) -> Result<api::DeleteLaunchTemplateResult> {
    let named = Named::check(input.launch_template_id, input.launch_template_name)?;
    find(ctx, "ec2:DeleteLaunchTemplate", &named).await?;
    let scope = *ctx.scope();
    let template = ctx
        .write(|tx| {
            let template = launch_template::get(tx, &scope, &named)?;
            check_dry_run(input.dry_run)?;
            launch_template::delete(tx, &scope, &template)?;
            Ok(template)
        })
        .await?;
    Ok(api::DeleteLaunchTemplateResult { launch_template: Some(show(&template, &Tags::new())) })
}

const FILTERS: &[&str] = &["create-time", "launch-template-id", "launch-template-name"];

pub async fn describe_launch_templates(
    ctx: &Ctx,
    input: api::DescribeLaunchTemplatesRequest,
) -> Result<api::DescribeLaunchTemplatesResult> {
    const OPERATION: &str = "DescribeLaunchTemplates";
    let filters = Filters::check(input.filters, FILTERS)?;
    let page = page::open(ctx, OPERATION, input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let ids = input.launch_template_ids.unwrap_or_default();
    let names = input.launch_template_names.unwrap_or_default();
    if let Some(strange) = ids.iter().find(|id| LaunchTemplateId::parse(id).is_none()) {
        return Err(errors::template_id_malformed(strange));
    }
    let scope = *ctx.scope();
    let (mut templates, tags) = ctx
        .read(|snap| {
            let templates = launch_template::all(snap, &scope)?;
            Ok((templates, tag::of_all::<LaunchTemplateId>(snap, &scope)?))
        })
        .await?;
    if let Some(absent) = ids.iter().find(|id| !templates.iter().any(|one| one.id.as_str() == **id)) {
        return Err(errors::template_not_found(absent));
    }
    if let Some(absent) = names.iter().find(|name| !templates.iter().any(|one| one.name == **name)) {
        return Err(errors::template_name_not_found(absent));
    }
    let none = Tags::new();
    let tags_of = |template: &LaunchTemplate| tags.get(template.id.as_str()).unwrap_or(&none);
    templates.retain(|template| {
        let by_id = ids.iter().any(|id| id == template.id.as_str());
        let named = (ids.is_empty() && names.is_empty()) || by_id || names.contains(&template.name);
        named
            && filters.accept(tags_of(template), |name| match name {
                "create-time" => vec![crate::rules::instant::iso_millis(template.created_at)],
                "launch-template-id" => vec![template.id.to_string()],
                _ => vec![template.name.clone()],
            })
    });
    let (templates, last) = page.cut(templates, |template| template.id.to_string());
    Ok(api::DescribeLaunchTemplatesResult {
        launch_templates: Some(templates.iter().map(|one| show(one, tags_of(one))).collect()),
        next_token: page::seal(ctx, OPERATION, last),
    })
}

/// What a template would have to hold for another instance like this one.
pub async fn get_launch_template_data(
    ctx: &Ctx,
    input: api::GetLaunchTemplateDataRequest,
) -> Result<api::GetLaunchTemplateDataResult> {
    let id = super::instance::check_id(&input.instance_id)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let view: View = ctx
        .read(|snap| {
            let instance = super::instance::get(snap, &scope, &id)?;
            super::instance::view(snap, &scope, instance)
        })
        .await?;
    Ok(api::GetLaunchTemplateDataResult { launch_template_data: Some(launch_template_of::data(&view)) })
}
