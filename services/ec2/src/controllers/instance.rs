//! Brings an instance to what was asked of it: one step at a time, from facts read again.

use compute::{Changed, ExitReason, ImageId, ImageState, MachineId, MachineSpec, Machines};
use futures_util::future::try_join;
use kernel::{Ctx, Error, Next, Result, Scope};
use tokio::sync::broadcast::error::RecvError;

use super::{listener, network, snapshot, volume};
use crate::ops::instance_state::{self, Wish};
use crate::rules::instance::{Fact, START_TRIES, State, Step, bill, plan};
use crate::rules::{self, instance_type, private_name};
use crate::service::Engines;
use crate::state::id::{Id, InstanceId};
use crate::state::instance::{self, Cause, Ended, Instance, Power, Seen};
use crate::state::spot::Kind;
use crate::state::volume::{self as volumes, Hold};
use crate::state::{host, network_interface, tag, vpc};

/// The controller's name: its ids are instances'.
pub const CONTROLLER: &str = "ec2/instance";
/// How many instances are worked on at once.
pub const CONCURRENCY: usize = 24;
pub const SWEEP_EVERY_MS: i64 = 30_000;
/// Time a guest has to switch itself off or to restart.
const GRACE_MS: u64 = 20_000;
/// Wait after the first failed start; the next ones double it.
const RETRY_MS: i64 = 300;
/// How often an image that is being built is asked for.
const IMAGE_POLL_MS: i64 = 500;

/// Every instance that may still need something.
pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let instances = ctx.read(|snap| instance::all_scopes(snap)).await?;
    let alive = instances.into_iter().filter(|(_, instance)| instance.state() != State::Terminated);
    Ok(alive.map(|(scope, instance)| (scope, instance.id.to_string())).collect())
}

/// Does one step.
pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let Some(id) = InstanceId::parse(&id) else { return Ok(Next::Done) };
    let Some(instance) = ctx.read(|snap| instance::find(snap, ctx.scope(), &id)).await? else {
        return Ok(Next::Done);
    };
    let machines = &*ctx.own::<Engines>().machines;
    let machine = machine_id(&id)?;
    let fact = fact(machines.observe(&machine).await.map_err(Error::internal)?);
    match plan(&instance, &fact) {
        Step::Nothing => {
            if fact == Fact::On {
                keep_apart(ctx, &instance).await?;
                listener::ensure(ctx, &instance.vpc).await?;
            }
            Ok(Next::Done)
        }
        Step::Boot => boot(ctx, machines, &instance).await,
        Step::Reboot => {
            reboot(ctx, machines, &machine, &instance).await?;
            note(ctx, &instance, |seen| seen.observed.reboots = instance.desired.reboots).await
        }
        Step::Stop { force: true } => {
            machines.kill(&machine).await.map_err(Error::internal)?;
            Ok(Next::Now)
        }
        Step::Stop { force: false } => {
            machines.stop(&machine, GRACE_MS).await.map_err(Error::internal)?;
            Ok(Next::Now)
        }
        Step::Remove => {
            machines.remove(&machine).await.map_err(Error::internal)?;
            Ok(Next::Now)
        }
        Step::Release => release(ctx, &instance).await,
        Step::Note(Seen::On) => note_seen(ctx, &instance, Seen::On).await,
        Step::Note(seen) => {
            // Before its public address goes to somebody else.
            network::remove_interface(ctx, &instance.interface).await?;
            note_seen(ctx, &instance, seen).await
        }
        Step::NoteEnd(cause) => note_end(ctx, &instance, cause).await,
    }
}

/// Leaves processors that were set apart to whom they belong. Where none are, the engine's choice stands.
async fn keep_apart(ctx: &Ctx, instance: &Instance) -> Result<()> {
    let machines = &ctx.own::<Engines>().machines;
    let apart = ctx.read(|snap| host::set_apart(snap)).await?;
    let owner = rules::host::owner(instance, &ctx.account().to_string());
    let allowed = rules::host::processors(owner.as_deref(), machines.capabilities().cpus, &apart);
    machines.set_processors(&machine_id(&instance.id)?, allowed).await.map_err(Error::internal)
}

