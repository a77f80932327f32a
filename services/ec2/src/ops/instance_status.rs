//! Status checks and console output of instances.

use api_ec2 as api;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Ctx, Error, Result};
use shape::Timestamp;

use super::instance::{check_id, check_ids, get, get_all};
use super::page::{self, check_dry_run};
use super::scheduled_event::show as show_event;
use crate::controllers::instance::machine_id;
use crate::controllers::status::{self, Probes};
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::instance::State;
use crate::rules::instance_status::{Probe, Status, checks};
use crate::rules::instance_view::{auto_recovery, state};
use crate::rules::launch::check_recovery;
use crate::rules::{instant, region, scheduled_event as event_rules};
use crate::service::Engines;
use crate::state::id::Id;
use crate::state::instance::{self, Instance};
use crate::state::scheduled_event::{self, ScheduledEvent};
use crate::state::tag::Tags;

const FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "event.code",
    "event.description",
    "event.instance-event-id",
    "event.not-after",
    "event.not-before",
    "event.not-before-deadline",
    "instance-state-code",
    "instance-state-name",
    "instance-status.reachability",
    "instance-status.status",
    "operator.managed",
    "operator.principal",
    "system-status.reachability",
    "system-status.status",
];

/// An instance with the results of its checks.
struct Checked {
    instance: Instance,
    system: Status,
    own: Status,
    events: Vec<ScheduledEvent>,
}

pub async fn describe_instance_status(
    ctx: &Ctx,
    input: api::DescribeInstanceStatusRequest,
) -> Result<api::DescribeInstanceStatusResult> {
    const OPERATION: &str = "DescribeInstanceStatus";
    let filters = Filters::check(input.filters, FILTERS)?;
    let page = page::open(ctx, OPERATION, input.max_results, input.next_token)?;
    let ids = check_ids(&input.instance_ids.unwrap_or_default())?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let mut instances = ctx
        .read(|snap| if ids.is_empty() { instance::all(snap, &scope) } else { get_all(snap, &scope, &ids) })
        .await?;
    if input.include_all_instances != Some(true) {
        instances.retain(|instance| instance.state() == State::Running);
    }
    let probed = status::probed(ctx, instances).await?;
    let check = |(instance, probe): (Instance, Option<Probe>)| {
        let (system, own) = checks(instance.state(), instance.state_since, probe.as_ref());
        Checked { instance, system, own, events: Vec::new() }
    };
    let mut checked: Vec<_> = probed.into_iter().map(check).collect();
    let read = ctx.read(|snap| {
        let of = |one: &Checked| scheduled_event::of_instance(snap, &scope, &one.instance.id);
        checked.iter().map(of).collect::<Result<Vec<_>>>()
    });
    for (one, events) in read.await?.into_iter().enumerate() {
        checked.get_mut(one).into_iter().for_each(|one| one.events.clone_from(&events));
    }
    let region = scope.region.as_str();
    checked.retain(|checked| filters.accept(&Tags::new(), |name| values(checked, region, name)));
    let (checked, last) = page.cut(checked, |checked| checked.instance.id.to_string());
    Ok(api::DescribeInstanceStatusResult {
        instance_statuses: Some(checked.iter().map(|checked| show(checked, region)).collect()),
        next_token: page::seal(ctx, OPERATION, last),
    })
}

fn values(checked: &Checked, region: &str, name: &str) -> Vec<String> {
    let instance = &checked.instance;
    vec![match name {
        "availability-zone" => instance.zone.clone(),
        "availability-zone-id" => region::zone_id(region, &instance.zone),
        "instance-state-code" => instance.state().code().to_string(),
        "instance-state-name" => instance.state().name().to_owned(),
        "operator.managed" => "false".to_owned(),
        "instance-status.status" => checked.own.summary().to_owned(),
        "system-status.status" => checked.system.summary().to_owned(),
        "instance-status.reachability" => {
            return checked.own.detail().map(str::to_owned).into_iter().collect();
        }
        "system-status.reachability" => {
            return checked.system.detail().map(str::to_owned).into_iter().collect();
        }
        _ => {
            let event = name.strip_prefix("event.").unwrap_or_default();
            return checked.events.iter().filter_map(|it| event_rules::value(it, event)).collect();
        }
    }]
}

fn show(checked: &Checked, region: &str) -> api::InstanceStatus {
    let instance = &checked.instance;
    api::InstanceStatus {
        availability_zone: Some(instance.zone.clone()),
        availability_zone_id: Some(region::zone_id(region, &instance.zone)),
        instance_id: Some(instance.id.to_string()),
        instance_state: Some(state(instance.state())),
        events: Some(checked.events.iter().map(show_event).collect()),
        instance_status: Some(summary(checked.own)),
        system_status: Some(summary(checked.system)),
        ..Default::default()
    }
}

fn summary(status: Status) -> api::InstanceStatusSummary {
    let since = match status {
        Status::Failed { since } => Some(Timestamp::from_millis(since)),
        _ => None,
    };
    let detail = status.detail().map(|word| api::InstanceStatusDetails {
        name: Some("reachability".to_owned()),
        status: Some(word.to_owned()),
        impaired_since: since,
    });
    api::InstanceStatusSummary {
        details: detail.map(|detail| vec![detail]),
        status: Some(status.summary().to_owned()),
    }
}

