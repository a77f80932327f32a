//! Describing images: those that come with the cloud, and those that users have made.

use api_ec2 as api;
use kernel::clock::Millis;
use kernel::tx::Reader;
use kernel::{AccountId, Ctx, Result, Scope};

use super::page::{self, check_dry_run};
use super::snapshot_share::accounts;
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::image::{
    self as builtin, CREATED, OWNER, OWNER_ALIAS, OWNER_ALIASES, ROOT_DEVICE, ROOT_SIZE_GIB,
};
use crate::rules::image_standing::{is_deprecated, protection_shown};
use crate::rules::instant;
use crate::rules::tag::shown;
use crate::rules::volume_view::number;
use crate::state::id::{Id, ImageId};
use crate::state::image::{self, Image, ImageDevice, Standing};
use crate::state::image_store;
use crate::state::snapshot::{self, Shared};
use crate::state::tag::{self, Tags};
use crate::state::volume::Shape;

const FILTERS: &[&str] = &[
    "architecture",
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name",
    "block-device-mapping.encrypted",
    "block-device-mapping.snapshot-id",
    "block-device-mapping.volume-size",
    "block-device-mapping.volume-type",
    "creation-date",
    "description",
    "ena-support",
    "free-tier-eligible",
    "hypervisor",
    "image-allowed",
    "image-id",
    "image-type",
    "is-public",
    "kernel-id",
    "manifest-location",
    "name",
    "owner-alias",
    "owner-id",
    "platform",
    "product-code",
    "product-code.type",
    "ramdisk-id",
    "root-device-name",
    "root-device-type",
    "source-instance-id",
    "sriov-net-support",
    "state",
    "state-reason-code",
    "state-reason-message",
    "virtualization-type",
];

/// What an image is to a launch.
#[derive(Clone, Debug)]
pub struct Bootable {
    pub id: ImageId,
    pub base: String,
    pub root_device: String,
    pub devices: Vec<ImageDevice>,
    /// Whose it is; none for one that comes with the cloud.
    owner: Option<AccountId>,
}

impl Bootable {
    /// In whose name its snapshots are looked for: who may launch an image need not be able to use them.
    pub fn owner(&self, scope: &Scope) -> Scope {
        Scope { account: self.owner.unwrap_or(scope.account), ..*scope }
    }
}

/// An image that `scope` may launch.
///
/// # Errors
/// When there is none, or it is still being made.
pub fn get_bootable(from: &mut impl Reader, scope: &Scope, id: &ImageId) -> Result<Bootable> {
    if let Some(found) = builtin::find(id) {
        let base = found.engine.to_owned();
        let devices = vec![builtin_root()];
        return Ok(Bootable {
            id: id.clone(),
            base,
            root_device: ROOT_DEVICE.to_owned(),
            devices,
            owner: None,
        });
    }
    let missing = || errors::images_not_found(&[id.to_string()]);
    let (place, found) = image::find_anywhere(from, id)?.ok_or_else(missing)?;
    if !is_visible(&place, &found, scope) {
        return Err(missing());
    }
    if state(from, &place, &found)? != "available" {
        return Err(errors::image_unavailable(id));
    }
    let Image { id, base, root_device, devices, .. } = found;
    Ok(Bootable { id, base, root_device, devices, owner: Some(place.account) })
}

pub fn builtin_root() -> ImageDevice {
    let iops = Some(100);
    let shape = Shape {
        size_gib: ROOT_SIZE_GIB,
        kind: "gp2".to_owned(),
        iops,
        throughput: None,
        multi_attach: false,
    };
    ImageDevice {
        device: ROOT_DEVICE.to_owned(),
        snapshot: None,
        encrypted: false,
        shape,
        delete_on_termination: true,
    }
}

/// An image that `scope` can see, whosever it is.
///
/// # Errors
/// When it cannot be looked up.
pub fn find_visible(from: &mut impl Reader, scope: &Scope, id: &ImageId) -> Result<Option<ImageId>> {
    if builtin::find(id).is_some() {
        return Ok(Some(id.clone()));
    }
    let found = image::find_anywhere(from, id)?.filter(|(place, image)| is_visible(place, image, scope));
    Ok(found.map(|(_, image)| image.id))
}

fn is_visible(place: &Scope, image: &Image, scope: &Scope) -> bool {
    place == scope || place.region == scope.region && image.shared.admits(scope.account)
}

