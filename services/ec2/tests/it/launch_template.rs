//! Launch templates, their versions, and launches from them.

use api_ec2 as api;
use api_ec2::op;
use kernel::Result;
use shape::Operation;

use crate::cloud::{Cloud, cloud};
use crate::instance::{becomes, id, launch, run};

fn data(instance_type: &str) -> api::RequestLaunchTemplateData {
    api::RequestLaunchTemplateData {
        image_id: Some("ami-0c100d1e700000001".to_owned()),
        instance_type: Some(instance_type.to_owned()),
        ..Default::default()
    }
}

async fn create(
    cloud: &Cloud,
    name: &str,
    data: api::RequestLaunchTemplateData,
) -> Result<api::LaunchTemplate> {
    let request = api::CreateLaunchTemplateRequest {
        launch_template_name: name.to_owned(),
        launch_template_data: data,
        ..Default::default()
    };
    Ok(cloud.call(op::CreateLaunchTemplate, request).await?.launch_template.unwrap())
}

async fn add(
    cloud: &Cloud,
    name: &str,
    source: Option<&str>,
    data: api::RequestLaunchTemplateData,
) -> Result<api::LaunchTemplateVersion> {
    let request = api::CreateLaunchTemplateVersionRequest {
        launch_template_name: Some(name.to_owned()),
        source_version: source.map(str::to_owned),
        launch_template_data: data,
        ..Default::default()
    };
    Ok(cloud.call(op::CreateLaunchTemplateVersion, request).await?.launch_template_version.unwrap())
}

async fn versions(
    cloud: &Cloud,
    name: Option<&str>,
    wanted: &[&str],
) -> Result<Vec<api::LaunchTemplateVersion>> {
    let request = api::DescribeLaunchTemplateVersionsRequest {
        launch_template_name: name.map(str::to_owned),
        versions: Some(wanted.iter().map(|text| (*text).to_owned()).collect()),
        ..Default::default()
    };
    let output = cloud.call(op::DescribeLaunchTemplateVersions, request).await?;
    Ok(output.launch_template_versions.unwrap())
}

fn from(name: &str, version: Option<&str>) -> api::RunInstancesRequest {
    let template = api::LaunchTemplateSpecification {
        launch_template_name: Some(name.to_owned()),
        version: version.map(str::to_owned),
        ..Default::default()
    };
    api::RunInstancesRequest {
        launch_template: Some(template),
        min_count: 1,
        max_count: 1,
        ..Default::default()
    }
}

fn tag(instance: &api::Instance, key: &str) -> Option<String> {
    let tags = instance.tags.iter().flatten();
    tags.filter(|tag| tag.key.as_deref() == Some(key)).find_map(|tag| tag.value.clone())
}

#[tokio::test]
async fn a_launch_takes_from_the_version_it_names_what_it_leaves_open() {
    let cloud = cloud().await;
    let tags = api::LaunchTemplateTagSpecificationRequest {
        resource_type: Some("instance".to_owned()),
        tags: Some(vec![api::Tag { key: Some("Name".to_owned()), value: Some("web".to_owned()) }]),
    };
    let first = api::RequestLaunchTemplateData { tag_specifications: Some(vec![tags]), ..data("t3.micro") };
    let template = create(&cloud, "web", first).await.unwrap();
    let second =
        api::RequestLaunchTemplateData { instance_type: Some("t3.small".to_owned()), ..Default::default() };
    let second = add(&cloud, "web", Some("1"), second).await.unwrap();
    assert_eq!((second.version_number, second.default_version), (Some(2), Some(false)));
    assert_eq!(second.launch_template_data.unwrap().image_id.as_deref(), Some("ami-0c100d1e700000001"));

    let by_default = run(&cloud, from("web", None)).await;
    assert_eq!(by_default.instance_type.as_deref(), Some("t3.micro"));
    assert_eq!(tag(&by_default, "Name").as_deref(), Some("web"));
    assert_eq!(tag(&by_default, "aws:ec2launchtemplate:id"), template.launch_template_id);
    assert_eq!(tag(&by_default, "aws:ec2launchtemplate:version").as_deref(), Some("1"));
    let latest = run(&cloud, from("web", Some("$Latest"))).await;
    assert_eq!(latest.instance_type.as_deref(), Some("t3.small"));
    let own =
        api::RunInstancesRequest { instance_type: Some("t3.nano".to_owned()), ..from("web", Some("2")) };
    assert_eq!(run(&cloud, own).await.instance_type.as_deref(), Some("t3.nano"), "the request has its way");

    let request = api::ModifyLaunchTemplateRequest {
        launch_template_name: Some("web".to_owned()),
        default_version: Some("2".to_owned()),
        ..Default::default()
    };
    let changed = cloud.call(op::ModifyLaunchTemplate, request).await.unwrap().launch_template.unwrap();
    assert_eq!((changed.default_version_number, changed.latest_version_number), (Some(2), Some(2)));
    assert_eq!(run(&cloud, from("web", None)).await.instance_type.as_deref(), Some("t3.small"));
}

