//! The operations, by what they are about.

pub mod activity;
pub mod capacity;
pub mod choice;
pub mod forecast;
pub mod group;
pub mod group_list;
pub mod hook;
pub mod instance;
pub mod launch_configuration;
pub mod load_balancer;
pub mod metric;
pub mod policy;
pub mod process;
pub mod refresh;
pub mod scheduled_action;
pub mod standby;
pub mod tag;
pub mod target_group;
pub mod warm_pool;

use kernel::{Access, Ctx, Reader, Result, Scope, Tx};

use crate::controllers::group::CONTROLLER;
use crate::controllers::instance::CONTROLLER as INSTANCES;
use crate::errors;
use crate::state::group::Group;
use crate::state::instance::Instance;
use crate::state::{group as groups, instance as instances};

/// A group by name.
///
/// # Errors
/// `ValidationError` when there is none.
pub(crate) fn get_group(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Group> {
    groups::find(from, scope, name)?.ok_or_else(|| errors::group_not_found(name))
}

/// A group that is to be changed.
///
/// # Errors
/// As [`get_group`], and `ScalingActivityInProgress` while it is being deleted.
pub(crate) fn get_changeable(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Group> {
    let found = get_group(from, scope, name)?;
    if found.is_deleting { Err(errors::group_is_deleting()) } else { Ok(found) }
}

/// Changes a group in one transaction, and has its controller look.
///
/// # Errors
/// As [`get_changeable`], and `edit`'s.
pub(crate) async fn change<T: Send>(
    ctx: &Ctx,
    name: &str,
    edit: impl Fn(&mut Tx<'_, '_>, &mut Group) -> Result<T> + Send + Sync,
) -> Result<T> {
    let scope = *ctx.scope();
    let value = ctx
        .write(|tx| {
            let mut found = get_changeable(tx, &scope, name)?;
            let value = edit(tx, &mut found)?;
            groups::put(tx, &scope, &found)?;
            Ok(value)
        })
        .await?;
    ctx.nudge(CONTROLLER, name);
    Ok(value)
}

/// The instances of a group that a request names.
///
/// # Errors
/// `ValidationError` for one that is not of the group.
pub(crate) fn named(
    from: &mut impl Reader,
    scope: &Scope,
    name: &str,
    ids: &[String],
) -> Result<Vec<Instance>> {
    let find = |id: &String| {
        let found = instances::find_by_id(from, scope, id)?.filter(|one| one.group == name);
        found.ok_or_else(|| errors::instance_not_in_group(id, name))
    };
    ids.iter().map(find).collect()
}

pub(crate) fn nudge_instances(ctx: &Ctx, instances: &[Instance]) {
    instances.iter().for_each(|one| ctx.nudge(INSTANCES, &one.key()));
}

/// On a group by name.
pub(crate) fn on_group(scope: &Scope, name: &str) -> Access {
    Access::on(groups::arn(scope, "*", name))
}
