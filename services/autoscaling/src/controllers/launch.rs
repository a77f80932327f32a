//! Launching one instance of a group: what is asked of EC2, and what comes of it.

use api_autoscaling as api;
use api_ec2 as ec2;
use kept::alike;
use kernel::{Ctx, Error, Kind, Result};

use super::ec2::{self as cloud, Seen, Template};
use crate::errors;
use crate::rules::mixed::{self, Choice, Named};
use crate::rules::{launch_configuration as rules, tag};
use crate::state::group::{Group, Place};
use crate::state::instance::{Instance, Origin};
use crate::state::launch_configuration;

/// What new instances are made from.
#[derive(Clone)]
pub enum Source {
    Configuration(String),
    Templates(Vec<Choice>, Option<Box<api::MixedInstancesPolicy>>),
}

impl Source {
    pub fn of(
        configuration: Option<&str>,
        template: Option<&api::LaunchTemplateSpecification>,
        mixed: Option<&api::MixedInstancesPolicy>,
    ) -> Self {
        match (configuration, template, mixed) {
            (_, _, Some(policy)) => Self::Templates(mixed::choices(policy), Some(Box::new(policy.clone()))),
            (_, Some(template), _) => Self::Templates(vec![mixed::plain(template)], None),
            (name, ..) => Self::Configuration(name.unwrap_or_default().to_owned()),
        }
    }

    pub fn of_group(group: &Group) -> Self {
        let asked = &group.asked.0;
        Self::of(
            asked.launch_configuration_name.as_deref(),
            asked.launch_template.as_ref(),
            asked.mixed_instances_policy.as_ref(),
        )
    }

    /// Units that a new instance brings, most likely.
    pub fn unit(&self) -> i32 {
        match self {
            Self::Configuration(_) => 1,
            Self::Templates(choices, _) => choices.first().map_or(1, |choice| choice.weight),
        }
    }

    /// Whether the next instance is spot, beside those.
    pub fn next_is_spot(&self, there: &[&Instance]) -> bool {
        let Self::Templates(_, Some(policy)) = self else { return false };
        let units = |is_spot| there.iter().filter(|one| one.is_spot == is_spot).map(|one| one.weight).sum();
        mixed::next_is_spot(policy, units(false), units(true))
    }

    /// What instances would be made from now.
    ///
    /// # Errors
    /// `ValidationError` when it is not there.
    pub async fn origins(&self, ctx: &Ctx) -> Result<Vec<Origin>> {
        match self {
            Self::Configuration(name) => {
                Ok(vec![Origin { configuration: Some(name.clone()), template: None }])
            }
            Self::Templates(choices, _) => {
                let mut origins = Vec::new();
                for choice in choices {
                    let origin = cloud::template(ctx, &choice.template).await?.origin;
                    if !origins.contains(&origin) {
                        origins.push(origin);
                    }
                }
                Ok(origins)
            }
        }
    }
}

/// What a launch gave.
pub struct Launched {
    pub id: String,
    pub seen: Seen,
    pub origin: Origin,
    pub weight: i32,
    pub weight_is_given: bool,
}

/// Asks EC2 for the instance of a slot: one way after the other until there is capacity.
///
/// # Errors
/// EC2's last refusal.
pub async fn launch(ctx: &Ctx, group: &Group, source: &Source, instance: &Instance) -> Result<Launched> {
    let ways = requests(ctx, source, instance).await?;
    let mut refusal = errors::validation("There is nothing to launch from.");
    for (at, way) in ways.into_iter().enumerate() {
        let token = if at == 0 { instance.slot.clone() } else { format!("{}-{at}", instance.slot) };
        let request = at_place(way.request, group, &instance.place, token.clone());
        match run(ctx, request, &token).await {
            Ok((id, seen)) => {
                let (weight, weight_is_given) = (way.weight, way.weight_is_given);
                return Ok(Launched { id, seen, origin: way.origin, weight, weight_is_given });
            }
            Err(error) if error.kind() == Kind::Unavailable => refusal = error,
            Err(error) => return Err(error),
        }
    }
    Err(refusal)
}

