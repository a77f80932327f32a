//! The index against a plain model of what a queue is: random histories of sends, receives, deletes and time.

use proptest::prelude::*;

use super::*;

/// A message of the model: nothing but facts.
#[derive(Clone, Debug)]
struct Fact {
    sequence: Sequence,
    group: u8,
    visible_at: Millis,
    receives: u32,
}

#[derive(Clone, Debug)]
enum Step {
    Send {
        group: u8,
        delay: Millis,
    },
    /// A message numbered and then given up.
    GiveUp {
        group: u8,
    },
    Receive {
        count: usize,
        visibility: Millis,
    },
    /// Reserved and then not written.
    Fail {
        count: usize,
    },
    Delete {
        nth: usize,
    },
    Change {
        nth: usize,
        visibility: Millis,
    },
    Wait {
        by: Millis,
    },
    Purge,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3u8, prop_oneof![4 => Just(0), 1 => 1..20i64]).prop_map(|(group, delay)| Step::Send { group, delay }),
        1 => (0..3u8).prop_map(|group| Step::GiveUp { group }),
        3 => (1..4usize, 0..20i64).prop_map(|(count, visibility)| Step::Receive { count, visibility }),
        1 => (1..4usize).prop_map(|count| Step::Fail { count }),
        2 => (0..20usize).prop_map(|nth| Step::Delete { nth }),
        1 => (0..20usize, 0..20i64).prop_map(|(nth, visibility)| Step::Change { nth, visibility }),
        2 => (1..15i64).prop_map(|by| Step::Wait { by }),
        1 => Just(Step::Purge),
    ];
    prop::collection::vec(step, 1..60)
}

struct Model {
    facts: Vec<Fact>,
    now: Millis,
    fifo: bool,
}

impl Model {
    fn is_visible(&self, fact: &Fact) -> bool {
        fact.visible_at <= self.now
    }

    /// Whether the index may hand out this message after those before it.
    fn may_go(&self, sequence: Sequence, taken: &[Sequence]) -> bool {
        let Some(fact) = self.facts.iter().find(|f| f.sequence == sequence) else { return false };
        let earlier = |f: &&Fact| f.group == fact.group && f.sequence < sequence;
        self.is_visible(fact)
            && (!self.fifo || self.facts.iter().filter(earlier).all(|f| taken.contains(&f.sequence)))
    }

    /// How many could be handed out.
    fn available(&self) -> usize {
        let mut taken = Vec::new();
        for fact in &self.facts {
            if self.may_go(fact.sequence, &taken) {
                taken.push(fact.sequence);
            }
        }
        taken.len()
    }
}

fn want(now: Millis, count: usize) -> Want {
    Want { now, count, sent_after: Millis::MIN, receives_max: None, in_flight_max: usize::MAX }
}

fn play(fifo: bool, steps: Vec<Step>) {
    let mut index = Index::new(fifo, 0);
    let mut model = Model { facts: Vec::new(), now: 1, fifo };
    for step in steps {
        let now = model.now;
        match step {
            Step::Send { group, delay } => {
                let name = group.to_string();
                let sequence = index.assign(now, Some(&name));
                let visible_at = if delay > 0 { now + delay } else { 0 };
                index.arrive(&Arrival { sequence, group: Some(&name), sent_at: now, visible_at }, now);
                model.facts.push(Fact { sequence, group, visible_at, receives: 0 });
            }
            Step::GiveUp { group } => {
                let name = group.to_string();
                let sequence = index.assign(now, Some(&name));
                index.give_up(sequence, Some(&name));
            }
            Step::Receive { count, visibility } => {
                let taken = index.take(&want(now, count)).received;
                assert_eq!(taken.len(), count.min(model.available()));
                for (at, sequence) in taken.iter().enumerate() {
                    assert!(model.may_go(*sequence, &taken[..at]), "{sequence} is out of order or invisible");
                }
                for sequence in taken {
                    let fact = model.facts.iter_mut().find(|f| f.sequence == sequence).unwrap();
                    fact.visible_at = now + visibility;
                    fact.receives += 1;
                    let lease =
                        Lease { visible_at: fact.visible_at, receives: fact.receives, ..Lease::default() };
                    index.set_lease(sequence, lease, now);
                }
            }
            Step::Fail { count } => {
                let taken = index.take(&want(now, count)).received;
                taken.iter().for_each(|sequence| index.release(*sequence));
            }
            Step::Delete { nth } if nth < model.facts.len() => {
                let fact = model.facts.remove(nth);
                index.remove(fact.sequence);
            }
            Step::Change { nth, visibility } if nth < model.facts.len() => {
                let fact = &mut model.facts[nth];
                if fact.receives > 0 && fact.visible_at > now {
                    fact.visible_at = now + visibility;
                    let lease =
                        Lease { visible_at: fact.visible_at, receives: fact.receives, ..Lease::default() };
                    index.set_lease(fact.sequence, lease, now);
                }
            }
            Step::Delete { .. } | Step::Change { .. } => {}
            Step::Wait { by } => model.now += by,
            Step::Purge => {
                let floor = index.next_floor(now);
                index.purge(floor);
                model.facts.clear();
            }
        }
        let counts = index.counts(model.now);
        assert_eq!(counts.visible, model.facts.iter().filter(|f| model.is_visible(f)).count());
        let away = |received: bool| {
            model.facts.iter().filter(|f| !model.is_visible(f) && (f.receives > 0) == received).count()
        };
        assert_eq!((counts.in_flight, counts.delayed), (away(true), away(false)));
    }
}

