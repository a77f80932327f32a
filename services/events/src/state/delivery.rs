//! Events on their way to one target each. A delivery is there until its target has it, or it is given up.

use kernel::{Ctx, Reader, Result, Scope, Table, Tx};
use retry::{Course, Underway};
use serde::{Deserialize, Serialize};

use super::rule::{Rule, Target};
use crate::errors;
use crate::rules::envelope::Envelope;
use crate::rules::target::place;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: String,
    pub bus: String,
    pub rule: String,
    pub rule_arn: String,
    /// As it was when the event came.
    pub target: Target,
    pub event: Envelope,
    #[serde(flatten)]
    pub course: Course,
    /// Buses the event has come by already.
    pub hops: u32,
    /// The first of those that its rule began for the event.
    #[serde(default)]
    pub leads: bool,
}

/// # Errors
/// When there is no room for more.
pub fn check_room(ctx: &Ctx) -> Result<()> {
    if ctx.own::<Underway>().is_full() { Err(errors::busy()) } else { Ok(()) }
}

static DELIVERIES: Table<Delivery> = Table::new("events/delivery");

/// One for each target of a rule; gives their ids.
pub fn begin(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    rule: &Rule,
    event: &Envelope,
    hops: u32,
) -> Result<Vec<String>> {
    let mut ids = Vec::with_capacity(rule.targets.len());
    for target in &rule.targets {
        let (id, now) = (tx.ctx().ids().hex(16), tx.ctx().now());
        let mut target = target.clone();
        if !place(&target.arn).is_ok_and(|place| place.has_policy()) {
            target.role_arn = target.role_arn.or_else(|| rule.role_arn.clone());
        }
        let delivery = Delivery {
            id: id.clone(),
            bus: rule.bus.clone(),
            rule: rule.name.clone(),
            rule_arn: rule.arn(scope),
            target,
            event: event.clone(),
            course: Course::begin(now),
            hops,
            leads: ids.is_empty(),
        };
        put(tx, scope, &delivery)?;
        ids.push(id);
    }
    Ok(ids)
}

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<Delivery>> {
    DELIVERIES.get(from, scope, id)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, delivery: &Delivery) -> Result<()> {
    DELIVERIES.put(tx, scope, &*delivery.id, delivery)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    DELIVERIES.delete(tx, scope, id)
}

/// Of every account and region.
pub fn ids_of_all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, String)>> {
    DELIVERIES.all_ids(from)
}
