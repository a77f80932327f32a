//! Describing images.

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::page::{self, check_dry_run};
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::image::{self, CREATED, Image, OWNER, OWNER_ALIAS, ROOT_DEVICE, ROOT_SIZE_GIB};
use crate::state::id::{Id, ImageId};
use crate::state::tag::Tags;

const FILTERS: &[&str] = &[
    "architecture",
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name",
    "block-device-mapping.snapshot-id",
    "block-device-mapping.volume-size",
    "block-device-mapping.volume-type",
    "creation-date",
    "description",
    "ena-support",
    "hypervisor",
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
    "state",
    "virtualization-type",
];

pub async fn describe_images(
    ctx: &Ctx,
    input: api::DescribeImagesRequest,
) -> Result<api::DescribeImagesResult> {
    const OPERATION: &str = "DescribeImages";
    let filters = Filters::check(input.filters, FILTERS)?;
    let page = page::open(ctx, OPERATION, input.max_results, input.next_token)?;
    let ids = input.image_ids.unwrap_or_default();
    for text in &ids {
        let id = ImageId::parse(text).ok_or_else(|| errors::image_malformed(text))?;
        image::find(&id).ok_or_else(|| errors::images_not_found(std::slice::from_ref(text)))?;
    }
    check_dry_run(input.dry_run)?;
    let owners = input.owners.unwrap_or_default();
    let owned = owners.is_empty() || owners.iter().any(|owner| owner == OWNER || owner == OWNER_ALIAS);
    let users = input.executable_users.unwrap_or_default();
    // Everybody may launch them; nobody was told so by name.
    let executable = users.is_empty() || users.iter().any(|user| user == "all");
    let is_wanted = |image: &&Image| {
        let named = ids.is_empty() || ids.iter().any(|id| id == image.id().as_str());
        named && owned && executable && filters.accept(&Tags::new(), |name| values(image, name))
    };
    let images: Vec<Image> = image::all().iter().filter(is_wanted).copied().collect();
    let (images, last) = page.cut(images, |image| image.id().to_string());
    Ok(api::DescribeImagesResult {
        next_token: page::seal(ctx, OPERATION, last),
        images: Some(images.iter().map(show).collect()),
    })
}

fn values(image: &Image, name: &str) -> Vec<String> {
    let text = match name {
        "architecture" => image::architecture().to_owned(),
        "block-device-mapping.delete-on-termination" | "ena-support" | "is-public" => "true".to_owned(),
        "block-device-mapping.device-name" | "root-device-name" => ROOT_DEVICE.to_owned(),
        "block-device-mapping.volume-size" => ROOT_SIZE_GIB.to_string(),
        "block-device-mapping.volume-type" => "gp2".to_owned(),
        "creation-date" => CREATED.to_owned(),
        "description" => image.description.to_owned(),
        "hypervisor" => "xen".to_owned(),
        "image-id" => image.id().to_string(),
        "image-type" => "machine".to_owned(),
        "manifest-location" => location(image),
        "name" => image.name.to_owned(),
        "owner-alias" => OWNER_ALIAS.to_owned(),
        "owner-id" => OWNER.to_owned(),
        "root-device-type" => "ebs".to_owned(),
        "state" => "available".to_owned(),
        "virtualization-type" => "hvm".to_owned(),
        _ => return Vec::new(),
    };
    vec![text]
}

fn location(image: &Image) -> String {
    format!("{OWNER_ALIAS}/{}", image.name)
}

fn show(image: &Image) -> api::Image {
    let root = api::BlockDeviceMapping {
        device_name: Some(ROOT_DEVICE.to_owned()),
        ebs: Some(api::EbsBlockDevice {
            delete_on_termination: Some(true),
            volume_size: i32::try_from(ROOT_SIZE_GIB).ok(),
            volume_type: Some("gp2".to_owned()),
            encrypted: Some(false),
            ..Default::default()
        }),
        ..Default::default()
    };
    api::Image {
        platform_details: Some("Linux/UNIX".to_owned()),
        usage_operation: Some("RunInstances".to_owned()),
        block_device_mappings: Some(vec![root]),
        description: Some(image.description.to_owned()),
        ena_support: Some(true),
        hypervisor: Some("xen".to_owned()),
        image_owner_alias: Some(OWNER_ALIAS.to_owned()),
        name: Some(image.name.to_owned()),
        root_device_name: Some(ROOT_DEVICE.to_owned()),
        root_device_type: Some("ebs".to_owned()),
        virtualization_type: Some("hvm".to_owned()),
        image_id: Some(image.id().to_string()),
        image_location: Some(location(image)),
        state: Some("available".to_owned()),
        owner_id: Some(OWNER.to_owned()),
        creation_date: Some(CREATED.to_owned()),
        public: Some(true),
        architecture: Some(image::architecture().to_owned()),
        image_type: Some("machine".to_owned()),
        ..Default::default()
    }
}
