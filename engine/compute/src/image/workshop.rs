//! Images prepared in the background: one build per image, however many ask, and an end to it when the engine closes.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::error::{Result, chain};
use crate::image::failed;
use crate::machine::{ImageId, ImageState};

/// How long a failure is told, so that all who wait hear of it.
const FAILURE_TOLD_FOR: Duration = Duration::from_secs(5);
/// How long a build may take to end when it is asked to, and then by force.
const END_WITHIN: Duration = Duration::from_secs(4);
const KILL_WITHIN: Duration = Duration::from_secs(1);

/// Where images are built.
#[derive(Default)]
pub(crate) struct Workshop {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    jobs: HashMap<ImageId, Job>,
    /// The program at work: the first of its process group.
    tool: Option<Pid>,
    closed: bool,
}

enum Job {
    Building,
    Failed { reason: String, at: Instant },
}

impl Workshop {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how far the image is, and has `begin` build it when nobody is at it.
    pub(crate) fn ask(&self, image: &ImageId, begin: impl FnOnce() -> std::io::Result<()>) -> ImageState {
        let mut state = self.lock();
        match state.jobs.get(image) {
            Some(Job::Building) => return ImageState::Preparing,
            Some(Job::Failed { reason, at }) if at.elapsed() < FAILURE_TOLD_FOR => {
                return ImageState::Failed(reason.clone());
            }
            _ => {}
        }
        match begin() {
            Ok(()) => {
                state.jobs.insert(image.clone(), Job::Building);
                ImageState::Preparing
            }
            Err(error) => ImageState::Failed(format!("no thread to build {image}: {error}")),
        }
    }

    /// The build came to its end.
    pub(crate) fn end(&self, image: &ImageId, outcome: Result<()>) {
        let mut state = self.lock();
        match outcome {
            Ok(()) => state.jobs.remove(image),
            Err(error) => {
                let failed = Job::Failed { reason: chain(&error), at: Instant::now() };
                state.jobs.insert(image.clone(), failed)
            }
        };
        self.ended.notify_all();
    }

    /// A program was started for a build. It must be the first of its process group.
    pub(crate) fn tool_began(&self, image: &str, id: u32) -> Result<()> {
        let tool = i32::try_from(id).map(Pid::from_raw).map_err(|_| failed(image, "no such process"))?;
        let mut state = self.lock();
        if state.closed {
            signal(tool, Signal::SIGKILL);
            return Err(failed(image, "the engine closes"));
        }
        state.tool = Some(tool);
        Ok(())
    }

    /// The program has said all it had to say. From here on its id may become somebody else's.
    pub(crate) fn tool_ended(&self) {
        self.lock().tool = None;
    }

    /// Breaks off what is being built and waits for its end, some seconds at most.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        for (ask, within) in [(Signal::SIGTERM, END_WITHIN), (Signal::SIGKILL, KILL_WITHIN)] {
            let state = self.lock();
            if let Some(tool) = state.tool {
                signal(tool, ask);
            }
            let building = |state: &mut State| state.jobs.values().any(|job| matches!(job, Job::Building));
            drop(self.ended.wait_timeout_while(state, within, building));
        }
    }
}

/// To the program and all it started. One that is gone already is as good.
fn signal(tool: Pid, signal: Signal) {
    if let Err(error) = killpg(tool, signal) {
        tracing::debug!(%error, "a build was gone when it was to end");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_builds_and_all_hear_how_it_ends() {
        let shop = Workshop::default();
        let image = ImageId::debian_12();
        let never = || panic!("it is being built");
        assert_eq!(shop.ask(&image, || Ok(())), ImageState::Preparing);
        assert_eq!(shop.ask(&image, never), ImageState::Preparing);
        shop.end(&image, Err(failed("debian-12", "no mirror")));
        for _ in 0..2 {
            let told = shop.ask(&image, || panic!("it has just failed"));
            assert_eq!(told, ImageState::Failed("image debian-12: no mirror".to_owned()));
        }
        shop.lock().jobs.values_mut().for_each(|job| {
            if let Job::Failed { at, .. } = job {
                *at -= FAILURE_TOLD_FOR;
            }
        });
        assert_eq!(shop.ask(&image, || Ok(())), ImageState::Preparing, "who asks later has it tried again");
        shop.end(&image, Ok(()));
        shop.close();
        assert!(shop.tool_began("debian-12", 0x7fff_ffff).is_err());
    }
}
