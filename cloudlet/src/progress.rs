//! How far long work is, for whoever waits for it.

use std::sync::{Arc, Mutex, PoisonError};

use compute::Progress;
use indicatif::{ProgressBar, ProgressStyle};

const STEPS: u64 = 1_000;
/// A line in the log each time so much more is done.
const LOGGED_PERCENT: u64 = 10;

/// A bar on standard error, if that is a terminal.
pub(crate) fn bar() -> ProgressBar {
    let bar = ProgressBar::new(STEPS);
    if let Ok(style) = ProgressStyle::with_template("{msg:20} {bar:40} {percent:>3} %  {elapsed}") {
        bar.set_style(style);
    }
    bar
}

/// What moves a bar.
pub(crate) fn moves(bar: &ProgressBar) -> Progress {
    let bar = bar.clone();
    Arc::new(move |share, what| {
        bar.set_position(steps(share));
        bar.set_message(what.to_owned());
    })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the steps")]
fn steps(share: f32) -> u64 {
    (share.clamp(0.0, 1.0) * 1_000.0) as u64
}

/// The image a cloud builds: a bar where it has a terminal, else lines in its log, and an answer to who asks.
#[derive(Clone, Default)]
pub(crate) struct Building(Arc<Mutex<Option<Step>>>);

/// Where a build is.
#[derive(Clone)]
struct Step {
    percent: u64,
    what: String,
    bar: ProgressBar,
}

impl Building {
    /// To be told how far it is; at 1 it is over.
    pub(crate) fn progress(&self) -> Progress {
        let building = self.clone();
        Arc::new(move |share, what| building.tell(steps(share), what))
    }

    /// Per cent done and what is being done, while something is built.
    pub(crate) fn step(&self) -> Option<(u64, String)> {
        let step = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        step.as_ref().map(|step| (step.percent, step.what.clone()))
    }

    fn tell(&self, steps: u64, what: &str) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if steps == STEPS {
            if let Some(step) = now.take() {
                step.bar.finish_and_clear();
            }
            tracing::info!("{what}");
            return;
        }
        let percent = steps * 100 / STEPS;
        let step = now.get_or_insert_with(|| {
            tracing::info!("building an image: {what}");
            Step { percent: 0, what: String::new(), bar: bar() }
        });
        if step.bar.is_hidden() && percent / LOGGED_PERCENT > step.percent / LOGGED_PERCENT {
            tracing::info!(percent, "building an image: {what}");
        }
        step.bar.set_position(steps);
        what.clone_into(&mut step.what);
        step.percent = percent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_told_of_until_it_is_over() {
        let building = Building::default();
        let progress = building.progress();
        assert_eq!(building.step(), None);
        progress(0.0, "begins");
        progress(0.345, "unpacks");
        assert_eq!(building.step(), Some((34, "unpacks".to_owned())));
        progress(1.0, "is ready");
        assert_eq!(building.step(), None);
        progress(0.1, "another");
        assert_eq!(building.step(), Some((10, "another".to_owned())));
    }
}
