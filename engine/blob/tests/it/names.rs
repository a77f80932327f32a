//! Ids: what is refused, and that no two meet.

use blob::{BlobId, ContentId, Error};

use crate::world::{ANY, id, names, read, world};

#[test]
fn traversal_and_other_nonsense_is_refused() {
    let long = "a/".repeat(300);
    let deep = "a/a/a/a/a/a/a/a/a";
    let wide = "x".repeat(129);
    for name in [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../a",
        "a/../b",
        "a/..",
        ".",
        "./a",
        "a//b",
        "a/",
        ".hidden",
        "a/.b",
        "-a",
        "a b",
        "a\0b",
        "a\nb",
        "a#1",
        "a%2e",
        "a\\b",
        "=staging/x",
        "a/=7f/b",
        "=lock",
        "é",
        "a:b",
        "a*",
        "~",
        &long,
        deep,
        &wide,
    ] {
        assert!(matches!(BlobId::new(name), Err(Error::Id { .. })), "{name:?}");
    }
    for name in ["a", "_", "0", "a.b-c_D", "a..b", "a/b/c/d/e/f/g/h", &"x".repeat(128)] {
        assert_eq!(BlobId::new(name).unwrap().as_str(), name);
    }
    for name in ["", "ab", &"A".repeat(64), &"g".repeat(64), &"é".repeat(32)] {
        assert!(name.parse::<ContentId>().is_err(), "{name:?}");
    }
    let content: ContentId = "0f".repeat(32).parse().unwrap();
    assert_eq!(content.blob_id().content(), Some(content));
}

#[tokio::test]
async fn the_content_folder_is_not_written_by_id() {
    let w = world();
    let taken = id(&format!("sha256/{}", "0".repeat(64)));
    assert!(matches!(w.blobs.put(&taken, vec![1], ANY).await, Err(Error::Id { .. })));
    assert!(matches!(w.blobs.put(&id("sha256"), vec![1], ANY).await, Err(Error::Id { .. })));
}

#[tokio::test]
async fn a_blob_and_a_folder_of_one_name_live_together() {
    let w = world();
    let all = ["a", "a/a", "a/a/a", "a/7f/a", "7f", "7f/a", "ca", "ca/a"];
    for name in all {
        w.blobs.put(&id(name), name.as_bytes().to_vec(), ANY).await.unwrap();
    }
    for name in all {
        assert_eq!(read(&w.blobs, &id(name)).await, name.as_bytes());
    }
    assert_eq!(names(&w.blobs).await.len(), all.len());
}
