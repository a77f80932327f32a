//! How many durable 512-byte puts the store takes a second, against a bare file with group commit in the same run.
//!
//! `cargo run --release -p store --example commit_rate [folder [writers]]`; the folder's file system is what is measured.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measurement for a person to read")]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use store::{Options, Store};
use tokio::sync::oneshot;

const VALUE_BYTES: usize = 512;
const WRITERS: [usize; 5] = [1, 8, 64, 256, 1024];
const RUN: Duration = Duration::from_secs(2);
const FILE_BYTES: usize = 64 << 20;

/// What the file is like before the first append; it decides what a sync must write besides the data.
#[derive(Clone, Copy, Debug)]
enum FileKind {
    /// It grows with every append.
    Empty,
    /// It has its size but no blocks, like the journal of the store's engine.
    Hole,
    /// Every block was written before.
    Zeros,
}

fn main() {
    let parent = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(&parent).expect("a folder to measure in");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!("commits/s of {VALUE_BYTES} bytes; bare file with group commit, then the store");
    println!(
        "{:>8} {:>9} {:>9} {:>9} {:>9} {:>7} {:>8} {:>9}",
        "writers", "growing", "hole", "zeros", "store", "ratio", "per sync", "sync µs"
    );
    let writers = std::env::args().nth(2).and_then(|only| only.parse().ok());
    for writers in writers.map_or(WRITERS.to_vec(), |only| vec![only]) {
        let bare = [FileKind::Empty, FileKind::Hole, FileKind::Zeros]
            .map(|kind| runtime.block_on(bare(folder.path(), kind, writers)));
        let store =
            Store::open(folder.path().join(format!("store{writers}")), &Options::default()).expect("opens");
        let rate = runtime.block_on(stored(&store, writers));
        let stats = store.stats();
        let best = bare.iter().copied().fold(0.0, f64::max);
        println!(
            "{writers:>8} {:>9.0} {:>9.0} {:>9.0} {rate:>9.0} {:>6.0}% {:>8.1} {:>9}",
            bare[0],
            bare[1],
            bare[2],
            100.0 * rate / best,
            stats.commits as f64 / stats.syncs as f64,
            stats.write_ns / stats.syncs.max(1) / 1000,
        );
    }
}

/// Runs `writers` tasks of `step` in a closed loop; commits a second.
async fn measure<F: Future<Output = ()> + Send>(
    writers: usize,
    step: impl Fn(u64) -> F + Clone + Send + 'static,
) -> f64 {
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let began = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let (done, stop, step) = (Arc::clone(&done), Arc::clone(&stop), step.clone());
            tokio::spawn(async move {
                let mut n = writer as u64;
                while !stop.load(Relaxed) {
                    step(n).await;
                    n += writers as u64;
                    done.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(RUN).await;
    stop.store(true, Relaxed);
    for task in tasks {
        task.await.expect("a writer");
    }
    done.load(Relaxed) as f64 / began.elapsed().as_secs_f64()
}

async fn stored(store: &Store, writers: usize) -> f64 {
    let store = store.clone();
    measure(writers, move |n| {
        let store = store.clone();
        async move {
            let key = format!("000000000000/eu-west-1/message/{n:012}");
            store.write(|tx| tx.put(&key, vec![b'x'; VALUE_BYTES])).await.expect("a commit");
        }
    })
    .await
}

type Line = (Vec<u8>, oneshot::Sender<()>);

/// None at the end.
#[derive(Default)]
struct Waiting {
    lines: Mutex<Option<Vec<Line>>>,
    arrived: Condvar,
}

async fn bare(folder: &Path, kind: FileKind, writers: usize) -> f64 {
    let mut file = file(folder, kind);
    let waiting = Arc::new(Waiting { lines: Mutex::new(Some(Vec::new())), ..Waiting::default() });
    let theirs = Arc::clone(&waiting);
    let syncer = std::thread::spawn(move || {
        while let Some(group) = take(&theirs) {
            let bytes: Vec<u8> = group.iter().flat_map(|(line, _)| line).copied().collect();
            file.write_all(&bytes).expect("appends");
            file.sync_data().expect("syncs");
            for (_, reply) in group {
                reply.send(()).expect("a waiting writer");
            }
        }
    });
    let ours = Arc::clone(&waiting);
    let rate = measure(writers, move |_| {
        let waiting = Arc::clone(&ours);
        async move {
            let (reply, done) = oneshot::channel();
            if let Some(lines) = &mut *waiting.lines.lock().unwrap_or_else(PoisonError::into_inner) {
                lines.push((vec![b'x'; VALUE_BYTES], reply));
            }
            waiting.arrived.notify_one();
            done.await.expect("a sync");
        }
    })
    .await;
    *waiting.lines.lock().unwrap_or_else(PoisonError::into_inner) = None;
    waiting.arrived.notify_one();
    syncer.join().expect("the syncer");
    rate
}

/// All that waits, when there is something; None at the end.
fn take(waiting: &Waiting) -> Option<Vec<Line>> {
    let lines = waiting.lines.lock().unwrap_or_else(PoisonError::into_inner);
    let empty = |lines: &mut Option<Vec<_>>| lines.as_ref().is_some_and(Vec::is_empty);
    let mut lines = waiting.arrived.wait_while(lines, empty).unwrap_or_else(PoisonError::into_inner);
    lines.as_mut().map(std::mem::take)
}

fn file(folder: &Path, kind: FileKind) -> File {
    let path = folder.join(format!("{kind:?}"));
    let mut file = File::create(&path).expect("a file");
    match kind {
        FileKind::Empty => {}
        FileKind::Hole => file.set_len(FILE_BYTES as u64).expect("a hole"),
        FileKind::Zeros => {
            file.write_all(&vec![0; FILE_BYTES]).expect("zeros");
            drop(file);
            file = File::options().write(true).open(&path).expect("opens again");
        }
    }
    file.sync_all().expect("syncs");
    file
}
