"""What owners decided of images, volumes and certificates, after a kill."""

import datetime
import subprocess

from conftest import code, eventually, forget_certificate, needs_root

ZONE = "us-east-1a"


@needs_root
def test_images_withdrawn_and_volumes_shared_stay_so(own_cloud):
    cloud = own_cloud()
    ec2 = cloud.client("ec2")
    host = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    launched = ec2.run_instances(
        ImageId=host, InstanceType="t3.micro", MinCount=2, MaxCount=2, Placement={"AvailabilityZone": ZONE}
    )["Instances"]
    ids = [one["InstanceId"] for one in launched]
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig={"Delay": 1})
    shared = ec2.create_volume(AvailabilityZone=ZONE, Size=4, VolumeType="io2", Iops=100, MultiAttachEnabled=True)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[shared], WaiterConfig={"Delay": 1})
    for one in ids:
        ec2.attach_volume(VolumeId=shared, InstanceId=one, Device="/dev/sdf")
    image = ec2.create_image(InstanceId=ids[0], Name="kept", NoReboot=True)["ImageId"]
    ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig={"Delay": 1})
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
    ec2.enable_image_deprecation(ImageId=image, DeprecateAt=until)
    ec2.enable_image_deregistration_protection(ImageId=image, WithCooldown=True)
    ec2.disable_image(ImageId=image)
    seen = lambda: cloud.client("ec2").describe_images(ImageIds=[image])["Images"][0]
    before = seen()
    assert (before["State"], before["DeregistrationProtection"]) == ("disabled", "enabled-with-cooldown")

    def holders():
        volume = cloud.client("ec2").describe_volumes(VolumeIds=[shared])["Volumes"][0]
        return {held["InstanceId"]: held["State"] for held in volume["Attachments"]}

    cloud.kill()
    cloud.start()
    assert seen() == before
    eventually(lambda: holders() == dict.fromkeys(ids, "attached"), "both have it still")
    ec2 = cloud.client("ec2")
    assert code(ec2.deregister_image, ImageId=image) == "OperationNotPermitted"
    ec2.detach_volume(VolumeId=shared, InstanceId=ids[0])
    cloud.kill()
    cloud.start()
    eventually(lambda: holders() == {ids[1]: "attached"}, "one has let it go")


@needs_root
def test_a_volume_that_is_to_stay_stays(own_cloud):
    cloud = own_cloud()
    ec2 = cloud.client("ec2")
    host = ec2.describe_images(Filters=[{"Name": "name", "Values": ["host"]}])["Images"][0]["ImageId"]
    device = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "DeleteOnTermination": True}}
    launched = ec2.run_instances(
        ImageId=host, InstanceType="t3.micro", MinCount=1, MaxCount=1, BlockDeviceMappings=[device]
    )["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[launched], WaiterConfig={"Delay": 1})

    def held():
        answer = cloud.client("ec2").describe_instance_attribute(InstanceId=launched, Attribute="blockDeviceMapping")
        return next(one["Ebs"] for one in answer["BlockDeviceMappings"] if one["DeviceName"] == "/dev/sdf")

    volume = eventually(lambda: held()["Status"] == "attached" and held()["VolumeId"], "the volume is attached")
    stay = {"DeviceName": "/dev/sdf", "Ebs": {"DeleteOnTermination": False}}
    ec2.modify_instance_attribute(InstanceId=launched, BlockDeviceMappings=[stay])
    cloud.kill()
    cloud.start()
    assert held()["DeleteOnTermination"] is False
    ec2 = cloud.client("ec2")
    ec2.terminate_instances(InstanceIds=[launched])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[launched], WaiterConfig={"Delay": 1})
    eventually(lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available", "it is left behind")


@needs_root
def test_a_certificate_in_use_stays(own_cloud, tmp_path):
    cloud = own_cloud()
    key, body = tmp_path / "key.pem", tmp_path / "body.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=kept.test", "-keyout", str(key), "-out", str(body)], check=True, capture_output=True)  # fmt: skip
    iam, elb, ec2 = cloud.client("iam"), cloud.client("elbv2"), cloud.client("ec2")
    certificate = iam.upload_server_certificate(
        ServerCertificateName="kept", CertificateBody=body.read_text(), PrivateKey=key.read_text()
    )["ServerCertificateMetadata"]["Arn"]
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"][:2]]
    balancer = elb.create_load_balancer(Name="kept", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    listener = elb.create_listener(
        LoadBalancerArn=balancer, Protocol="HTTPS", Port=443, DefaultActions=[fixed],
        Certificates=[{"CertificateArn": certificate}],
    )["Listeners"][0]["ListenerArn"]  # fmt: skip

    def listed():
        return cloud.client("iam").list_server_certificates()["ServerCertificateMetadataList"]

    cloud.kill()
    cloud.start()
    # Whatever was to be told before the kill is told after it.
    again = cloud.client("elbv2")
    again.modify_listener(ListenerArn=listener, Port=444)
    delete = cloud.client("iam").delete_server_certificate
    held = eventually(lambda: bool(listed()) and code(delete, ServerCertificateName="kept"), "it is asked for")
    assert held == "DeleteConflict"
    cloud.kill()
    cloud.start()
    assert code(cloud.client("iam").delete_server_certificate, ServerCertificateName="kept") == "DeleteConflict"
    cloud.client("elbv2").delete_load_balancer(LoadBalancerArn=balancer)
    forget_certificate(cloud.client("iam"), "kept")
