//! Snapshots of all volumes of an instance, as of one moment.

use api_ec2 as api;
use kernel::{Access, Ctx, Result, Scope, Tx};
use shape::Timestamp;

use super::page::check_dry_run;
use super::snapshot::{insert, state};
use super::volume::check_id as check_volume_id;
use super::{instance, snapshot};
use crate::controllers::snapshot::{self as controller, CONTROLLER};
use crate::errors;
use crate::rules::instance::State;
use crate::rules::tag::{self as tags_of, merge, shown};
use crate::rules::volume_view::number;
use crate::state::id::{Id, InstanceId, VolumeId};
use crate::state::snapshot::Snapshot;
use crate::state::tag::{self, Tags};
use crate::state::volume;

/// Leave for the instance, its volumes, and the snapshots to be made.
pub fn access(scope: &Scope, input: &api::CreateSnapshotsRequest) -> Result<Access> {
    let of = &input.instance_specification;
    let named = instance::access_to(scope, [&of.instance_id])?;
    let volumes = Access::on(scope.arn("ec2", "volume/*"));
    Ok(named.also(volumes).also(snapshot::access(scope, None)?))
}

/// Which volumes of an instance.
struct Choice {
    instance: InstanceId,
    without_root: bool,
    without: Vec<VolumeId>,
    tags: Tags,
    copies_tags: bool,
    description: String,
}

pub async fn create_snapshots(
    ctx: &Ctx,
    input: api::CreateSnapshotsRequest,
) -> Result<api::CreateSnapshotsResult> {
    let of = input.instance_specification;
    let mut tags = tags_of::of_specifications(input.tag_specifications, &["snapshot"])?;
    let without = of.exclude_data_volume_ids.unwrap_or_default();
    let choice = Choice {
        instance: instance::check_id(&of.instance_id)?,
        without_root: of.exclude_boot_volume == Some(true),
        without: without.iter().map(|id| check_volume_id(id)).collect::<Result<_>>()?,
        tags: tags.remove("snapshot").unwrap_or_default(),
        copies_tags: input.copy_tags_from_source.is_some(),
        description: input.description.unwrap_or_default(),
    };
    let scope = *ctx.scope();
    let made = ctx
        .write(|tx| {
            let made = insert_all(tx, &scope, &choice)?;
            check_dry_run(input.dry_run)?;
            Ok(made)
        })
        .await?;
    let taken: Vec<Snapshot> = made.iter().map(|(one, _)| one.clone()).collect();
    take_all(ctx, &taken).await;
    let show = |(one, tags): &(Snapshot, Tags)| api::SnapshotInfo {
        description: Some(one.description.clone()),
        tags: shown(tags),
        encrypted: Some(one.seal.is_some()),
        volume_id: Some(one.volume.to_string()),
        state: Some(state(one).to_owned()),
        volume_size: number(one.size_gib),
        start_time: Some(Timestamp::from_millis(one.started_at)),
        progress: Some("0%".to_owned()),
        owner_id: Some(scope.account.to_string()),
        snapshot_id: Some(one.id.to_string()),
        ..Default::default()
    };
    Ok(api::CreateSnapshotsResult { snapshots: Some(made.iter().map(show).collect()) })
}

fn insert_all(tx: &mut Tx<'_, '_>, scope: &Scope, choice: &Choice) -> Result<Vec<(Snapshot, Tags)>> {
    let id = &choice.instance;
    let found = instance::get(tx, scope, id)?;
    if !matches!(found.state(), State::Running | State::Stopped | State::Stopping) {
        return Err(errors::instance_not_ready(id));
    }
    let volumes = volume::of_instance(tx, scope, id)?;
    for named in &choice.without {
        match volumes.iter().find(|volume| volume.id == *named) {
            Some(_) if *named == found.root.id => return Err(errors::root_is_no_data_volume(named)),
            Some(_) => {}
            None => return Err(errors::not_attached_there(named, id.as_str())),
        }
    }
    let mut made = Vec::new();
    for volume in volumes {
        let is_root = volume.id == found.root.id;
        if is_root && choice.without_root || choice.without.contains(&volume.id) {
            continue;
        }
        let one = insert(tx, scope, &volume, &choice.description, false)?;
        let mut tags = choice.tags.clone();
        if choice.copies_tags {
            tags = merge(tag::of(tx, scope, &volume.id)?, &tags)?;
            tags.retain(|key, _| !key.starts_with("aws:"));
        }
        tag::put(tx, scope, &one.id, tags.clone())?;
        made.push((one, tags));
    }
    if made.is_empty() { Err(errors::no_volumes_left(id)) } else { Ok(made) }
}

/// Takes snapshots now: the moment is that of the call. Where one fails, the controller tries again.
pub async fn take_all(ctx: &Ctx, snapshots: &[Snapshot]) {
    for one in snapshots {
        if let Err(error) = controller::take(ctx, one).await {
            tracing::info!(id = one.id.as_str(), %error, "a snapshot is taken later");
            ctx.nudge(CONTROLLER, one.id.as_str());
        }
    }
}