/// Restarts the machine. Where images of it are wanted, they are taken between its end and its start; should a crash come
/// in between, a machine that is off while a reboot is owed is started again.
async fn reboot(ctx: &Ctx, machines: &dyn Machines, machine: &MachineId, instance: &Instance) -> Result<()> {
    if !snapshot::is_awaited(ctx, &instance.id).await? {
        return machines.reboot(machine, GRACE_MS).await.map_err(Error::internal);
    }
    machines.stop(machine, GRACE_MS).await.map_err(Error::internal)?;
    snapshot::take_waiting(ctx, &instance.id).await?;
    machines.ensure_running(machine).await.map_err(Error::internal)
}

/// The machine of an instance bears its name.
pub fn machine_id(id: &InstanceId) -> Result<MachineId> {
    MachineId::new(id.as_str()).map_err(Error::internal)
}

fn fact(observed: compute::Observed) -> Fact {
    match observed {
        compute::Observed::Absent => Fact::Absent,
        compute::Observed::Created => Fact::Off(None),
        compute::Observed::Starting { .. } => Fact::Starting,
        compute::Observed::Running { .. } => Fact::On,
        compute::Observed::Exited { reason, .. } => Fact::Off(Some(match reason {
            ExitReason::PoweredOff => Cause::PoweredOff,
            ExitReason::Killed => Cause::Lost("it was killed".to_owned()),
            ExitReason::Failed(why) => Cause::Died(why),
        })),
    }
}

/// Connects it, makes its disk and starts it, once its image is there.
async fn boot(ctx: &Ctx, machines: &dyn Machines, instance: &Instance) -> Result<Next> {
    let kind = match kind(ctx, instance).await {
        Ok(kind) => kind,
        Err(error) => return note_end(ctx, instance, Cause::NeverStarted(error.to_string())).await,
    };
    match machines.prepare_image(&engine_image(ctx, instance).await?, kind) {
        ImageState::Ready => {}
        ImageState::Preparing => return Ok(Next::After(IMAGE_POLL_MS)),
        // It has been tried, and trying again would take as long.
        ImageState::Failed(why) => return note_end(ctx, instance, Cause::NeverStarted(why)).await,
    }
    match start(ctx, machines, instance).await {
        Ok(()) => note_seen(ctx, instance, Seen::On).await,
        Err(error) if instance.observed.failures + 1 < START_TRIES => {
            tracing::info!(
                id = instance.id.as_str(),
                error = whole(&error),
                "a start failed and is tried again"
            );
            note(ctx, instance, |seen| {
                seen.observed.failures += 1;
                seen.observed.last_error = Some(whole(&error));
            })
            .await?;
            Ok(Next::After(RETRY_MS << instance.observed.failures))
        }
        Err(error) => note_end(ctx, instance, Cause::NeverStarted(whole(&error))).await,
    }
}

async fn start(ctx: &Ctx, machines: &dyn Machines, instance: &Instance) -> Result<()> {
    let interface = ctx.read(|snap| network_interface::get(snap, ctx.scope(), &instance.interface)).await?;
    // What waited for it to be quiet.
    snapshot::take_waiting(ctx, &instance.id).await?;
    let (nic, (volumes, devices)) =
        try_join(network::ensure_interface(ctx, &interface), volume::prepare(ctx, &instance.id)).await?;
    let mut spec = spec(ctx, instance, nic.netns_path).await?;
    let root = volumes.iter().zip(&devices).find(|(volume, _)| volume.id == instance.root.id);
    spec.root = Some(root.ok_or_else(|| Error::internal("it has no root volume"))?.1.node.clone());
    let id = spec.id.clone();
    let create = async { machines.ensure_created(spec).await.map_err(Error::internal) };
    try_join(listener::ensure(ctx, &instance.vpc), create).await?;
    volume::show_devices(ctx, &instance.id, false).await?;
    machines.ensure_running(&id).await.map_err(Error::internal)
}

/// The engine's name of the image whose files its root lies over.
async fn engine_image(ctx: &Ctx, instance: &Instance) -> Result<ImageId> {
    let root = ctx.read(|snap| volumes::find(snap, ctx.scope(), &instance.root.id)).await?;
    let base =
        root.and_then(|root| root.base).ok_or_else(|| Error::internal("its root volume is unknown"))?;
    Ok(ImageId(base))
}

