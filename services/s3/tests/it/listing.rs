//! Listings: in order, rolled up, in pages that miss nothing and repeat nothing.

use api_s3::{ListObjectsRequest, ListObjectsV2Request, op};

use super::Lab;

/// Keys that sort oddly, share beginnings, and lie around a delimiter.
const KEYS: [&str; 14] = [
    "a",
    "a/",
    "a/1",
    "a/2/x",
    "a0",
    "b/c/d",
    "b/c/e",
    "b//",
    "é",
    "é/1",
    "\u{10ffff}",
    "z\u{0}",
    "z\u{0}y",
    "z y",
];

async fn filled() -> Lab {
    let lab = Lab::new().await;
    for key in KEYS {
        lab.put(key, key).await;
    }
    lab
}

/// What a listing must give, computed plainly.
fn expected(prefix: &str, delimiter: Option<&str>) -> Vec<String> {
    let mut keys: Vec<&str> = KEYS.into_iter().filter(|key| key.starts_with(prefix)).collect();
    keys.sort_unstable();
    let mut entries: Vec<String> = Vec::new();
    for key in keys {
        let rolled = delimiter.and_then(|delimiter| {
            let at = key[prefix.len()..].find(delimiter)?;
            Some(key[..prefix.len() + at + delimiter.len()].to_owned())
        });
        let entry = rolled.map_or_else(|| format!("k{key}"), |prefix| format!("p{prefix}"));
        if entries.last() != Some(&entry) {
            entries.push(entry);
        }
    }
    entries
}

fn sorted(mut entries: Vec<String>) -> Vec<String> {
    entries.sort_by(|a, b| a[1..].cmp(&b[1..]));
    entries
}

#[tokio::test]
async fn the_second_version_pages_by_token() {
    let lab = filled().await;
    for (prefix, delimiter) in
        [("", None), ("", Some("/")), ("a", Some("/")), ("b/", Some("/")), ("z", Some("\u{0}"))]
    {
        for max in [1, 2, 3, 1_000] {
            let (mut entries, mut token) = (Vec::new(), None);
            loop {
                let input = ListObjectsV2Request {
                    bucket: "bbb".to_owned(),
                    prefix: Some(prefix.to_owned()),
                    delimiter: delimiter.map(str::to_owned),
                    max_keys: Some(max),
                    continuation_token: token.take(),
                    ..Default::default()
                };
                let page = lab.cloud.call(op::ListObjectsV2, input).await.unwrap();
                let count = entries.len();
                entries.extend(
                    page.contents.unwrap_or_default().into_iter().map(|o| format!("k{}", o.key.unwrap())),
                );
                entries.extend(
                    page.common_prefixes
                        .unwrap_or_default()
                        .into_iter()
                        .map(|p| format!("p{}", p.prefix.unwrap())),
                );
                assert_eq!(page.key_count, i32::try_from(entries.len() - count).ok());
                token = page.next_continuation_token;
                assert_eq!(page.is_truncated, Some(token.is_some()));
                if token.is_none() {
                    break;
                }
            }
            assert_eq!(
                sorted(entries),
                sorted(expected(prefix, delimiter)),
                "{prefix:?} {delimiter:?} {max}"
            );
        }
    }
}

#[tokio::test]
async fn the_first_version_pages_by_marker() {
    let lab = filled().await;
    for delimiter in [None, Some("/")] {
        let (mut entries, mut marker) = (Vec::new(), None);
        loop {
            let input = ListObjectsRequest {
                bucket: "bbb".to_owned(),
                delimiter: delimiter.map(str::to_owned),
                max_keys: Some(2),
                marker: marker.take(),
                ..Default::default()
            };
            let page = lab.cloud.call(op::ListObjects, input).await.unwrap();
            let keys: Vec<_> = page.contents.unwrap_or_default().into_iter().filter_map(|o| o.key).collect();
            let last = keys.last().cloned();
            entries.extend(keys.into_iter().map(|key| format!("k{key}")));
            entries.extend(
                page.common_prefixes
                    .unwrap_or_default()
                    .into_iter()
                    .map(|p| format!("p{}", p.prefix.unwrap())),
            );
            if page.is_truncated != Some(true) {
                break;
            }
            marker = page.next_marker.or(last);
        }
        assert_eq!(sorted(entries), sorted(expected("", delimiter)), "{delimiter:?}");
    }
}

#[tokio::test]
async fn a_listing_begins_where_it_is_told() {
    let lab = filled().await;
    let input = ListObjectsV2Request {
        bucket: "bbb".to_owned(),
        start_after: Some("a/2/x".to_owned()),
        max_keys: Some(1),
        ..Default::default()
    };
    let page = lab.cloud.call(op::ListObjectsV2, input).await.unwrap();
    assert_eq!(page.contents.unwrap()[0].key.as_deref(), Some("a0"));
    let none = ListObjectsV2Request { bucket: "bbb".to_owned(), max_keys: Some(0), ..Default::default() };
    let page = lab.cloud.call(op::ListObjectsV2, none).await.unwrap();
    assert_eq!((page.is_truncated, page.contents.is_none()), (Some(false), true));
    let bad = ListObjectsV2Request {
        bucket: "bbb".to_owned(),
        continuation_token: Some("x".to_owned()),
        ..Default::default()
    };
    assert_eq!(lab.cloud.call(op::ListObjectsV2, bad).await.unwrap_err().code(), "InvalidArgument");
}
