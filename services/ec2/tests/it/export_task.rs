//! Images as disks in a store of objects, on engines that are simulated.

use std::sync::Arc;

use api_ec2 as api;
use api_ec2::op;
use block::FakeVolumes;
use compute::FakeMachines;
use kernel::Plugs;
use kernel::testing::TestCloud;
use net::FakeNetworks;

use crate::identities::Known;
use crate::image_store::{Objects, image};

struct House {
    cloud: TestCloud,
    machines: Arc<FakeMachines>,
    objects: Objects,
    image: String,
}

async fn house() -> House {
    house_with(&[]).await
}

/// With an image that has these volumes besides its root.
async fn house_with(devices: &[&str]) -> House {
    let machines = Arc::new(FakeMachines::new());
    let plugs = Plugs::default()
        .with::<Arc<dyn compute::Machines>>(machines.clone())
        .with::<Arc<dyn net::Networks>>(Arc::new(FakeNetworks::new()))
        .with::<Arc<dyn block::Volumes>>(Arc::new(FakeVolumes::new()));
    let (known, objects) = (Known::default(), Objects::default());
    let trust = r#"{"Effect":"Allow","Principal":{"Service":"vmie.amazonaws.com"},"Action":"sts:AssumeRole",
        "Condition":{"StringEquals":{"sts:Externalid":"vmimport"}}}"#;
    known.role("vmimport", trust, r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#);
    known.role("idle", trust, r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}"#);
    let services = vec![ec2::service(&plugs), known.service(), objects.service()];
    let cloud = TestCloud::new(services).await;
    let image = image(&cloud, devices).await;
    House { cloud, machines, objects, image }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn export(image: &str, format: &str) -> api::ExportImageRequest {
    api::ExportImageRequest {
        image_id: image.to_owned(),
        disk_image_format: format.to_owned(),
        s3_export_location: api::ExportTaskS3LocationRequest {
            s3_bucket: "shelf".to_owned(),
            s3_prefix: text("disks/"),
        },
        ..Default::default()
    }
}

impl House {
    async fn begin(&self, request: api::ExportImageRequest) -> String {
        let made = self.cloud.call(op::ExportImage, request).await.unwrap();
        assert_eq!(made.status.as_deref(), Some("active"));
        made.export_image_task_id.unwrap()
    }

    async fn ends(&self, id: &str) -> api::ExportImageTask {
        let look = || api::DescribeExportImageTasksRequest {
            export_image_task_ids: Some(vec![id.to_owned()]),
            ..Default::default()
        };
        self.cloud
            .eventually("the export ends", async || {
                let found = self.cloud.call(op::DescribeExportImageTasks, look()).await.ok()?;
                let task = found.export_image_tasks?.pop()?;
                (!matches!(task.status.as_deref(), Some("active" | "deleting"))).then_some(task)
            })
            .await
    }
}

#[tokio::test]
async fn an_image_becomes_an_object_of_its_format() {
    let house = house().await;
    for (format, key) in [("VMDK", "vmdk"), ("VHD", "vhd"), ("RAW", "raw")] {
        let id = house.begin(export(&house.image, format)).await;
        let ended = house.ends(&id).await;
        assert_eq!(ended.status.as_deref(), Some("completed"), "{ended:?}");
        let object = house.objects.get(&format!("disks/{id}.{key}")).unwrap();
        assert!(String::from_utf8(object).unwrap().to_uppercase().contains(format));
        assert_eq!(house.objects.uploads(), 0);
    }
    house.cloud.advance(8 * 86_400_000);
    let gone = async || {
        let found = house.cloud.call(op::DescribeExportImageTasks, Default::default()).await.ok()?;
        found.export_image_tasks?.is_empty().then_some(())
    };
    house.cloud.eventually("they are forgotten", gone).await;
}

#[tokio::test]
async fn further_volumes_become_objects_beside_the_root_s() {
    let house = house_with(&["/dev/sdf", "/dev/sdg"]).await;
    let id = house.begin(export(&house.image, "VMDK")).await;
    assert_eq!(house.ends(&id).await.status.as_deref(), Some("completed"));
    for key in ["", "-2", "-3"] {
        assert!(house.objects.get(&format!("disks/{id}{key}.vmdk")).is_some(), "{key}");
    }
    assert_eq!((house.objects.get(&format!("disks/{id}-4.vmdk")), house.objects.uploads()), (None, 0));
}

#[tokio::test]
async fn what_fails_says_why_and_leaves_no_upload() {
    let house = house().await;
    let idle = api::ExportImageRequest { role_name: text("idle"), ..export(&house.image, "RAW") };
    let id = house.begin(idle).await;
    let ended = house.ends(&id).await;
    assert_eq!(ended.status.as_deref(), Some("deleted"), "the role may not write");
    house.machines.refuse_disks(Some("No space left on device"));
    let id = house.begin(export(&house.image, "VHD")).await;
    let ended = house.ends(&id).await;
    assert!(ended.status_message.unwrap().contains("No space left"));
    assert_eq!(house.objects.uploads(), 0);
}

#[tokio::test]
async fn exports_are_refused_with_the_codes_of_aws_and_repeated_by_their_token() {
    let house = house().await;
    let none = api::ExportImageRequest { role_name: text("none"), ..export(&house.image, "RAW") };
    for (request, code) in [
        (export(&house.image, "OVA"), "InvalidParameterValue"),
        (export("ami-0c100d1e700000001", "RAW"), "AuthFailure"),
        (export("ami-0123456789abcdef0", "RAW"), "InvalidAMIID.NotFound"),
        (none, "InvalidParameter"),
        (api::ExportImageRequest { dry_run: Some(true), ..export(&house.image, "RAW") }, "DryRunOperation"),
    ] {
        assert_eq!(house.cloud.call(op::ExportImage, request).await.unwrap_err().code(), code);
    }
    let request = || api::ExportImageRequest { client_token: text("once"), ..export(&house.image, "RAW") };
    let first = house.begin(request()).await;
    house.ends(&first).await;
    let again = house.cloud.call(op::ExportImage, request()).await.unwrap();
    assert_eq!(again.export_image_task_id.as_ref(), Some(&first));
    let cancel = |id: &str| api::CancelExportTaskRequest { export_task_id: id.to_owned() };
    for (id, code) in [
        ("export-x", "InvalidExportTaskID.Malformed"),
        ("export-ami-0123456789abcdef0", "InvalidExportTaskID.NotFound"),
        (first.as_str(), "IncorrectState"),
    ] {
        assert_eq!(house.cloud.call(op::CancelExportTask, cancel(id)).await.unwrap_err().code(), code);
    }
    let tags = vec![api::Tag { key: text("k"), value: text("v") }];
    let tag = api::CreateTagsRequest { resources: vec![first], tags, ..Default::default() };
    house.cloud.call(op::CreateTags, tag).await.unwrap();
}
