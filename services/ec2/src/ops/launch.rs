//! RunInstances: one transaction, then the controller does the rest.

use api_ec2 as api;
use kernel::tokens::{Token, fingerprint};
use kernel::{Access, Ctx, Kind, Result, Scope, Tx};

use super::capacity::{Room, check_size};
use super::image::{Bootable, get_bootable};
use super::instance::{find_views, reservation};
use super::launch_network::find_place;
use super::{
    capacity_reservation, cpu_credits, instance_profile, launch_network, launch_template_version,
    launch_volumes, placement, spot,
};
use crate::controllers::instance::{CONTROLLER, nudge_all};
use crate::errors;
use crate::rules::instance::State;
use crate::rules::instance_view::View;
use crate::rules::launch::{self, Launch};
use crate::rules::launch_access::{self, Uses};
use crate::rules::launch_template::Data;
use crate::rules::spot::{Spot, Why, check_window};
use crate::rules::tag as rules_of_tags;
use crate::rules::{machine, reshape};
use crate::service::Engines;
use crate::state::id::{GroupId, Id, InstanceId, ReservationId};
use crate::state::instance::{
    self, Capacity, Desired, Instance, Maintenance, Observed, Place, Power, Preference, Tenancy,
};
use crate::state::spot::SpotRequest;
use crate::state::subnet::Subnet;
use crate::state::{key_pair, tag};

const OPERATION: &str = "RunInstances";
const ACTION: &str = "ec2:RunInstances";

pub async fn run_instances(ctx: &Ctx, input: api::RunInstancesRequest) -> Result<api::Reservation> {
    let print = fingerprint(&input);
    let order = match look(ctx, input).await {
        Ok(order) => {
            let access = launch_access::access(ctx.scope(), &order.wanted, &order.uses());
            ctx.authorize(ACTION, &access).await?;
            order
        }
        // Who may not launch at all is told that, and nothing else.
        Err(refusal) => {
            ctx.authorize(ACTION, &Access::on(ctx.scope().arn("ec2", "instance/*"))).await?;
            return Err(refusal);
        }
    };
    let views = launch(ctx, &order, &Origin::Call { print }).await?;
    Ok(reservation(ctx.scope(), &views))
}

/// What a launch came from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A call, with the print of what it asked.
    Call { print: String },
    /// A spot request that was waiting.
    Spot(SpotRequest),
}

/// Launches what was looked at.
///
/// # Errors
/// `InsufficientInstanceCapacity` and other limits, a price too low, and what a launch names being gone.
pub async fn launch(ctx: &Ctx, order: &Order, origin: &Origin) -> Result<Vec<View>> {
    let wanted = &order.wanted;
    let size = wanted.instance_type;
    check_size(ctx, size)?;
    if let Some(wish) = &wanted.market {
        let price = spot::price_now(ctx, size).await?;
        if wish.most(size) < price {
            return Err(errors::spot_price_low(wish.most(size), price));
        }
    }
    let room = Room::look(ctx, size, wanted.market.is_some()).await?;
    let cores = placement::total_cores(ctx);
    // Seen in the transaction: the answer shows what was asked for, not how quickly it came about.
    let views = ctx
        .write(|tx| {
            let made = run(tx, order, origin, (room.clone(), cores))?;
            find_views(tx, ctx.scope(), &made)
        })
        .await?;
    for view in &views {
        ctx.nudge(CONTROLLER, view.instance.id.as_str());
    }
    if wanted.place.tenancy == Tenancy::Dedicated {
        // Everybody else leaves its processors.
        nudge_all(ctx).await?;
    }
    Ok(views)
}

/// A launch, and what was found of what it names.
#[derive(Debug)]
pub struct Order {
    pub wanted: Launch,
    /// As members of RunInstances, where the market may have to do it again.
    pub data: Data,
    profile: Option<instance_profile::Found>,
    subnet: Subnet,
    groups: Vec<GroupId>,
}

impl Order {
    pub fn uses(&self) -> Uses<'_> {
        let profile = self.profile.as_ref();
        Uses {
            image: &self.wanted.image,
            subnet: &self.subnet,
            groups: &self.groups,
            profile: profile.map(|found| (found.arn.as_str(), found.role.arn.as_str())),
        }
    }
}

