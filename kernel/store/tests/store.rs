//! What the store promises, one promise a test.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use store::{Acquired, Options, Result, Row, Scan, Store, StoreError};

async fn put(store: &Store, key: &str, value: &str) {
    store.write(|tx| tx.put(key, value.to_owned())).await.unwrap();
}

async fn get(store: &Store, key: &str) -> Option<Bytes> {
    store.read(|snapshot| snapshot.get(key)).await.unwrap()
}

fn keys(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|(key, _)| std::str::from_utf8(key).unwrap()).collect()
}

#[tokio::test]
async fn reads_what_was_written() {
    let store = Store::temporary().unwrap();
    put(&store, "a", "1").await;
    put(&store, "b", "2").await;
    store.write(|tx| tx.delete("a")).await.unwrap();
    assert_eq!(get(&store, "a").await, None);
    assert_eq!(get(&store, "b").await.unwrap(), "2");
    assert_eq!(store.stats().commits, 3);
}

#[tokio::test]
async fn a_transaction_sees_its_own_writes_in_order() {
    let store = Store::temporary().unwrap();
    for key in ["a", "b", "c", "d", "e"] {
        put(&store, key, "old").await;
    }
    let seen = store.write(|tx| {
        tx.delete("b")?;
        tx.put("c", "new")?;
        tx.put("cc", "new")?;
        assert_eq!(tx.get("b")?, None);
        assert_eq!(tx.get("cc")?.unwrap(), "new");
        let all = tx.scan(&Scan::prefix(""))?;
        assert_eq!(keys(&all), ["a", "c", "cc", "d", "e"]);
        assert_eq!(all[1].1, "new");
        let page = tx.scan(&Scan::prefix("").after("a").limit(2))?;
        assert_eq!(keys(&page), ["c", "cc"]);
        let page = tx.scan(&Scan::prefix("").reverse().after("d").limit(2))?;
        assert_eq!(keys(&page), ["cc", "c"]);
        let part = tx.scan(&Scan::range("b".."d"))?;
        assert_eq!(keys(&part), ["c", "cc"]);
        assert_eq!(keys(&tx.scan(&Scan::prefix("c"))?), ["c", "cc"]);
        assert!(tx.scan(&Scan::range("d".."b"))?.is_empty());
        Ok::<_, StoreError>(all.len())
    });
    assert_eq!(seen.await.unwrap(), 5);
}

#[tokio::test]
async fn a_failed_transaction_writes_nothing() {
    #[derive(Debug)]
    enum Refusal {
        Ours,
        Store,
    }
    impl From<StoreError> for Refusal {
        fn from(_: StoreError) -> Self {
            Refusal::Store
        }
    }
    let store = Store::temporary().unwrap();
    let refused: Result<(), _> =
        store.write(|tx| tx.put("a", "1").map_err(Into::into).and(Err(Refusal::Ours))).await;
    assert!(matches!(refused, Err(Refusal::Ours)));
    let refused: Result<(), Refusal> = store.write(|tx| Ok(tx.put([0xff], "1")?)).await;
    assert!(matches!(refused, Err(Refusal::Store)));
    assert_eq!(get(&store, "a").await, None);
    assert_eq!(store.stats().commits, 0);
}

#[tokio::test]
async fn bounds_are_kept() {
    let store = Store::temporary().unwrap();
    let big = vec![7u8; store::VALUE_BYTES_MAX];
    store.write(|tx| tx.put("big", big.clone())).await.unwrap();
    assert_eq!(get(&store, "big").await.unwrap().len(), big.len());
    let long = store.write(|tx| tx.put(vec![b'k'; store::KEY_BYTES_MAX + 1], "")).await;
    assert!(matches!(long, Err(StoreError::KeyTooLong { .. })));
    let fat = store.write(|tx| tx.put("k", vec![0; store::VALUE_BYTES_MAX + 1])).await;
    assert!(matches!(fat, Err(StoreError::ValueTooLong { .. })));
    let much = store.write(|tx| (0..9).try_for_each(|n| tx.put([n], big.clone()))).await;
    assert!(matches!(much, Err(StoreError::TxTooBig { .. })));
}

