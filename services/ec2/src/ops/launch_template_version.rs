//! Versions of launch templates, and the launch that takes from one.

use api_ec2 as api;
use kernel::tokens::{Token, fingerprint};
use kernel::tx::Reader;
use kernel::{Ctx, Result, Scope};
use shape::Timestamp;

use super::launch_template::find;
use super::page::{self, check_dry_run};
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::launch::Source;
use crate::rules::launch_template::{self as rules, Named, Wanted};
use crate::rules::launch_template_version::{FILTERS, values};
use crate::state::launch_template::{self, LaunchTemplate, Version};
use crate::state::tag::Tags;

pub async fn create_launch_template_version(
    ctx: &Ctx,
    input: api::CreateLaunchTemplateVersionRequest,
) -> Result<api::CreateLaunchTemplateVersionResult> {
    const OPERATION: &str = "CreateLaunchTemplateVersion";
    let print = fingerprint(&input);
    let named = Named::check(input.launch_template_id, input.launch_template_name)?;
    find(ctx, "ec2:CreateLaunchTemplateVersion", &named).await?;
    let source = input.source_version.filter(|text| !text.is_empty());
    let source = source.map(|text| Wanted::parse(&text)).transpose()?;
    let description = rules::check_description(input.version_description)?;
    let data = rules::check_data(&input.launch_template_data)?;
    let token = input.client_token.filter(|token| !token.is_empty());
    let scope = *ctx.scope();
    let (template, version) = ctx
        .write(|tx| {
            let template = launch_template::get(tx, &scope, &named)?;
            if let Some(token) = &token {
                match tx.find_token(OPERATION, token, &print)? {
                    Token::Fresh => {}
                    Token::Repeated(number) => {
                        let wanted = Wanted::parse(&number)?;
                        let version = launch_template::get_version(tx, &scope, &template, wanted)?;
                        return Ok((template, version));
                    }
                    Token::Mismatched => return Err(errors::token_mismatched(token)),
                }
            }
            let data = match source {
                Some(source) => {
                    let base = launch_template::get_version(tx, &scope, &template, source)?;
                    rules::merge(base.data, data.clone())
                }
                None => data.clone(),
            };
            let version = Version {
                number: 0,
                description: description.clone(),
                created_at: ctx.now(),
                created_by: ctx.caller().arn(),
                data,
            };
            let (template, version) = launch_template::add_version(tx, &scope, template, version)?;
            check_dry_run(input.dry_run)?;
            if let Some(token) = &token {
                tx.remember_token(OPERATION, token, &print, &version.number.to_string())?;
            }
            Ok((template, version))
        })
        .await?;
    Ok(api::CreateLaunchTemplateVersionResult {
        launch_template_version: Some(show(&template, &version)),
        ..Default::default()
    })
}

fn show(template: &LaunchTemplate, version: &Version) -> api::LaunchTemplateVersion {
    api::LaunchTemplateVersion {
        launch_template_id: Some(template.id.to_string()),
        launch_template_name: Some(template.name.clone()),
        version_number: i64::try_from(version.number).ok(),
        version_description: version.description.clone(),
        create_time: Some(Timestamp::from_millis(version.created_at)),
        created_by: Some(version.created_by.clone()),
        default_version: Some(version.number == template.default_version),
        launch_template_data: Some(rules::shown(&version.data)),
        ..Default::default()
    }
}

/// Each on its own: one that cannot be deleted does not keep the others.
pub async fn delete_launch_template_versions(
    ctx: &Ctx,
    input: api::DeleteLaunchTemplateVersionsRequest,
) -> Result<api::DeleteLaunchTemplateVersionsResult> {
    let named = Named::check(input.launch_template_id, input.launch_template_name)?;
    find(ctx, "ec2:DeleteLaunchTemplateVersions", &named).await?;
    if input.versions.is_empty() {
        return Err(errors::missing("LaunchTemplateVersion"));
    }
    let wanted = input.versions.iter().map(|text| match Wanted::parse(text)? {
        Wanted::Number(number) => Ok(number),
        _ => Err(errors::template_version_malformed(text)),
    });
    let wanted: Vec<u64> = wanted.collect::<Result<_>>()?;
    let scope = *ctx.scope();
    let (template, deleted, kept) = ctx
        .write(|tx| {
            let template = launch_template::get(tx, &scope, &named)?;
            check_dry_run(input.dry_run)?;
            let (mut deleted, mut kept) = (Vec::new(), Vec::new());
            for number in &wanted {
                let found = launch_template::get_version(tx, &scope, &template, Wanted::Number(*number));
                if found.is_err() {
                    kept.push((*number, "launchTemplateVersionDoesNotExist", "does not exist"));
                } else if *number == template.default_version {
                    kept.push((*number, "unexpectedError", "is the default version and cannot be deleted"));
                } else {
                    launch_template::delete_version(tx, &scope, &template, *number)?;
                    deleted.push(*number);
                }
            }
            Ok((template, deleted, kept))
        })
        .await?;
    let deleted = deleted.into_iter().map(|number| api::DeleteLaunchTemplateVersionsResponseSuccessItem {
        launch_template_id: Some(template.id.to_string()),
        launch_template_name: Some(template.name.clone()),
        version_number: i64::try_from(number).ok(),
    });
    let kept = kept.into_iter().map(|(number, code, why)| {
        let message = format!("Version {number} of the launch template {} {why}.", template.id);
        api::DeleteLaunchTemplateVersionsResponseErrorItem {
            launch_template_id: Some(template.id.to_string()),
            launch_template_name: Some(template.name.clone()),
            version_number: i64::try_from(number).ok(),
            response_error: Some(api::ResponseError { code: Some(code.to_owned()), message: Some(message) }),
        }
    });
    Ok(api::DeleteLaunchTemplateVersionsResult {
        successfully_deleted_launch_template_versions: Some(deleted.collect()),
        unsuccessfully_deleted_launch_template_versions: Some(kept.collect()),
    })
}