/// What kind of machine it is now: its tags may have changed since it ran last.
async fn kind(ctx: &Ctx, instance: &Instance) -> Result<compute::Kind> {
    let tags = ctx.read(|snap| tag::of(snap, ctx.scope(), &instance.id)).await?;
    rules::machine::kind(&tags, *ctx.own::<rules::machine::Usual>())
}

async fn spec(ctx: &Ctx, instance: &Instance, namespace: std::path::PathBuf) -> Result<MachineSpec> {
    let vpc = ctx.read(|snap| vpc::get(snap, ctx.scope(), &instance.vpc)).await?;
    let size = instance_type::find(&instance.instance_type);
    let size = size.ok_or_else(|| Error::internal("its type is unknown"))?;
    let name = private_name::full_name(ctx.region().as_str(), instance);
    Ok(MachineSpec {
        id: machine_id(&instance.id)?,
        image: engine_image(ctx, instance).await?,
        vcpus: size.vcpus,
        memory_bytes: size.memory_bytes(),
        hostname: name.split('.').next().unwrap_or_default().to_owned(),
        namespace: Some(namespace),
        seed: compute::Seed {
            metadata: Some(format!("http://{}", net::METADATA)),
            resolver: network::name_server(ctx, &vpc).await?,
            env: Vec::new(),
        },
        root: None,
        kind: kind(ctx, instance).await?,
    })
}

/// The error with its private cause, for the one place that shows it to whoever runs the cloud.
fn whole(error: &Error) -> String {
    error.cause().map_or_else(|| error.to_string(), ToString::to_string)
}

/// Writes down what was seen. What was asked meanwhile stays asked.
async fn note(ctx: &Ctx, instance: &Instance, change: impl Fn(&mut Instance) + Send + Sync) -> Result<Next> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        instance::update(tx, &scope, &instance.id, |seen| {
            change(seen);
            Ok(())
        })
    })
    .await?;
    Ok(Next::Now)
}

async fn note_seen(ctx: &Ctx, instance: &Instance, what: Seen) -> Result<Next> {
    let scope = *ctx.scope();
    let generation = instance.desired.generation;
    ctx.write(|tx| {
        if what != Seen::On {
            network_interface::release_public(tx, &scope, &instance.interface)?;
        }
        instance::update(tx, &scope, &instance.id, |seen| {
            seen.observed.machine = what;
            seen.observed.generation = generation;
            // A start is as good as the reboots asked for before it.
            seen.observed.reboots = instance.desired.reboots;
            seen.observed.failures = 0;
            seen.observed.last_error = None;
            Ok(())
        })
    })
    .await?;
    Ok(Next::Now)
}

async fn note_end(ctx: &Ctx, instance: &Instance, cause: Cause) -> Result<Next> {
    let at = ctx.now();
    let generation = instance.desired.generation;
    note(ctx, instance, |seen| {
        if let Cause::Died(why) | Cause::Lost(why) | Cause::NeverStarted(why) = &cause {
            seen.observed.last_error = Some(why.clone());
        }
        seen.observed.failures = 0;
        seen.observed.ended = Some(Ended { generation, cause: cause.clone(), at });
    })
    .await
}

/// Gives back the interface of an instance whose machine is gone, and its addresses.
async fn release(ctx: &Ctx, instance: &Instance) -> Result<Next> {
    network::remove_interface(ctx, &instance.interface).await?;
    let scope = *ctx.scope();
    let generation = instance.desired.generation;
    let let_go = ctx
        .write(|tx| {
            network_interface::part(tx, &scope, &instance.id, &instance.interface)?;
            let mut let_go = Vec::new();
            // Those that go with it are deleted when they are let go.
            for held in volumes::of_instance(tx, &scope, &instance.id)? {
                volumes::update(tx, &scope, &held.id, |volume| {
                    if let Some(held) = volume.held_by_mut(&instance.id) {
                        held.wish = Hold::LetGo { force: true };
                        let goes_along = held.delete_on_termination;
                        let is_kept = volume.attachments.iter().any(|held| held.wish == Hold::Keep);
                        volume.deleted |= goes_along && !is_kept;
                    }
                    Ok(())
                })?;
                let_go.push(held.id);
            }
            instance::update(tx, &scope, &instance.id, |seen| {
                seen.observed.machine = Seen::Absent;
                seen.observed.generation = generation;
                seen.observed.released = true;
                Ok(())
            })?;
            Ok(let_go)
        })
        .await?;
    for id in let_go {
        ctx.nudge(volume::CONTROLLER, id.as_str());
    }
    Ok(Next::Now)
}

