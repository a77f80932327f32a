"""What load balancers write down: metrics, access logs in a bucket, certificates in use."""

import gzip
import json
import socket
import ssl
from datetime import datetime, timedelta, timezone

import pytest
from conftest import eventually, needs_root
from test_elb import Web, code, get, name

pytestmark = needs_root


@pytest.fixture
def web(own_cloud):
    """One that looks every second."""
    web = Web(own_cloud(env={"CLOUDLET_METRICS_EVERY": "1"}))
    yield web
    web.clear()


def sum_of(cloudwatch, metric, stat="Sum", **dimensions):
    """Of the last minutes, by the second."""
    now = datetime.now(timezone.utc)
    points = cloudwatch.get_metric_statistics(
        Namespace="AWS/ApplicationELB", MetricName=metric, Period=300, Statistics=[stat],
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(minutes=10), EndTime=now + timedelta(minutes=5),
    )["Datapoints"]
    return sum(point[stat] for point in points)


def test_requests_are_counted_timed_and_written_down(web):
    cloudwatch, s3 = web.cloud.client("cloudwatch"), web.cloud.client("s3")
    server = web.instance("one")
    group = web.targets()
    web.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": server}])
    balancer = web.balancer()
    arn = balancer["LoadBalancerArn"]
    listener = web.listener(balancer, group)
    fixed = {"StatusCode": "503", "MessageBody": "no"}
    web.elb.create_rule(
        ListenerArn=listener, Priority=7, Conditions=[{"Field": "path-pattern", "Values": ["/no*"]}],
        Actions=[{"Type": "fixed-response", "FixedResponseConfig": fixed}])
    bucket = name("logs")
    s3.create_bucket(Bucket=bucket)
    on = [{"Key": "access_logs.s3.enabled", "Value": "true"}, {"Key": "access_logs.s3.bucket", "Value": bucket},
          {"Key": "access_logs.s3.prefix", "Value": "web"}]
    modify = web.elb.modify_load_balancer_attributes
    assert code(modify, LoadBalancerArn=arn, Attributes=on) == "InvalidConfigurationRequest"
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/web/AWSLogs/000000000000/*"}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    modify(LoadBalancerArn=arn, Attributes=on)
    keys = lambda: [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    assert keys() == ["web/AWSLogs/000000000000/ELBAccessLogTestFile"]
    web.all_healthy(group)

    address = web.addresses(balancer)[0]
    for _ in range(20):
        assert get(f"http://{address}/yes?a=b", {"User-Agent": 'a "b"'})[0] == 200
    for _ in range(5):
        assert get(f"http://{address}/no")[0] == 503
    lb, tg = "/".join(arn.split("/")[1:]), group.split(":")[-1]
    count = lambda metric, **more: sum_of(cloudwatch, metric, LoadBalancer=lb, **more)
    eventually(lambda: count("RequestCount") == 20 and count("HTTPCode_ELB_5XX_Count") == 5, "all are counted")
    assert count("HTTPCode_Target_2XX_Count", TargetGroup=tg) == 20
    zones = [zone["ZoneName"] for zone in balancer["AvailabilityZones"]]
    assert sum(count("RequestCount", AvailabilityZone=zone) for zone in zones) == 20
    assert sum_of(cloudwatch, "RequestCountPerTarget", TargetGroup=tg) == 20
    assert count("HTTPCode_ELB_503_Count") == 5 and count("HTTP_Fixed_Response_Count") == 5
    assert count("NewConnectionCount") >= 25 and count("ProcessedBytes") > 25 * 100
    took = sum_of(cloudwatch, "TargetResponseTime", "Maximum", LoadBalancer=lb, TargetGroup=tg)
    assert 0 < took < 10
    assert sum_of(cloudwatch, "HealthyHostCount", "Maximum", LoadBalancer=lb, TargetGroup=tg) >= 1

    def lines():
        files = [key for key in keys() if key.endswith(".log.gz")]
        texts = [gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).decode() for key in files]
        return "".join(texts).splitlines()

    eventually(lambda: len(lines()) == 25, "every request is a line", 30)
    file = [key for key in keys() if key.endswith(".log.gz")][0]
    day = datetime.now(timezone.utc).strftime("%Y/%m/%d")
    head = f"web/AWSLogs/000000000000/elasticloadbalancing/us-east-1/{day}/000000000000_elasticloadbalancing_us-east-1_"
    assert file.startswith(head + lb.replace("/", ".") + "_")
    forwarded = [line for line in lines() if f'"GET http://{address}:80/yes?a=b HTTP/1.1"' in line]
    assert len(forwarded) == 20
    private = web.ec2.describe_instances(InstanceIds=[server])["Reservations"][0]["Instances"][0]["PrivateIpAddress"]
    assert f" {private}:80 " in forwarded[0] and ' 200 200 ' in forwarded[0] and f" {group} " in forwarded[0]
    assert r'"a \x22b\x22"' in forwarded[0] and ' "forward" ' in forwarded[0] and ' 0 20' in forwarded[0]
    own = [line for line in lines() if "/no " in line]
    assert len(own) == 5 and ' 503 - ' in own[0] and ' "fixed-response" ' in own[0] and " 7 20" in own[0]


def test_streams_in_tls_are_written_down(web):
    s3 = web.cloud.client("s3")
    certificate = web.cloud.client("acm").request_certificate(DomainName="mail.example.com")["CertificateArn"]
    server = web.instance("one", group=web.front)
    group = web.targets(Protocol="TCP", HealthCheckProtocol="TCP")
    web.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": server}])
    balancer = web.balancer(Type="network")
    listener = web.listener(balancer, group, 443, Protocol="TLS", Certificates=[{"CertificateArn": certificate}])
    web.listener(balancer, group, 8080, Protocol="TCP")
    web.elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=[{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}])
    bucket = name("logs")
    s3.create_bucket(Bucket=bucket)
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"}, "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/AWSLogs/000000000000/*",
        "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": "000000000000"},
                      "ArnLike": {"aws:SourceArn": "arn:aws:logs:us-east-1:000000000000:*"}}}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    on = [{"Key": "access_logs.s3.enabled", "Value": "true"}, {"Key": "access_logs.s3.bucket", "Value": bucket}]
    web.elb.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=on)
    web.all_healthy(group)
    address = web.addresses(balancer)[0]
    context = ssl._create_unverified_context()

    def speak():
        with socket.create_connection((address, 443), timeout=5) as raw:
            with context.wrap_socket(raw, server_hostname="mail.example.com") as stream:
                stream.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return b"".join(iter(lambda: stream.recv(4096), b""))

    assert speak().startswith(b"HTTP/1.1 200")
    assert get(f"http://{address}:8080/")[0] == 200

    def lines():
        files = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", []) if one["Key"].endswith(".log.gz")]
        return [line for key in files for line in gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).decode().splitlines()]

    eventually(lambda: lines(), "the stream is written down", 30)
    (line,) = lines()
    fields = line.split(" ")
    assert fields[:2] == ["tls", "2.0"] and len(fields) == 22
    assert fields[3:5] == ["/".join(balancer["LoadBalancerArn"].split("/")[1:]), listener.split("/")[-1]]
    assert fields[9] == "18" and int(fields[10]) > 100
    assert fields[12] == certificate and fields[17] == "mail.example.com" and fields[15].startswith("tlsv1")


def test_a_certificate_in_use_says_by_whom_and_stays(web):
    acm = web.cloud.client("acm")
    certificate = acm.request_certificate(DomainName="web.example.com")["CertificateArn"]
    group, balancer = web.targets(), web.balancer()
    listener = web.listener(balancer, group, 443, Protocol="HTTPS", Certificates=[{"CertificateArn": certificate}])
    used_by = lambda: acm.describe_certificate(CertificateArn=certificate)["Certificate"]["InUseBy"]
    eventually(lambda: used_by() == [balancer["LoadBalancerArn"]], "the user is told")
    assert code(acm.delete_certificate, CertificateArn=certificate) == "ResourceInUseException"
    web.elb.delete_listener(ListenerArn=listener)
    eventually(lambda: not used_by(), "nobody uses it")
    acm.delete_certificate(CertificateArn=certificate)
