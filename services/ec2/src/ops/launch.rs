//! RunInstances: one transaction, then the controller does the rest.

use api_ec2 as api;
use kernel::tokens::{Token, fingerprint};
use kernel::{Access, Ctx, Kind, Result, Scope, Tx};

use super::capacity::{check_size, count_room};
use super::image::{Bootable, get_bootable};
use super::instance::{find_views, reservation};
use super::{instance_profile, launch_template_version, launch_volumes};
use crate::controllers::instance::CONTROLLER;
use crate::errors;
use crate::rules::launch::{self, Launch};
use crate::rules::launch_access::{self, Uses};
use crate::state::id::{GroupId, Id, InstanceId, ReservationId};
use crate::state::instance::{self, Desired, Instance, Observed, Power};
use crate::state::network_interface::{self, InterfaceWish};
use crate::state::subnet::Subnet;
use crate::state::{key_pair, security_group, subnet, tag};

const OPERATION: &str = "RunInstances";
const ACTION: &str = "ec2:RunInstances";

pub async fn run_instances(ctx: &Ctx, input: api::RunInstancesRequest) -> Result<api::Reservation> {
    let print = fingerprint(&input);
    let (wanted, profile) = match look(ctx, input).await {
        Ok((wanted, profile, access)) => {
            ctx.authorize(ACTION, &access).await?;
            (wanted, profile)
        }
        // Who may not launch at all is told that, and nothing else.
        Err(refusal) => {
            ctx.authorize(ACTION, &Access::on(ctx.scope().arn("ec2", "instance/*"))).await?;
            return Err(refusal);
        }
    };
    check_size(ctx, wanted.instance_type)?;
    let room = count_room(ctx, wanted.instance_type).await?;
    // Seen in the transaction: the answer shows what was asked for, not how quickly it came about.
    let views = ctx
        .write(|tx| {
            let made = run(tx, &wanted, profile.as_ref(), &print, room)?;
            find_views(tx, ctx.scope(), &made)
        })
        .await?;
    for view in &views {
        ctx.nudge(CONTROLLER, view.instance.id.as_str());
    }
    Ok(reservation(ctx.scope(), &views))
}

/// What a request asks for, and what who asks must be allowed to.
async fn look(
    ctx: &Ctx,
    input: api::RunInstancesRequest,
) -> Result<(Launch, Option<instance_profile::Found>, Access)> {
    let (input, source) = launch_template_version::complete(ctx, input).await?;
    let wanted = Launch { source, ..launch::check(input)? };
    let profile = match &wanted.profile {
        Some(wish) => Some(instance_profile::find(ctx, wish).await?),
        None => None,
    };
    let (subnet, groups) = ctx.write(|tx| find_place(tx, ctx.scope(), &wanted)).await?;
    let uses = Uses {
        image: &wanted.image,
        subnet: &subnet,
        groups: &groups,
        profile: profile.as_ref().map(|found| (found.arn.as_str(), found.role.arn.as_str())),
    };
    let access = launch_access::access(ctx.scope(), &wanted, &uses);
    Ok((wanted, profile, access))
}

fn run(
    tx: &mut Tx<'_, '_>,
    wanted: &Launch,
    profile: Option<&instance_profile::Found>,
    print: &str,
    room: u32,
) -> Result<Vec<InstanceId>> {
    let scope = *tx.ctx().scope();
    if let Some(token) = &wanted.client_token {
        match tx.find_token(OPERATION, token, print)? {
            Token::Fresh => {}
            Token::Repeated(made) => return Ok(made.split(' ').filter_map(InstanceId::parse).collect()),
            Token::Mismatched => return Err(errors::token_mismatched(token)),
        }
    }
    if room < wanted.min {
        return Err(errors::no_room(wanted.instance_type.name));
    }
    let (subnet, groups) = find_place(tx, &scope, wanted)?;
    let public_key = match &wanted.key_name {
        Some(name) => Some(key_pair::get(tx, &scope, name)?.public_key),
        None => None,
    };
    let image = get_bootable(tx, &scope, &wanted.image)?;
    let named = Named { image, subnet, groups, public_key, profile };
    let reservation = ReservationId::fresh(tx.ctx().ids());
    let mut made = Vec::new();
    for index in 0..wanted.max.min(room) {
        match insert(tx, &scope, wanted, (&reservation, index), &named) {
            Ok(id) => made.push(id),
            // No room for more than the least: then the least it is, or a few more.
            Err(error) if index >= wanted.min && matches!(error.kind(), Kind::Limit | Kind::Unavailable) => {
                break;
            }
            Err(error) => return Err(error),
        }
    }
    if wanted.dry_run {
        return Err(errors::dry_run());
    }
    if let Some(token) = &wanted.client_token {
        let ids: Vec<_> = made.iter().map(ToString::to_string).collect();
        tx.remember_token(OPERATION, token, print, &ids.join(" "))?;
    }
    Ok(made)
}

