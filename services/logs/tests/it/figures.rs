//! Figures, by hand: `cargo test --release -p logs --test it -- --ignored --nocapture figures`.
#![allow(clippy::print_stdout, reason = "what it is for")]

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::*;

/// Events of one put, puts of one stream, streams.
const BATCH: usize = 5_000;
const PUTS: usize = 25;
const STREAMS: usize = 8;

fn line(n: usize) -> String {
    let level = if n.is_multiple_of(1_000) { "ERROR" } else { "INFO" };
    format!(
        r#"{{"level":"{level}","request":"{n:08}","path":"/shop/items/{}","ms":{},"status":200}}"#,
        n % 977,
        n % 251
    )
}

#[expect(clippy::disallowed_methods, reason = "a figure, not a time")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute and proves nothing by itself"]
async fn figures() {
    let cloud = Arc::new(cloud().await);
    let names: Vec<String> = (0..STREAMS).map(|n| format!("s{n}")).collect();
    make(&cloud, "g", &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let began = now();
    let mut writers = JoinSet::new();
    for name in names {
        let cloud = cloud.clone();
        writers.spawn(async move {
            for put_at in 0..PUTS {
                let lines: Vec<String> = (0..BATCH).map(|n| line(put_at * BATCH + n)).collect();
                let at = cloud.now() + i64::try_from(put_at).unwrap();
                let events: Vec<(Millis, &str)> = lines.iter().map(|line| (at, line.as_str())).collect();
                put(&cloud, ("g", &name), &events).await;
            }
        });
    }
    writers.join_all().await;
    let total = BATCH * PUTS * STREAMS;
    let seconds = began.elapsed().as_secs_f64();
    let stored = describe(&cloud, "g").await[0].stored_bytes.unwrap();
    println!("{total} events put in {seconds:.2} s; {stored} bytes stored");
    for pattern in ["ERROR", "{ $.level = \"ERROR\" }"] {
        let began = now();
        let found = filtered(&cloud, filter("g", pattern)).await.len();
        println!("{pattern}: {found} of {total} in {:.2} s", began.elapsed().as_secs_f64());
    }
    for text in ["filter @message like /ERROR/ | limit 10", "stats count(*), pct(ms, 99) by status"] {
        let began = now();
        let id = cloud.call(op::StartQuery, query::start(&cloud, text)).await.unwrap().query_id.unwrap();
        cloud
            .eventually("the query ends", async || {
                let asked = GetQueryResultsRequest { query_id: id.clone(), ..Default::default() };
                let found = cloud.call(op::GetQueryResults, asked).await.unwrap();
                (found.status.as_deref() == Some("Complete")).then_some(())
            })
            .await;
        println!("{text}: {:.2} s", began.elapsed().as_secs_f64());
    }
}
