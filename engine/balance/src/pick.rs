//! Who of a pool gets the next request.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::live::{LivePool, Member};
use crate::spec::{Choice, Forward, PoolId};

/// A pool by weight; `None` where all weigh nothing.
pub(crate) fn pool(forward: &Forward) -> Option<&PoolId> {
    if let [(only, weight)] = forward.pools.as_slice() {
        return (*weight > 0).then_some(only);
    }
    let total: u32 = forward.pools.iter().map(|(_, weight)| weight).sum();
    if total == 0 {
        return None;
    }
    let mut drawn = fastrand::u32(..total);
    for (pool, weight) in &forward.pools {
        match drawn.checked_sub(*weight) {
            Some(rest) => drawn = rest,
            None => return Some(pool),
        }
    }
    None
}

/// A member, but not one of `tried`. Those of `zone` alone where there are any and zones count.
pub(crate) fn member(pool: &LivePool, zone: Option<&str>, tried: &[Arc<Member>]) -> Option<Arc<Member>> {
    if zone.is_none() && tried.is_empty() {
        return choose(pool, &pool.eligible());
    }
    choose(pool, &near(pool, zone, tried))
}

/// Whom [`member`] chooses from.
pub(crate) fn near(pool: &LivePool, zone: Option<&str>, tried: &[Arc<Member>]) -> Vec<Arc<Member>> {
    let all = pool.eligible();
    let is_tried = |member: &Arc<Member>| tried.iter().any(|other| Arc::ptr_eq(member, other));
    let near = |member: &&Arc<Member>| zone.is_none() || member.zone.as_deref() == zone;
    let mut left: Vec<_> = all.iter().filter(|member| !is_tried(member)).filter(near).cloned().collect();
    if left.is_empty() {
        left = all.iter().filter(|member| !is_tried(member)).cloned().collect();
    }
    left
}

fn choose(pool: &LivePool, members: &[Arc<Member>]) -> Option<Arc<Member>> {
    let count = members.len();
    if count <= 1 {
        return members.first().cloned();
    }
    if !pool.spec.slow_start.is_zero() {
        return by_share(pool, members);
    }
    match pool.spec.choice {
        Choice::RoundRobin => members.get(pool.next.fetch_add(1, Ordering::Relaxed) % count).cloned(),
        Choice::Random => members.get(fastrand::usize(..count)).cloned(),
        Choice::LeastOutstanding => {
            // Among equals everybody has a turn.
            let from = pool.next.fetch_add(1, Ordering::Relaxed) % count;
            let turned = members.iter().cycle().skip(from).take(count);
            turned.min_by_key(|member| member.outstanding.load(Ordering::Relaxed)).cloned()
        }
    }
}

/// By chance, each as likely as its share is large.
fn by_share(pool: &LivePool, members: &[Arc<Member>]) -> Option<Arc<Member>> {
    let shares: Vec<f32> = members.iter().map(|member| member.share(pool.spec.slow_start)).collect();
    let mut drawn = fastrand::f32() * shares.iter().sum::<f32>();
    for (member, share) in members.iter().zip(&shares) {
        drawn -= share;
        if drawn <= 0.0 {
            return Some(member.clone());
        }
    }
    members.last().cloned()
}
