//! Status checks: what probes from outside and inside say of an instance, and which may recover by itself.

use kernel::clock::Millis;

use super::instance::State;
use crate::state::instance::{Cause, Ended, Instance, Power};

/// What was seen at one probe of a machine that should run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    pub at: Millis,
    /// The engine finds its machine running.
    pub outside: bool,
    /// Its guest starts a program, and its first interface is up.
    pub inside: bool,
    /// Since when either has failed without a break.
    pub failing_since: Option<Millis>,
}

impl Probe {
    /// What is seen now, after what was seen before.
    pub fn next(before: Option<&Self>, at: Millis, outside: bool, inside: bool) -> Self {
        let fails = !outside || !inside;
        let since = before.and_then(|before| before.failing_since).unwrap_or(at);
        Self { at, outside, inside, failing_since: fails.then_some(since) }
    }
}

/// How long a probe holds good.
pub const FRESH_MS: Millis = 60_000;
/// How long a guest may take to answer after its start.
const PATIENCE_MS: Millis = 120_000;

/// The result of one of the two checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    NotApplicable,
    Initializing,
    Passed,
    Failed { since: Millis },
}

impl Status {
    pub fn summary(self) -> &'static str {
        match self {
            Status::NotApplicable => "not-applicable",
            Status::Initializing => "initializing",
            Status::Passed => "ok",
            Status::Failed { .. } => "impaired",
        }
    }

    pub fn detail(self) -> Option<&'static str> {
        match self {
            Status::NotApplicable => None,
            Status::Initializing => Some("initializing"),
            Status::Passed => Some("passed"),
            Status::Failed { .. } => Some("failed"),
        }
    }
}

/// The two checks: of what it runs on, and of itself.
pub fn checks(state: State, state_since: Millis, probe: Option<&Probe>) -> (Status, Status) {
    let of = |passes: fn(&Probe) -> bool| match (state, probe) {
        (State::Running, Some(probe)) if passes(probe) => Status::Passed,
        (State::Running, Some(probe)) if probe.at - state_since >= PATIENCE_MS => {
            Status::Failed { since: probe.failing_since.unwrap_or(probe.at) }
        }
        (State::Running, _) => Status::Initializing,
        _ => Status::NotApplicable,
    };
    (of(|probe| probe.outside), of(|probe| probe.inside))
}

/// What fleets call an instance with these checks: `unhealthy` once either has failed.
pub fn health((system, own): (Status, Status)) -> &'static str {
    let fails = |status: Status| matches!(status, Status::Failed { .. });
    if fails(system) || fails(own) { "unhealthy" } else { "healthy" }
}

/// What a guest answered that was asked for the state of its first interface and for a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered<'a> {
    pub is_well: bool,
    /// The file, empty where there is none; `None` where that cannot be told.
    pub config: Option<&'a [u8]>,
}

/// Reads the answer. An image without the program that was asked for has been entered all the same.
pub fn answered(code: i32, output: &[u8]) -> Answered<'_> {
    const NO_PROGRAM: [i32; 2] = [126, 127];
    /// Of the program when one of the files is missing.
    const NO_FILE: i32 = 1;
    let end = output.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let (state, file) = match output.split_at_checked(end) {
        // No operational state begins so (Linux, operstates): it is the file alone.
        Some((state, file)) if !state.starts_with(b"{") => (state.trim_ascii(), file),
        _ => (&[][..], output),
    };
    let is_up = match code {
        0 => state != b"down",
        NO_FILE => !state.is_empty() && state != b"down",
        _ => false,
    };
    let is_told = code == 0 || code == NO_FILE && !(state.is_empty() && file.is_empty());
    let config = Some(file).filter(|_| is_told);
    Answered { is_well: NO_PROGRAM.contains(&code) || is_up, config }
}

/// Recoveries of one instance within [`RECOVERIES_IN_MS`].
const RECOVERIES_MAX: usize = 3;
const RECOVERIES_IN_MS: Millis = 86_400_000;

/// Whether an instance is to be started again: the machine below it was lost, nobody wanted it off, and it has not been
/// tried too often (EC2 user guide, "Automatic instance recovery").
pub fn may_recover(instance: &Instance, now: Millis) -> bool {
    let is_lost = matches!(
        &instance.observed.ended,
        Some(Ended { cause: Cause::Lost(_), generation, .. }) if *generation == instance.desired.generation
    );
    let recent = instance.maintenance.recovered.iter().filter(|at| now - **at < RECOVERIES_IN_MS).count();
    is_lost
        && instance.state() == State::Stopped
        && instance.desired.power == Power::Running
        && !instance.maintenance.recovery_off
        && recent < RECOVERIES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::instance_sample::sample;
    use crate::state::instance::Seen;

    fn probe(at: Millis, outside: bool, inside: bool) -> Probe {
        Probe::next(None, at, outside, inside)
    }

    #[test]
    fn checks_follow_from_probes_and_have_patience_at_first() {
        let minute = 60_000;
        let failed = |since| Status::Failed { since };
        for (state, seen, expected) in [
            (State::Stopped, None, (Status::NotApplicable, Status::NotApplicable)),
            (State::Running, None, (Status::Initializing, Status::Initializing)),
            (State::Running, Some(probe(0, true, true)), (Status::Passed, Status::Passed)),
            (State::Running, Some(probe(minute, true, false)), (Status::Passed, Status::Initializing)),
            (State::Running, Some(probe(2 * minute, true, false)), (Status::Passed, failed(2 * minute))),
            (State::Running, Some(probe(3 * minute, false, false)), (failed(3 * minute), failed(3 * minute))),
        ] {
            assert_eq!(checks(state, 0, seen.as_ref()), expected, "{state:?} {seen:?}");
        }
    }

    #[test]
    fn a_failure_lasts_since_the_first_probe_that_failed() {
        let first = probe(5, true, false);
        let second = Probe::next(Some(&first), 9, true, false);
        assert_eq!(second.failing_since, Some(5));
        assert_eq!(Probe::next(Some(&second), 12, true, true).failing_since, None);
    }

    #[test]
    fn what_a_guest_answers() {
        let no_file = Some("");
        for (code, output, is_well, config) in [
            (0, "up\n", true, no_file),
            (0, "", true, no_file),
            (127, "", true, None),
            (0, "unknown\n", true, no_file),
            (1, "up\n", true, no_file),
            (0, "up\n{\n}", true, Some("{\n}")),
            (0, "down\n", false, no_file),
            (1, "down\n", false, no_file),
            (1, "", false, None),
            (1, "{\n}", false, Some("{\n}")),
            (137, "up\n", false, None),
        ] {
            let wanted = Answered { is_well, config: config.map(str::as_bytes) };
            assert_eq!(answered(code, output.as_bytes()), wanted, "{code} {output}");
        }
    }

    #[test]
    fn what_was_lost_recovers_a_few_times() {
        let mut instance = sample();
        instance.observed.machine = Seen::Off;
        instance.observed.generation = 1;
        let ended = |cause| Some(Ended { generation: 1, cause, at: 0 });
        instance.observed.ended = ended(Cause::Died("panic".to_owned()));
        assert!(!may_recover(&instance, 0), "its own fault");
        instance.observed.ended = ended(Cause::Lost("killed".to_owned()));
        assert!(may_recover(&instance, 0));
        instance.maintenance.recovered = vec![0, 1, 2];
        assert!(!may_recover(&instance, 3));
        assert!(may_recover(&instance, RECOVERIES_IN_MS + 1));
        instance.maintenance.recovery_off = true;
        assert!(!may_recover(&instance, RECOVERIES_IN_MS + 1));
    }
}
