//! Writers killed at random moments: what they had acknowledged is whole, the rest is whole or invisible.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use blob::{BlobId, Blobs};
use futures_util::future::{FutureExt, ready};

use crate::world::{ANY, files, id, names, pattern, read, trickle};

const DIR: &str = "BLOB_CRASH_DIR";
const ROUND: &str = "BLOB_CRASH_ROUND";
const KILLS: u64 = 24;
const WRITERS: u64 = 4;

fn size(seed: u64) -> usize {
    [10, 5_000, 300_000, 2 << 20, (3 << 20) + 7][usize::try_from(seed % 5).unwrap()]
}

/// Not a test of its own: the process that is killed. Says `ack NAME SEED` after each put.
#[test]
#[ignore = "runs as the child of the crash test"]
fn writer() {
    let (Ok(dir), Ok(round)) = (std::env::var(DIR), std::env::var(ROUND)) else { return };
    let round: u64 = round.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let blobs = Blobs::local(dir).unwrap();
        println!("ack open 0");
        let writers = (0..WRITERS).map(|writer| {
            let blobs = blobs.clone();
            tokio::spawn(async move {
                for n in 0.. {
                    let seed = (round * 1000 + n) * WRITERS + writer;
                    let body = trickle(&pattern(seed, size(seed)), 100_000);
                    let id = if n % 3 == 0 {
                        blobs.put_by_content(body, ANY).await.unwrap().0.blob_id()
                    } else {
                        let id = id(&format!("w{writer}/b{seed}"));
                        blobs.put(&id, body, ANY).await.unwrap();
                        id
                    };
                    println!("ack {id} {seed}");
                }
            })
        });
        futures_util::future::join_all(writers.collect::<Vec<_>>()).await;
    });
}

/// Runs the writer for a while and kills it; gives what it had acknowledged.
fn kill_one(dir: &Path, round: u64, after: Duration) -> Vec<(BlobId, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::writer", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (opened, wait) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut acks = Vec::new();
        for line in lines.map_while(Result::ok) {
            let Some((_, ack)) = line.split_once("ack ") else { continue };
            match ack.split_once(' ') {
                Some(("open", _)) => opened.send(()).unwrap(),
                Some((name, seed)) => acks.push((id(name), seed.parse().unwrap())),
                None => {}
            }
        }
        acks
    });
    let opened = wait.recv_timeout(Duration::from_secs(20));
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    opened.expect("the writer opened its folder");
    reader.join().unwrap()
}

#[tokio::test]
async fn killed_writers_lose_nothing_they_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acks = Vec::new();
    for round in 0..KILLS {
        let after = Duration::from_millis(pattern(u64::from(std::process::id()) + round, 1)[0].into());
        acks.extend(kill_one(dir.path(), round, after));
    }
    let blobs = Blobs::local(dir.path()).unwrap();
    for (id, seed) in &acks {
        assert_eq!(read(&blobs, id).await, pattern(*seed, size(*seed)), "{id}");
    }
    let visible = names(&blobs).await;
    for name in &visible {
        blobs.verify(&id(name)).await.unwrap();
    }
    let found = files(dir.path()).len();
    let named: HashSet<String> = acks.iter().map(|(id, _)| id.to_string()).collect();
    let kept = named.clone();
    let keep = move |id: BlobId| ready(Ok(kept.contains(id.as_str()))).boxed();
    let swept = blobs.sweep(&keep, Duration::ZERO).await.unwrap();
    println!(
        "{KILLS} kills: {} acknowledged, {} visible, {found} files, swept {swept:?}",
        acks.len(),
        visible.len()
    );
    assert!(acks.len() > 10, "the writers got nowhere");
    let mut left: Vec<String> = named.into_iter().collect();
    left.sort();
    assert_eq!(names(&blobs).await, left);
    assert_eq!(files(dir.path()).len(), left.len());
}
