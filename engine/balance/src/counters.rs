//! What fronts and pools count, for whoever keeps books: each look takes what has come since the last one.

use std::sync::atomic::{AtomicU64, Ordering};
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
            /// How long members took until their answer began: upper bounds in microseconds, and how many.
            pub times: Vec<(u64, u64)>,
        }

        impl $live {
            pub(crate) fn take(&self) -> $taken {
                $taken { $($field: self.$field.swap(0, Ordering::Relaxed),)* times: self.times.take() }
            }
        }
    };
}

counters! {
    /// Of a front.
    FrontCounters -> FrontSample {
        /// Forwarded to members.
        requests,
        connections,
        refused_connections,
        /// In both directions, with clients.
        bytes,
        member_2xx,
        member_3xx,
        member_4xx,
        member_5xx,
        own_3xx,
        own_4xx,
        own_5xx,
        redirects,
        fixed,
        rules,
        websockets,
        tls_failures,
        connect_errors,
    }
}

counters! {
    /// Of a pool.
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

/// Buckets of a factor of two, from 64 µs on.
const BUCKETS: usize = 26;
const FIRST_US: u64 = 64;

#[derive(Debug, Default)]
pub(crate) struct Times([AtomicU64; BUCKETS]);

impl Times {
    pub(crate) fn add(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = (micros / FIRST_US).checked_ilog2().map_or(0, |log| log + 1);
        let bucket = usize::try_from(bucket).unwrap_or(BUCKETS).min(BUCKETS - 1);
        if let Some(count) = self.0.get(bucket) {
            add(count, 1);
        }
    }

    fn take(&self) -> Vec<(u64, u64)> {
        let counted =
            self.0.iter().enumerate().map(|(at, count)| (FIRST_US << at, count.swap(0, Ordering::Relaxed)));
        counted.filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_fall_into_buckets_of_a_factor_of_two() {
        let times = Times::default();
        for micros in [1, 63, 64, 127, 128, 1_000, u64::MAX] {
            times.add(Duration::from_micros(micros));
        }
        assert_eq!(times.take(), [(64, 2), (128, 2), (256, 1), (1_024, 1), (64 << 25, 1)]);
        assert!(times.take().is_empty());
    }
}