/// A report has the instances probed anew, and stays in the log for whoever runs the cloud.
pub async fn report_instance_status(ctx: &Ctx, input: api::ReportInstanceStatusRequest) -> Result<()> {
    if !matches!(input.status.as_str(), "ok" | "impaired") {
        return Err(errors::invalid_value(&input.status, "status"));
    }
    if input.reason_codes.is_empty() {
        return Err(errors::missing("ReasonCode"));
    }
    if let Some(unknown) = input.reason_codes.iter().find(|code| !REASONS.contains(&code.as_str())) {
        return Err(errors::invalid_value(unknown, "reasonCode"));
    }
    if input.instances.is_empty() {
        return Err(errors::missing("InstanceId"));
    }
    let ids = check_ids(&input.instances)?;
    let scope = *ctx.scope();
    let instances = ctx.read(|snap| get_all(snap, &scope, &ids)).await?;
    if let Some(other) = instances.iter().find(|instance| instance.state() != State::Running) {
        return Err(errors::is_not_running(&other.id));
    }
    check_dry_run(input.dry_run)?;
    for id in &ids {
        ctx.own::<Probes>().forget(id);
        tracing::info!(
            id = id.as_str(),
            status = input.status,
            reasons = input.reason_codes.join(" "),
            from = input.start_time.map(|at| instant::iso(at.as_millis())),
            until = input.end_time.map(|at| instant::iso(at.as_millis())),
            description = input.description,
            "a status of an instance was reported"
        );
    }
    status::probed(ctx, instances).await.map(drop)
}

/// What AWS knows as reasons of a report.
const REASONS: [&str; 9] = [
    "instance-stuck-in-state",
    "unresponsive",
    "not-accepting-credentials",
    "password-not-available",
    "performance-network",
    "performance-instance-store",
    "performance-ebs-volume",
    "performance-other",
    "other",
];

pub async fn monitor_instances(
    ctx: &Ctx,
    input: api::MonitorInstancesRequest,
) -> Result<api::MonitorInstancesResult> {
    let all = set_monitoring(ctx, &input.instance_ids, input.dry_run, true).await?;
    Ok(api::MonitorInstancesResult { instance_monitorings: Some(all) })
}

pub async fn unmonitor_instances(
    ctx: &Ctx,
    input: api::UnmonitorInstancesRequest,
) -> Result<api::UnmonitorInstancesResult> {
    let all = set_monitoring(ctx, &input.instance_ids, input.dry_run, false).await?;
    Ok(api::UnmonitorInstancesResult { instance_monitorings: Some(all) })
}

async fn set_monitoring(
    ctx: &Ctx,
    ids: &[String],
    dry_run: Option<bool>,
    is_on: bool,
) -> Result<Vec<api::InstanceMonitoring>> {
    if ids.is_empty() {
        return Err(errors::missing("InstanceId"));
    }
    let ids = check_ids(ids)?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        for one in get_all(tx, &scope, &ids)? {
            if matches!(one.state(), State::Terminated | State::ShuttingDown) {
                return Err(errors::is_terminated(&one.id));
            }
        }
        check_dry_run(dry_run)?;
        for id in &ids {
            instance::update(tx, &scope, id, |instance| {
                instance.monitoring = is_on;
                Ok(())
            })?;
        }
        Ok(())
    })
    .await?;
    // In AWS's words for what has just been asked.
    let word = if is_on { "pending" } else { "disabling" };
    let shown = ids.iter().map(|id| api::InstanceMonitoring {
        instance_id: Some(id.to_string()),
        monitoring: Some(api::Monitoring { state: Some(word.to_owned()) }),
    });
    Ok(shown.collect())
}

pub async fn modify_instance_maintenance_options(
    ctx: &Ctx,
    input: api::ModifyInstanceMaintenanceOptionsRequest,
) -> Result<api::ModifyInstanceMaintenanceOptionsResult> {
    let id = check_id(&input.instance_id)?;
    let off = check_recovery(input.auto_recovery.as_deref())?;
    let scope = *ctx.scope();
    let changed = ctx
        .write(|tx| {
            let found = get(tx, &scope, &id)?;
            if matches!(found.state(), State::Terminated | State::ShuttingDown) {
                return Err(errors::is_terminated(&id));
            }
            check_dry_run(input.dry_run)?;
            instance::update(tx, &scope, &id, |instance| {
                if input.auto_recovery.is_some() {
                    instance.maintenance.recovery_off = off;
                }
                Ok(())
            })?;
            get(tx, &scope, &id)
        })
        .await?;
    Ok(api::ModifyInstanceMaintenanceOptionsResult {
        instance_id: Some(id.to_string()),
        auto_recovery: Some(auto_recovery(&changed).to_owned()),
        ..Default::default()
    })
}

/// What the machine wrote to its console, over all its boots. Always the latest.
pub async fn get_console_output(
    ctx: &Ctx,
    input: api::GetConsoleOutputRequest,
) -> Result<api::GetConsoleOutputResult> {
    let id = check_id(&input.instance_id)?;
    let instance = ctx.read(|snap| get(snap, ctx.scope(), &id)).await?;
    check_dry_run(input.dry_run)?;
    let machines = &ctx.own::<Engines>().machines;
    let output = match machines.console(&machine_id(&instance.id)?).await {
        Ok(output) => output,
        // Not made yet, or gone.
        Err(compute::Error::Absent(_)) => Vec::new(),
        Err(error) => return Err(Error::internal(error)),
    };
    Ok(api::GetConsoleOutputResult {
        instance_id: Some(instance.id.to_string()),
        timestamp: Some(Timestamp::from_millis(ctx.now())),
        output: Some(STANDARD.encode(output)),
    })
}