/// The timer of an instance that was terminated long enough ago.
pub async fn forget(ctx: &Ctx, id: String) -> Result<()> {
    let Some(id) = InstanceId::parse(&id) else { return Ok(()) };
    let scope = *ctx.scope();
    ctx.write(|tx| {
        tag::forget(tx, &scope, &id)?;
        instance::delete(tx, &scope, &id)
    })
    .await
}

/// Before the first call: removes machines that no instance knows, and begins to listen to the engine.
/// Whether instances end with the cloud.
pub struct EndWithCloud(pub bool);

/// The machines are about to be ended: who owns them asked for that, and finds them stopped.
pub async fn stop_all(ctx: &Ctx) -> Result<()> {
    if !ctx.own::<EndWithCloud>().0 {
        return Ok(());
    }
    ctx.write(|tx| {
        for (scope, instance) in instance::all_scopes(tx)? {
            if matches!(instance.state(), State::Running | State::Pending) {
                let is_one_time = instance.spot.as_ref().is_some_and(|spot| spot.kind == Kind::OneTime);
                let wish = if is_one_time { Wish::Terminate } else { Wish::Stop { force: true } };
                instance_state::write(tx, &scope, &instance.id, wish)?;
            }
        }
        Ok(())
    })
    .await
}

pub async fn open(ctx: &Ctx) -> Result<()> {
    let machines = ctx.own::<Engines>().machines.clone();
    let instances = ctx.read(|snap| instance::all_scopes(snap)).await?;
    let alive = instances.iter().filter(|(_, instance)| instance.desired.power != Power::Terminated);
    let known = alive.map(|(_, instance)| machine_id(&instance.id)).collect::<Result<Vec<_>>>()?;
    machines.sweep(&known).await.map_err(Error::internal)?;
    if ctx.own::<listener::Listeners>().begin_watch() {
        let watcher = ctx.clone();
        ctx.house().spawn(async move { watch(&watcher, &*machines).await });
    }
    Ok(())
}

/// Turns the engine's nudges into the controller's.
async fn watch(ctx: &Ctx, machines: &dyn Machines) {
    let mut events = machines.events();
    loop {
        let outcome = match events.recv().await {
            Ok(Changed(id)) => nudge(ctx, id.as_str()).await,
            Err(RecvError::Lagged(_)) => nudge_all(ctx).await,
            Err(RecvError::Closed) => return,
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "a machine's change was not looked at");
        }
    }
}

async fn nudge(ctx: &Ctx, machine: &str) -> Result<()> {
    let Some(id) = InstanceId::parse(machine) else { return Ok(()) };
    if let Some(scope) = ctx.read(|snap| instance::find_place(snap, &id)).await? {
        ctx.house().nudge(CONTROLLER, &scope, machine);
    }
    Ok(())
}

/// Has every instance looked at.
pub async fn nudge_all(ctx: &Ctx) -> Result<()> {
    for (scope, id) in list(ctx).await? {
        ctx.house().nudge(CONTROLLER, &scope, &id);
    }
    Ok(())
}

/// Brings the usage lines of all that runs up to date.
pub async fn meter(ctx: &Ctx) -> Result<()> {
    let instances = ctx.read(|snap| instance::all_scopes(snap)).await?;
    for (scope, instance) in instances {
        let ctx = ctx.in_scope(scope);
        // Read again: it may have stopped meanwhile, and then its line is complete.
        ctx.write(|tx| {
            let Some(current) = instance::find(tx, &scope, &instance.id)? else { return Ok(()) };
            let bill = bill(&current, ctx.now());
            bill.lines.iter().try_for_each(|line| tx.meter(line))?;
            let open_from = bill.open_from;
            instance::update(tx, &scope, &instance.id, |instance| {
                if let Some(spot) = &mut instance.spot {
                    spot.billed_until = open_from;
                }
                Ok(())
            })
            .map(drop)
        })
        .await?;
    }
    Ok(())
}

/// Ends every machine, before the store forgets them.
pub async fn remove_all(ctx: &Ctx) -> Result<()> {
    ctx.own::<listener::Listeners>().close().await;
    ctx.own::<Engines>().machines.sweep(&[]).await.map_err(Error::internal)?;
    Ok(())
}
