//! The signatures of the client most of the world uses, on requests that are awkward to make canonical.

use crate::toy::open;

#[tokio::test]
#[ignore = "needs Python with botocore"]
async fn botocores_signatures_are_good() {
    let house = open().await;
    let script = "tests/it/awkward.py";
    let port = house.address.port().to_string();
    let ran = tokio::process::Command::new("python3").args([script, &port]).output().await.unwrap();
    let (said, failed) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && said.is_empty(), "{said}{failed}");
}
