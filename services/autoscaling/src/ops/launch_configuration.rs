//! Launch configurations: made, listed, deleted.

use api_autoscaling as api;
use api_ec2 as ec2;
use api_iam as iam;
use kept::{Kept, alike};
use kernel::{Access, Ctx, Kind, Result, Scope};
use shape::Timestamp;

use crate::errors;
use crate::rules::{launch_configuration as rules, page};
use crate::state::group;
use crate::state::launch_configuration::{self, LaunchConfiguration};

pub async fn create_launch_configuration(ctx: &Ctx, input: api::CreateLaunchConfigurationType) -> Result<()> {
    let scope = *ctx.scope();
    rules::check(&input)?;
    check_role(ctx, input.iam_instance_profile.as_deref()).await?;
    check_image(ctx, input.image_id.as_deref()).await?;
    let made = LaunchConfiguration { asked: Kept(input), uuid: ctx.ids().uuid(), created_at: ctx.now() };
    ctx.write(|tx| {
        if launch_configuration::find(tx, &scope, made.name())?.is_some() {
            return Err(errors::configuration_exists());
        }
        if launch_configuration::all(tx, &scope)?.len() >= rules::CONFIGURATIONS_MAX {
            return Err(errors::limit("You have already reached your limit of launch configurations."));
        }
        launch_configuration::put(tx, &scope, &made)
    })
    .await
}

/// An image that the account cannot see is never launched.
async fn check_image(ctx: &Ctx, id: Option<&str>) -> Result<()> {
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(()) };
    let request = ec2::DescribeImagesRequest { image_ids: Some(vec![id.to_owned()]), ..Default::default() };
    match ctx.call_as_service(ec2::op::DescribeImages, request).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == Kind::Internal => Err(error),
        Err(error) => Err(errors::validation(format!("AMI {id} is invalid: {}", error.message()))),
    }
}

/// Whoever has instances bear a role must be allowed to hand it on.
async fn check_role(ctx: &Ctx, profile: Option<&str>) -> Result<()> {
    let Some(profile) = profile.filter(|profile| !profile.is_empty()) else { return Ok(()) };
    let instance_profile_name = profile.rsplit('/').next().unwrap_or_default().to_owned();
    let request = iam::GetInstanceProfileRequest { instance_profile_name };
    let found = match ctx.call_as_service(iam::op::GetInstanceProfile, request).await {
        Ok(found) => found.instance_profile,
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Invalid) => {
            return Err(errors::validation(format!("Invalid IamInstanceProfile: {profile}")));
        }
        Err(error) => return Err(error),
    };
    for role in found.roles {
        let access = Access::on(role.arn).condition("iam:PassedToService", ["ec2.amazonaws.com".to_owned()]);
        ctx.authorize("iam:PassRole", &access).await?;
    }
    Ok(())
}

pub async fn describe_launch_configurations(
    ctx: &Ctx,
    input: api::LaunchConfigurationNamesType,
) -> Result<api::LaunchConfigurationsType> {
    let scope = *ctx.scope();
    let names = input.launch_configuration_names.unwrap_or_default();
    let mut all = ctx.read(|snap| launch_configuration::all(snap, &scope)).await?;
    all.retain(|one| names.is_empty() || names.iter().any(|name| name == one.name()));
    let (page, next_token) =
        page::cut(ctx, "DescribeLaunchConfigurations", all, (input.next_token, input.max_records))?;
    let launch_configurations = page.iter().map(|one| view(&scope, one)).collect();
    Ok(api::LaunchConfigurationsType { launch_configurations, next_token })
}

fn view(scope: &Scope, one: &LaunchConfiguration) -> api::LaunchConfiguration {
    let asked = &one.asked.0;
    api::LaunchConfiguration {
        launch_configuration_arn: Some(one.arn(scope)),
        created_time: Timestamp::from_millis(one.created_at),
        key_name: Some(asked.key_name.clone().unwrap_or_default()),
        user_data: Some(asked.user_data.clone().unwrap_or_default()),
        kernel_id: Some(String::new()),
        ramdisk_id: Some(String::new()),
        ebs_optimized: Some(asked.ebs_optimized.unwrap_or_default()),
        security_groups: Some(asked.security_groups.clone().unwrap_or_default()),
        block_device_mappings: Some(asked.block_device_mappings.clone().unwrap_or_default()),
        instance_monitoring: Some(
            asked.instance_monitoring.clone().unwrap_or(api::InstanceMonitoring { enabled: Some(true) }),
        ),
        ..alike(asked)
    }
}

pub async fn delete_launch_configuration(ctx: &Ctx, input: api::LaunchConfigurationNameType) -> Result<()> {
    let (scope, name) = (*ctx.scope(), &input.launch_configuration_name);
    ctx.write(|tx| {
        if launch_configuration::find(tx, &scope, name)?.is_none() {
            return Err(errors::configuration_not_found());
        }
        for user in group::all(tx, &scope)? {
            if user.asked.0.launch_configuration_name.as_ref() == Some(name) {
                return Err(errors::configuration_in_use(name, user.name()));
            }
        }
        launch_configuration::delete(tx, &scope, name)
    })
    .await
}
