//! Processes of a group, switched off and on.

use api_autoscaling as api;
use kernel::{Ctx, Result};

use super::change;
use crate::errors;
use crate::rules::group::PROCESSES;

fn named(input: &api::ScalingProcessQuery) -> Result<Vec<String>> {
    let given = input.scaling_processes.clone().unwrap_or_default();
    if let Some(other) = given.iter().find(|name| !PROCESSES.contains(&&***name)) {
        return Err(errors::validation(format!("{other} is not a valid process name.")));
    }
    if given.is_empty() { Ok(PROCESSES.map(str::to_owned).to_vec()) } else { Ok(given) }
}

pub async fn suspend_processes(ctx: &Ctx, input: api::ScalingProcessQuery) -> Result<()> {
    let (names, at) = (named(&input)?, crate::rules::cause::instant(ctx.now()));
    change(ctx, &input.auto_scaling_group_name, |_, group| {
        for name in &names {
            group.suspended.entry(name.clone()).or_insert_with(|| format!("User suspended at {at}"));
        }
        Ok(())
    })
    .await
}

pub async fn resume_processes(ctx: &Ctx, input: api::ScalingProcessQuery) -> Result<()> {
    let names = named(&input)?;
    change(ctx, &input.auto_scaling_group_name, |_, group| {
        names.iter().for_each(|name| drop(group.suspended.remove(name)));
        Ok(())
    })
    .await
}

pub async fn describe_scaling_process_types(_: &Ctx, (): ()) -> Result<api::ProcessesType> {
    let one = |name: &&str| api::ProcessType { process_name: (*name).to_owned() };
    Ok(api::ProcessesType { processes: Some(PROCESSES.iter().map(one).collect()) })
}