proptest! {
    #[test]
    fn a_standard_queue_is_what_its_model_says(steps in steps()) {
        play(false, steps);
    }

    #[test]
    fn a_fifo_queue_is_what_its_model_says(steps in steps()) {
        play(true, steps);
    }
}

#[test]
fn an_announced_message_holds_back_its_group_only() {
    let mut index = Index::new(true, 0);
    let early = index.assign(1, Some("a"));
    for group in ["a", "b"] {
        let sequence = index.assign(1, Some(group));
        index.arrive(&Arrival { sequence, group: Some(group), sent_at: 1, visible_at: 0 }, 1);
    }
    let first = index.take(&want(1, 10)).received;
    assert_eq!(first.len(), 1, "only b's");
    index.arrive(&Arrival { sequence: early, group: Some("a"), sent_at: 1, visible_at: 0 }, 1);
    let second = index.take(&want(1, 10)).received;
    assert_eq!((second.len(), second[0]), (2, early));
}

#[test]
fn limits_and_ends_of_life_are_kept() {
    let mut index = Index::new(false, 0);
    for sent_at in 1..=4 {
        let sequence = index.assign(sent_at, None);
        index.arrive(&Arrival { sequence, group: None, sent_at, visible_at: 0 }, sent_at);
    }
    let taken = index.take(&Want { in_flight_max: 2, ..want(4, 1) });
    assert_eq!((taken.received.len(), taken.over_limit), (1, false));
    let again = Lease { visible_at: 4, receives: 2, ..Lease::default() };
    index.set_lease(taken.received[0], again, 4);
    let taken = index.take(&Want { sent_after: 2, receives_max: Some(2), ..want(4, 10) });
    assert_eq!((taken.received.len(), taken.expired.len(), taken.dead.len()), (2, 2, 0));
    taken.all().for_each(|sequence| index.release(sequence));
    let taken = index.take(&Want { receives_max: Some(2), ..want(4, 10) });
    assert_eq!((taken.received.len(), taken.dead.len()), (3, 1));
    let full = index.take(&Want { in_flight_max: 4, ..want(4, 10) });
    assert!(full.over_limit && full.is_empty());
}

/// By hand: `cargo test -p sqs -- --ignored --nocapture a_waiting_message`.
#[test]
#[ignore = "a figure"]
#[allow(clippy::print_stdout, reason = "what it is for")]
fn a_waiting_message_takes_little_memory() {
    let resident = || {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
    };
    const COUNT: usize = 1_000_000;
    for (fifo, group) in [(false, None), (true, Some("one"))] {
        let before = resident();
        let mut index = Index::new(fifo, 0);
        for _ in 0..COUNT {
            let sequence = index.assign(1, group);
            index.arrive(&Arrival { sequence, group, sent_at: 1, visible_at: 0 }, 1);
        }
        println!("fifo {fifo}: {} bytes per message", (resident() - before) / COUNT);
    }
}