#[tokio::test]
async fn versions_are_listed_by_number_word_and_range_and_deleted_one_by_one() {
    let cloud = cloud().await;
    create(&cloud, "web", data("t3.micro")).await.unwrap();
    for size in ["t3.small", "t3.medium"] {
        add(&cloud, "web", None, data(size)).await.unwrap();
    }
    create(&cloud, "other", data("t3.nano")).await.unwrap();
    let numbers = |found: Vec<api::LaunchTemplateVersion>| -> Vec<i64> {
        found.iter().map(|version| version.version_number.unwrap()).collect()
    };
    assert_eq!(numbers(versions(&cloud, Some("web"), &[]).await.unwrap()), [3, 2, 1]);
    assert_eq!(numbers(versions(&cloud, Some("web"), &["1", "$Latest", "3"]).await.unwrap()), [3, 1]);
    assert_eq!(versions(&cloud, None, &["$Latest"]).await.unwrap().len(), 2);
    assert_eq!(versions(&cloud, None, &["1"]).await.unwrap_err().code(), "InvalidParameterCombination");
    let range = api::DescribeLaunchTemplateVersionsRequest {
        launch_template_name: Some("web".to_owned()),
        min_version: Some("2".to_owned()),
        ..Default::default()
    };
    let found = cloud.call(op::DescribeLaunchTemplateVersions, range).await.unwrap();
    assert_eq!(numbers(found.launch_template_versions.unwrap()), [3, 2]);
    let request = api::DeleteLaunchTemplateVersionsRequest {
        launch_template_name: Some("web".to_owned()),
        versions: ["1", "3", "9"].map(str::to_owned).to_vec(),
        ..Default::default()
    };
    let answer = cloud.call(op::DeleteLaunchTemplateVersions, request).await.unwrap();
    assert_eq!(answer.successfully_deleted_launch_template_versions.unwrap().len(), 1);
    let kept = answer.unsuccessfully_deleted_launch_template_versions.unwrap();
    let codes: Vec<_> = kept.into_iter().map(|item| item.response_error.unwrap().code.unwrap()).collect();
    assert_eq!(codes, ["unexpectedError", "launchTemplateVersionDoesNotExist"]);
    assert_eq!(numbers(versions(&cloud, Some("web"), &["$Latest"]).await.unwrap()), [2]);
    let gone = versions(&cloud, Some("web"), &["3"]).await.unwrap_err();
    assert_eq!(gone.code(), "InvalidLaunchTemplateId.VersionNotFound");
    let next = add(&cloud, "web", None, data("t3.large")).await.unwrap();
    assert_eq!(next.version_number, Some(4), "numbers are never given twice");
}

