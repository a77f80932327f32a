//! What a queue costs that puts at the tail and deletes at the head: the time to find the first ten rows.
//!
//! `cargo run --release -p store --example queue_scan [folder [messages]]`
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measurement for a person to read")]

use std::time::{Duration, Instant};

use store::{Options, Result, Scan, Store};

/// Messages put or deleted in one transaction.
const STEP: u64 = 1000;
const VALUE_BYTES: usize = 512;

fn key(n: u64) -> String {
    format!("queue/{n:016}")
}

async fn put(store: &Store, from: u64) -> Result<()> {
    store.write(|tx| (from..from + STEP).try_for_each(|n| tx.put(key(n), vec![b'x'; VALUE_BYTES]))).await
}

async fn delete(store: &Store, from: u64) -> Result<()> {
    store.write(|tx| (from..from + STEP).try_for_each(|n| tx.delete(key(n)))).await
}

async fn find(store: &Store, scan: &Scan) -> Result<Duration> {
    let began = Instant::now();
    let rows = store.read(|snapshot| snapshot.scan(scan)).await?;
    assert!(rows.len() <= 10, "no more than asked for");
    Ok(began.elapsed())
}

/// Finds the head from the queue's beginning, and from where it was last.
async fn report(store: &Store, what: &str, head: u64) -> Result<()> {
    let blind = find(store, &Scan::prefix("queue/").limit(10)).await?;
    let known = find(store, &Scan::range(key(head)..key(u64::MAX)).limit(10)).await?;
    println!("{what:>8} {head:>9} {blind:>12.1?} {known:>12.1?} {:>7}", store.stats().tables);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let parent = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let messages = std::env::args().nth(2).and_then(|n| n.parse().ok()).unwrap_or(1_000_000_u64);
    let folder = tempfile::tempdir_in(&parent).expect("a folder to measure in");
    let often = (messages / 10).next_multiple_of(STEP);
    println!("{:>8} {:>9} {:>12} {:>12} {:>7}", "", "deleted", "from start", "from head", "tables");

    let store = Store::open(folder.path().join("backlog"), &Options::default())?;
    for n in (0..messages).step_by(1000) {
        put(&store, n).await?;
    }
    for n in (0..messages).step_by(1000) {
        if n % often == 0 {
            report(&store, "backlog", n).await?;
        }
        delete(&store, n).await?;
    }
    report(&store, "backlog", messages).await?;
    drop(store);

    let store = Store::open(folder.path().join("steady"), &Options::default())?;
    for n in (0..messages).step_by(1000) {
        put(&store, n).await?;
        if n % often == 0 {
            report(&store, "steady", n).await?;
        }
        delete(&store, n).await?;
    }
    report(&store, "steady", messages).await
}
