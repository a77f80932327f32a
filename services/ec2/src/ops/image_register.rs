//! Images registered: from snapshots of roots, or from what was imported into the engine (`cloudlet image import`).

use api_ec2 as api;
use compute::ImageState;
use kernel::{Ctx, Result, Scope, Tx};

use super::image::builtin_root;
use super::image_make::check_name;
use super::page::check_dry_run;
use super::volume::{check_holds, get_snapshot};
use crate::errors;
use crate::rules::block_device::{self, DeviceWish, is_root};
use crate::rules::image::{self as builtin, ROOT_DEVICE};
use crate::rules::tag as tags_of;
use crate::rules::volume::check;
use crate::service::Engines;
use crate::state::id::ImageId;
use crate::state::image::{self, Image, ImageDevice, Standing};
use crate::state::snapshot::{Shared, Snapshot};
use crate::state::tag;

/// What stands before an imported image's name in `ImageLocation`.
const IMPORTED: &str = "oci:";

/// What is to be registered.
struct Wish {
    name: String,
    description: String,
    /// The engine's image, for one that was imported.
    base: Option<String>,
    root_device: String,
    devices: Vec<DeviceWish>,
}

impl Wish {
    /// An imported image has its root under either of the usual names; snapshots have it where it is said.
    fn means_root(&self, asked: &DeviceWish) -> bool {
        asked.device == self.root_device || self.base.is_some() && is_root(&asked.device, &self.root_device)
    }
}

pub async fn register_image(ctx: &Ctx, input: api::RegisterImageRequest) -> Result<api::RegisterImageResult> {
    let devices = block_device::check(input.block_device_mappings)?;
    block_device::check_unencrypted(&devices)?;
    let mut tags = tags_of::of_specifications(input.tag_specifications, &["image"])?;
    let tags = tags.remove("image").unwrap_or_default();
    if let Some(architecture) = input.architecture.filter(|wanted| wanted != builtin::architecture()) {
        return Err(errors::invalid_value(architecture, "architecture"));
    }
    if let Some(kind) = input.virtualization_type.filter(|kind| kind != "hvm") {
        return Err(errors::invalid_value(kind, "virtualizationType"));
    }
    let base = input.image_location.map(|place| find_imported(ctx, &place)).transpose()?;
    let root_device = input.root_device_name.filter(|name| !name.is_empty());
    let root_device = root_device.or_else(|| base.is_some().then(|| ROOT_DEVICE.to_owned()));
    let wish = Wish {
        name: input.name,
        description: input.description.unwrap_or_default(),
        base,
        root_device: root_device.ok_or_else(|| errors::missing("rootDeviceName"))?,
        devices,
    };
    let scope = *ctx.scope();
    let made = ctx
        .write(|tx| {
            let made = insert(tx, &scope, &wish)?;
            check_dry_run(input.dry_run)?;
            tag::put(tx, &scope, &made.id, tags.clone())?;
            Ok(made)
        })
        .await?;
    Ok(api::RegisterImageResult { image_id: Some(made.id.to_string()) })
}

/// The engine's image of a location.
fn find_imported(ctx: &Ctx, place: &str) -> Result<String> {
    let unknown = || errors::invalid_value(place, "imageLocation");
    let base = format!("oci-{}", place.strip_prefix(IMPORTED).ok_or_else(unknown)?);
    match ctx
        .own::<Engines>()
        .machines
        .prepare_image(&compute::ImageId(base.clone()), compute::Kind::Container)
    {
        ImageState::Failed(_) => Err(unknown()),
        _ => Ok(base),
    }
}

fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, wish: &Wish) -> Result<Image> {
    check_name(tx, scope, &wish.name)?;
    let mut devices = Vec::new();
    let mut base = wish.base.clone();
    for asked in wish.devices.iter().filter(|asked| !asked.left_out) {
        let is_root = wish.means_root(asked);
        let from = asked.snapshot.as_ref().map(|id| get_snapshot(tx, scope, id)).transpose()?;
        if is_root && from.is_some() && base.is_some() {
            return Err(errors::combination(
                "An imported image brings its own root: no snapshot can be given for it.",
            ));
        }
        let device = device(wish, asked, from.as_ref())?;
        if is_root {
            base = base.or(from.and_then(|from| from.base));
            devices.insert(0, device);
        } else {
            devices.push(device);
        }
    }
    if wish.base.is_some() && !devices.iter().any(|device| device.device == wish.root_device) {
        devices.insert(0, ImageDevice { device: wish.root_device.clone(), ..builtin_root() });
    }
    let made = Image {
        id: ImageId::fresh(tx.ctx().ids()),
        name: wish.name.clone(),
        description: wish.description.clone(),
        base: base.ok_or_else(|| errors::image_without_root(&wish.root_device))?,
        root_device: wish.root_device.clone(),
        devices,
        created_at: tx.ctx().now(),
        instance: None,
        shared: Shared::default(),
        failure: None,
        standing: Standing::default(),
    };
    image::put(tx, scope, &made)?;
    Ok(made)
}

fn device(wish: &Wish, asked: &DeviceWish, from: Option<&Snapshot>) -> Result<ImageDevice> {
    let is_root = wish.means_root(asked);
    // An imported root has the usual size where none is given.
    let least = from.map(|from| from.size_gib).or_else(|| is_root.then(|| builtin_root().shape.size_gib));
    let shape = check(&asked.asked, least)?;
    check_holds(&shape, from)?;
    Ok(ImageDevice {
        device: if is_root { wish.root_device.clone() } else { asked.device.clone() },
        snapshot: asked.snapshot.clone(),
        encrypted: from.is_some_and(|from| from.seal.is_some()),
        shape,
        delete_on_termination: asked.delete_on_termination.unwrap_or(is_root),
    })
}
