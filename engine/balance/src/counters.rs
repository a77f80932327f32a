//! What fronts and pools count, for whoever keeps books: each look takes what has come since the last one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

macro_rules! counters {
    ($(#[$doc:meta])* $live:ident -> $taken:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        #[derive(Debug, Default)]
        pub(crate) struct $live {
            $(pub(crate) $field: AtomicU64,)*
            pub(crate) times: Times,
        }

        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $taken {
            $($(#[$field_doc])* pub $field: u64,)*
            /// How long members took until their answer began: microseconds, and how many took about that long.
            pub times: BTreeMap<u64, u64>,
        }

        impl $live {
            pub(crate) fn take(&self) -> $taken {
                $taken { $($field: self.$field.swap(0, Ordering::Relaxed),)* times: self.times.take() }
            }
        }

        impl std::ops::AddAssign<&$taken> for $taken {
            fn add_assign(&mut self, more: &$taken) {
                $(self.$field += more.$field;)*
                for (time, count) in &more.times {
                    *self.times.entry(*time).or_default() += count;
                }
            }
        }
    };
}

counters! {
    /// Of a front, at the places of one zone.
    FrontCounters -> FrontSample {
        /// For which a member was chosen.
        requests,
        /// Accepted, whatever they speak; datagrams have flows instead.
        connections,
        /// Those of them that speak TLS, after the handshake.
        tls_connections,
        refused_connections,
        /// Of datagrams that began.
        flows,
        /// In both directions, with clients.
        bytes,
        /// Those of them in datagrams.
        datagram_bytes,
        member_2xx,
        member_3xx,
        member_4xx,
        member_5xx,
        own_3xx,
        own_4xx,
        own_5xx,
        own_500,
        own_502,
        own_503,
        own_504,
        /// Requests that two servers could read differently, and those with header fields of odd names, by what became
        /// of these.
        doubtful,
        odd_dropped,
        odd_forwarded,
        redirects,
        fixed,
        rules,
        websockets,
        tls_failures,
        connect_errors,
    }
}

counters! {
    /// Of a pool, for clients at the places of one zone.
    PoolCounters -> PoolSample {
        requests,
        member_2xx,
        member_3xx,
        member_4xx,
        member_5xx,
        connect_errors,
    }
}

pub(crate) fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Counters of a pool by the zones that clients come in by.
#[derive(Debug, Default)]
pub(crate) struct Zones(RwLock<BTreeMap<String, Arc<PoolCounters>>>);

impl Zones {
    pub(crate) fn of(&self, zone: &str) -> Arc<PoolCounters> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(zone) {
            return known.clone();
        }
        self.0.write().unwrap_or_else(PoisonError::into_inner).entry(zone.to_owned()).or_default().clone()
    }

    pub(crate) fn take(&self) -> BTreeMap<String, PoolSample> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(zone, counters)| (zone.clone(), counters.take())).collect()
    }
}

/// The first bucket: all that took less.
const FIRST_US: u64 = 1 << FIRST_LOG;
const FIRST_LOG: u32 = 6;
/// Each doubling is split in so many buckets: a time is known to within 3 %.
const PARTS: u64 = 1 << PARTS_LOG;
const PARTS_LOG: u32 = 4;
/// Doublings: over an hour.
const DOUBLINGS: u32 = 26;
/// The first, and the parts of all doublings.
const BUCKETS: usize = 1 + 26 * 16;

#[derive(Debug)]
pub(crate) struct Times([AtomicU64; BUCKETS]);

impl Default for Times {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Times {
    pub(crate) fn add(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if let Some(count) = self.0.get(bucket(micros)) {
            add(count, 1);
        }
    }

    fn take(&self) -> BTreeMap<u64, u64> {
        let counted = self.0.iter().enumerate();
        counted
            .map(|(at, count)| (middle(at), count.swap(0, Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

fn bucket(micros: u64) -> usize {
    let Some(doubling) = (micros / FIRST_US).checked_ilog2() else { return 0 };
    if doubling >= DOUBLINGS {
        return BUCKETS - 1;
    }
    let part = (micros >> (doubling + FIRST_LOG - PARTS_LOG)) - PARTS;
    usize::try_from(u64::from(doubling) * PARTS + part + 1).unwrap_or(0)
}

/// Microseconds in the middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let Some(at) = bucket.checked_sub(1).and_then(|at| u64::try_from(at).ok()) else { return FIRST_US / 2 };
    let width = (FIRST_US / PARTS) << (at / PARTS);
    (PARTS + at % PARTS) * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_known_to_within_three_percent() {
        let times = Times::default();
        for micros in [1, 63, 64, 65, 127, 128, 1_000, u64::MAX] {
            times.add(Duration::from_micros(micros));
        }
        let taken = times.take();
        assert_eq!(taken.values().sum::<u64>(), 8);
        assert_eq!(taken.get(&32), Some(&2));
        assert_eq!(taken.get(&66), Some(&2), "64 to 67");
        for micros in [64_u64, 100, 999, 12_345, 60_000_000, 3_600_000_000] {
            let near = middle(bucket(micros));
            assert!(near.abs_diff(micros) * 100 <= micros * 4, "{micros} is not {near}");
        }
        assert!(times.take().is_empty());
    }
}
