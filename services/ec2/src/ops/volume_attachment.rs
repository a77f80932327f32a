//! Volumes put into instances, and taken out.

use api_ec2 as api;
use kernel::{Access, Ctx, Result, Scope};

use super::page::check_dry_run;
use super::volume::{check_id, get};
use super::{encryption, instance};
use crate::controllers::volume::CONTROLLER;
use crate::errors;
use crate::rules::instance::State;
use crate::rules::volume::{check_device, state};
use crate::rules::volume_view::attachment;
use crate::state::id::Id;
use crate::state::volume::{self, Attachment, Hold};

pub fn access(scope: &Scope, volume: &str, instance: Option<&str>) -> Result<Access> {
    let volume = scope.arn("ec2", format_args!("volume/{volume}"));
    let instance = scope.arn("ec2", format_args!("instance/{}", instance.unwrap_or("*")));
    Ok(Access::on_all([volume, instance]))
}

pub async fn attach_volume(ctx: &Ctx, input: api::AttachVolumeRequest) -> Result<api::VolumeAttachment> {
    let (id, holder) = (check_id(&input.volume_id)?, instance::check_id(&input.instance_id)?);
    let name = check_device(&input.device)?;
    let scope = *ctx.scope();
    let seal = ctx.read(|snap| volume::find(snap, &scope, &id)).await?.and_then(|volume| volume.seal);
    encryption::check_usable(ctx, seal.as_ref()).await?;
    let shown = ctx
        .write(|tx| {
            let mut volume = get(tx, &scope, &id)?;
            let instance = instance::get(tx, &scope, &holder)?;
            if volume.attachment.is_some() {
                return Err(errors::already_attached(&id));
            }
            if state(&volume) != "available" {
                return Err(errors::volume_not_available(&id));
            }
            if !matches!(instance.state(), State::Running | State::Stopped) {
                return Err(errors::instance_not_ready(&holder));
            }
            if volume.zone != instance.zone {
                return Err(errors::zones_differ(&id, &holder));
            }
            let is_taken = |other: &volume::Volume| {
                let held = other.attachment.as_ref().map(|held| held.device.trim_start_matches("/dev/"));
                held == Some(name)
            };
            if volume::of_instance(tx, &scope, &holder)?.iter().any(is_taken) {
                return Err(errors::device_in_use(&input.device));
            }
            check_dry_run(input.dry_run)?;
            let held = Attachment {
                instance: holder.clone(),
                device: input.device.clone(),
                delete_on_termination: false,
                at: tx.ctx().now(),
                wish: Hold::Keep,
                seen: false,
            };
            let shown = attachment(&volume, &held);
            volume.attachment = Some(held);
            volume::put(tx, &scope, &volume)?;
            Ok(shown)
        })
        .await?;
    ctx.nudge(CONTROLLER, id.as_str());
    Ok(shown)
}

pub async fn detach_volume(ctx: &Ctx, input: api::DetachVolumeRequest) -> Result<api::VolumeAttachment> {
    let id = check_id(&input.volume_id)?;
    let force = input.force == Some(true);
    let scope = *ctx.scope();
    let shown = ctx
        .write(|tx| {
            let mut volume = get(tx, &scope, &id)?;
            let Some(held) = volume.attachment.as_mut() else { return Err(errors::volume_not_attached(&id)) };
            let is_there = input.instance_id.as_ref().is_none_or(|wanted| *wanted == held.instance.as_str());
            let is_so = input.device.as_ref().is_none_or(|wanted| *wanted == held.device);
            if !is_there || !is_so {
                let named = input.instance_id.as_deref().unwrap_or(held.instance.as_str());
                return Err(errors::not_attached_there(&id, named));
            }
            let instance = instance::get(tx, &scope, &held.instance)?;
            if instance.root.id == id && instance.state() != State::Stopped {
                return Err(errors::root_of_running(&id, &held.instance));
            }
            check_dry_run(input.dry_run)?;
            // What was asked for with force stays so.
            let force = force || held.wish == Hold::LetGo { force: true };
            held.wish = Hold::LetGo { force };
            let held = held.clone();
            volume::put(tx, &scope, &volume)?;
            Ok(attachment(&volume, &held))
        })
        .await?;
    ctx.nudge(CONTROLLER, id.as_str());
    Ok(shown)
}