/// What a request asks for, with what it names.
///
/// # Errors
/// Whatever is wrong with it that can be seen before it is done.
pub async fn look(ctx: &Ctx, mut input: api::RunInstancesRequest) -> Result<Order> {
    let is_own = ctx.caller().is_internal();
    let reserved =
        if is_own { rules_of_tags::take_reserved(&mut input.tag_specifications) } else { Default::default() };
    let (input, source) = launch_template_version::complete(ctx, input).await?;
    let data = if input.instance_market_options.is_some() { reshape::read(&input) } else { Data::new() };
    let mut wanted = Launch { source, ..launch::check(input)? };
    if let Some(wish) = &wanted.market {
        check_window(None, wish.valid_until, ctx.now())?;
    }
    if !reserved.is_empty() {
        wanted.tags.entry("instance".to_owned()).or_default().extend(reserved);
    }
    check_machine(ctx, &wanted)?;
    wanted.devices = launch_volumes::sealed(ctx, &wanted.image, wanted.devices, wanted.max).await?;
    let profile = match &wanted.profile {
        Some(wish) => Some(instance_profile::find(ctx, wish).await?),
        None => None,
    };
    let (subnet, groups) = ctx.write(|tx| find_place(tx, ctx.scope(), &wanted)).await?;
    Ok(Order { wanted, data, profile, subnet, groups })
}

/// Refuses what this host cannot run, while somebody is there to read why.
fn check_machine(ctx: &Ctx, wanted: &Launch) -> Result<()> {
    let kind = machine::kind(&wanted.instance_tags(), *ctx.own::<machine::Usual>())?;
    match ctx.own::<Engines>().machines.capabilities().micro_vms {
        Err(why) if kind == compute::Kind::MicroVm => Err(errors::no_micro_vm(&why)),
        _ => Ok(()),
    }
}