#[tokio::test]
async fn bad_templates_are_refused_when_they_are_written() {
    let cloud = cloud().await;
    create(&cloud, "web", data("t3.micro")).await.unwrap();
    let code = async |name: &str, data| create(&cloud, name, data).await.unwrap_err().code();
    assert_eq!(code("web", data("t3.micro")).await, "InvalidLaunchTemplateName.AlreadyExistsException");
    assert_eq!(code("a b", data("t3.micro")).await, "InvalidLaunchTemplateName.MalformedException");
    assert_eq!(code("new", api::RequestLaunchTemplateData::default()).await, "MissingParameter");
    let kernel = api::RequestLaunchTemplateData { kernel_id: Some("aki-1".to_owned()), ..data("t3.micro") };
    assert_eq!(code("new", kernel).await, "UnsupportedOperation");
    let script = api::RequestLaunchTemplateData { user_data: Some("%".to_owned()), ..data("t3.micro") };
    assert_eq!(code("new", script).await, "InvalidParameterValue");
    let unknown = add(&cloud, "none", None, data("t3.micro")).await.unwrap_err();
    assert_eq!(unknown.code(), "InvalidLaunchTemplateName.NotFoundException");
    let source = add(&cloud, "web", Some("7"), data("t3.micro")).await.unwrap_err();
    assert_eq!(source.code(), "InvalidLaunchTemplateId.VersionNotFound");
    for (request, code) in [
        (from("none", None), "InvalidLaunchTemplateName.NotFoundException"),
        (from("web", Some("2")), "InvalidLaunchTemplateId.VersionNotFound"),
        (from("web", Some("newest")), "InvalidParameterValue"),
    ] {
        assert_eq!(cloud.call(op::RunInstances, request).await.unwrap_err().code(), code);
    }
    let by_id = |id: &str| api::DescribeLaunchTemplatesRequest {
        launch_template_ids: Some(vec![id.to_owned()]),
        ..Default::default()
    };
    for (id, code) in [
        ("lt-0123456789abcdef0", "InvalidLaunchTemplateId.NotFound"),
        ("lt-?", "InvalidLaunchTemplateId.Malformed"),
    ] {
        assert_eq!(cloud.call(op::DescribeLaunchTemplates, by_id(id)).await.unwrap_err().code(), code);
    }
    let request = api::ModifyLaunchTemplateRequest {
        launch_template_name: Some("web".to_owned()),
        ..Default::default()
    };
    let error = cloud.call(op::ModifyLaunchTemplate, request).await.unwrap_err();
    assert_eq!(error.code(), "MissingParameter");
}

#[tokio::test]
async fn a_deleted_template_is_gone_with_its_name_and_tags() {
    let cloud = cloud().await;
    let tags = api::TagSpecification {
        resource_type: Some("launch-template".to_owned()),
        tags: Some(vec![api::Tag { key: Some("k".to_owned()), value: Some("v".to_owned()) }]),
    };
    let request = api::CreateLaunchTemplateRequest {
        launch_template_name: "web".to_owned(),
        launch_template_data: data("t3.micro"),
        tag_specifications: Some(vec![tags]),
        client_token: Some("once".to_owned()),
        ..Default::default()
    };
    let made = cloud.call(op::CreateLaunchTemplate, request.clone()).await.unwrap().launch_template.unwrap();
    assert_eq!(made.tags.as_ref().unwrap().len(), 1);
    let again = cloud.call(op::CreateLaunchTemplate, request.clone()).await.unwrap().launch_template.unwrap();
    assert_eq!(again.launch_template_id, made.launch_template_id);
    let other = api::CreateLaunchTemplateRequest { launch_template_name: "other".to_owned(), ..request };
    let error = cloud.call(op::CreateLaunchTemplate, other).await.unwrap_err();
    assert_eq!(error.code(), "IdempotentParameterMismatch");
    let request = api::DeleteLaunchTemplateRequest {
        launch_template_id: made.launch_template_id.clone(),
        ..Default::default()
    };
    cloud.call(op::DeleteLaunchTemplate, request.clone()).await.unwrap();
    let error = cloud.call(op::DeleteLaunchTemplate, request).await.unwrap_err();
    assert_eq!(error.code(), "InvalidLaunchTemplateId.NotFound");
    create(&cloud, "web", data("t3.micro")).await.unwrap();
    let all = cloud.call(op::DescribeLaunchTemplates, Default::default()).await.unwrap();
    assert_eq!(all.launch_templates.unwrap().len(), 1);
    assert!(versions(&cloud, Some("web"), &[]).await.unwrap().len() == 1);
}

