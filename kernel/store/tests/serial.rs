//! Random transactions run at the same time; some serial order must explain everything they saw and left behind.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail the test")]

use std::collections::BTreeMap;
use std::sync::Barrier;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use store::{Scan, Snapshot, Store, StoreError, Tx};

#[derive(Debug, Clone)]
enum Step {
    Get(u8),
    Put(u8, u8),
    Delete(u8),
    Add(u8),
    Scan { start: u8, end: u8, reverse: bool, limit: Option<usize> },
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;
type Seen = Vec<(Vec<u8>, Vec<u8>)>;

/// Counters live apart, so that nothing but additions writes them.
fn key(n: u8) -> Vec<u8> {
    vec![b'k', n]
}

fn counter(n: u8) -> Vec<u8> {
    vec![b'n', n]
}

fn scan(start: u8, end: u8, reverse: bool, limit: Option<usize>) -> Scan {
    let mut scan = Scan::range(key(start)..key(end));
    if reverse {
        scan = scan.reverse();
    }
    limit.map_or(scan.clone(), |limit| scan.clone().limit(limit))
}

fn on_store(tx: &mut Tx, step: &Step) -> Result<Seen, StoreError> {
    match step {
        Step::Get(n) => {
            return Ok(tx.get(key(*n))?.map(|value| (key(*n), value.to_vec())).into_iter().collect());
        }
        Step::Put(n, value) => tx.put(key(*n), vec![*value])?,
        Step::Delete(n) => tx.delete(key(*n))?,
        Step::Add(n) => tx.add(counter(*n), 1)?,
        Step::Scan { start, end, reverse, limit } => {
            let rows = tx.scan(&scan(*start, *end, *reverse, *limit))?;
            return Ok(rows.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect());
        }
    }
    Ok(Seen::new())
}

fn on_model(model: &mut Model, step: &Step) -> Seen {
    match step {
        Step::Get(n) => {
            return model.get(&key(*n)).map(|value| (key(*n), value.clone())).into_iter().collect();
        }
        Step::Put(n, value) => drop(model.insert(key(*n), vec![*value])),
        Step::Delete(n) => drop(model.remove(&key(*n))),
        Step::Add(n) => {
            let count = model.entry(counter(*n)).or_insert_with(|| vec![0; 8]);
            let sum = i64::from_be_bytes(count.as_slice().try_into().unwrap()) + 1;
            *count = sum.to_be_bytes().to_vec();
        }
        Step::Scan { start, end, reverse, limit } => {
            if start >= end {
                return Seen::new();
            }
            let mut rows: Seen = model
                .range(key(*start)..key(*end))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            if *reverse {
                rows.reverse();
            }
            rows.truncate(limit.unwrap_or(usize::MAX));
            return rows;
        }
    }
    Seen::new()
}

fn everything(snapshot: &Snapshot) -> Result<Model, StoreError> {
    let rows = snapshot.scan(&Scan::prefix(""))?;
    Ok(rows.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect())
}

/// Runs every transaction on its own thread; the first runs of all of them overlap.
fn run_together(store: &Store, txs: &[Vec<Step>]) -> Vec<Vec<Seen>> {
    let together = Barrier::new(txs.len());
    let run = |steps: &Vec<Step>| {
        let mut first = true;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let seen = store.write(|tx| {
            let mut seen = Vec::new();
            for step in steps {
                seen.push(on_store(tx, step)?);
                if std::mem::take(&mut first) {
                    together.wait();
                }
            }
            Ok::<_, StoreError>(seen)
        });
        runtime.block_on(seen).unwrap()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = txs.iter().map(|steps| scope.spawn(|| run(steps))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Whether running the transactions left in `order` one after the other shows what was seen, and ends in `end`.
fn explains(model: &Model, left: &[usize], txs: &[Vec<Step>], seen: &[Vec<Seen>], end: &Model) -> bool {
    if left.is_empty() {
        return model == end;
    }
    left.iter().any(|&next| {
        let mut model = model.clone();
        let same = txs[next].iter().zip(&seen[next]).all(|(step, seen)| on_model(&mut model, step) == *seen);
        let left: Vec<usize> = left.iter().copied().filter(|other| *other != next).collect();
        same && explains(&model, &left, txs, seen, end)
    })
}

fn step() -> impl Strategy<Value = Step> {
    let scans = (0..5u8, 1..6u8, any::<bool>(), proptest::option::of(1..3usize));
    prop_oneof![
        3 => (0..5u8).prop_map(Step::Get),
        3 => (0..5u8, any::<u8>()).prop_map(|(n, value)| Step::Put(n, value)),
        1 => (0..5u8).prop_map(Step::Delete),
        1 => (0..2u8).prop_map(Step::Add),
        2 => scans.prop_map(|(start, end, reverse, limit)| Step::Scan { start, end, reverse, limit }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 30,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_serial_order_explains_what_happened(
        rounds in proptest::collection::vec(
            proptest::collection::vec(proptest::collection::vec(step(), 1..5), 2..5), 4..10)
    ) {
        let store = Store::temporary().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut model = Model::new();
        for txs in rounds {
            let seen = run_together(&store, &txs);
            let end = runtime.block_on(store.read(everything)).unwrap();
            let all: Vec<usize> = (0..txs.len()).collect();
            prop_assert!(
                explains(&model, &all, &txs, &seen, &end),
                "from {model:?}\n{txs:?}\nsaw {seen:?}\nleft {end:?}"
            );
            model = end;
        }
    }

    #[test]
    fn one_after_the_other_it_is_a_sorted_map(steps in proptest::collection::vec(step(), 1..200), cut in 1..40usize) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut model = Model::new();
        for (round, steps) in steps.chunks(cut).enumerate() {
            // Reopened now and then: what is on the disk is what counts.
            let store = Store::open(folder.path(), &store::Options::default()).unwrap();
            let seen = runtime.block_on(store.write(|tx| {
                steps.iter().map(|step| on_store(tx, step)).collect::<Result<Vec<Seen>, StoreError>>()
            })).unwrap();
            let expected: Vec<Seen> = steps.iter().map(|step| on_model(&mut model, step)).collect();
            prop_assert_eq!(seen, expected, "round {}", round);
            prop_assert_eq!(&runtime.block_on(store.read(everything)).unwrap(), &model);
        }
    }
}
