//! What an instance is seen as, and the one next step towards what was asked of it.

use kernel::clock::Millis;
use kernel::meter::Usage;

use crate::state::instance::{Cause, Ended, Instance, OnShutdown, Power, Seen, Tenancy};

/// The state users see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl State {
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::ShuttingDown, Self::Terminated, Self::Stopping, Self::Stopped];

    pub fn name(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Running => "running",
            State::ShuttingDown => "shutting-down",
            State::Terminated => "terminated",
            State::Stopping => "stopping",
            State::Stopped => "stopped",
        }
    }

    /// The low byte of the code, as the API numbers states.
    pub fn code(self) -> i32 {
        match self {
            State::Pending => 0,
            State::Running => 16,
            State::ShuttingDown => 32,
            State::Terminated => 48,
            State::Stopping => 64,
            State::Stopped => 80,
        }
    }
}

/// Where the instance is going: what was asked, unless the machine has ended by itself since.
pub fn target(instance: &Instance) -> Power {
    match (&instance.desired.power, ended_now(instance)) {
        (Power::Running, Some(Ended { cause: Cause::PoweredOff, .. })) => match instance.on_shutdown {
            OnShutdown::Stop => Power::Stopped,
            OnShutdown::Terminate => Power::Terminated,
        },
        // A first launch that fails leaves nothing worth keeping.
        (Power::Running, Some(Ended { cause: Cause::NeverStarted(_), generation, .. }))
            if *generation == 1 =>
        {
            Power::Terminated
        }
        (Power::Running, Some(_)) => Power::Stopped,
        (power, _) => *power,
    }
}

/// The unasked end that still counts.
fn ended_now(instance: &Instance) -> Option<&Ended> {
    instance.observed.ended.as_ref().filter(|ended| ended.generation == instance.desired.generation)
}

/// What users see.
pub fn visible_state(instance: &Instance) -> State {
    let seen = instance.observed.machine;
    let answered = instance.observed.generation == instance.desired.generation;
    match target(instance) {
        Power::Running if seen == Seen::On && answered => State::Running,
        Power::Running => State::Pending,
        Power::Stopped if seen != Seen::On && answered => State::Stopped,
        Power::Stopped => State::Stopping,
        Power::Terminated if seen == Seen::Absent && instance.observed.released => State::Terminated,
        Power::Terminated => State::ShuttingDown,
    }
}

/// Why it is in its state, in AWS's words: code and message.
pub fn state_reason(instance: &Instance) -> Option<(&'static str, String)> {
    let interrupted =
        instance.spot.as_ref().and_then(|spot| spot.interruption.as_ref()).filter(|coming| coming.done);
    if interrupted.is_some() && instance.desired.power != Power::Running {
        return Some(match instance.desired.power {
            Power::Stopped => (
                "Server.SpotInstanceShutdown",
                "Server.SpotInstanceShutdown: The instance was stopped due to a Spot interruption".to_owned(),
            ),
            _ => (
                "Server.SpotInstanceTermination",
                "Server.SpotInstanceTermination: Spot instance termination".to_owned(),
            ),
        });
    }
    match (ended_now(instance), instance.desired.power) {
        (Some(Ended { cause: Cause::PoweredOff, .. }), Power::Running) => Some((
            "Client.InstanceInitiatedShutdown",
            "Client.InstanceInitiatedShutdown: Instance initiated shutdown".to_owned(),
        )),
        (Some(Ended { cause: Cause::Died(why) | Cause::Lost(why), .. }), Power::Running) => {
            Some(("Server.InternalError", format!("Server.InternalError: The instance ended: {why}")))
        }
        (Some(Ended { cause: Cause::NeverStarted(why), .. }), Power::Running) => {
            Some(("Server.InternalError", format!("Server.InternalError: Internal error on launch: {why}")))
        }
        (_, Power::Running) => match visible_state(instance) {
            State::Pending => Some(("pending", "pending".to_owned())),
            _ => None,
        },
        _ => Some((
            "Client.UserInitiatedShutdown",
            "Client.UserInitiatedShutdown: User initiated shutdown".to_owned(),
        )),
    }
}