#[tokio::test]
async fn an_instance_tells_the_template_that_would_make_another() {
    let cloud = cloud().await;
    let request = api::RunInstancesRequest { user_data: Some("IyEvYmluL3NoCg==".to_owned()), ..launch() };
    let instance = id(&run(&cloud, request).await);
    becomes(&cloud, &instance, "running").await;
    let request = api::GetLaunchTemplateDataRequest { instance_id: instance, ..Default::default() };
    let found = cloud.call(op::GetLaunchTemplateData, request).await.unwrap().launch_template_data.unwrap();
    assert_eq!(found.instance_type.as_deref(), Some("t3.micro"));
    assert_eq!(found.user_data.as_deref(), Some("IyEvYmluL3NoCg=="));
    assert_eq!(found.network_interfaces.unwrap().len(), 1);
    let one = |index| api::InstanceNetworkInterfaceSpecification {
        device_index: Some(index),
        delete_on_termination: Some(index == 0),
        ..Default::default()
    };
    let names = api::PrivateDnsNameOptionsRequest {
        hostname_type: Some("resource-name".to_owned()),
        ..Default::default()
    };
    let request = api::RunInstancesRequest {
        network_interfaces: Some(vec![one(0), one(1)]),
        private_dns_name_options: Some(names),
        ..launch()
    };
    let instance = id(&run(&cloud, request).await);
    let request = api::GetLaunchTemplateDataRequest { instance_id: instance, ..Default::default() };
    let found = cloud.call(op::GetLaunchTemplateData, request).await.unwrap().launch_template_data.unwrap();
    let names = found.private_dns_name_options.unwrap();
    assert_eq!(names.hostname_type.as_deref(), Some("resource-name"));
    let interfaces = found.network_interfaces.unwrap();
    let kept = |one: &api::LaunchTemplateInstanceNetworkInterfaceSpecification| {
        (one.device_index, one.delete_on_termination, one.associate_public_ip_address)
    };
    let all: Vec<_> = interfaces.iter().map(kept).collect();
    assert_eq!(all, [(Some(0), Some(true), None), (Some(1), Some(false), None)]);
    let error = cloud.call(op::GetLaunchTemplateData, api::GetLaunchTemplateDataRequest::default()).await;
    assert_eq!(error.unwrap_err().code(), "InvalidInstanceID.Malformed");
}

#[tokio::test]
async fn names_are_refused_with_a_code_of_their_own() {
    let cloud = cloud().await;
    for bad in ["lt", "a b", &"x".repeat(129)] {
        let error = create(&cloud, bad, data("t3.micro")).await.unwrap_err();
        assert_eq!(error.code(), "InvalidLaunchTemplateName.MalformedException", "{bad}");
    }
    // The door leaves them to us: its own code would be another.
    let inputs: [(&shape::Schema, &str); 3] = [
        (op::CreateLaunchTemplate::DEF.input, "LaunchTemplateName"),
        (op::CreateImage::DEF.input, "Name"),
        (op::RegisterImage::DEF.input, "Name"),
    ];
    for (input, name) in inputs {
        let text = input.members.iter().find(|member| member.name == name).unwrap().schema;
        assert_eq!((text.min, text.max, text.pattern), (None, None, None), "{}", input.name);
    }
}