fn run(
    tx: &mut Tx<'_, '_>,
    order: &Order,
    origin: &Origin,
    (mut room, cores): (Room, u32),
) -> Result<Vec<InstanceId>> {
    let wanted = &order.wanted;
    let scope = *tx.ctx().scope();
    let token = match origin {
        Origin::Call { print } => wanted.client_token.as_ref().map(|token| (token, print)),
        Origin::Spot(request) => {
            // It may have been cancelled meanwhile.
            let state = crate::state::spot::find(tx, &scope, &request.id)?.map(|request| request.state);
            if state != Some(crate::state::spot::State::Open) {
                return Ok(Vec::new());
            }
            None
        }
    };
    if let Some((token, print)) = token {
        match tx.find_token(OPERATION, token, print)? {
            Token::Fresh => {}
            Token::Repeated(made) => return again(tx, &scope, token, &made),
            Token::Mismatched => return Err(errors::token_mismatched(token)),
        }
    }
    let (subnet, groups) = find_place(tx, &scope, wanted)?;
    let public_key = match &wanted.key_name {
        Some(name) => Some(key_pair::get(tx, &scope, name)?.public_key),
        None => None,
    };
    let image = get_bootable(tx, &scope, &wanted.image)?;
    let named = Named { image, subnet, groups, public_key, profile: order.profile.as_ref() };
    let reservation = ReservationId::fresh(tx.ctx().ids());
    let mut made = Vec::new();
    for index in 0..wanted.max {
        let zone = named.subnet.zone.as_str();
        let place = match placement::assign(tx, &scope, &wanted.place, (wanted.instance_type, zone, cores)) {
            Ok(place) => place,
            Err(error) if index >= wanted.min && error.kind() == Kind::Unavailable => break,
            Err(error) => return Err(error),
        };
        let found = match place.tenancy {
            // It has the host's, which is promised whole.
            Tenancy::Host => Some(Capacity { preference: Preference::None, reservation: None }),
            _ => find_room(tx, &scope, wanted, zone, &mut room)?,
        };
        let capacity = match found {
            Some(capacity) => capacity,
            None if index >= wanted.min => break,
            None => return Err(errors::no_room(wanted.instance_type.name)),
        };
        let spot = purchase(tx, &scope, order, origin)?;
        match insert(tx, &scope, wanted, (&reservation, index), (&named, capacity, place, spot)) {
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
    if let Some((token, print)) = token {
        let ids: Vec<_> = made.iter().map(ToString::to_string).collect();
        tx.remember_token(OPERATION, token, print, &ids.join(" "))?;
    }
    Ok(made)
}

/// What an earlier request with this token launched.
///
/// # Errors
/// `IdempotentInstanceTerminated`.
fn again(tx: &mut Tx<'_, '_>, scope: &Scope, token: &str, made: &str) -> Result<Vec<InstanceId>> {
    let ids: Vec<InstanceId> = made.split(' ').filter_map(InstanceId::parse).collect();
    for id in &ids {
        if instance::find(tx, scope, id)?.is_some_and(|one| one.state() != State::Terminated) {
            return Ok(ids);
        }
    }
    Err(errors::token_of_terminated(token))
}

/// The request behind a spot instance: the one that waited, or a new one.
fn purchase(tx: &mut Tx<'_, '_>, scope: &Scope, order: &Order, origin: &Origin) -> Result<Option<Spot>> {
    let Some(wish) = &order.wanted.market else { return Ok(None) };
    let request = match origin {
        Origin::Spot(request) => request.clone(),
        Origin::Call { .. } => spot::open(tx, scope, order, wish)?,
    };
    Ok(Some(Spot {
        request: request.id,
        max_price: request.max_price,
        kind: request.kind,
        behavior: request.behavior,
        rebalance_at: None,
        interruption: None,
        billed_until: None,
    }))
}

/// Where one more instance has its room from: a capacity reservation, or the host, where spot instances may have to go
/// for it. `None` when there is none.
fn find_room(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    wanted: &Launch,
    zone: &str,
    room: &mut Room,
) -> Result<Option<Capacity>> {
    let preference = wanted.preference.clone();
    if wanted.market.is_none()
        && let Some(reservation) =
            capacity_reservation::pick(tx, scope, &preference, wanted.instance_type, zone)?
    {
        return Ok(Some(Capacity { preference, reservation: Some(reservation) }));
    }
    let Some(going) = room.take() else { return Ok(None) };
    for one in going {
        spot::announce(tx, &one.scope, &one.id, Why::Capacity)?;
    }
    Ok(Some(Capacity { preference, reservation: None }))
}

/// What a launch names, as it was found.
struct Named<'a> {
    image: Bootable,
    subnet: Subnet,
    groups: Vec<GroupId>,
    public_key: Option<String>,
    profile: Option<&'a instance_profile::Found>,
}

fn insert(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    wanted: &Launch,
    (reservation, launch_index): (&ReservationId, u32),
    (named, capacity, place, spot): (&Named<'_>, Capacity, Place, Option<Spot>),
) -> Result<InstanceId> {
    let (ids, now) = (tx.ctx().ids(), tx.ctx().now());
    let id = InstanceId::fresh(ids);
    let tags = |resource: &str| wanted.tags.get(resource).cloned().unwrap_or_default();
    let interface = launch_network::insert(tx, scope, wanted, &id, (&named.subnet, &named.groups))?;
    let cpu_credits = match &wanted.cpu_credits {
        Some(given) => Some(given.clone()),
        None => cpu_credits::default_of(tx, scope, wanted.instance_type.name)?,
    };
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
        cpu_credits,
        ebs_optimized: wanted.ebs_optimized,
        spot,
        capacity,
        place,
        names: wanted.names.over(named.subnet.names),
        maintenance: Maintenance { recovery_off: wanted.recovery_off, recovered: Vec::new() },
        desired: Desired { power: Power::Running, generation: 1, reboots: 0, force: false, at: now },
        observed: Observed::default(),
        state_since: now,
    };
    instance::insert(tx, scope, &instance)?;
    tag::put(tx, scope, &instance.id, wanted.instance_tags())?;
    if let Some(held) = &instance.spot {
        spot::fulfil(tx, scope, &held.request, &instance)?;
    }
    if let Some(reservation) = &instance.capacity.reservation {
        crate::state::capacity_reservation::settle(tx, scope, reservation)?;
    }
    Ok(id)
}
