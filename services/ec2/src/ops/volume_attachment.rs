//! Volumes put into instances, and taken out.

use api_ec2 as api;
use kernel::{Access, Ctx, Result, Scope};

use super::page::check_dry_run;
use super::volume::{check_id, get};
use super::{encryption, instance};
use crate::controllers::volume::CONTROLLER;
use crate::errors;
use crate::rules::image;
use crate::rules::instance::State;
use crate::rules::volume::{check_device, state};
use crate::rules::volume_view::attachment;
use crate::state::id::Id;
use crate::state::volume::{self, Attachment, Hold};

/// Instances that may have one volume at once.
const ATTACHMENTS_MAX: usize = 16;

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
            let is_held = !volume.attachments.is_empty();
            if volume.held_by(&holder).is_some() || is_held && !volume.shape.multi_attach {
                return Err(errors::already_attached(&id));
            }
            if !is_held && state(&volume) != "available" {
                return Err(errors::volume_not_available(&id));
            }
            if volume.attachments.len() >= ATTACHMENTS_MAX {
                return Err(errors::too_many_attachments(&id, ATTACHMENTS_MAX));
            }
            if !matches!(instance.state(), State::Running | State::Stopped) {
                return Err(errors::instance_not_ready(&holder));
            }
            if volume.zone != instance.zone {
                return Err(errors::zones_differ(&id, &holder));
            }
            let is_taken = |other: &volume::Volume| {
                let held = other.held_by(&holder).map(|held| held.device.trim_start_matches("/dev/"));
                held == Some(name)
            };
            if volume::of_instance(tx, &scope, &holder)?.iter().any(is_taken) {
                return Err(errors::device_in_use(&input.device));
            }
            // No instance boots from what others write to.
            if volume.shape.multi_attach && input.device == image::ROOT_DEVICE {
                return Err(errors::multi_attach_root(&id));
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
            volume.attachments.push(held);
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
            let Some(first) = volume.attachments.first() else {
                return Err(errors::volume_not_attached(&id));
            };
            let named = input.instance_id.clone().unwrap_or_else(|| first.instance.to_string());
            if volume.shape.multi_attach && input.instance_id.is_none() {
                return Err(errors::missing("instanceId"));
            }
            let is_there = |held: &Attachment| {
                held.instance.as_str() == named
                    && input.device.as_ref().is_none_or(|wanted| *wanted == held.device)
            };
            let found = volume.attachments.iter_mut().find(|held| is_there(held));
            let Some(held) = found else { return Err(errors::not_attached_there(&id, &named)) };
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