/// What a launch names, as it was found.
struct Named<'a> {
    image: Bootable,
    subnet: Subnet,
    groups: Vec<GroupId>,
    public_key: Option<String>,
    profile: Option<&'a instance_profile::Found>,
}

/// The subnet to live in, and the groups by id.
fn find_place(tx: &mut Tx<'_, '_>, scope: &Scope, wanted: &Launch) -> Result<(Subnet, Vec<GroupId>)> {
    let network = &wanted.network;
    let subnet = match &network.subnet {
        Some(id) => {
            let subnet = subnet::get(tx, scope, id)?;
            match &network.zone {
                Some(zone) if *zone != subnet.zone => return Err(errors::subnet_of_other_zone(id, zone)),
                _ => subnet,
            }
        }
        None => subnet::get_default(tx, scope, network.zone.as_deref())?,
    };
    let mut groups = network.groups.clone();
    for name in &network.group_names {
        groups.push(security_group::get_by_name(tx, scope, &subnet.vpc, name)?.id);
    }
    Ok((subnet, groups))
}

fn insert(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    wanted: &Launch,
    (reservation, launch_index): (&ReservationId, u32),
    named: &Named<'_>,
) -> Result<InstanceId> {
    let (ids, now) = (tx.ctx().ids(), tx.ctx().now());
    let id = InstanceId::fresh(ids);
    let tags = |resource: &str| wanted.tags.get(resource).cloned().unwrap_or_default();
    let wish = InterfaceWish {
        instance: id.clone(),
        subnet: named.subnet.id.clone(),
        private_ip: wanted.network.private_ip,
        groups: named.groups.clone(),
        associate_public: wanted.network.associate_public,
        description: wanted.network.description.clone(),
        delete_on_termination: true,
        tags: tags("network-interface"),
    };
    let interface = network_interface::insert_for_instance(tx, scope, wish)?;
    let volumes = (&id, interface.zone.as_str());
    let root = launch_volumes::insert(tx, scope, volumes, &named.image, &wanted.devices, &tags("volume"))?;
    let instance = Instance {
        id: id.clone(),
        reservation: reservation.clone(),
        launch_index,
        client_token: wanted.client_token.clone(),
        created_at: now,
        launched_at: now,
        image: named.image.id.clone(),
        instance_type: wanted.instance_type.name.to_owned(),
        key_name: wanted.key_name.clone(),
        public_key: named.public_key.clone(),
        user_data: wanted.user_data.clone(),
        interface: interface.id,
        vpc: interface.vpc,
        subnet: interface.subnet,
        zone: interface.zone,
        private_ip: interface.private_ip,
        metadata: wanted.metadata.clone(),
        profile: named.profile.map(|found| found.associate(tx.ctx())),
        termination_protected: wanted.termination_protected,
        stop_protected: wanted.stop_protected,
        on_shutdown: wanted.on_shutdown,
        monitoring: wanted.monitoring,
        root,
        cpu_credits: wanted.cpu_credits.clone(),
        ebs_optimized: wanted.ebs_optimized,
        desired: Desired { power: Power::Running, generation: 1, reboots: 0, force: false, at: now },
        observed: Observed::default(),
        state_since: now,
    };
    instance::insert(tx, scope, &instance)?;
    tag::put(tx, scope, &instance.id, wanted.instance_tags())?;
    Ok(id)
}
