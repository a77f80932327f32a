//! The way to a router: jobs in a queue, done by a thread that lives in its namespace while there are any.
//!
//! All jobs waiting at once share one transaction of the packet filter, and none is answered before it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::error::{Doing, Error, Result};
use crate::router::Router;

/// Does its part and returns how to answer once the filter is committed.
type Job = Box<dyn FnOnce(&mut Router) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<()>) + Send>;

/// A thread needs little: netlink buffers are on the heap.
const STACK_BYTES: usize = 256 * 1024;
/// Jobs of one transaction.
const BATCH_MAX: usize = 64;

/// One network's queue. At most one thread at a time works on it, and none while it is empty.
pub(crate) struct Lane {
    queue: Mutex<Queue>,
    router: Mutex<Router>,
}

#[derive(Default)]
struct Queue {
    jobs: Vec<Job>,
    working: bool,
}

impl Lane {
    pub(crate) fn new(router: Router) -> Arc<Self> {
        Arc::new(Self { queue: Mutex::default(), router: Mutex::new(router) })
    }

    /// Queues the work; its answer comes when the filter holds what it changed.
    pub(crate) async fn submit<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Router) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |router| {
            let outcome = work(router);
            Box::new(move |committed| {
                // Nobody listens any more when the caller gave up; the work is done all the same.
                let _ = tell.send(committed.and(outcome));
            })
        });
        self.enqueue(job)?;
        told.await.unwrap_or(Err(Error::Worker))
    }

    fn enqueue(self: &Arc<Self>, job: Job) -> Result<()> {
        let mut queue = lock(&self.queue);
        queue.jobs.push(job);
        if queue.working {
            return Ok(());
        }
        let lane = Arc::clone(self);
        let started = thread::Builder::new()
            .name("net".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || lane.work())
            .doing(|| "start a thread".to_owned());
        match started {
            Ok(_) => queue.working = true,
            Err(_) => queue.jobs.clear(),
        }
        started.map(drop)
    }

    fn work(self: Arc<Self>) {
        let mut shift = Shift { lane: &self, done: false };
        loop {
            let jobs: Vec<Job> = {
                let mut queue = lock(&self.queue);
                let count = queue.jobs.len().min(BATCH_MAX);
                if count == 0 {
                    queue.working = false;
                    shift.done = true;
                    return;
                }
                queue.jobs.drain(..count).collect()
            };
            let mut router = lock(&self.router);
            let answers: Vec<Answer> = jobs.into_iter().map(|job| job(&mut router)).collect();
            let committed = router.commit();
            drop(router);
            answers.into_iter().for_each(|answer| answer(committed.clone()));
        }
    }
}

/// Frees the lane when a job panics: those waiting get an error, later ones a new thread.
struct Shift<'a> {
    lane: &'a Lane,
    done: bool,
}

impl Drop for Shift<'_> {
    fn drop(&mut self) {
        if !self.done {
            lock(&self.lane.router).leave();
            let mut queue = lock(&self.lane.queue);
            queue.jobs.clear();
            queue.working = false;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
