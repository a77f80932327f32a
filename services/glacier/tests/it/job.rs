//! Jobs: they take their time, bring what was asked for, and are kept for a day.

use api_glacier::*;
use serde_json::Value;

use super::{DAY_MS, HOUR_MS, Lab, MIB, code, hash, noise, of_archive, own};

#[tokio::test]
async fn a_tier_takes_its_time() {
    let lab = Lab::new().await;
    let id = lab.upload(b"text", "the text").await;
    let jobs = [("Expedited", HOUR_MS / 12), ("Standard", 5 * HOUR_MS), ("Bulk", 12 * HOUR_MS)];
    let mut begun = Vec::new();
    for (tier, _) in jobs {
        begun.push(lab.job(of_archive(&id, tier)).await.unwrap());
    }
    let mut passed = 0;
    for ((tier, takes), job) in jobs.iter().zip(&begun) {
        lab.cloud.advance(takes - passed - 1);
        let shown = lab.look(job).await;
        assert_eq!(
            (shown.completed, shown.status_code.as_deref()),
            (Some(false), Some("InProgress")),
            "{tier}"
        );
        assert_eq!(shown.sha256_tree_hash, None);
        assert_eq!(code(lab.output(job, None).await), "InvalidParameterValueException");
        lab.cloud.advance(1);
        passed = *takes;
        let shown = lab.wait(job).await;
        assert_eq!((shown.tier.as_deref(), shown.archive_size_in_bytes), (Some(*tier), Some(4)));
        assert_eq!((shown.sha256_tree_hash, shown.archive_sha256_tree_hash), (hash(b"text"), hash(b"text")));
        assert_eq!(shown.retrieval_byte_range.as_deref(), Some("0-3"));
        assert_eq!(lab.output(job, None).await.unwrap().1, b"text");
    }
    lab.cloud.advance(DAY_MS);
    let gone = async || lab.try_look(&begun[2]).await.is_err().then_some(());
    lab.cloud.eventually("the jobs are forgotten", gone).await;
}

#[tokio::test]
async fn ranges_are_retrieved_and_listed() {
    let lab = Lab::new().await;
    let bytes = noise(5 * MIB);
    let id = lab.upload(&bytes, "").await;
    let part = |range: &str| JobParameters {
        retrieval_byte_range: Some(range.to_owned()),
        ..of_archive(&id, "Expedited")
    };
    assert_eq!(code(lab.job(part("0-5")).await), "InvalidParameterValueException");
    let aligned = lab.job(part(&format!("{}-{}", 2 * MIB, 4 * MIB - 1))).await.unwrap();
    let other = lab.job(part(&format!("{}-{}", MIB, 3 * MIB - 1))).await.unwrap();
    let list = async |status: &str, marker: Option<String>| {
        let input = ListJobsInput {
            account_id: own(),
            vault_name: "v".to_owned(),
            limit: Some("1".to_owned()),
            statuscode: Some(status.to_owned()),
            marker,
            completed: None,
        };
        lab.cloud.call(op::ListJobs, input).await
    };
    let first = list("InProgress", None).await.unwrap();
    let second = list("InProgress", first.marker).await.unwrap();
    assert_eq!((second.job_list.unwrap().len(), second.marker), (1, None));
    assert_eq!(list("Succeeded", None).await.unwrap().job_list.unwrap().len(), 0);
    assert_eq!(code(list("Lost", None).await), "InvalidParameterValueException");
    assert_eq!(code(list("InProgress", Some("mine".to_owned())).await), "InvalidParameterValueException");
    lab.cloud.advance(HOUR_MS);
    assert_eq!(lab.wait(&aligned).await.sha256_tree_hash, hash(&bytes[2 * MIB..4 * MIB]));
    assert_eq!(lab.wait(&other).await.sha256_tree_hash, None);
    let (shown, read) = lab.output(&aligned, Some("bytes=0-1048575")).await.unwrap();
    assert_eq!((shown.checksum, read.len()), (hash(&bytes[2 * MIB..3 * MIB]), MIB));
    assert_eq!(shown.content_range.as_deref(), Some("bytes 0-1048575/2097152"));
    assert_eq!(lab.output(&other, None).await.unwrap().1, bytes[MIB..3 * MIB]);
}

