//! Operations on flow logs.

use api_ec2 as api;
use api_s3::{GetBucketAclRequest, GetBucketPolicyRequest, PutBucketPolicyRequest, op as s3};
use kernel::{Access, Ctx, Error, Kind as Failed, Result, Scope, Tx};
use serde_json::json;

use super::page::{Listing, Once, check_dry_run, parse};
use super::vpc::ensure_default;
use crate::controllers::network;
use crate::errors;
use crate::rules::flow_log as rules;
use crate::rules::flow_log::Wanted;
use crate::rules::tag::{of_one, shown};
use crate::state::flow_log::{self, Destination, FlowLog, Watched};
use crate::state::id::{FlowLogId, Id};
use crate::state::tag::Tags;
use crate::state::{network_interface, subnet, tag, vpc};

/// On the resources whose traffic is asked for, and on the role that is to write it down.
pub fn create_access(scope: &Scope, input: &api::CreateFlowLogsRequest) -> Result<Access> {
    let kind = match input.resource_type.as_str() {
        "VPC" => "vpc",
        "Subnet" => "subnet",
        _ => "network-interface",
    };
    let arn = |id: &String| scope.arn("ec2", format_args!("{kind}/{id}"));
    let access =
        Access::on_all(input.resource_ids.iter().map(arn).chain([scope.arn("ec2", "vpc-flow-log/*")]));
    let Some(role) = &input.deliver_logs_permission_arn else { return Ok(access) };
    let pass = Access::on(role.clone())
        .action("iam:PassRole")
        .condition("iam:PassedToService", [rules::SERVICE.to_owned()]);
    Ok(access.also(pass))
}

pub async fn create_flow_logs(
    ctx: &Ctx,
    input: api::CreateFlowLogsRequest,
) -> Result<api::CreateFlowLogsResult> {
    let scope = *ctx.scope();
    let wanted = rules::check(&scope, &input)?;
    let asked = format!("{wanted:?}");
    let tags = of_one::<FlowLogId>(input.tag_specifications)?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let once = Once::new("CreateFlowLogs", input.client_token.as_ref(), asked);
    let refused = refusal(ctx, &wanted).await?;
    let write = ctx.write(|tx| {
        if let Some(made) = once.find_text(tx)? {
            return Ok(answered(&made));
        }
        let (mut made, mut failed) = (Vec::new(), Vec::new());
        for of in &wanted.of {
            check_there(tx, &scope, of)?;
            if let Some(error) = &refused {
                failed.push(unsuccessful(of.id(), error));
                continue;
            }
            match insert(tx, &scope, &wanted, of, &tags) {
                Ok(id) => made.push(id.to_string()),
                Err(error) if error.kind() == Failed::Internal => return Err(error),
                Err(error) => failed.push(unsuccessful(of.id(), &error)),
            }
        }
        once.remember_text(tx, &format!("{}\n{}", made.join(" "), json!(failed)))?;
        Ok((made, failed))
    });
    let (made, failed) = write.await?;
    put_in_force(ctx, &wanted.of).await?;
    Ok(api::CreateFlowLogsResult {
        client_token: input.client_token,
        flow_log_ids: Some(made),
        unsuccessful: Some(failed.into_iter().map(show_unsuccessful).collect()),
    })
}

/// A resource that has no log, and why: the code and the message.
type Unsuccessful = [String; 3];

/// What an earlier request made, and what it could not, as it was remembered.
fn answered(text: &str) -> (Vec<String>, Vec<Unsuccessful>) {
    let (made, failed) = text.split_once('\n').unwrap_or((text, ""));
    let made = made.split(' ').filter(|id| !id.is_empty()).map(str::to_owned).collect();
    (made, serde_json::from_str(failed).unwrap_or_default())
}

fn show_unsuccessful([id, code, message]: Unsuccessful) -> api::UnsuccessfulItem {
    let error = api::UnsuccessfulItemError { code: Some(code), message: Some(message) };
    api::UnsuccessfulItem { resource_id: Some(id), error: Some(error) }
}

fn unsuccessful(id: &str, error: &Error) -> Unsuccessful {
    let code = if error.code() == "InvalidParameter" { "400" } else { error.code() };
    [id.to_owned(), code.to_owned(), error.message().to_owned()]
}

fn check_there(tx: &mut Tx<'_, '_>, scope: &Scope, of: &Watched) -> Result<()> {
    match of {
        Watched::Vpc(id) => vpc::get(tx, scope, id).map(drop),
        Watched::Subnet(id) => subnet::get(tx, scope, id).map(drop),
        Watched::Interface(id) => network_interface::get(tx, scope, id).map(drop),
    }
}

fn insert(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    wanted: &Wanted,
    of: &Watched,
    tags: &Tags,
) -> Result<FlowLogId> {
    let known: Vec<_> = flow_log::all(tx, scope)?.into_iter().filter(|log| log.of == *of).collect();
    if known.iter().any(|log| (log.traffic, &log.to) == (wanted.traffic, &wanted.to)) {
        return Err(errors::flow_log_exists());
    }
    if known.len() >= rules::OF_RESOURCE_MAX {
        return Err(errors::flow_log_limit(rules::OF_RESOURCE_MAX));
    }
    let log = FlowLog {
        id: FlowLogId::fresh(tx.ctx().ids()),
        of: of.clone(),
        traffic: wanted.traffic,
        to: wanted.to.clone(),
        format: wanted.format.clone(),
        interval_s: wanted.interval_s,
        created_at: tx.ctx().now(),
        failure: None,
    };
    flow_log::put(tx, scope, &log)?;
    tag::put(tx, scope, &log.id, tags.clone())?;
    Ok(log.id)
}

