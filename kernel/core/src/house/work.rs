//! The work that goes on without a caller: what runs in the background, how it waits, resets and ends.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Notify, OwnedRwLockReadGuard};
use tokio::time::Instant;

use super::{HOUSE_SCOPE, House, SEAL_SECRET_KEY};
use crate::audit_trail::FLUSH_EVERY_MS;
use crate::clock::Millis;
use crate::controllers::ControllerStatus;
use crate::error::{Error, Result};
use crate::scope::Scope;
use crate::service::Sweep;
use crate::tx::Effects;

const COUNTS_EVERY_MS: Millis = 1_000;
const TOKENS_EVERY_MS: Millis = 3_600_000;
/// Old audit records are removed this often.
const TRIM_EVERY_MS: Millis = 60_000;
const TOKENS_BATCH: usize = 1_000;
/// How far the time of a file may be behind.
const FILE_TIME_STEP: Duration = Duration::from_millis(100);

impl House {
    /// Starts the work of the house and the services' sweeps, each from its first time on.
    pub(super) fn start_work(self: &Arc<Self>, sweeps: Vec<(Millis, &'static str, Sweep)>) {
        for mailbox in &self.mailboxes {
            self.spawn(crate::events::deliver_to(self.clone(), mailbox.clone()));
        }
        for runner in &self.runners {
            self.spawn(runner.clone().run(self.clone()));
        }
        self.spawn(crate::timers::run(self.clone()));
        self.spawn(
            self.clone().every(COUNTS_EVERY_MS, "counts", |house| {
                Box::pin(async move { house.write_counts().await })
            }),
        );
        self.spawn(
            self.clone()
                .every(FLUSH_EVERY_MS, "audit", |house| Box::pin(async move { house.flush_audit().await })),
        );
        self.spawn(self.clone().every(TRIM_EVERY_MS, "audit retention", |house| {
            Box::pin(async move { house.trim_audit().await })
        }));
        self.spawn(self.clone().every(TOKENS_EVERY_MS, "tokens", |house| {
            Box::pin(async move {
                let ctx = house.ctx("kernel", HOUSE_SCOPE);
                while ctx.write(|tx| tx.forget_old_tokens(TOKENS_BATCH)).await? == TOKENS_BATCH {}
                Ok(())
            })
        }));
        for (first_at, service, sweep) in sweeps {
            let sweep = Arc::new(sweep);
            let (every_ms, name) = (sweep.every_ms, sweep.name);
            self.spawn(self.clone().every_from(first_at, every_ms, name, move |house| {
                let sweep = sweep.clone();
                Box::pin(async move { crate::sweeps::run(&house, service, &sweep).await })
            }));
        }
    }

    /// Runs `f` every so often, counted from now on, until the house closes.
    fn every(
        self: Arc<Self>,
        every_ms: Millis,
        name: &'static str,
        f: impl Fn(Arc<Self>) -> crate::BoxFuture<'static, Result<()>> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let first_at = self.clock.now() + every_ms;
        self.every_from(first_at, every_ms, name, f)
    }

    async fn every_from(
        self: Arc<Self>,
        first_at: Millis,
        every_ms: Millis,
        name: &'static str,
        f: impl Fn(Arc<Self>) -> crate::BoxFuture<'static, Result<()>> + Send + 'static,
    ) {
        let never = Notify::new();
        let mut next_at = first_at;
        loop {
            self.wait(&never, Some(next_at)).await;
            next_at = self.clock.now() + every_ms;
            let Some(_working) = self.begin_work().await else { return };
            if let Err(error) = self.guard(f(self.clone())).await {
                tracing::error!(sweep = name, %error, cause = error.cause().map(tracing::field::display), "a sweep failed");
            }
        }
    }

    async fn write_counts(self: &Arc<Self>) -> Result<()> {
        let counts = self.counts.take();
        if counts.is_empty() {
            return Ok(());
        }
        let ctx = self.ctx("kernel", HOUSE_SCOPE);
        ctx.write(|tx| crate::meter::write_down(tx, &counts, ctx.now())).await
    }

    pub(super) async fn run_open_hooks(self: &Arc<Self>) -> Result<()> {
        for service in self.services.iter() {
            for hook in &service.open {
                hook(&self.ctx(service.def.name, HOUSE_SCOPE)).await?;
            }
        }
        Ok(())
    }

    /// Forgets everything of every account, what lives outside of the store included.
    ///
    /// # Errors
    /// When something could not be let go; what was forgotten stays forgotten.
    pub async fn reset(self: &Arc<Self>) -> Result<()> {
        self.resets.send_modify(|count| *count += 1);
        let _alone = self.working.clone().write_owned().await;
        let _settled = self.unfinished.clone().write_owned().await;
        for service in self.services.iter() {
            for hook in &service.reset {
                hook(&self.ctx(service.def.name, HOUSE_SCOPE)).await?;
            }
        }
        self.runners.iter().for_each(|runner| runner.forget_all());
        self.counts.take();
        self.audit.forget_all().await;
        self.open_sessions.forget_all();
        self.store.clear().await?;
        self.root_switch.forget();
        let secret = self.seal_secret.clone();
        self.store.write(|tx| tx.put(SEAL_SECRET_KEY, secret.clone())).await?;
        let cleaning = self.clone().clean_up_after(Instant::now());
        self.spawn(cleaning);
        self.run_open_hooks().await
    }

    async fn clean_up_after(self: Arc<Self>, reset_at: Instant) {
        for service in self.services.iter() {
            for clean in &service.after_reset {
                let ctx = self.ctx(service.def.name, HOUSE_SCOPE);
                if let Err(error) = clean(ctx, reset_at.elapsed() + FILE_TIME_STEP).await {
                    tracing::warn!(%error, "something stays that a reset let go");
                }
            }
        }
    }

    /// Who only waits for something to happen waits no longer: the house is about to close, and lets nobody in.
    pub fn leave(&self) {
        self.leaving.send_replace(true);
    }

    /// Until the house is about to close.
    pub(crate) async fn leaves(&self) {
        let mut leaving = self.leaving.subscribe();
        // An error means the house is gone, which is an end too.
        let _ = leaving.wait_for(|leaving| *leaving).await;
    }

    /// Ends the work in good order: nothing new begins, what runs comes to its end, counts are written down.
    pub async fn close(self: &Arc<Self>) {
        self.closing.send_replace(true);
        self.resets.send_modify(|count| *count += 1);
        let _alone = self.working.clone().write_owned().await;
        let _settled = self.unfinished.clone().write_owned().await;
        if let Err(error) = self.flush_audit().await {
            tracing::error!(%error, "the last audit records are lost");
        }
        if let Err(error) = self.write_counts().await {
            tracing::error!(%error, "the last counts are lost");
        }
        for service in self.services.iter() {
            for hook in &service.close {
                if let Err(error) = hook(&self.ctx(service.def.name, HOUSE_SCOPE)).await {
                    tracing::error!(service = service.def.name, %error, "closing failed");
                }
            }
        }
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }

    /// A place among those who work: `None` when the house closes. Waits while it is being reset.
    pub(crate) async fn begin_work(&self) -> Option<OwnedRwLockReadGuard<()>> {
        if self.is_closing() {
            return None;
        }
        let guard = self.working.clone().read_owned().await;
        (!self.is_closing()).then_some(guard)
    }

    pub fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits for the bell, the time, or the end.
    pub(crate) async fn wait(&self, bell: &Notify, until: Option<Millis>) {
        let mut closing = self.closing.subscribe();
        if *closing.borrow_and_update() {
            return;
        }
        let time = async {
            match until {
                Some(at) => self.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = bell.notified() => {}
            () = time => {}
            _ = closing.changed() => {}
        }
    }

    /// Runs a task that the house ends with itself. `false` when it is closing already.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> bool {
        if self.is_closing() {
            return false;
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
        true
    }

    /// Runs a task to its end, whether or not anybody still waits for its outcome.
    pub(crate) async fn see_through<T: Send + 'static>(
        self: &Arc<Self>,
        task: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (tell, told) = tokio::sync::oneshot::channel();
        let house = self.clone();
        self.finish_later(async move {
            // Whoever asked may have gone away.
            let _ = tell.send(house.guard(task).await);
        });
        told.await.unwrap_or_else(|_| Err(crate::gate::unavailable()))
    }

    /// Runs a task that a reset and a close wait for, and that waits for nobody. `false` when it cannot begin.
    pub fn finish_later(&self, task: impl Future<Output = ()> + Send + 'static) -> bool {
        let Ok(unfinished) = self.unfinished.clone().try_read_owned() else { return false };
        self.spawn(async move {
            task.await;
            drop(unfinished);
        })
    }

    /// Turns a panic into an error that the log names.
    pub(crate) async fn guard<T>(&self, run: impl Future<Output = Result<T>>) -> Result<T> {
        match AssertUnwindSafe(run).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(panic) => {
                self.panicked.store(true, Ordering::Relaxed);
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                Err(Error::internal(format!("panic: {}", text.unwrap_or_default())))
            }
        }
    }

    /// Whether any background run has panicked.
    pub fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Relaxed)
    }

    pub(crate) fn wake(&self, effects: &Effects) {
        if effects.published {
            self.mailboxes.iter().for_each(|mailbox| mailbox.bell.notify_one());
        }
        if effects.scheduled {
            self.timer_bell.notify_one();
        }
    }

    /// Asks a controller to look at a resource now.
    ///
    /// Panics when there is no such controller: that is a mistake in the house.
    pub fn nudge(&self, controller: &str, scope: &Scope, id: &str) {
        let runner = self.runners.iter().find(|runner| runner.name() == controller);
        runner.unwrap_or_else(|| panic!("no controller is named {controller}")).nudge(*scope, id);
    }

    /// How every controller fares.
    pub fn controllers(&self) -> Vec<ControllerStatus> {
        self.runners.iter().map(|runner| runner.status()).collect()
    }

    /// No controller has anything to do now. For tests: poll it.
    pub fn is_quiet(&self) -> bool {
        let now = self.clock.now();
        self.runners.iter().all(|runner| runner.is_quiet(now))
    }
}
