"""Who am I, and who is nobody."""

import botocore
import pytest
from botocore.exceptions import ClientError


def test_root_of_the_default_account(cloud):
    me = cloud.client("sts").get_caller_identity()
    assert me["Account"] == "000000000000"
    assert me["Arn"] == "arn:aws:iam::000000000000:root"
    assert me["ResponseMetadata"]["RequestId"]


def test_a_key_of_twelve_digits_is_that_account(cloud):
    assert cloud.client("sts", account="123456789012").get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [
        ("AKIAIOSFODNN7EXAMPLE", "test", "InvalidClientTokenId"),
        ("test", "wrong", "SignatureDoesNotMatch"),
    ],
)
def test_bad_credentials_are_refused(cloud, key, secret, code):
    with pytest.raises(ClientError) as refusal:
        cloud.client("sts", account=key, secret=secret).get_caller_identity()
    assert refusal.value.response["Error"]["Code"] == code
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_no_signature_is_refused(cloud):
    anonymous = cloud.client("sts", config=botocore.config.Config(signature_version=botocore.UNSIGNED))
    with pytest.raises(ClientError) as refusal:
        anonymous.get_caller_identity()
    assert refusal.value.response["Error"]["Code"] == "MissingAuthenticationToken"


def test_what_is_not_served_says_so(cloud):
    with pytest.raises(ClientError) as refusal:
        cloud.client("sts").get_session_token()
    error = refusal.value.response
    assert error["Error"]["Code"] == "NotImplemented"
    assert "GetSessionToken" in error["Error"]["Message"]
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_the_cli_agrees(cloud):
    assert '"Account": "000000000000"' in cloud.cli("sts", "get-caller-identity").stdout
