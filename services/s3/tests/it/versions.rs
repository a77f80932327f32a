//! Versions: kept, hidden under markers, brought back, taken away.

use api_s3::{
    CopyObjectRequest, DeleteObjectOutput, DeleteObjectRequest, GetObjectRequest, ListObjectVersionsRequest,
    PutBucketVersioningRequest, VersioningConfiguration, op,
};

use super::{Lab, told};

impl Lab {
    async fn versioning(&self, status: &str) {
        let versioning_configuration =
            VersioningConfiguration { status: Some(status.to_owned()), ..Default::default() };
        let input = PutBucketVersioningRequest {
            bucket: "bbb".to_owned(),
            versioning_configuration,
            ..Default::default()
        };
        self.cloud.call(op::PutBucketVersioning, input).await.unwrap();
    }

    async fn delete(&self, key: &str, version_id: Option<&str>) -> DeleteObjectOutput {
        let input = DeleteObjectRequest {
            bucket: "bbb".to_owned(),
            key: key.to_owned(),
            version_id: version_id.map(str::to_owned),
            ..Default::default()
        };
        self.cloud.call(op::DeleteObject, input).await.unwrap()
    }

    /// Key, version, whether it is the latest, and whether it is a marker; in the order of the listing of each kind.
    async fn versions(&self) -> Vec<(String, String, bool, bool)> {
        let input = ListObjectVersionsRequest { bucket: "bbb".to_owned(), ..Default::default() };
        let page = self.cloud.call(op::ListObjectVersions, input).await.unwrap();
        let versions = page.versions.unwrap_or_default().into_iter();
        let versions = versions.map(|v| (v.key, v.version_id, v.is_latest, false));
        let markers = page.delete_markers.unwrap_or_default().into_iter();
        let all = versions.chain(markers.map(|m| (m.key, m.version_id, m.is_latest, true)));
        all.map(|(k, v, l, m)| (k.unwrap(), v.unwrap(), l.unwrap(), m)).collect()
    }
}

#[tokio::test]
async fn every_version_is_kept_and_found() {
    let lab = Lab::new().await;
    lab.put("k", "null").await;
    lab.versioning("Enabled").await;
    let one = lab.put("k", "one").await.version_id.unwrap();
    let two = lab.put("k", "two").await.version_id.unwrap();
    assert_eq!(lab.get("k", None).await.unwrap(), b"two");
    assert_eq!(lab.get("k", Some(&one)).await.unwrap(), b"one");
    assert_eq!(lab.get("k", Some("null")).await.unwrap(), b"null");
    let gone = one.replace(&one[20..], "ffffffffffff");
    assert_eq!(lab.get("k", Some(&gone)).await.unwrap_err(), "NoSuchVersion");
    for nonsense in ["nonsense", "", "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"] {
        assert_eq!(lab.get("k", Some(nonsense)).await.unwrap_err(), "InvalidArgument");
        let delete = DeleteObjectRequest {
            bucket: "bbb".to_owned(),
            key: "k".to_owned(),
            version_id: Some(nonsense.to_owned()),
            ..Default::default()
        };
        let refused = lab.cloud.call(op::DeleteObject, delete).await.unwrap_err();
        assert_eq!((refused.code(), refused.status()), ("InvalidArgument", 400));
    }
    let listed: Vec<_> =
        lab.versions().await.into_iter().map(|(_, version, latest, _)| (version, latest)).collect();
    assert_eq!(listed, [(two, true), (one, false), ("null".to_owned(), false)]);
}

#[tokio::test]
async fn a_marker_hides_and_goes_again() {
    let lab = Lab::new().await;
    lab.versioning("Enabled").await;
    lab.put("k", "one").await;
    let deleted = lab.delete("k", None).await;
    assert_eq!(deleted.delete_marker, Some(true));
    let marker = deleted.version_id.unwrap();
    assert_eq!(lab.get("k", None).await.unwrap_err(), "NoSuchKey");
    assert_eq!(lab.get("k", Some(&marker)).await.unwrap_err(), "MethodNotAllowed");
    for (version_id, status) in [(None, 404), (Some(marker.clone()), 405)] {
        let ask = GetObjectRequest { version_id, ..super::get("k") };
        let refused = lab.cloud.call(op::GetObject, ask).await.err().unwrap();
        assert_eq!(refused.status(), status);
        assert_eq!(told(&refused, "x-amz-delete-marker").as_deref(), Some("true"));
        assert_eq!(told(&refused, "x-amz-version-id").as_ref(), Some(&marker));
        assert_eq!(told(&refused, "Last-Modified").is_some(), status == 405);
        assert_eq!(told(&refused, "Allow").as_deref(), (status == 405).then_some("DELETE"));
    }
    let copy = |source: String| CopyObjectRequest {
        bucket: "bbb".to_owned(),
        key: "copy".to_owned(),
        copy_source: source,
        ..Default::default()
    };
    for (source, code) in
        [(format!("bbb/k?versionId={marker}"), "InvalidRequest"), ("bbb/k".to_owned(), "NoSuchKey")]
    {
        assert_eq!(lab.cloud.call(op::CopyObject, copy(source)).await.unwrap_err().code(), code);
    }
    let latest: Vec<_> =
        lab.versions().await.into_iter().map(|(_, _, latest, marker)| (latest, marker)).collect();
    assert_eq!(latest, [(false, false), (true, true)]);
    assert_eq!(lab.delete("k", Some(&marker)).await.delete_marker, Some(true));
    assert_eq!(lab.get("k", None).await.unwrap(), b"one");
}