/// An image is there as soon as each of its snapshots, and what its root lies over, holds what it shall.
pub fn state(from: &mut impl Reader, place: &Scope, image: &Image) -> Result<&'static str> {
    if image.failure.is_some() {
        return Ok("failed");
    }
    if image_store::find_restore(from, place, &image.id)?.is_some() {
        return Ok("pending");
    }
    for id in image.devices.iter().filter_map(|device| device.snapshot.as_ref()) {
        match snapshot::find(from, place, id)? {
            Some(found) if found.observed.taken => {}
            Some(found) if found.observed.failure.is_some() => return Ok("failed"),
            Some(_) => return Ok("pending"),
            None => return Ok("invalid"),
        }
    }
    Ok(if image.standing.disabled { "disabled" } else { "available" })
}

/// Why an image has failed: itself, or the first of its snapshots that has.
fn failure(from: &mut impl Reader, place: &Scope, image: &Image) -> Result<Option<String>> {
    if image.failure.is_some() {
        return Ok(image.failure.clone());
    }
    for id in image.devices.iter().filter_map(|device| device.snapshot.as_ref()) {
        if let Some(why) = snapshot::find(from, place, id)?.and_then(|found| found.observed.failure) {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

/// As AWS calls what is not the cloud's fault.
const FAILED: &str = "Client.InternalError";

/// An image as it is described.
struct View {
    image: Image,
    owner: String,
    is_builtin: bool,
    state: &'static str,
    failure: Option<String>,
}

pub async fn describe_images(
    ctx: &Ctx,
    input: api::DescribeImagesRequest,
) -> Result<api::DescribeImagesResult> {
    const OPERATION: &str = "DescribeImages";
    let filters = Filters::check(input.filters, FILTERS)?;
    let page = page::open(ctx, OPERATION, input.max_results, input.next_token)?;
    let ids = input.image_ids.unwrap_or_default();
    for text in &ids {
        ImageId::parse(text).ok_or_else(|| errors::image_malformed(text))?;
    }
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let (mut views, tags) =
        ctx.read(|snap| Ok((views(snap, &scope)?, tag::of_all::<ImageId>(snap, &scope)?))).await?;
    if let Some(missing) =
        ids.iter().find(|id| !views.iter().any(|view| view.image.id.as_str() == id.as_str()))
    {
        return Err(errors::images_not_found(std::slice::from_ref(missing)));
    }
    let own = scope.account.to_string();
    let owners = accounts(input.owners, &OWNER_ALIASES, &own)?;
    let users = accounts(input.executable_users, &["all"], &own)?;
    let (now, none) = (ctx.now(), Tags::new());
    let deprecated_too = input.include_deprecated.unwrap_or(false);
    let disabled_too = input.include_disabled.unwrap_or(false);
    views.retain(|view| {
        let owned = owners.is_empty()
            || owners.iter().any(|owner| match owner.as_str() {
                OWNER_ALIAS => view.is_builtin,
                owner => view.owner == owner,
            });
        let shared = &view.image.shared;
        let executable = users.is_empty()
            || users.iter().any(|user| match user.as_str() {
                "all" => shared.everybody,
                user => shared.accounts.iter().any(|account| account == user),
            });
        let is_named = ids.iter().any(|id| id == view.image.id.as_str());
        let named = ids.is_empty() || is_named;
        let standing = &view.image.standing;
        let offered = view.owner == own || deprecated_too || !is_deprecated(standing, now);
        let listed = is_named || offered && (disabled_too || !standing.disabled);
        let tags = tags.get(view.image.id.as_str()).unwrap_or(&none);
        owned && executable && named && listed && filters.accept(tags, |name| values(view, name))
    });
    let (views, last) = page.cut(views, |view| view.image.id.to_string());
    let images = views.iter().map(|view| show(view, tags.get(view.image.id.as_str()), now)).collect();
    Ok(api::DescribeImagesResult { next_token: page::seal(ctx, OPERATION, last), images: Some(images) })
}

/// Every image that `scope` can see.
fn views(from: &mut impl Reader, scope: &Scope) -> Result<Vec<View>> {
    let mut views: Vec<_> = builtin::all().iter().map(builtin_view).collect();
    for (place, image) in image::all_scopes(from)? {
        if is_visible(&place, &image, scope) {
            let state = state(from, &place, &image)?;
            let failure = if state == "failed" { failure(from, &place, &image)? } else { None };
            views.push(View { image, owner: place.account.to_string(), is_builtin: false, state, failure });
        }
    }
    Ok(views)
}

fn builtin_view(found: &builtin::Image) -> View {
    let image = Image {
        id: found.id(),
        name: found.name.to_owned(),
        description: found.description.to_owned(),
        base: found.engine.to_owned(),
        root_device: ROOT_DEVICE.to_owned(),
        devices: vec![builtin_root()],
        created_at: 0,
        instance: None,
        shared: Shared { everybody: true, accounts: Vec::new() },
        failure: None,
        standing: Standing::default(),
    };
    View { image, owner: OWNER.to_owned(), is_builtin: true, state: "available", failure: None }
}

impl View {
    fn created(&self) -> String {
        if self.is_builtin { CREATED.to_owned() } else { instant::iso_millis(self.image.created_at) }
    }

    fn location(&self) -> String {
        let owner = if self.is_builtin { OWNER_ALIAS } else { self.owner.as_str() };
        format!("{owner}/{}", self.image.name)
    }
}

fn values(view: &View, name: &str) -> Vec<String> {
    let image = &view.image;
    let devices = |of: &dyn Fn(&ImageDevice) -> Option<String>| image.devices.iter().filter_map(of).collect();
    let text = match name {
        "architecture" => builtin::architecture().to_owned(),
        "block-device-mapping.delete-on-termination" => {
            return devices(&|d| Some(d.delete_on_termination.to_string()));
        }
        "block-device-mapping.device-name" => return devices(&|d| Some(d.device.clone())),
        "block-device-mapping.encrypted" => return devices(&|d| Some(d.encrypted.to_string())),
        "block-device-mapping.snapshot-id" => return devices(&|d| Some(d.snapshot.as_ref()?.to_string())),
        "block-device-mapping.volume-size" => return devices(&|d| Some(d.shape.size_gib.to_string())),
        "block-device-mapping.volume-type" => return devices(&|d| Some(d.shape.kind.clone())),
        "creation-date" => view.created(),
        "description" => image.description.clone(),
        "ena-support" => "true".to_owned(),
        "hypervisor" => "xen".to_owned(),
        "image-id" => image.id.to_string(),
        "image-type" => "machine".to_owned(),
        "is-public" => image.shared.everybody.to_string(),
        "manifest-location" => view.location(),
        "name" => image.name.clone(),
        "owner-alias" if view.is_builtin => OWNER_ALIAS.to_owned(),
        "owner-id" => view.owner.clone(),
        "root-device-name" => image.root_device.clone(),
        "root-device-type" => "ebs".to_owned(),
        "source-instance-id" => return image.instance.iter().map(ToString::to_string).collect(),
        "state" => view.state.to_owned(),
        "state-reason-code" => return view.failure.iter().map(|_| FAILED.to_owned()).collect(),
        "state-reason-message" => return view.failure.iter().cloned().collect(),
        "virtualization-type" => "hvm".to_owned(),
        _ => return Vec::new(),
    };
    vec![text]
}

/// Devices as images show them.
pub fn mappings(image: &Image) -> Vec<api::BlockDeviceMapping> {
    let show = |device: &ImageDevice| api::BlockDeviceMapping {
        device_name: Some(device.device.clone()),
        ebs: Some(api::EbsBlockDevice {
            delete_on_termination: Some(device.delete_on_termination),
            iops: device.shape.iops.filter(|_| device.shape.kind != "gp2").and_then(number),
            snapshot_id: device.snapshot.as_ref().map(ToString::to_string),
            volume_size: number(device.shape.size_gib),
            volume_type: Some(device.shape.kind.clone()),
            throughput: device.shape.throughput.and_then(number),
            encrypted: Some(device.encrypted),
            ..Default::default()
        }),
        ..Default::default()
    };
    image.devices.iter().map(show).collect()
}

fn show(view: &View, tags: Option<&Tags>, now: Millis) -> api::Image {
    let image = &view.image;
    let reason =
        |why: &String| api::StateReason { code: Some(FAILED.to_owned()), message: Some(why.clone()) };
    api::Image {
        state_reason: view.failure.as_ref().map(reason),
        platform_details: Some("Linux/UNIX".to_owned()),
        usage_operation: Some("RunInstances".to_owned()),
        block_device_mappings: Some(mappings(image)),
        description: Some(image.description.clone()),
        ena_support: Some(true),
        hypervisor: Some("xen".to_owned()),
        image_owner_alias: view.is_builtin.then(|| OWNER_ALIAS.to_owned()),
        name: Some(image.name.clone()),
        root_device_name: Some(image.root_device.clone()),
        root_device_type: Some("ebs".to_owned()),
        tags: tags.and_then(shown),
        virtualization_type: Some("hvm".to_owned()),
        source_instance_id: image.instance.as_ref().map(ToString::to_string),
        image_id: Some(image.id.to_string()),
        image_location: Some(view.location()),
        state: Some(view.state.to_owned()),
        owner_id: Some(view.owner.clone()),
        creation_date: Some(view.created()),
        public: Some(image.shared.everybody),
        architecture: Some(builtin::architecture().to_owned()),
        image_type: Some("machine".to_owned()),
        deprecation_time: image.standing.deprecated_from.map(instant::iso_millis),
        deregistration_protection: Some(protection_shown(image.standing.protection, now)),
        ..Default::default()
    }
}
