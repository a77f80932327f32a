"""An access point outlives a kill with its policy, and so does the bucket's being held by it."""

import json

from s3_kit import code

ACCOUNT = "000000000000"


def test_an_access_point_is_there_as_it_was_answered(own_cloud):
    cloud = own_cloud()
    s3, control = cloud.client("s3"), cloud.client("s3control")
    s3.create_bucket(Bucket="bbb")
    s3.put_object(Bucket="bbb", Key="k", Body=b"v")
    made = control.create_access_point(AccountId=ACCOUNT, Name="files", Bucket="bbb")
    resource = f"{made['AccessPointArn']}/object/*"
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": resource}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    control.put_access_point_policy(AccountId=ACCOUNT, Name="files", Policy=policy)
    cloud.kill()
    cloud.start()
    assert s3.get_object(Bucket=made["Alias"], Key="k")["Body"].read() == b"v"
    assert code(s3.put_object, Bucket=made["Alias"], Key="k", Body=b"w") == ("AccessDenied", 403)
    assert code(s3.delete_bucket, Bucket="bbb") == ("BucketHasAccessPointsAttached", 400)
    control.delete_access_point(AccountId=ACCOUNT, Name="files")
    cloud.kill()
    cloud.start()
    assert code(s3.get_object, Bucket=made["Alias"], Key="k") == ("NoSuchAccessPoint", 404)
