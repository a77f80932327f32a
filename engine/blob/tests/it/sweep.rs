//! The sweep takes what nothing names, and never what is young.

use std::path::Path;
use std::time::{Duration, SystemTime};

use blob::{BlobId, Blobs, BoxError, Error, Swept};
use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::world::{ANY, World, files, id, names, world};

const HOUR: Duration = Duration::from_secs(3600);

fn keep(named: &'static [&'static str]) -> impl Fn(BlobId) -> BoxFuture<'static, Result<bool, BoxError>> {
    move |id| ready(Ok(named.contains(&id.as_str()))).boxed()
}

fn age(dir: &Path) {
    for file in files(dir) {
        std::fs::File::open(file).unwrap().set_modified(SystemTime::now() - 2 * HOUR).unwrap();
    }
}

#[tokio::test]
async fn old_and_unnamed_goes() {
    let w = world();
    for name in ["x/old-named", "x/old"] {
        w.blobs.put(&id(name), vec![0; 52], ANY).await.unwrap();
    }
    std::fs::write(w.dir.path().join("stranger"), "not ours").unwrap();
    age(w.dir.path());
    w.blobs.put(&id("x/young"), vec![0; 52], ANY).await.unwrap();
    let refused = w.blobs.sweep(&|_| ready(Err("no store".into())).boxed(), HOUR).await;
    assert!(matches!(refused, Err(Error::Keep(_))));
    let swept = w.blobs.sweep(&keep(&["x/old-named"]), HOUR).await.unwrap();
    assert_eq!(swept, Swept { blobs: 1, temporaries: 0, size_bytes: 100 });
    assert_eq!(names(&w.blobs).await, ["x/old-named", "x/young"]);
    assert!(w.dir.path().join("stranger").exists());
}

#[tokio::test]
async fn remains_of_a_crash_go_but_not_those_of_the_living() {
    let w = world();
    w.blobs.put(&id("t"), vec![1], ANY).await.unwrap();
    let file = files(w.dir.path()).pop().unwrap();
    let crashed = |n: u32| file.with_file_name(format!("t#{n}"));
    std::fs::write(crashed(1), "half").unwrap();
    std::fs::create_dir(w.dir.path().join("=staging")).unwrap();
    std::fs::write(w.dir.path().join("=staging/abc"), "whole").unwrap();
    age(w.dir.path());
    std::fs::write(crashed(2), "still arriving").unwrap();
    let swept = w.blobs.sweep(&keep(&["t"]), HOUR).await.unwrap();
    assert_eq!(swept, Swept { blobs: 0, temporaries: 2, size_bytes: 9 });
    assert_eq!(files(w.dir.path()).len(), 2);
    // Even with no age asked for: written since the folder was opened, it may be in use.
    assert_eq!(w.blobs.sweep(&keep(&["t"]), Duration::ZERO).await.unwrap(), Swept::default());
    let World { blobs, dir } = w;
    drop(blobs);
    let blobs = Blobs::local(dir.path()).unwrap();
    assert_eq!(blobs.sweep(&keep(&["t"]), Duration::ZERO).await.unwrap().temporaries, 1);
}

#[tokio::test]
async fn content_found_again_is_young_again() {
    let w = world();
    let (content, _) = w.blobs.put_by_content(b"again".to_vec(), ANY).await.unwrap();
    age(w.dir.path());
    w.blobs.put_by_content(b"again".to_vec(), ANY).await.unwrap();
    assert_eq!(w.blobs.sweep(&keep(&[]), HOUR).await.unwrap(), Swept::default());
    w.blobs.verify(&content.blob_id()).await.unwrap();

    // Also when the sweep has already found it old and unnamed.
    age(w.dir.path());
    let blobs = w.blobs.clone();
    let meanwhile = move |_| {
        let blobs = blobs.clone();
        async move {
            blobs.put_by_content(b"again".to_vec(), ANY).await?;
            Ok(false)
        }
        .boxed()
    };
    assert_eq!(w.blobs.sweep(&meanwhile, HOUR).await.unwrap(), Swept::default());
    w.blobs.verify(&content.blob_id()).await.unwrap();
}