#[tokio::test]
async fn taking_the_latest_away_brings_back_the_one_before() {
    let lab = Lab::new().await;
    lab.versioning("Enabled").await;
    let one = lab.put("k", "one").await.version_id.unwrap();
    let two = lab.put("k", "two").await.version_id.unwrap();
    lab.delete("k", Some(&two)).await;
    assert_eq!(lab.get("k", None).await.unwrap(), b"one");
    lab.delete("k", Some(&one)).await;
    assert_eq!(lab.versions().await, []);
    // To delete what is not there is to have deleted it.
    lab.delete("k", Some(&one)).await;
}

#[tokio::test]
async fn suspended_the_null_version_is_replaced_and_others_stay() {
    let lab = Lab::new().await;
    lab.versioning("Enabled").await;
    let kept = lab.put("k", "kept").await.version_id.unwrap();
    lab.versioning("Suspended").await;
    assert_eq!(lab.put("k", "first").await.version_id, None);
    lab.put("k", "second").await;
    assert_eq!(lab.get("k", Some("null")).await.unwrap(), b"second");
    assert_eq!(lab.get("k", Some(&kept)).await.unwrap(), b"kept");
    assert_eq!(lab.versions().await.len(), 2);
    // A deletion now replaces the null version by a marker.
    let marker = lab.delete("k", None).await;
    assert_eq!(marker.version_id.as_deref(), Some("null"));
    assert_eq!(lab.versions().await.len(), 2);
    lab.versioning("Enabled").await;
    lab.put("k", "third").await;
    assert_eq!(lab.versions().await.len(), 3);
    lab.delete("k", Some("null")).await;
    assert_eq!(lab.versions().await.len(), 2);
}

#[tokio::test]
async fn versions_are_listed_in_pages() {
    let lab = Lab::new().await;
    lab.versioning("Enabled").await;
    for key in ["a", "b", "d/1", "d/2", "e"] {
        for version in 0..3 {
            lab.put(key, version.to_string()).await;
        }
    }
    lab.delete("b", None).await;
    let (mut seen, mut prefixes) = (Vec::new(), Vec::new());
    let (mut key_marker, mut version_id_marker) = (None, None);
    loop {
        let input = ListObjectVersionsRequest {
            bucket: "bbb".to_owned(),
            max_keys: Some(2),
            delimiter: Some("/".to_owned()),
            key_marker: key_marker.take(),
            version_id_marker: version_id_marker.take(),
            ..Default::default()
        };
        let page = lab.cloud.call(op::ListObjectVersions, input).await.unwrap();
        seen.extend(
            page.versions.unwrap_or_default().into_iter().map(|v| (v.key.unwrap(), v.version_id.unwrap())),
        );
        seen.extend(
            page.delete_markers
                .unwrap_or_default()
                .into_iter()
                .map(|m| (m.key.unwrap(), m.version_id.unwrap())),
        );
        prefixes.extend(page.common_prefixes.unwrap_or_default().into_iter().filter_map(|p| p.prefix));
        if page.is_truncated != Some(true) {
            break;
        }
        (key_marker, version_id_marker) = (page.next_key_marker, page.next_version_id_marker);
    }
    assert_eq!(prefixes, ["d/"]);
    assert_eq!(seen.len(), 10);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 10, "no version twice");
}

#[tokio::test]
async fn pages_go_on_behind_what_was_deleted_meanwhile() {
    let lab = Lab::new().await;
    for key in ["a", "b", "c"] {
        lab.put(key, "null").await;
    }
    lab.versioning("Enabled").await;
    for key in ["a", "b", "c"] {
        lab.put(key, "one").await;
    }
    let mut next = (None, None);
    // What was hidden behind a version that goes is met when the listing begins anew.
    for _ in 0..40 {
        let (key_marker, version_id_marker) = next;
        let input = ListObjectVersionsRequest {
            bucket: "bbb".to_owned(),
            max_keys: Some(1),
            key_marker,
            version_id_marker,
            ..Default::default()
        };
        let page = lab.cloud.call(op::ListObjectVersions, input).await.unwrap();
        for version in page.versions.unwrap_or_default() {
            lab.delete(&version.key.unwrap(), version.version_id.as_deref()).await;
        }
        if page.is_truncated != Some(true) && lab.versions().await.is_empty() {
            break;
        }
        next = (page.next_key_marker, page.next_version_id_marker);
    }
    assert!(lab.versions().await.is_empty());
    let bad = ListObjectVersionsRequest {
        bucket: "bbb".to_owned(),
        key_marker: Some("a".to_owned()),
        version_id_marker: Some("ffffffffffffffff".to_owned()),
        ..Default::default()
    };
    let refused = lab.cloud.call(op::ListObjectVersions, bad).await.unwrap_err();
    assert_eq!(refused.code(), "InvalidArgument");
}
