//! The one clock of the house. Everything that asks for the time or waits for it asks here.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;

use crate::BoxFuture;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// Tells and waits for the time.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Millis;
    /// Completes when `now() >= at`.
    fn sleep_until(&self, at: Millis) -> BoxFuture<'static, ()>;
}

/// The host's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the host's clock")]
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    }

    fn sleep_until(&self, at: Millis) -> BoxFuture<'static, ()> {
        let wait = u64::try_from(at.saturating_sub(self.now())).unwrap_or(0);
        Box::pin(tokio::time::sleep(Duration::from_millis(wait)))
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct FakeClock(Mutex<FakeState>);

#[derive(Debug)]
struct FakeState {
    now: Millis,
    sleepers: BTreeMap<Millis, Vec<oneshot::Sender<()>>>,
}

impl FakeClock {
    /// 2026-01-01T00:00:00Z
    pub const START: Millis = 1_767_225_600_000;

    /// Moves the time forward and wakes whoever waited for it.
    pub fn advance(&self, by_ms: Millis) {
        let mut state = self.lock();
        state.now += by_ms;
        let later = state.now + 1;
        let still_asleep = state.sleepers.split_off(&later);
        let woken = std::mem::replace(&mut state.sleepers, still_asleep);
        for sleeper in woken.into_values().flatten() {
            // A sleeper that gave up is not woken.
            let _ = sleeper.send(());
        }
    }

    /// How many wait for a later time: lets a test advance only once the code under test has gone to sleep.
    pub fn sleepers(&self) -> usize {
        self.lock().sleepers.values().flatten().filter(|s| !s.is_closed()).count()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, FakeState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self(Mutex::new(FakeState { now: Self::START, sleepers: BTreeMap::new() }))
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Millis {
        self.lock().now
    }

    fn sleep_until(&self, at: Millis) -> BoxFuture<'static, ()> {
        let mut state = self.lock();
        if at <= state.now {
            return Box::pin(std::future::ready(()));
        }
        let (wake, woken) = oneshot::channel();
        state.sleepers.entry(at).or_default().push(wake);
        Box::pin(async move {
            // An error means the clock is gone, and with it the test.
            let _ = woken.await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fake_sleeper_wakes_when_its_time_has_come_and_not_before() {
        let clock = FakeClock::default();
        let mut sleep = clock.sleep_until(clock.now() + 10);
        clock.advance(9);
        assert!(futures_poll(&mut sleep).await.is_none());
        clock.advance(1);
        sleep.await;
    }

    async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        tokio::select! { biased; out = future => Some(out), () = std::future::ready(()) => None }
    }
}