#[tokio::test]
async fn inventories_list_what_is_there() {
    let lab = Lab::new().await;
    let mut ids = vec![lab.upload(b"one", "say \"one\"").await];
    lab.cloud.advance(2 * DAY_MS);
    ids.push(lab.upload(b"two", "").await);
    ids.push(lab.upload(b"three", "").await);
    let ask = |format: &str, limits| JobParameters {
        r#type: Some("inventory-retrieval".to_owned()),
        format: Some(format.to_owned()),
        inventory_retrieval_parameters: Some(limits),
        ..Default::default()
    };
    let whole = lab.job(ask("JSON", InventoryRetrievalJobInput::default())).await.unwrap();
    let yesterday = lab.cloud.now() - DAY_MS;
    let since = InventoryRetrievalJobInput {
        start_date: Some(glacier::rules::time::iso(yesterday)),
        limit: Some("1".to_owned()),
        ..Default::default()
    };
    let limited = lab.job(ask("JSON", since.clone())).await.unwrap();
    let csv = lab.job(ask("CSV", InventoryRetrievalJobInput::default())).await.unwrap();
    lab.cloud.advance(5 * HOUR_MS);
    lab.wait(&whole).await;
    let read = async |job: &str| -> Value {
        let (shown, text) = lab.output(job, None).await.unwrap();
        assert_eq!((shown.content_type.as_deref(), shown.checksum), (Some("application/json"), None));
        serde_json::from_slice(&text).unwrap()
    };
    let list = read(&whole).await;
    let listed = list["ArchiveList"].as_array().unwrap();
    let mut found: Vec<_> = listed.iter().map(|one| one["ArchiveId"].as_str().unwrap().to_owned()).collect();
    found.sort();
    ids.sort();
    assert_eq!(found, ids);
    let one =
        listed.iter().find(|one| one["Size"] == 3 && one["ArchiveDescription"] == "say \"one\"").unwrap();
    assert_eq!(one["SHA256TreeHash"].as_str(), hash(b"one").as_deref());
    let shown = lab.wait(&limited).await;
    let marker = shown.inventory_retrieval_parameters.unwrap().marker;
    assert!(marker.is_some());
    let bogus = InventoryRetrievalJobInput { marker: Some("bogus".to_owned()), ..since.clone() };
    assert_eq!(code(lab.job(ask("JSON", bogus)).await), "InvalidParameterValueException");
    let backwards = InventoryRetrievalJobInput {
        end_date: Some(glacier::rules::time::iso(yesterday - 1)),
        ..since.clone()
    };
    assert_eq!(code(lab.job(ask("JSON", backwards)).await), "InvalidParameterValueException");
    let next = lab.job(ask("JSON", InventoryRetrievalJobInput { marker, ..since })).await.unwrap();
    lab.cloud.advance(5 * HOUR_MS);
    assert_eq!(lab.wait(&next).await.inventory_retrieval_parameters.unwrap().marker, None);
    let two = [read(&limited).await, read(&next).await]
        .map(|list| list["ArchiveList"][0]["Size"].as_u64().unwrap());
    assert_eq!(two.iter().sum::<u64>(), 8);
    let (_, text) = lab.output(&csv, None).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.lines().count(), 4);
    assert!(text.starts_with("ArchiveId,ArchiveDescription,CreationDate,Size,SHA256TreeHash\n"));
    assert!(text.contains("\"say \"\"one\"\"\""));
}

#[tokio::test]
async fn the_retrieval_policy_is_kept_and_capacity_is_bought() {
    let lab = Lab::new().await;
    let id = lab.upload(&[1; 600], "").await;
    let set = async |strategy: &str, bytes_per_hour: Option<i64>| {
        let rule = DataRetrievalRule { strategy: Some(strategy.to_owned()), bytes_per_hour };
        let policy = Some(DataRetrievalPolicy { rules: Some(vec![rule]) });
        let input = SetDataRetrievalPolicyInput { account_id: own(), policy };
        lab.cloud.call(op::SetDataRetrievalPolicy, input).await
    };
    assert_eq!(code(set("Some", None).await), "InvalidParameterValueException");
    set("BytesPerHour", Some(1_000)).await.unwrap();
    lab.job(of_archive(&id, "Standard")).await.unwrap();
    assert_eq!(code(lab.job(of_archive(&id, "Standard")).await), "PolicyEnforcedException");
    lab.job(of_archive(&id, "Bulk")).await.unwrap();
    lab.cloud.advance(HOUR_MS);
    lab.job(of_archive(&id, "Standard")).await.unwrap();
    set("FreeTier", None).await.unwrap();
    lab.job(of_archive(&id, "Standard")).await.unwrap();
    let input = GetDataRetrievalPolicyInput { account_id: own() };
    let shown = lab.cloud.call(op::GetDataRetrievalPolicy, input).await.unwrap().policy.unwrap();
    assert_eq!(shown.rules.unwrap()[0].strategy.as_deref(), Some("FreeTier"));
    let buy = async || {
        let input = PurchaseProvisionedCapacityInput { account_id: own() };
        lab.cloud.call(op::PurchaseProvisionedCapacity, input).await
    };
    let list = async || {
        let input = ListProvisionedCapacityInput { account_id: own() };
        lab.cloud.call(op::ListProvisionedCapacity, input).await.unwrap().provisioned_capacity_list.unwrap()
    };
    buy().await.unwrap();
    buy().await.unwrap();
    assert_eq!(code(buy().await), "LimitExceededException");
    assert_eq!(list().await.len(), 2);
    lab.cloud.advance(31 * DAY_MS);
    assert_eq!(list().await.len(), 0);
}
