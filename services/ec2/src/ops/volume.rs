//! Describing volumes: there are those that instances boot from.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope};
use shape::Timestamp;

use super::page::{Listing, check_dry_run};
use crate::errors;
use crate::rules::image::ROOT_DEVICE;
use crate::rules::tag::shown;
use crate::rules::{instant, region};
use crate::state::id::{Id, VolumeId};
use crate::state::instance::{self, Instance};
use crate::state::tag::{self, Tags};

const FILTERS: &[&str] = &[
    "attachment.attach-time",
    "attachment.delete-on-termination",
    "attachment.device",
    "attachment.instance-id",
    "attachment.status",
    "availability-zone",
    "availability-zone-id",
    "create-time",
    "encrypted",
    "size",
    "snapshot-id",
    "status",
    "volume-id",
    "volume-type",
];

pub async fn describe_volumes(
    ctx: &Ctx,
    input: api::DescribeVolumesRequest,
) -> Result<api::DescribeVolumesResult> {
    for text in input.volume_ids.iter().flatten() {
        VolumeId::parse(text).ok_or_else(|| errors::volume_malformed(text))?;
    }
    let filters = (input.filters, FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeVolumes", input.volume_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let (mut instances, tags) =
        ctx.read(|snap| Ok((instance::all(snap, scope)?, tag::of_all::<VolumeId>(snap, scope)?))).await?;
    instances.retain(|instance| !instance.observed.released);
    let id = |instance: &Instance| instance.root.id.clone();
    let rows: Vec<(VolumeId, Instance)> = instances.into_iter().map(|i| (id(&i), i)).collect();
    let values = |row: &(VolumeId, Instance), name: &str| values(&row.1, scope, name);
    let (rows, next_token) =
        listing.cut(ctx, rows, &tags, |row| row.0.as_str(), values, errors::volume_not_found)?;
    let volumes = rows.iter().map(|(id, instance)| show(instance, scope, tags.get(id.as_str()))).collect();
    Ok(api::DescribeVolumesResult { next_token, volumes: Some(volumes) })
}

fn values(instance: &Instance, scope: &Scope, name: &str) -> Vec<String> {
    let root = &instance.root;
    vec![match name {
        "attachment.attach-time" | "create-time" => instant::iso_millis(instance.created_at),
        "attachment.delete-on-termination" => root.delete_on_termination.to_string(),
        "attachment.device" => ROOT_DEVICE.to_owned(),
        "attachment.instance-id" => instance.id.to_string(),
        "attachment.status" => "attached".to_owned(),
        "availability-zone" => instance.zone.clone(),
        "availability-zone-id" => region::zone_id(scope.region.as_str(), &instance.zone),
        "encrypted" => "false".to_owned(),
        "size" => root.size_gib.to_string(),
        "status" => "in-use".to_owned(),
        "volume-id" => root.id.to_string(),
        "volume-type" => root.volume_type.clone(),
        _ => return Vec::new(),
    }]
}

fn show(instance: &Instance, scope: &Scope, tags: Option<&Tags>) -> api::Volume {
    let root = &instance.root;
    let attachment = api::VolumeAttachment {
        delete_on_termination: Some(root.delete_on_termination),
        volume_id: Some(root.id.to_string()),
        instance_id: Some(instance.id.to_string()),
        device: Some(ROOT_DEVICE.to_owned()),
        state: Some("attached".to_owned()),
        attach_time: Some(Timestamp::from_millis(instance.created_at)),
        ..Default::default()
    };
    api::Volume {
        availability_zone_id: Some(region::zone_id(scope.region.as_str(), &instance.zone)),
        tags: tags.and_then(shown),
        volume_type: Some(root.volume_type.clone()),
        multi_attach_enabled: Some(false),
        volume_id: Some(root.id.to_string()),
        size: i32::try_from(root.size_gib).ok(),
        snapshot_id: Some(String::new()),
        availability_zone: Some(instance.zone.clone()),
        state: Some("in-use".to_owned()),
        create_time: Some(Timestamp::from_millis(instance.created_at)),
        attachments: Some(vec![attachment]),
        encrypted: Some(false),
        ..Default::default()
    }
}
