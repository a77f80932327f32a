//! What an instance is seen as, and the one next step towards what was asked of it.

use kernel::clock::Millis;
use kernel::meter::Usage;

use crate::state::instance::{Cause, Ended, Instance, OnShutdown, Power, Seen};

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
    match (ended_now(instance), instance.desired.power) {
        (Some(Ended { cause: Cause::PoweredOff, .. }), Power::Running) => Some((
            "Client.InstanceInitiatedShutdown",
            "Client.InstanceInitiatedShutdown: Instance initiated shutdown".to_owned(),
        )),
        (Some(Ended { cause: Cause::Died(why), .. }), Power::Running) => {
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
        (Power::Running, Fact::Off(cause)) if observed.machine == Seen::On && answered => {
            Step::NoteEnd(cause.clone().unwrap_or_else(|| Cause::Died("it is off".to_owned())))
        }
        (Power::Running, Fact::Absent) if observed.machine == Seen::On && answered => {
            Step::NoteEnd(Cause::Died("its machine is gone".to_owned()))
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

/// The usage line of an instance that has been running, up to `now`.
pub fn usage(instance: &Instance, now: Millis) -> Option<Usage> {
    let start_at = instance.observed.running_since?;
    let seconds = u64::try_from((now - start_at) / 1_000).unwrap_or(0);
    Some(Usage {
        service: "ec2".to_owned(),
        usage_type: format!("BoxUsage:{}", instance.instance_type),
        resource: instance.id.to_string(),
        start_at,
        end_at: now,
        quantity: seconds,
        unit: "Seconds".to_owned(),
    })
}
