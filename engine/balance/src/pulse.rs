//! Connections that are watched: when bytes last passed, and how to end those that have fallen silent.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::counters::{FrontCounters, add};
use crate::live::Slot;

/// One client's connection. Times are seconds of its [`Watch`].
pub(crate) struct Pulse {
    begun: u32,
    last: AtomicU32,
    /// Nothing was asked yet.
    fresh: AtomicBool,
    idle_s: u32,
    life_s: u32,
    over: AtomicBool,
    waker: AtomicWaker,
    watch: Arc<Watch>,
    slot: Arc<Slot>,
}

/// Silence allowed beyond the limit, so that an answer of ours about it can still be sent.
const GRACE_S: u32 = 2;

impl Pulse {
    pub(crate) fn asked(&self) {
        self.fresh.store(false, Ordering::Relaxed);
    }

    /// Whether it has lived for as long as it may: its next answer is to be its last.
    pub(crate) fn is_old(&self) -> bool {
        self.watch.now().saturating_sub(self.begun) > self.life_s
    }

    fn beat(&self) {
        self.last.store(self.watch.now(), Ordering::Relaxed);
    }

    fn is_over(&self, now: u32) -> bool {
        let silent = now.saturating_sub(self.last.load(Ordering::Relaxed));
        let age = now.saturating_sub(self.begun);
        silent > self.idle_s.saturating_add(GRACE_S)
            || (self.fresh.load(Ordering::Relaxed) && age > self.idle_s.saturating_add(GRACE_S))
            || self.slot.is_ended()
    }

    /// Runs `task` until the connection is over.
    pub(crate) async fn while_alive<T>(&self, task: impl Future<Output = T>) -> Option<T> {
        let mut task = std::pin::pin!(task);
        std::future::poll_fn(|cx| {
            self.waker.register(cx.waker());
            if self.over.load(Ordering::Relaxed) {
                return Poll::Ready(None);
            }
            task.as_mut().poll(cx).map(Some)
        })
        .await
    }
}

/// The connections of one thread.
#[derive(Default)]
pub(crate) struct Watch {
    clock: AtomicU32,
    all: Mutex<Vec<Weak<Pulse>>>,
}

impl Watch {
    fn now(&self) -> u32 {
        self.clock.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(self: &Arc<Self>, slot: &Arc<Slot>, idle: Duration, life: Duration) -> Arc<Pulse> {
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let now = self.now();
        let pulse = Arc::new(Pulse {
            begun: now,
            last: AtomicU32::new(now),
            fresh: AtomicBool::new(true),
            idle_s: seconds(idle),
            life_s: seconds(life),
            over: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            watch: self.clone(),
            slot: slot.clone(),
        });
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&pulse));
        pulse
    }

    /// A second has passed.
    pub(crate) fn tick(&self) {
        let now = self.clock.fetch_add(1, Ordering::Relaxed) + 1;
        self.all.lock().unwrap_or_else(PoisonError::into_inner).retain(|pulse| {
            let Some(pulse) = pulse.upgrade() else { return false };
            if pulse.is_over(now) {
                pulse.over.store(true, Ordering::Relaxed);
                pulse.waker.wake();
            }
            true
        });
    }

    /// The connections of one front.
    pub(crate) fn count(&self, slot: &Arc<Slot>) -> usize {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).filter(|pulse| Arc::ptr_eq(&pulse.slot, slot)).count()
    }
}

/// A stream that notes what passes.
pub(crate) struct Watched<S> {
    pub(crate) stream: S,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) counters: Arc<FrontCounters>,
}

impl<S> Watched<S> {
    fn passed(&self, bytes: usize) {
        self.pulse.beat();
        add(&self.counters.bytes, u64::try_from(bytes).unwrap_or(0));
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, into);
        let count = into.filled().len() - before;
        if count > 0 {
            self.passed(count);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = polled {
            self.passed(count);
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(count)) = polled {
            self.passed(count);
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
