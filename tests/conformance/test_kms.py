"""KMS as boto3 sees it; details are in the service's own tests."""

import os

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def kms(cloud):
    return cloud.client("kms")


@pytest.fixture
def key(kms):
    made = kms.create_key(Description="for a test", Tags=[{"TagKey": "a", "TagValue": "1"}])["KeyMetadata"]
    yield made
    kms.schedule_key_deletion(KeyId=made["KeyId"], PendingWindowInDays=7)


def refusal(call, **params):
    with pytest.raises(ClientError) as refused:
        call(**params)
    return refused.value.response


def test_encrypt_decrypt_with_a_context(kms, key):
    assert key["Arn"] == f"arn:aws:kms:us-east-1:000000000000:key/{key['KeyId']}"
    assert (key["KeyState"], key["Enabled"], key["MultiRegion"]) == ("Enabled", True, False)
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret", EncryptionContext={"a": "1", "b": "2"})
    opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"b": "2", "a": "1"})
    assert (opened["Plaintext"], opened["KeyId"]) == (b"secret", key["Arn"])
    refused = refusal(kms.decrypt, CiphertextBlob=sealed["CiphertextBlob"])
    assert refused["Error"]["Code"] == "InvalidCiphertextException"
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_data_keys_by_alias(kms, key):
    kms.create_alias(AliasName="alias/conformance", TargetKeyId=key["KeyId"])
    try:
        made = kms.generate_data_key(KeyId="alias/conformance", KeySpec="AES_256")
        assert len(made["Plaintext"]) == 32
        assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
        listed = kms.list_aliases(KeyId=key["KeyId"])["Aliases"]
        assert [alias["TargetKeyId"] for alias in listed] == [key["KeyId"]]
    finally:
        kms.delete_alias(AliasName="alias/conformance")
    refused = refusal(kms.describe_key, KeyId="alias/conformance")
    assert refused["Error"]["Code"] == "NotFoundException"
    assert refused["message"] == "Alias arn:aws:kms:us-east-1:000000000000:alias/conformance is not found."


def test_a_signature_verifies_with_the_public_key_alone(kms):
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding

    for spec, algorithm, how in [
        ("ECC_NIST_P256", "ECDSA_SHA_256", [ec.ECDSA(hashes.SHA256())]),
        ("ECC_SECG_P256K1", "ECDSA_SHA_256", [ec.ECDSA(hashes.SHA256())]),
        ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_512", [padding.PKCS1v15(), hashes.SHA512()]),
        (
            "RSA_2048",
            "RSASSA_PSS_SHA_256",
            [padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH), hashes.SHA256()],
        ),
    ]:
        key_id = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        signed = kms.sign(KeyId=key_id, Message=b"message", SigningAlgorithm=algorithm)["Signature"]
        public = serialization.load_der_public_key(kms.get_public_key(KeyId=key_id)["PublicKey"])
        public.verify(signed, b"message", *how)
        verified = kms.verify(KeyId=key_id, Message=b"message", Signature=signed, SigningAlgorithm=algorithm)
        assert verified["SignatureValid"] is True


def test_errors_have_the_words_of_aws(kms, key):
    refused = refusal(kms.generate_mac, KeyId=key["KeyId"], Message=b"x", MacAlgorithm="HMAC_SHA_256")
    assert refused["Error"] == {
        "Code": "InvalidKeyUsageException",
        "Message": f"{key['Arn']} key usage is ENCRYPT_DECRYPT which is not valid for GenerateMac.",
    }
    refused = refusal(kms.generate_random, NumberOfBytes=1025)
    assert refused["Error"]["Message"] == (
        "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: "
        "Member must have value less than or equal to 1024"
    )
    refused = refusal(kms.encrypt, KeyId=key["KeyId"], Plaintext=os.urandom(4097))
    assert refused["Error"]["Code"] == "ValidationException"
    assert refusal(kms.connect_custom_key_store, CustomKeyStoreId="x")["Error"]["Code"] == "NotImplemented"


def test_keys_survive_a_kill_and_a_swapped_root_key_is_refused(own_cloud):
    cloud = own_cloud()
    kms = cloud.client("kms")
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"secret")["CiphertextBlob"]
    cloud.kill()
    path = os.path.join(cloud.folder, "data", "identity", "seal.key")
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path, "rb") as file:
        right = file.read()
    for swapped, words in [(b"\7" * 32, "does not fit the sealing key"), (None, "the sealing key is missing")]:
        os.remove(path)
        if swapped:
            with open(path, "wb") as file:
                file.write(swapped)
        with pytest.raises(AssertionError) as refused:
            cloud.start()
        cloud.process.wait()
        assert words in str(refused.value)
    assert not os.path.exists(path), "nothing is written in place of a lost key"
    with open(path, "wb") as file:
        file.write(right)
    cloud.start()
    assert cloud.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"
