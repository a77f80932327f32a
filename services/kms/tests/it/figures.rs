//! Figures, by hand: `cargo test --release -p kms --test it -- --ignored --nocapture figures`.
#![allow(clippy::print_stdout, reason = "what it is for")]

use std::sync::Arc;
use std::time::Instant;

use api_kms::*;
use tokio::task::JoinSet;

use crate::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes seconds and proves nothing by itself"]
async fn figures() {
    let cloud = Arc::new(cloud().await);
    let id = make(&cloud).await;
    #[expect(clippy::disallowed_methods, reason = "a figure, not a time")]
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let (cloud, id) = (cloud.clone(), id.clone());
        callers.spawn(async move {
            for _ in 0..500 {
                let input = GenerateDataKeyRequest {
                    key_id: id.clone(),
                    key_spec: Some("AES_256".into()),
                    ..Default::default()
                };
                cloud.call(op::GenerateDataKey, input).await.unwrap();
            }
        });
    }
    callers.join_all().await;
    println!("GenerateDataKey, 64 callers: {}/s", 64 * 500 * 1_000 / began.elapsed().as_millis().max(1));
}