/// What is told of each resource when nothing could be written to a bucket of this name.
type Refusal = fn(&str) -> Error;

/// Why nothing could be written where it is wanted. A bucket's policy is given what lets files in, in the caller's name.
async fn refusal(ctx: &Ctx, wanted: &Wanted) -> Result<Option<Error>> {
    let Destination::Bucket { bucket, folder, hive, .. } = &wanted.to else { return Ok(None) };
    let folder = rules::folder(ctx.scope(), folder, *hive);
    let refusal = match let_in(ctx, bucket, &folder).await? {
        None => check_let_in(ctx, bucket).await?,
        refused => refused,
    };
    Ok(refusal.map(|refusal| refusal(bucket)))
}

fn judge(error: Error) -> Result<Option<Refusal>> {
    match error.kind() {
        Failed::Internal | Failed::Unavailable => Err(error),
        Failed::NotFound => Ok(Some(errors::log_destination_missing)),
        _ => Ok(Some(errors::log_destination_denied)),
    }
}

async fn let_in(ctx: &Ctx, bucket: &str, folder: &str) -> Result<Option<Refusal>> {
    let ask = GetBucketPolicyRequest { bucket: bucket.to_owned(), ..GetBucketPolicyRequest::default() };
    let known = match ctx.call(s3::GetBucketPolicy, ask).await {
        Ok(found) => found.policy,
        Err(error) if error.code() == "NoSuchBucketPolicy" => None,
        // Whoever may not see the policy may still have been let in by it.
        Err(error) if error.kind() == Failed::Denied => return Ok(None),
        Err(error) => return judge(error),
    };
    let Some(policy) = rules::policy(ctx.scope(), bucket, folder, known.as_deref()) else { return Ok(None) };
    let put =
        PutBucketPolicyRequest { bucket: bucket.to_owned(), policy, ..PutBucketPolicyRequest::default() };
    match ctx.call(s3::PutBucketPolicy, put).await {
        Ok(()) => Ok(None),
        Err(error) => judge(error),
    }
}

async fn check_let_in(ctx: &Ctx, bucket: &str) -> Result<Option<Refusal>> {
    let ask = GetBucketAclRequest { bucket: bucket.to_owned(), ..GetBucketAclRequest::default() };
    let source = ctx.scope().arn("logs", "delivery-source:vpc-flow-logs");
    match ctx.call_named(rules::DELIVERY, &source, s3::GetBucketAcl, ask).await {
        Ok(_) => Ok(None),
        Err(error) => judge(error),
    }
}

/// Has the interfaces of all these counted, or not any more.
async fn put_in_force(ctx: &Ctx, watched: &[Watched]) -> Result<()> {
    let all = ctx.read(|snap| network_interface::all(snap, ctx.scope())).await?;
    for interface in all.iter().filter(|interface| watched.iter().any(|of| of.covers(interface))) {
        network::adapt_interface(ctx, interface).await?;
    }
    Ok(())
}

pub async fn describe_flow_logs(
    ctx: &Ctx,
    input: api::DescribeFlowLogsRequest,
) -> Result<api::DescribeFlowLogsResult> {
    let page = (input.max_results, input.next_token);
    let filters = (input.filter, rules::FILTERS);
    let listing = Listing::open(ctx, "DescribeFlowLogs", input.flow_log_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let read = ctx.read(|snap| Ok((flow_log::all(snap, scope)?, tag::of_all::<FlowLogId>(snap, scope)?)));
    let (all, tags) = read.await?;
    let (found, next_token) =
        listing.cut(ctx, all, &tags, |log| log.id.as_str(), rules::values, errors::flow_log_not_found)?;
    let show = |log: &FlowLog| api::FlowLog {
        tags: tags.get(log.id.as_str()).and_then(shown),
        ..rules::show(scope, log)
    };
    Ok(api::DescribeFlowLogsResult { flow_logs: Some(found.iter().map(show).collect()), next_token })
}

pub async fn delete_flow_logs(
    ctx: &Ctx,
    input: api::DeleteFlowLogsRequest,
) -> Result<api::DeleteFlowLogsResult> {
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let write = ctx.write(|tx| {
        let (mut gone, mut failed) = (Vec::new(), Vec::new());
        for text in &input.flow_log_ids {
            let id = parse::<FlowLogId>(text, errors::flow_log_not_found);
            let known = id.map(|id| flow_log::find(tx, &scope, &id));
            match known {
                Ok(found) => match found? {
                    Some(log) => {
                        flow_log::delete(tx, &scope, &log.id)?;
                        gone.push(log.of);
                    }
                    None => failed.push(unsuccessful(text, &errors::flow_log_not_found(text))),
                },
                Err(error) => failed.push(unsuccessful(text, &error)),
            }
        }
        Ok((gone, failed))
    });
    let (gone, failed) = write.await?;
    put_in_force(ctx, &gone).await?;
    let unsuccessful = Some(failed.into_iter().map(show_unsuccessful).collect());
    Ok(api::DeleteFlowLogsResult { unsuccessful })
}