/// The state's reason in its old form: `User initiated (2026-01-01 00:00:00 GMT)`, or nothing.
pub fn transition_reason(instance: &Instance) -> String {
    if instance.desired.power == Power::Running {
        return String::new();
    }
    let at = crate::rules::instant::utc(instance.desired.at);
    format!("User initiated ({at} GMT)")
}

/// A machine as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Absent,
    /// Created or ended; why it ended, when it did.
    Off(Option<Cause>),
    Starting,
    On,
}

/// The one next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Nothing,
    /// Connect it, make its disk, start it.
    Boot,
    Reboot,
    /// Ask it to switch off, or end it by force.
    Stop {
        force: bool,
    },
    /// Remove the machine.
    Remove,
    /// Give back its interface and addresses.
    Release,
    /// Write down what is there.
    Note(Seen),
    /// Write down that it ended unasked.
    NoteEnd(Cause),
}

/// Decides from what was asked, what was written down, and what is there.
pub fn plan(instance: &Instance, fact: &Fact) -> Step {
    let (desired, observed) = (&instance.desired, &instance.observed);
    let answered = observed.generation == desired.generation;
    match (target(instance), fact) {
        (Power::Running, Fact::On) => match (observed.machine == Seen::On && answered, desired.reboots) {
            (false, _) => Step::Note(Seen::On),
            (true, asked) if asked > observed.reboots => Step::Reboot,
            (true, _) => Step::Nothing,
        },
        // A reboot under way, which a crash may have broken off: it is started again.
        (Power::Running, Fact::Off(_)) if answered && desired.reboots > observed.reboots => Step::Boot,
        (Power::Running, Fact::Off(cause)) if observed.machine == Seen::On && answered => {
            Step::NoteEnd(cause.clone().unwrap_or_else(|| Cause::Died("it is off".to_owned())))
        }
        (Power::Running, Fact::Absent) if observed.machine == Seen::On && answered => {
            Step::NoteEnd(Cause::Lost("its machine is gone".to_owned()))
        }
        (Power::Running, _) => Step::Boot,
        (Power::Stopped, Fact::On | Fact::Starting) => Step::Stop { force: desired.force },
        (Power::Stopped, Fact::Off(_)) if observed.machine != Seen::Off || !answered => Step::Note(Seen::Off),
        (Power::Stopped, Fact::Absent) if observed.machine != Seen::Absent || !answered => {
            Step::Note(Seen::Absent)
        }
        (Power::Stopped, _) => Step::Nothing,
        (Power::Terminated, Fact::Absent) if observed.released && observed.machine == Seen::Absent => {
            Step::Nothing
        }
        (Power::Terminated, Fact::Absent) => Step::Release,
        (Power::Terminated, _) => Step::Remove,
    }
}

/// Tries before a start is given up.
pub const START_TRIES: u32 = 3;

/// What an instance has used, up to now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bill {
    pub lines: Vec<Usage>,
    /// Lines that begin before this are complete.
    pub open_from: Option<Millis>,
}

/// Spot is billed by running hours, each at the price that held when it began.
const SPOT_HOUR_MS: Millis = 3_600_000;

