"""The bytes of objects in another object store: here the bucket of a second cloudlet."""

import os

from conftest import eventually
from s3_kit import code


def put_parts(s3, key, parts):
    upload = s3.create_multipart_upload(Bucket="front", Key=key)["UploadId"]
    done = []
    for number, body in enumerate(parts, 1):
        part = s3.upload_part(Bucket="front", Key=key, UploadId=upload, PartNumber=number, Body=body)
        done.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(Bucket="front", Key=key, UploadId=upload, MultipartUpload={"Parts": done})


def test_another_store_keeps_the_bytes(own_cloud):
    back = own_cloud()
    theirs = back.client("s3")
    theirs.create_bucket(Bucket="bytes")
    env = {
        "CLOUDLET_OBJECTS": "s3://bytes/of/front",
        "CLOUDLET_OBJECTS_ENDPOINT": back.endpoint,
        "CLOUDLET_OBJECTS_KEY": "test",
        "CLOUDLET_OBJECTS_SECRET": "test",
    }
    front = own_cloud(env=env)
    s3 = front.client("s3")
    s3.create_bucket(Bucket="front")
    long = os.urandom(20_000_000)
    s3.put_object(Bucket="front", Key="short", Body=b"short")
    s3.put_object(Bucket="front", Key="middle", Body=long[:100_000])
    s3.put_object(Bucket="front", Key="long", Body=long)
    put_parts(s3, "parts", [long[:6_000_000], long[6_000_000:7_000_000]])
    held = theirs.list_objects_v2(Bucket="bytes")["Contents"]
    # One of each body beyond what lies beside the records; nothing of it can be read there.
    assert len(held) == 4 and all(one["Key"].startswith("of/front/s3/") for one in held)
    assert sum(one["Size"] for one in held) > 27_000_000
    front.kill()
    front.start()
    s3 = front.client("s3")
    assert s3.get_object(Bucket="front", Key="middle")["Body"].read() == long[:100_000]
    assert s3.get_object(Bucket="front", Key="long")["Body"].read() == long
    assert s3.get_object(Bucket="front", Key="long", Range="bytes=9999999-10000001")["Body"].read() == long[9_999_999:10_000_002]
    assert s3.get_object(Bucket="front", Key="parts", PartNumber=2)["Body"].read() == long[6_000_000:7_000_000]
    s3.delete_object(Bucket="front", Key="long")
    eventually(lambda: theirs.list_objects_v2(Bucket="bytes")["KeyCount"] == 3, "the bytes of what is deleted go", 60)
    back.kill()
    assert s3.get_object(Bucket="front", Key="short")["Body"].read() == b"short"
    assert code(s3.get_object, Bucket="front", Key="middle")[1] >= 500
    back.start()
    assert s3.get_object(Bucket="front", Key="middle")["Body"].read() == long[:100_000]
