//! Status checks, console output and credit settings of instances.

use api_ec2 as api;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Ctx, Error, Result};
use shape::Timestamp;

use super::instance::{check_id, check_ids, get, get_all};
use super::page::{self, check_dry_run};
use crate::controllers::instance::machine_id;
use crate::rules::filter::Filters;
use crate::rules::instance::State;
use crate::rules::instance_view::state;
use crate::rules::region;
use crate::service::Engines;
use crate::state::instance::{self, Instance};
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
    "system-status.reachability",
    "system-status.status",
];

/// An instance, and whether its machine was found running just now.
struct Checked {
    instance: Instance,
    is_up: bool,
}

impl Checked {
    fn status(&self) -> &'static str {
        match (self.instance.state(), self.is_up) {
            (State::Running, true) => "ok",
            (State::Running, false) => "impaired",
            _ => "not-applicable",
        }
    }

    fn reachability(&self) -> Option<&'static str> {
        match (self.instance.state(), self.is_up) {
            (State::Running, true) => Some("passed"),
            (State::Running, false) => Some("failed"),
            _ => None,
        }
    }
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
    let mut checked = Vec::with_capacity(instances.len());
    for instance in instances {
        let is_up = is_up(ctx, &instance).await?;
        checked.push(Checked { instance, is_up });
    }
    let region = scope.region.as_str();
    checked.retain(|checked| filters.accept(&Tags::new(), |name| values(checked, region, name)));
    let (checked, last) = page.cut(checked, |checked| checked.instance.id.to_string());
    Ok(api::DescribeInstanceStatusResult {
        instance_statuses: Some(checked.iter().map(|checked| show(checked, region)).collect()),
        next_token: page::seal(ctx, OPERATION, last),
    })
}

async fn is_up(ctx: &Ctx, instance: &Instance) -> Result<bool> {
    if instance.state() != State::Running {
        return Ok(false);
    }
    let machines = &ctx.own::<Engines>().machines;
    let observed = machines.observe(&machine_id(&instance.id)?).await.map_err(Error::internal)?;
    Ok(observed.is_running())
}

fn values(checked: &Checked, region: &str, name: &str) -> Vec<String> {
    let instance = &checked.instance;
    vec![match name {
        "availability-zone" => instance.zone.clone(),
        "availability-zone-id" => region::zone_id(region, &instance.zone),
        "instance-state-code" => instance.state().code().to_string(),
        "instance-state-name" => instance.state().name().to_owned(),
        "instance-status.status" | "system-status.status" => checked.status().to_owned(),
        "instance-status.reachability" | "system-status.reachability" => {
            return checked.reachability().map(str::to_owned).into_iter().collect();
        }
        // No instance here has scheduled events.
        _ => return Vec::new(),
    }]
}

fn show(checked: &Checked, region: &str) -> api::InstanceStatus {
    let instance = &checked.instance;
    let detail = checked.reachability().map(|status| api::InstanceStatusDetails {
        name: Some("reachability".to_owned()),
        status: Some(status.to_owned()),
        ..Default::default()
    });
    let summary = api::InstanceStatusSummary {
        details: detail.map(|detail| vec![detail]),
        status: Some(checked.status().to_owned()),
    };
    api::InstanceStatus {
        availability_zone: Some(instance.zone.clone()),
        availability_zone_id: Some(region::zone_id(region, &instance.zone)),
        instance_id: Some(instance.id.to_string()),
        instance_state: Some(state(instance.state())),
        instance_status: Some(summary.clone()),
        system_status: Some(summary),
        ..Default::default()
    }
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

pub async fn describe_instance_credit_specifications(
    ctx: &Ctx,
    input: api::DescribeInstanceCreditSpecificationsRequest,
) -> Result<api::DescribeInstanceCreditSpecificationsResult> {
    const OPERATION: &str = "DescribeInstanceCreditSpecifications";
    let filters = Filters::check(input.filters, &["instance-id"])?;
    let page = page::open(ctx, OPERATION, input.max_results, input.next_token)?;
    let ids = check_ids(&input.instance_ids.unwrap_or_default())?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let mut instances = ctx
        .read(|snap| if ids.is_empty() { instance::all(snap, &scope) } else { get_all(snap, &scope, &ids) })
        .await?;
    instances.retain(|i| {
        i.cpu_credits.is_some()
            && i.state() != State::Terminated
            && filters.accept(&Tags::new(), |_| vec![i.id.to_string()])
    });
    let (instances, last) = page.cut(instances, |instance| instance.id.to_string());
    let show = |instance: Instance| api::InstanceCreditSpecification {
        instance_id: Some(instance.id.to_string()),
        cpu_credits: instance.cpu_credits,
    };
    Ok(api::DescribeInstanceCreditSpecificationsResult {
        instance_credit_specifications: Some(instances.into_iter().map(show).collect()),
        next_token: page::seal(ctx, OPERATION, last),
    })
}