/// The usage of an instance that has been running, up to `now`: one line, or for spot one per hour.
pub fn bill(instance: &Instance, now: Millis) -> Bill {
    let Some(since) = instance.observed.running_since else { return Bill::default() };
    let line = |kind: &str, start_at: Millis, end_at: Millis| Usage {
        service: "ec2".to_owned(),
        usage_type: format!("{kind}:{}", instance.instance_type),
        resource: instance.id.to_string(),
        start_at,
        end_at,
        quantity: u64::try_from((end_at - start_at) / 1_000).unwrap_or(0),
        unit: "Seconds".to_owned(),
    };
    let Some(spot) = &instance.spot else {
        let kind = match instance.place.tenancy {
            Tenancy::Default => "BoxUsage",
            Tenancy::Dedicated => "DedicatedUsage",
            // Its host is paid for.
            Tenancy::Host => "HostBoxUsage",
        };
        return Bill { lines: vec![line(kind, since, now)], open_from: None };
    };
    let mut from = spot.billed_until.unwrap_or(since);
    let mut lines = Vec::new();
    while now - from > SPOT_HOUR_MS {
        lines.push(line("SpotUsage", from, from + SPOT_HOUR_MS));
        from += SPOT_HOUR_MS;
    }
    lines.push(line("SpotUsage", from, now));
    Bill { lines, open_from: Some(from) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::instance_sample::sample;

    const POWERS: [Power; 3] = [Power::Running, Power::Stopped, Power::Terminated];
    const SEEN: [Seen; 3] = [Seen::Absent, Seen::Off, Seen::On];

    fn facts() -> [Fact; 5] {
        [Fact::Absent, Fact::Off(None), Fact::Off(Some(Cause::PoweredOff)), Fact::Starting, Fact::On]
    }

    fn causes() -> [Option<Cause>; 5] {
        let why = || "why".to_owned();
        let unasked = [Cause::PoweredOff, Cause::Died(why()), Cause::Lost(why()), Cause::NeverStarted(why())];
        let [off, died, lost, never] = unasked.map(Some);
        [None, off, died, lost, never]
    }

    /// Every combination of what was asked and what was written down.
    fn instances() -> Vec<Instance> {
        let mut all = Vec::new();
        for power in POWERS {
            for seen in SEEN {
                for observed_generation in [2, 3] {
                    for cause in causes() {
                        for ended_generation in [2, 3] {
                            for released in [false, true] {
                                let mut instance = sample();
                                instance.desired.power = power;
                                instance.desired.generation = 3;
                                instance.observed.machine = seen;
                                instance.observed.generation = observed_generation;
                                instance.observed.released = released;
                                instance.observed.ended = cause.clone().map(|cause| Ended {
                                    generation: ended_generation,
                                    cause,
                                    at: 0,
                                });
                                all.push(instance);
                            }
                        }
                    }
                }
            }
        }
        all
    }

    #[test]
    fn the_state_seen_follows_from_the_two_fields() {
        let table = |power, seen, answered: bool| {
            let mut instance = sample();
            instance.desired.power = power;
            instance.desired.generation = 3;
            instance.observed.machine = seen;
            instance.observed.generation = if answered { 3 } else { 2 };
            visible_state(&instance)
        };
        use Power::{Running, Stopped, Terminated};
        for (power, seen, answered, state) in [
            (Running, Seen::Absent, false, State::Pending),
            (Running, Seen::Absent, true, State::Pending),
            (Running, Seen::Off, false, State::Pending),
            (Running, Seen::Off, true, State::Pending),
            (Running, Seen::On, false, State::Pending),
            (Running, Seen::On, true, State::Running),
            (Stopped, Seen::Absent, false, State::Stopping),
            (Stopped, Seen::Absent, true, State::Stopped),
            (Stopped, Seen::Off, false, State::Stopping),
            (Stopped, Seen::Off, true, State::Stopped),
            (Stopped, Seen::On, false, State::Stopping),
            (Stopped, Seen::On, true, State::Stopping),
            (Terminated, Seen::Absent, true, State::ShuttingDown),
            (Terminated, Seen::On, false, State::ShuttingDown),
        ] {
            assert_eq!(table(power, seen, answered), state, "{power:?} {seen:?} {answered}");
        }
    }

    #[test]
    fn the_next_step_follows_from_wish_record_and_fact() {
        use Power::{Running, Stopped, Terminated};
        let off = || Fact::Off(Some(Cause::PoweredOff));
        for (power, seen, answered, fact, step) in [
            (Running, Seen::Absent, false, Fact::Absent, Step::Boot),
            (Running, Seen::Absent, false, Fact::Off(None), Step::Boot),
            (Running, Seen::Absent, false, Fact::Starting, Step::Boot),
            (Running, Seen::Absent, false, Fact::On, Step::Note(Seen::On)),
            (Running, Seen::Off, false, off(), Step::Boot),
            (Running, Seen::On, false, off(), Step::Boot),
            (Running, Seen::On, true, Fact::On, Step::Nothing),
            (Running, Seen::On, true, off(), Step::NoteEnd(Cause::PoweredOff)),
            (Stopped, Seen::On, false, Fact::On, Step::Stop { force: false }),
            (Stopped, Seen::On, false, Fact::Starting, Step::Stop { force: false }),
            (Stopped, Seen::On, false, off(), Step::Note(Seen::Off)),
            (Stopped, Seen::Off, true, off(), Step::Nothing),
            (Stopped, Seen::Absent, false, Fact::Absent, Step::Note(Seen::Absent)),
            (Terminated, Seen::On, false, Fact::On, Step::Remove),
            (Terminated, Seen::Off, true, off(), Step::Remove),
            (Terminated, Seen::On, false, Fact::Absent, Step::Release),
        ] {
            let mut instance = sample();
            instance.desired.power = power;
            instance.desired.generation = 3;
            instance.observed.machine = seen;
            instance.observed.generation = if answered { 3 } else { 2 };
            assert_eq!(plan(&instance, &fact), step, "{power:?} {seen:?} {answered} {fact:?}");
        }
    }

    /// Does the step in a world where everything works.
    fn take(instance: &mut Instance, fact: &mut Fact, step: Step) {
        let generation = instance.desired.generation;
        match step {
            Step::Nothing => {}
            Step::Boot => *fact = Fact::On,
            Step::Reboot => instance.observed.reboots = instance.desired.reboots,
            Step::Stop { .. } => *fact = Fact::Off(Some(Cause::PoweredOff)),
            Step::Remove => *fact = Fact::Absent,
            Step::Release => {
                instance.observed.machine = Seen::Absent;
                instance.observed.generation = generation;
                instance.observed.released = true;
            }
            Step::Note(seen) => {
                instance.observed.machine = seen;
                instance.observed.generation = generation;
            }
            Step::NoteEnd(cause) => instance.observed.ended = Some(Ended { generation, cause, at: 0 }),
        }
    }

    #[test]
    fn from_everywhere_a_few_steps_lead_to_what_was_asked() {
        for start in instances() {
            for begin in facts() {
                let (mut instance, mut fact) = (start.clone(), begin.clone());
                let mut steps = 0;
                loop {
                    let step = plan(&instance, &fact);
                    if step == Step::Nothing {
                        break;
                    }
                    take(&mut instance, &mut fact, step);
                    steps += 1;
                    assert!(steps < 6, "{:?} {:?} {begin:?}", start.desired, start.observed);
                }
                let state = visible_state(&instance);
                let wanted = match target(&instance) {
                    Power::Running => State::Running,
                    Power::Stopped => State::Stopped,
                    Power::Terminated => State::Terminated,
                };
                assert_eq!(state, wanted, "{:?} {:?} {begin:?}", start.desired, start.observed);
            }
        }
    }

    #[test]
    fn what_runs_is_billed_in_one_line_and_spot_by_the_hour() {
        let mut instance = sample();
        assert_eq!(bill(&instance, 9), Bill::default());
        instance.observed.running_since = Some(1_000);
        let lines = |instance: &Instance, now: Millis| -> Vec<(String, Millis, u64)> {
            let lines = bill(instance, now).lines;
            lines.into_iter().map(|line| (line.usage_type, line.start_at, line.quantity)).collect()
        };
        assert_eq!(lines(&instance, 8_000_000), [("BoxUsage:t3.micro".to_owned(), 1_000, 7_999)]);
        instance.spot = Some(crate::rules::spot::sample());
        let hour = |start: Millis, seconds| ("SpotUsage:t3.micro".to_owned(), start, seconds);
        let expected = [hour(1_000, 3_600), hour(3_601_000, 3_600), hour(7_201_000, 799)];
        assert_eq!(lines(&instance, 8_000_000), expected);
        assert_eq!(bill(&instance, 8_000_000).open_from, Some(7_201_000));
        instance.spot.as_mut().unwrap().billed_until = Some(7_201_000);
        assert_eq!(lines(&instance, 8_000_000), [hour(7_201_000, 799)]);
    }

    #[test]
    fn a_later_wish_overrides_an_earlier_end() {
        let mut instance = sample();
        instance.observed.ended = Some(Ended { generation: 1, cause: Cause::PoweredOff, at: 0 });
        assert_eq!(target(&instance), Power::Stopped);
        instance.on_shutdown = OnShutdown::Terminate;
        assert_eq!(target(&instance), Power::Terminated);
        instance.desired.generation = 2;
        assert_eq!(target(&instance), Power::Running);
    }
}