pub async fn describe_launch_template_versions(
    ctx: &Ctx,
    input: api::DescribeLaunchTemplateVersionsRequest,
) -> Result<api::DescribeLaunchTemplateVersionsResult> {
    const OPERATION: &str = "DescribeLaunchTemplateVersions";
    let filters = Filters::check(input.filters, FILTERS)?;
    let page = page::open(ctx, OPERATION, input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let is_named = input.launch_template_id.is_some() || input.launch_template_name.is_some();
    let named = is_named.then(|| Named::check(input.launch_template_id, input.launch_template_name));
    let named = named.transpose()?;
    let asked = Asked::check(&input.versions.unwrap_or_default(), input.min_version, input.max_version)?;
    if named.is_none() && !asked.is_relative() {
        let why = "Without a launch template, the versions asked for are $Latest, $Default or both.";
        return Err(errors::template_versions_unclear(why));
    }
    let scope = *ctx.scope();
    let mut found = ctx
        .read(|snap| {
            let templates = match &named {
                Some(named) => vec![launch_template::get(snap, &scope, named)?],
                None => launch_template::all(snap, &scope)?,
            };
            let mut found = Vec::new();
            for template in templates {
                let versions = asked.versions(snap, &scope, &template)?;
                found.extend(versions.into_iter().map(|version| (template.clone(), version)));
            }
            Ok(found)
        })
        .await?;
    found.retain(|(template, version)| filters.accept(&Tags::new(), |name| values(template, version, name)));
    // The latest first, as AWS lists them.
    let key = |(template, version): &(LaunchTemplate, Version)| {
        format!("{}/{:020}", template.id, u64::MAX - version.number)
    };
    let (found, last) = page.cut(found, key);
    Ok(api::DescribeLaunchTemplateVersionsResult {
        launch_template_versions: Some(
            found.iter().map(|(template, version)| show(template, version)).collect(),
        ),
        next_token: page::seal(ctx, OPERATION, last),
    })
}

/// The versions a listing is about.
struct Asked {
    named: Vec<Wanted>,
    least: u64,
    most: u64,
}

impl Asked {
    fn check(named: &[String], least: Option<String>, most: Option<String>) -> Result<Self> {
        if !named.is_empty() && (least.is_some() || most.is_some()) {
            let why = "Versions cannot be given together with MinVersion or MaxVersion.";
            return Err(errors::template_versions_unclear(why));
        }
        let number = |given: Option<String>, otherwise| match given.map(|text| (Wanted::parse(&text), text)) {
            None => Ok(otherwise),
            Some((Ok(Wanted::Number(number)), _)) => Ok(number),
            Some((_, text)) => Err(errors::template_version_malformed(&text)),
        };
        let named = named.iter().map(|text| Wanted::parse(text)).collect::<Result<_>>()?;
        Ok(Self { named, least: number(least, 0)?, most: number(most, u64::MAX)? })
    }

    /// Only by words that mean something in every template.
    fn is_relative(&self) -> bool {
        !self.named.is_empty() && !self.named.iter().any(|one| matches!(one, Wanted::Number(_)))
    }

    fn versions(
        &self,
        from: &mut impl Reader,
        scope: &Scope,
        template: &LaunchTemplate,
    ) -> Result<Vec<Version>> {
        if self.named.is_empty() {
            let mut all = launch_template::versions(from, scope, template)?;
            all.retain(|version| (self.least..=self.most).contains(&version.number));
            return Ok(all);
        }
        let mut found: Vec<Version> = Vec::new();
        for wanted in &self.named {
            let version = launch_template::get_version(from, scope, template, *wanted)?;
            if !found.iter().any(|known| known.number == version.number) {
                found.push(version);
            }
        }
        Ok(found)
    }
}

/// The request, completed from the launch template it names.
///
/// # Errors
/// When there is no such template or version.
pub async fn complete(
    ctx: &Ctx,
    mut request: api::RunInstancesRequest,
) -> Result<(api::RunInstancesRequest, Option<Source>)> {
    let Some(given) = request.launch_template.take() else { return Ok((request, None)) };
    let named = Named::check(given.launch_template_id, given.launch_template_name)?;
    let wanted = given.version.filter(|text| !text.is_empty());
    let wanted = wanted.map_or(Ok(Wanted::Default), |text| Wanted::parse(&text))?;
    let (template, version) = ctx
        .read(|snap| {
            let template = launch_template::get(snap, ctx.scope(), &named)?;
            let version = launch_template::get_version(snap, ctx.scope(), &template, wanted)?;
            Ok((template, version))
        })
        .await?;
    let source = Source { template: template.id, version: version.number };
    Ok((rules::complete(request, &version.data), Some(source)))
}
