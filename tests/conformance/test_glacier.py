"""Vaults as boto3 and the aws CLI see them: archives put away whole, and given back after a while."""

import hashlib
import io
import json
import uuid

import pytest
from botocore.exceptions import ClientError
from botocore.utils import calculate_tree_hash
from conftest import eventually

MIB = 1 << 20


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    """A cloud in which an hour of a retrieval is a tenth of a second."""
    from conftest import Cloud

    folder = tmp_path_factory.mktemp("fast")
    cloud = Cloud(folder, args=["--restore-speed", "36000"]).start()
    yield cloud
    assert cloud.stop() == 0, cloud.log()


@pytest.fixture
def glacier(fast):
    return fast.client("glacier")


@pytest.fixture
def vault(glacier):
    name = f"v-{uuid.uuid4().hex[:8]}"
    made = glacier.create_vault(vaultName=name)
    assert made["location"] == f"/000000000000/vaults/{name}"
    return name


def content(size):
    line = hashlib.sha256(b"seed").digest()
    return b"".join(hashlib.sha256(line + n.to_bytes(8, "big")).digest() for n in range(size // 32 + 1))[:size]


def code(call, **params):
    with pytest.raises(ClientError) as refused:
        call(**params)
    error = refused.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]


def ended(glacier, vault, job):
    def look():
        shown = glacier.describe_job(vaultName=vault, jobId=job)
        return shown if shown["Completed"] else None

    return eventually(look, "the job ends")


def retrieve(glacier, vault, archive, **more):
    parameters = {"Type": "archive-retrieval", "ArchiveId": archive, **more}
    return glacier.initiate_job(vaultName=vault, jobParameters=parameters)["jobId"]


def test_an_archive_goes_in_and_comes_back(glacier, vault):
    body = content(3 * MIB + 11)
    put = glacier.upload_archive(vaultName=vault, archiveDescription="three and a bit", body=body)
    assert put["checksum"] == calculate_tree_hash(io.BytesIO(body))
    archive = put["archiveId"]
    shown = glacier.describe_vault(vaultName=vault)
    assert (shown["NumberOfArchives"], shown["SizeInBytes"]) == (1, len(body))
    job = retrieve(glacier, vault, archive, Tier="Bulk", Description="why")
    assert code(glacier.get_job_output, vaultName=vault, jobId=job) == ("InvalidParameterValueException", 400)
    shown = ended(glacier, vault, job)
    assert (shown["StatusCode"], shown["Tier"], shown["JobDescription"]) == ("Succeeded", "Bulk", "why")
    assert shown["SHA256TreeHash"] == put["checksum"]
    output = glacier.get_job_output(vaultName=vault, jobId=job)
    assert output["body"].read() == body
    assert (output["status"], output["checksum"]) == (200, put["checksum"])
    assert output["archiveDescription"] == "three and a bit"
    assert output["ResponseMetadata"]["HTTPHeaders"]["content-length"] == str(len(body))
    part = glacier.get_job_output(vaultName=vault, jobId=job, range=f"bytes={MIB}-{2 * MIB - 1}")
    read = part["body"].read()
    assert (read, part["status"]) == (body[MIB : 2 * MIB], 206)
    assert part["checksum"] == calculate_tree_hash(io.BytesIO(read))
    assert part["contentRange"] == f"bytes {MIB}-{2 * MIB - 1}/{len(body)}"
    glacier.delete_archive(vaultName=vault, archiveId=archive)
    glacier.delete_vault(vaultName=vault)
    assert code(glacier.describe_vault, vaultName=vault) == ("ResourceNotFoundException", 404)


def test_wrong_sums_are_refused(glacier, vault):
    wrong = "0" * 64
    refused = code(glacier.upload_archive, vaultName=vault, body=b"bytes", checksum=wrong)
    assert refused == ("InvalidParameterValueException", 400)

    def other_linear_hash(request, **_):
        request.headers["x-amz-content-sha256"] = hashlib.sha256(b"other").hexdigest()

    glacier.meta.events.register("before-sign.glacier.UploadArchive", other_linear_hash)
    assert code(glacier.upload_archive, vaultName=vault, body=b"bytes")[1] in (400, 403)
    assert glacier.describe_vault(vaultName=vault)["NumberOfArchives"] == 0


def test_an_archive_in_parts(glacier, vault):
    body = content(2 * MIB + 500)
    upload = glacier.initiate_multipart_upload(vaultName=vault, partSize=str(MIB), archiveDescription="d")["uploadId"]
    for start in (2 * MIB, 0, MIB):
        part = body[start : start + MIB]
        span = f"bytes {start}-{start + len(part) - 1}/*"
        put = glacier.upload_multipart_part(vaultName=vault, uploadId=upload, range=span, body=part)
        assert put["checksum"] == calculate_tree_hash(io.BytesIO(part))
    parts = glacier.list_parts(vaultName=vault, uploadId=upload)
    assert [part["RangeInBytes"] for part in parts["Parts"]][-1] == f"{2 * MIB}-{len(body) - 1}"
    assert len(glacier.list_multipart_uploads(vaultName=vault)["UploadsList"]) == 1
    whole = {"archiveSize": str(len(body)), "checksum": calculate_tree_hash(io.BytesIO(body))}
    short = {**whole, "archiveSize": str(2 * MIB)}
    assert code(glacier.complete_multipart_upload, vaultName=vault, uploadId=upload, **short)[1] == 400
    done = glacier.complete_multipart_upload(vaultName=vault, uploadId=upload, **whole)
    job = retrieve(glacier, vault, done["archiveId"], Tier="Expedited")
    ended(glacier, vault, job)
    assert glacier.get_job_output(vaultName=vault, jobId=job)["body"].read() == body
    other = glacier.initiate_multipart_upload(vaultName=vault, partSize=str(MIB))["uploadId"]
    glacier.abort_multipart_upload(vaultName=vault, uploadId=other)
    assert glacier.list_multipart_uploads(vaultName=vault)["UploadsList"] == []


def test_inventories(glacier, vault):
    ids = {glacier.upload_archive(vaultName=vault, body=f"archive {n}".encode())["archiveId"] for n in range(3)}
    job = glacier.initiate_job(vaultName=vault, jobParameters={"Type": "inventory-retrieval"})["jobId"]
    shown = ended(glacier, vault, job)
    output = glacier.get_job_output(vaultName=vault, jobId=job)
    text = output["body"].read()
    assert (output["contentType"], len(text)) == ("application/json", shown["InventorySizeInBytes"])
    listed = json.loads(text)
    assert listed["VaultARN"] == f"arn:aws:glacier:us-east-1:000000000000:vaults/{vault}"
    assert {one["ArchiveId"] for one in listed["ArchiveList"]} == ids
    jobs = glacier.list_jobs(vaultName=vault, completed="true")["JobList"]
    assert [one["Action"] for one in jobs] == ["InventoryRetrieval"]


def test_what_is_not_served_is_refused_by_name(glacier, vault):
    topic = {"Type": "inventory-retrieval", "SNSTopic": "arn:aws:sns:us-east-1:000000000000:t"}
    with pytest.raises(ClientError, match="SNSTopic"):
        glacier.initiate_job(vaultName=vault, jobParameters=topic)
    config = {"SNSTopic": topic["SNSTopic"], "Events": ["ArchiveRetrievalCompleted"]}
    status = code(glacier.set_vault_notifications, vaultName=vault, vaultNotificationConfig=config)[1]
    assert status == 501
    assert code(glacier.get_vault_notifications, vaultName=vault) == ("ResourceNotFoundException", 404)
    glacier.delete_vault_notifications(vaultName=vault)


def test_a_lock_denies_by_age_and_tags(glacier, vault):
    arn = f"arn:aws:glacier:us-east-1:000000000000:vaults/{vault}"
    young = {"NumericLessThan": {"glacier:ArchiveAgeInDays": "365"}, "StringNotEquals": {"glacier:ResourceTag/Hold": "no"}}
    statement = {"Effect": "Deny", "Principal": "*", "Action": "glacier:DeleteArchive", "Resource": arn, "Condition": young}
    policy = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
    archive = glacier.upload_archive(vaultName=vault, body=b"kept")["archiveId"]
    lock = glacier.initiate_vault_lock(vaultName=vault, policy=policy)["lockId"]
    assert glacier.get_vault_lock(vaultName=vault)["State"] == "InProgress"
    assert code(glacier.delete_archive, vaultName=vault, archiveId=archive) == ("AccessDeniedException", 403)
    glacier.complete_vault_lock(vaultName=vault, lockId=lock)
    assert glacier.get_vault_lock(vaultName=vault)["State"] == "Locked"
    assert code(glacier.abort_vault_lock, vaultName=vault) == ("AccessDeniedException", 403)
    glacier.add_tags_to_vault(vaultName=vault, Tags={"Hold": "no", "a": "b"})
    glacier.remove_tags_from_vault(vaultName=vault, TagKeys=["a"])
    assert glacier.list_tags_for_vault(vaultName=vault)["Tags"] == {"Hold": "no"}
    glacier.delete_archive(vaultName=vault, archiveId=archive)


def test_what_may_be_retrieved(fast, vault):
    glacier = fast.client("glacier", account="123456789012")
    glacier.create_vault(vaultName=vault)
    archive = glacier.upload_archive(vaultName=vault, body=b"x" * 600)["archiveId"]
    limit = {"Rules": [{"Strategy": "BytesPerHour", "BytesPerHour": 500}]}
    glacier.set_data_retrieval_policy(Policy=limit)
    assert glacier.get_data_retrieval_policy()["Policy"] == limit
    parameters = {"Type": "archive-retrieval", "ArchiveId": archive}
    assert code(glacier.initiate_job, vaultName=vault, jobParameters=parameters) == ("PolicyEnforcedException", 400)
    glacier.purchase_provisioned_capacity()
    assert len(glacier.list_provisioned_capacity()["ProvisionedCapacityList"]) == 1


def test_the_command_line(fast, tmp_path, vault):
    file = tmp_path / "archive"
    file.write_bytes(content(100_000))
    run = lambda *args: json.loads(fast.cli("glacier", *args, "--account-id", "-").stdout or "{}")
    put = run("upload-archive", "--vault-name", vault, "--body", str(file))
    parameters = json.dumps({"Type": "archive-retrieval", "ArchiveId": put["archiveId"], "Tier": "Expedited"})
    job = run("initiate-job", "--vault-name", vault, "--job-parameters", parameters)["jobId"]
    described = lambda: run("describe-job", "--vault-name", vault, "--job-id", job)["Completed"]
    eventually(described, "the job ends")
    out = tmp_path / "out"
    fast.cli("glacier", "get-job-output", "--account-id", "-", "--vault-name", vault, "--job-id", job, str(out))
    assert out.read_bytes() == file.read_bytes()
    assert vault in json.dumps(run("list-vaults", "--limit", "1000"))
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "glacier:DescribeVault",
        "Resource": f"arn:aws:glacier:us-east-1:000000000000:vaults/{vault}"}]})
    run("set-vault-access-policy", "--vault-name", vault, "--policy", json.dumps({"Policy": policy}))
    guest = fast.client("glacier", account="111122223333")
    assert guest.describe_vault(accountId="000000000000", vaultName=vault)["VaultName"] == vault
    assert code(guest.list_jobs, accountId="000000000000", vaultName=vault) == ("AccessDeniedException", 403)