/// A launch that was asked for before the template changed is found by its token.
async fn run(ctx: &Ctx, request: ec2::RunInstancesRequest, token: &str) -> Result<(String, Seen)> {
    match cloud::run(ctx, request).await {
        Err(error) if error.code() == "IdempotentParameterMismatch" => {
            cloud::find_by_token(ctx, token).await?.ok_or(error)
        }
        other => other,
    }
}

struct Way {
    request: ec2::RunInstancesRequest,
    origin: Origin,
    weight: i32,
    weight_is_given: bool,
}

async fn requests(ctx: &Ctx, source: &Source, instance: &Instance) -> Result<Vec<Way>> {
    let scope = *ctx.scope();
    match source {
        Source::Configuration(name) => {
            let found = ctx.read(|snap| launch_configuration::find(snap, &scope, name)).await?;
            let found = found.ok_or_else(|| errors::configuration_of_group_not_found(name))?;
            Ok(vec![Way {
                request: rules::request(&found.asked.0),
                origin: Origin { configuration: Some(name.clone()), template: None },
                weight: 1,
                weight_is_given: false,
            }])
        }
        Source::Templates(choices, policy) => {
            let shares = policy.as_ref().and_then(|policy| policy.instances_distribution.clone());
            let mut ways = Vec::new();
            for choice in choices {
                let Template { origin, data } = cloud::template(ctx, &choice.template).await?;
                let mut request = of_template(&origin, &data, choice);
                if instance.is_spot {
                    let max_price = shares.as_ref().and_then(|shares| shares.spot_max_price.clone());
                    let max_price = max_price.filter(|price| !price.is_empty());
                    request.instance_market_options = Some(ec2::InstanceMarketOptionsRequest {
                        market_type: Some("spot".to_owned()),
                        spot_options: Some(ec2::SpotMarketOptions { max_price, ..Default::default() }),
                    });
                }
                let (weight, weight_is_given) = (choice.weight, choice.weight_is_given);
                ways.push(Way { request, origin, weight, weight_is_given });
            }
            Ok(ways)
        }
    }
}

fn of_template(
    origin: &Origin,
    data: &ec2::ResponseLaunchTemplateData,
    choice: &Choice,
) -> ec2::RunInstancesRequest {
    let (id, version) = origin.template.clone().map(|(id, _, version)| (id, version)).unwrap_or_default();
    let interfaces = data.network_interfaces.as_deref().unwrap_or_default();
    let tags = data.tag_specifications.as_deref().unwrap_or_default();
    ec2::RunInstancesRequest {
        launch_template: Some(ec2::LaunchTemplateSpecification {
            launch_template_id: Some(id),
            version: Some(version),
            launch_template_name: None,
        }),
        instance_type: choice.instance_type.clone(),
        image_id: choice.image.clone(),
        // Taken out of the template, so that the subnet can be put in.
        network_interfaces: (!interfaces.is_empty())
            .then(|| interfaces.iter().map(|one| alike(one)).collect()),
        tag_specifications: (!tags.is_empty()).then(|| tags.iter().map(|one| alike(one)).collect()),
        ..Default::default()
    }
}

fn at_place(
    mut request: ec2::RunInstancesRequest,
    group: &Group,
    place: &Place,
    token: String,
) -> ec2::RunInstancesRequest {
    (request.min_count, request.max_count) = (1, 1);
    request.client_token = Some(token);
    match (&place.subnet, request.network_interfaces.as_mut().and_then(|all| all.first_mut())) {
        (Some(subnet), Some(interface)) => interface.subnet_id = Some(subnet.clone()),
        (Some(subnet), None) => request.subnet_id = Some(subnet.clone()),
        (None, _) => {
            let placement = request.placement.get_or_insert_with(Default::default);
            placement.availability_zone = Some(place.zone.clone());
        }
    }
    if let Some(name) = group.asked.0.placement_group.clone().filter(|name| !name.is_empty()) {
        request.placement.get_or_insert_with(Default::default).group_name = Some(name);
    }
    let specifications = request.tag_specifications.get_or_insert_with(Vec::new);
    let at = specifications.iter().position(|one| one.resource_type.as_deref() == Some("instance"));
    let mut tags = at.map(|at| specifications.remove(at)).and_then(|one| one.tags).unwrap_or_default();
    for tag in instance_tags(group) {
        tags.retain(|known| known.key != tag.key);
        tags.push(tag);
    }
    let resource_type = Some("instance".to_owned());
    specifications.push(ec2::TagSpecification { resource_type, tags: Some(tags) });
    request
}