#[tokio::test]
async fn a_scan_without_limit_is_refused_when_it_is_too_long() {
    let store = Store::temporary().unwrap();
    let rows = u32::try_from(store::SCAN_ROWS_MAX).unwrap() + 1;
    store.write(|tx| (0..rows).try_for_each(|n| tx.put(n.to_be_bytes(), ""))).await.unwrap();
    let scan = Scan::prefix("");
    assert!(matches!(store.write(|tx| tx.scan(&scan)).await, Err(StoreError::ScanTooLong)));
    assert!(matches!(store.read(|s| s.scan(&scan)).await, Err(StoreError::ScanTooLong)));
    let all = store.read(|s| Ok::<_, StoreError>(s.iter(&scan).count())).await.unwrap();
    assert_eq!(all, store::SCAN_ROWS_MAX + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_increment_is_lost_under_conflict() {
    let store = Store::temporary().unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, runs) = (store.clone(), Arc::clone(&runs));
            tokio::spawn(async move {
                for _ in 0..5 {
                    let step = |tx: &mut store::Tx| {
                        runs.fetch_add(1, Ordering::Relaxed);
                        let n: u64 = tx.get("n")?.map_or(0, |v| String::from_utf8_lossy(&v).parse().unwrap());
                        tx.put("n", (n + 1).to_string())
                    };
                    store.write(step).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(get(&store, "n").await.unwrap(), "80");
    assert!(runs.load(Ordering::Relaxed) > 80, "there were conflicts");
    assert!(store.stats().conflicts > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn write_skew_does_not_happen() {
    // Two doctors, each may leave only while the other is on call: the classic that snapshot isolation gets wrong.
    let store = Store::temporary().unwrap();
    for _ in 0..20 {
        store.write(|tx| tx.put("on/a", "").and_then(|()| tx.put("on/b", ""))).await.unwrap();
        let leave = |who: &'static str| {
            let store = store.clone();
            tokio::spawn(async move {
                let leave = |tx: &mut store::Tx| {
                    if tx.scan(&Scan::prefix("on/"))?.len() > 1 {
                        tx.delete(who)?;
                    }
                    Ok::<_, StoreError>(())
                };
                store.write(leave).await.unwrap();
            })
        };
        let (a, b) = (leave("on/a"), leave("on/b"));
        a.await.unwrap();
        b.await.unwrap();
        let left = store.read(|s| s.scan(&Scan::prefix("on/"))).await.unwrap();
        assert_eq!(left.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_add_without_conflict() {
    let store = Store::temporary().unwrap();
    let add = |delta| {
        let store = store.clone();
        tokio::spawn(async move { store.write(|tx| tx.add("n", delta)).await })
    };
    let tasks: Vec<_> = (1..=100).map(add).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let count = store.write(|tx| {
        tx.add("n", 7)?;
        tx.add("n", -7)?;
        tx.delete("m")?;
        tx.add("m", 3)?;
        Ok::<_, StoreError>((tx.count("n")?, tx.count("m")?))
    });
    assert_eq!(count.await.unwrap(), (5050, 3));
    assert_eq!(store.stats().conflicts, 0);
    put(&store, "text", "abc").await;
    assert!(matches!(store.write(|tx| tx.add("text", 1)).await, Err(StoreError::NotACounter)));
    assert_eq!(get(&store, "text").await.unwrap(), "abc");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_transactions_share_a_sync() {
    let store = Store::temporary().unwrap();
    let write = |n: u32| {
        let store = store.clone();
        tokio::spawn(async move { store.write(|tx| tx.put(n.to_be_bytes(), "x")).await })
    };
    let tasks: Vec<_> = (0..500).map(write).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let stats = store.stats();
    assert_eq!(stats.commits, 500);
    assert!(stats.syncs < 100, "{stats:?}");
    assert!(stats.group_max > 10, "{stats:?}");
}

#[tokio::test]
async fn a_snapshot_does_not_move() {
    let store = Store::temporary().unwrap();
    put(&store, "a", "1").await;
    let scan = Scan::prefix("");
    let rows = store.read(|s| Ok::<_, StoreError>(s.iter(&scan))).await.unwrap();
    put(&store, "b", "2").await;
    assert_eq!(rows.count(), 1);
}

#[tokio::test]
async fn data_survives_a_reopening_and_the_folder_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::default();
    let store = Store::open(folder.path(), &options).unwrap();
    put(&store, "a", "1").await;
    let second = Store::open(folder.path(), &options).err().unwrap();
    assert!(
        matches!(&second, StoreError::Locked { owner, .. }
        if owner.contains(&format!("process {} ", std::process::id()))),
        "{second}"
    );
    drop(store);
    for round in 0..3 {
        let store = Store::open(folder.path(), &options).unwrap();
        assert_eq!(get(&store, "a").await.unwrap(), "1");
        let rounds = store.read(|s| s.scan(&Scan::prefix("round"))).await.unwrap();
        assert_eq!(rounds.len(), round);
        put(&store, &format!("round{round}"), "").await;
    }
}

#[tokio::test]
async fn clear_forgets_everything_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &Options::default()).unwrap();
    for round in 0..3 {
        put(&store, "a", "1").await;
        put(&store, &format!("b{round}"), "2").await;
        store.acquire_lease("l", "me", 10, 0).await.unwrap();
        let mut watch = store.watch_key("a").unwrap();
        store.clear().await.unwrap();
        watch.changed().await;
        assert_eq!(get(&store, "a").await, None);
        let rest = store.write(|tx| Ok::<_, StoreError>((tx.scan(&Scan::prefix(""))?, tx.find_lease("l")?)));
        assert_eq!(rest.await.unwrap(), (vec![], None));
    }
    put(&store, "after", "3").await;
    drop(store);
    let store = Store::open(folder.path(), &Options::default()).unwrap();
    let rows = store.read(|s| s.scan(&Scan::prefix(""))).await.unwrap();
    assert_eq!(keys(&rows), ["after"]);
}

#[tokio::test]
async fn a_transaction_that_a_clear_overtakes_runs_again() {
    let store = Store::temporary().unwrap();
    put(&store, "a", "1").await;
    let (mut runs, other) = (0, store.clone());
    let written = store.write(|tx| {
        runs += 1;
        let seen = tx.get("a")?;
        if runs == 1 {
            // Another thread clears while this transaction runs.
            let other = other.clone();
            let clear = move || {
                tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(other.clear())
            };
            std::thread::spawn(clear).join().unwrap()?;
        }
        tx.put("b", "2")?;
        Ok::<_, StoreError>(seen)
    });
    assert_eq!(written.await.unwrap(), None);
    assert_eq!(runs, 2);
    assert_eq!(get(&store, "b").await.unwrap(), "2");
}

#[tokio::test]
async fn watches_see_their_keys_only() {
    let store = Store::temporary().unwrap();
    let mut key = store.watch_key("q/1").unwrap();
    let mut prefix = store.watch_prefix("q/").unwrap();
    let other = store.watch_prefix("r").unwrap();
    put(&store, "q/10", "").await;
    assert!(!key.has_changed() && prefix.has_changed() && !other.has_changed());
    prefix.changed().await;
    assert!(!prefix.has_changed());
    put(&store, "q/1", "").await;
    key.changed().await;
    prefix.changed().await;
    assert!(!other.has_changed());
    let twin = store.watch_prefix("q/").unwrap();
    drop(prefix);
    put(&store, "q/2", "").await;
    assert!(twin.has_changed());
    drop((twin, key, other));
    assert_eq!(store.stats().watches, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_wake_up_is_lost() {
    // A consumer that makes its watch, looks, and waits must see every item, whatever the interleaving.
    const ITEMS: u32 = 300;
    let store = Store::temporary().unwrap();
    let consumer = {
        let store = store.clone();
        tokio::spawn(async move {
            let mut seen = 0;
            while seen < ITEMS {
                let mut watch = store.watch_key("last").unwrap();
                let last =
                    get(&store, "last").await.map_or(0, |v| String::from_utf8_lossy(&v).parse().unwrap());
                if last == seen {
                    watch.changed().await;
                }
                seen = last;
            }
        })
    };
    for n in 1..=ITEMS {
        put(&store, "last", &n.to_string()).await;
        if n % 7 == 0 {
            tokio::task::yield_now().await;
        }
    }
    tokio::time::timeout(Duration::from_secs(20), consumer).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_lease_has_one_owner() {
    let store = Store::temporary().unwrap();
    let Acquired::Ours(mine) = store.acquire_lease("queue", "a", 100, 1000).await.unwrap() else { panic!() };
    let Acquired::Theirs(seen) = store.acquire_lease("queue", "b", 100, 1099).await.unwrap() else {
        panic!()
    };
    assert_eq!(seen, mine);
    let mine = store.renew_lease(&mine, 100, 1050).await.unwrap().unwrap();
    assert_eq!(mine.expires_at_ms, 1150);
    let Acquired::Ours(theirs) = store.acquire_lease("queue", "b", 100, 1150).await.unwrap() else {
        panic!()
    };
    assert!(theirs.fence > mine.fence);
    assert_eq!(store.renew_lease(&mine, 100, 1151).await.unwrap(), None);
    assert!(!store.write(|tx| tx.check_lease(&mine, 1151)).await.unwrap());
    store.release_lease(&mine).await.unwrap();
    assert!(store.write(|tx| tx.check_lease(&theirs, 1151)).await.unwrap());
    store.release_lease(&theirs).await.unwrap();
    assert_eq!(store.write(|tx| tx.find_lease("queue")).await.unwrap(), None);
}

#[tokio::test]
async fn a_clear_gives_space_back_but_not_under_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { memtable_bytes: 256 << 10, ..Options::default() };
    let store = Store::open(folder.path(), &options).unwrap();
    for n in 0..40_u32 {
        let part = |tx: &mut store::Tx| {
            (0..50_u32).try_for_each(|m| tx.put([n.to_be_bytes(), m.to_be_bytes()].concat(), vec![0; 1000]))
        };
        store.write(part).await.unwrap();
    }
    let scan = Scan::prefix("");
    let rows = store.read(|s| Ok::<_, StoreError>(s.iter(&scan))).await.unwrap();
    assert!(store.stats().tables > 0);
    store.clear().await.unwrap();
    assert_eq!(rows.count(), 2000, "an iterator lives in the era it began in");
    let began = Instant::now();
    while store.stats().tables > 2 && began.elapsed() < Duration::from_secs(5) {
        store.clear().await.unwrap();
    }
    assert!(store.stats().tables <= 2, "{:?}", store.stats());
    put(&store, "after", "").await;
    assert_eq!(keys(&store.read(|s| s.scan(&scan)).await.unwrap()), ["after"]);
}

#[tokio::test]
async fn starts_and_clears_fast() {
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let store = Store::open(folder.path().join("new"), &Options::default()).unwrap();
    let opened = began.elapsed();
    put(&store, "a", "1").await;
    let began = Instant::now();
    store.clear().await.unwrap();
    let cleared = began.elapsed();
    drop(store);
    let began = Instant::now();
    let store = Store::open(folder.path().join("new"), &Options::default()).unwrap();
    println!("open new {opened:?}, clear {cleared:?}, reopen {:?}", began.elapsed());
    for part in 0..50_u32 {
        let keys = part * 1000..(part + 1) * 1000;
        store
            .write(|tx| keys.clone().try_for_each(|n| tx.put(n.to_be_bytes(), vec![b'x'; 300])))
            .await
            .unwrap();
    }
    drop(store);
    let began = Instant::now();
    let store = Store::open(folder.path().join("new"), &Options::default()).unwrap();
    let opened = began.elapsed();
    let scan = Scan::prefix("");
    let rows = store.read(|s| Ok::<_, StoreError>(s.iter(&scan).count())).await.unwrap();
    assert_eq!(rows, 50_000);
    println!("reopen with 50,000 keys {opened:?}, and read them {:?}", began.elapsed());
    drop(store);
    assert!(cleared < Duration::from_millis(200), "one small write");
}