/// What instances of a group are tagged with.
pub fn instance_tags(group: &Group) -> Vec<ec2::Tag> {
    let given = group.asked.0.tags.as_deref().unwrap_or_default();
    let handed_on = given.iter().filter(|tag| tag.propagate_at_launch == Some(true));
    let own = ("aws:autoscaling:groupName", group.name());
    let handed_on: Vec<api::Tag> = handed_on.cloned().collect();
    tag::pairs(Some(&handed_on))
        .chain([own])
        .map(|(key, value)| ec2::Tag { key: Some(key.to_owned()), value: Some(value.to_owned()) })
        .collect()
}

/// Asks EC2 whether the caller could launch what the group would, in every way it may: theirs are the rights, ours the launch.
/// Gives the templates it would launch from.
///
/// # Errors
/// `ValidationError` with EC2's words.
pub async fn check(ctx: &Ctx, source: &Source, group: &Group) -> Result<Vec<Named>> {
    let place = group.places.first().cloned();
    let place = place
        .ok_or_else(|| errors::validation("At least one Availability Zone or VPC Subnet is required."))?;
    let choices = match source {
        Source::Templates(choices, _) => choices,
        Source::Configuration(name) => {
            return check_configuration(ctx, name, group, &place).await.map(|()| Vec::new());
        }
    };
    let mut named = Vec::new();
    for choice in choices {
        let Template { origin, data } = cloud::template(ctx, &choice.template).await?;
        if data.instance_market_options.is_some() && matches!(source, Source::Templates(_, Some(_))) {
            return Err(errors::validation(
                "Incompatible launch template: a launch template with InstanceMarketOptions \
                 cannot be used with a MixedInstancesPolicy",
            ));
        }
        let (id, name) = origin.template.clone().map(|(id, name, _)| (id, name)).unwrap_or_default();
        let request = tried(at_place(of_template(&origin, &data, choice), group, &place, String::new()));
        match refusal(ctx.call(ec2::op::RunInstances, request).await) {
            None => {}
            Some(error) if error.kind() == Kind::Denied => {
                return Err(errors::template_not_allowed(&id, error.message()));
            }
            Some(error) if error.kind() == Kind::Internal => return Err(error),
            Some(error) => return Err(errors::bad_template(error.message())),
        }
        named.push((id, name));
    }
    Ok(named)
}

/// A launch configuration asks no rights of who uses it.
async fn check_configuration(ctx: &Ctx, name: &str, group: &Group, place: &Place) -> Result<()> {
    let found = ctx.read(|snap| launch_configuration::find(snap, ctx.scope(), name)).await?;
    let found = found.ok_or_else(|| errors::configuration_of_group_not_found(name))?;
    let request = tried(at_place(rules::request(&found.asked.0), group, place, String::new()));
    match refusal(ctx.call_as_service(ec2::op::RunInstances, request).await) {
        None => Ok(()),
        Some(error) if error.kind() == Kind::Internal => Err(error),
        Some(error) => Err(errors::validation(error.message())),
    }
}

/// The request, only to hear what EC2 says of it.
fn tried(request: ec2::RunInstancesRequest) -> ec2::RunInstancesRequest {
    // Tags are ours to give.
    ec2::RunInstancesRequest { dry_run: Some(true), client_token: None, tag_specifications: None, ..request }
}

/// What keeps a launch from ever being; that there is no room may pass.
fn refusal<T>(outcome: Result<T>) -> Option<Error> {
    outcome.err().filter(|error| error.code() != "DryRunOperation" && error.kind() != Kind::Unavailable)
}

/// What a failed launch is told with.
pub fn words(error: &Error) -> String {
    error.message().to_owned()
}
