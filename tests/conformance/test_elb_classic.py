"""Classic load balancers: listeners before registered instances, their policies, logs and metrics, and groups behind them."""

import json
import socket
import time
from datetime import datetime, timedelta, timezone

import pytest
from conftest import eventually, forget_certificate, needs_root
from test_autoscaling import Site
from test_elb import WEB, Web, certificate, code, get, name, shown_by, words

pytestmark = needs_root

# Beside the web server, one that says the first line it was told.
BOTH = WEB.replace(
    "exec python3 -u - <<'PY'",
    """python3 -u - <<'PY' &
import socketserver
class First(socketserver.StreamRequestHandler):
    def handle(self): self.wfile.write(self.rfile.readline())
class Server(socketserver.ThreadingTCPServer): allow_reuse_address = True
Server(("0.0.0.0", 81), First).serve_forever()
PY
exec python3 -u - <<'PY'""",
)


class Classic(Web):
    """A classic load balancer, removed again."""

    def __init__(self, cloud):
        super().__init__(cloud)
        self.classic = cloud.client("elb")

    def made(self, listeners, check="HTTP:80/", **more):
        lb = name("clb")
        self.dns_name = self.classic.create_load_balancer(
            LoadBalancerName=lb, Listeners=[dict(zip(("Protocol", "LoadBalancerPort", "InstanceProtocol", "InstancePort"), one)) for one in listeners],
            Subnets=[s["SubnetId"] for s in self.subnets], SecurityGroups=[self.front], **more,
        )["DNSName"]
        self.undo.append(lambda: self.let_go(lb))
        check = {"Target": check, "Interval": 5, "Timeout": 2, "UnhealthyThreshold": 2, "HealthyThreshold": 2}
        assert self.classic.configure_health_check(LoadBalancerName=lb, HealthCheck=check)["HealthCheck"] == check
        self.lb = lb
        return lb

    def let_go(self, lb):
        self.classic.delete_load_balancer(LoadBalancerName=lb)
        eventually(lambda: not self.interfaces(f"ELB {lb}"), "its interfaces go", 30)

    def register(self, *ids):
        self.classic.register_instances_with_load_balancer(LoadBalancerName=self.lb, Instances=[{"InstanceId": one} for one in ids])

    def states(self):
        found = self.classic.describe_instance_health(LoadBalancerName=self.lb)["InstanceStates"]
        return {one["InstanceId"]: (one["State"], one["Description"]) for one in found}

    def all_in_service(self):
        well = lambda: {state for state, _ in self.states().values()} == {"InService"}
        eventually(well, f"all are in service: {self.states()}", 60)

    def addresses(self):
        """Public ones, when both interfaces have theirs."""
        known = lambda: [one["Association"]["PublicIp"] for one in self.interfaces(f"ELB {self.lb}") if "Association" in one]
        return eventually(lambda: len(known()) == 2 and known(), "two addresses")


@pytest.fixture
def web(cloud):
    web = Classic(cloud)
    yield web
    web.clear()


def open_to(address, path="/"):
    """Whether a request comes through; doors open a moment after they are asked for."""
    try:
        return get(f"http://{address}{path}")[0]
    except OSError:
        return None


def test_requests_and_streams_come_to_registered_instances(web):
    first, second = web.instance("one", script=BOTH % "one"), web.instance("two", script=BOTH % "two")
    listeners = [("HTTP", 80, "HTTP", 80), ("TCP", 8081, "TCP", 81)]
    lb = web.made(listeners, Tags=[{"Key": "a", "Value": "b"}])
    web.classic.create_load_balancer(
        LoadBalancerName=lb, Listeners=[{"Protocol": "http", "LoadBalancerPort": 80, "InstancePort": 80}, {"Protocol": "tcp", "LoadBalancerPort": 8081, "InstancePort": 81}],
        Subnets=[s["SubnetId"] for s in web.subnets], SecurityGroups=[web.front], Tags=[{"Key": "a", "Value": "b"}])
    address = web.addresses()[0]
    eventually(lambda: open_to(address) == 503, "nobody is registered")
    web.classic.modify_load_balancer_attributes(
        LoadBalancerName=lb,
        LoadBalancerAttributes={"CrossZoneLoadBalancing": {"Enabled": True}, "ConnectionDraining": {"Enabled": True, "Timeout": 2}})
    web.register(first, second)
    web.all_in_service()
    seen, told = words(f"http://{address}/a?b=c")
    assert seen == {"one", "two"}
    assert told[1] == "/a?b=c" and "x-forwarded-proto=http" in told and "x-forwarded-port=80" in told
    assert words(f"http://127.0.0.1:{web.cloud.port}/x", {"Host": web.dns_name})[0] == {"one", "two"}

    # Streams tell who asks where their port has the policy.
    web.classic.create_load_balancer_policy(
        LoadBalancerName=lb, PolicyName="proxy", PolicyTypeName="ProxyProtocolPolicyType",
        PolicyAttributes=[{"AttributeName": "ProxyProtocol", "AttributeValue": "true"}])
    web.classic.set_load_balancer_policies_for_backend_server(LoadBalancerName=lb, InstancePort=81, PolicyNames=["proxy"])

    def line():
        with socket.create_connection((address, 8081), timeout=5) as stream:
            stream.sendall(b"hello\n")
            return stream.makefile().readline()

    eventually(lambda: line().startswith("PROXY TCP4 "), "the stream begins with who asks")

    # Cookies bring clients back.
    web.classic.create_lb_cookie_stickiness_policy(LoadBalancerName=lb, PolicyName="sticky", CookieExpirationPeriod=60)
    web.classic.set_load_balancer_policies_of_listener(LoadBalancerName=lb, LoadBalancerPort=80, PolicyNames=["sticky"])
    cookie = lambda: next((c for c in get(f"http://{address}/")[2].get_all("Set-Cookie", []) if c.startswith("AWSELB=")), None)
    given = eventually(cookie, "a cookie is given").split(";")[0]
    assert len(words(f"http://{address}/", {"Cookie": given})[0]) == 1
    assert code(web.classic.delete_load_balancer_policy, LoadBalancerName=lb, PolicyName="sticky") == "InvalidConfigurationRequest"

    shown = web.classic.describe_load_balancers(LoadBalancerNames=[lb])["LoadBalancerDescriptions"][0]
    assert {one["InstanceId"] for one in shown["Instances"]} == {first, second}
    assert shown["Policies"]["LBCookieStickinessPolicies"] == [{"PolicyName": "sticky", "CookieExpirationPeriod": 60}]
    assert shown["Policies"]["OtherPolicies"] == ["proxy"]
    assert shown["BackendServerDescriptions"] == [{"InstancePort": 81, "PolicyNames": ["proxy"]}]
    assert shown["SourceSecurityGroup"]["GroupName"].startswith("front-")
    assert shown["Scheme"] == "internet-facing" and shown["DNSName"] == web.dns_name

    # One goes: it drains, gets nothing new, and is forgotten when its time is over.
    web.classic.set_load_balancer_policies_of_listener(LoadBalancerName=lb, LoadBalancerPort=80, PolicyNames=[])
    left = web.classic.deregister_instances_from_load_balancer(LoadBalancerName=lb, Instances=[{"InstanceId": first}])["Instances"]
    assert left == [{"InstanceId": second}]
    assert web.states()[first] == ("InService", "Instance deregistration currently in progress.")
    eventually(lambda: words(f"http://{address}/", count=4)[0] == {"two"}, "only one is left")
    eventually(lambda: first not in web.states(), "it is forgotten", 10)
    # One that is not well gets nothing, and with nobody well clients are told so.
    check = {"Target": "HTTP:82/", "Interval": 5, "Timeout": 2, "UnhealthyThreshold": 2, "HealthyThreshold": 2}
    web.classic.configure_health_check(LoadBalancerName=lb, HealthCheck=check)
    eventually(lambda: open_to(address) == 503, "nobody is well", 30)
    assert web.states()[second][0] == "OutOfService"


def test_policies_attributes_tags_and_refusals(web):
    elb = web.classic
    body, key = certificate("classic.example.com")
    iam = web.cloud.client("iam")
    server = iam.upload_server_certificate(ServerCertificateName=name("clb"), CertificateBody=body, PrivateKey=key)["ServerCertificateMetadata"]
    web.undo.append(lambda: forget_certificate(iam, server["ServerCertificateName"]))
    lb = web.made([("HTTP", 80, "HTTP", 80)], check="TCP:80")
    secure = {"Protocol": "HTTPS", "LoadBalancerPort": 443, "InstanceProtocol": "HTTP", "InstancePort": 80, "SSLCertificateId": server["Arn"]}
    elb.create_load_balancer_listeners(LoadBalancerName=lb, Listeners=[secure])
    assert code(elb.create_load_balancer_listeners, LoadBalancerName=lb, Listeners=[{**secure, "InstancePort": 81}]) == "DuplicateListener"
    assert code(elb.create_load_balancer_listeners, LoadBalancerName=lb, Listeners=[{**secure, "LoadBalancerPort": 444, "SSLCertificateId": server["Arn"] + "x"}]) == "CertificateNotFound"
    address = web.addresses()[0]

    def shows():
        try:
            return "classic.example.com" in str(shown_by(address, "classic.example.com"))
        except OSError:
            return False

    eventually(shows, "the door shows its certificate", 20)
    elb.set_load_balancer_listener_ssl_certificate(LoadBalancerName=lb, LoadBalancerPort=443, SSLCertificateId=server["Arn"])
    elb.create_load_balancer_policy(
        LoadBalancerName=lb, PolicyName="tls", PolicyTypeName="SSLNegotiationPolicyType",
        PolicyAttributes=[{"AttributeName": "Reference-Security-Policy", "AttributeValue": "ELBSecurityPolicy-TLS-1-2-2017-01"}])
    elb.create_app_cookie_stickiness_policy(LoadBalancerName=lb, PolicyName="app", CookieName="session")
    elb.set_load_balancer_policies_of_listener(LoadBalancerName=lb, LoadBalancerPort=443, PolicyNames=["tls", "app"])
    listeners = elb.describe_load_balancers(LoadBalancerNames=[lb])["LoadBalancerDescriptions"][0]["ListenerDescriptions"]
    assert [one["PolicyNames"] for one in listeners] == [[], ["tls", "app"]]
    told = elb.describe_load_balancer_policies(LoadBalancerName=lb, PolicyNames=["tls"])["PolicyDescriptions"][0]
    assert {"AttributeName": "Protocol-TLSv1.2", "AttributeValue": "true"} in told["PolicyAttributeDescriptions"]
    assert elb.describe_load_balancer_policies(PolicyNames=["ELBSecurityPolicy-2016-08"])["PolicyDescriptions"]
    types = {one["PolicyTypeName"] for one in elb.describe_load_balancer_policy_types()["PolicyTypeDescriptions"]}
    assert types == {"SSLNegotiationPolicyType", "AppCookieStickinessPolicyType", "LBCookieStickinessPolicyType", "ProxyProtocolPolicyType"}
    pinned = {"LoadBalancerName": lb, "PolicyName": "key", "PolicyTypeName": "PublicKeyPolicyType"}
    assert code(elb.create_load_balancer_policy, **pinned) == "InvalidConfigurationRequest"
    elb.set_load_balancer_policies_of_listener(LoadBalancerName=lb, LoadBalancerPort=443, PolicyNames=[])
    elb.delete_load_balancer_policy(LoadBalancerName=lb, PolicyName="tls")

    changed = {"ConnectionSettings": {"IdleTimeout": 7}, "AdditionalAttributes": [{"Key": "elb.http.desyncmitigationmode", "Value": "strictest"}]}
    assert elb.modify_load_balancer_attributes(LoadBalancerName=lb, LoadBalancerAttributes=changed)["LoadBalancerAttributes"] == changed
    attributes = elb.describe_load_balancer_attributes(LoadBalancerName=lb)["LoadBalancerAttributes"]
    assert attributes["ConnectionSettings"]["IdleTimeout"] == 7 and attributes["ConnectionDraining"] == {"Enabled": False, "Timeout": 300}
    elb.add_tags(LoadBalancerNames=[lb], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])
    elb.remove_tags(LoadBalancerNames=[lb], Tags=[{"Key": "b"}])
    assert elb.describe_tags(LoadBalancerNames=[lb])["TagDescriptions"] == [{"LoadBalancerName": lb, "Tags": [{"Key": "a", "Value": "1"}]}]
    assert {one["Name"]: one["Max"] for one in elb.describe_account_limits()["Limits"]}["classic-load-balancers"] == "20"

    subnet, zone = web.subnets[1]["SubnetId"], web.subnets[1]["AvailabilityZone"]
    assert subnet not in elb.detach_load_balancer_from_subnets(LoadBalancerName=lb, Subnets=[subnet])["Subnets"]
    assert subnet in elb.attach_load_balancer_to_subnets(LoadBalancerName=lb, Subnets=[subnet])["Subnets"]
    if web.subnets[1]["DefaultForAz"]:
        assert zone not in elb.disable_availability_zones_for_load_balancer(LoadBalancerName=lb, AvailabilityZones=[zone])["AvailabilityZones"]
        assert zone in elb.enable_availability_zones_for_load_balancer(LoadBalancerName=lb, AvailabilityZones=[zone])["AvailabilityZones"]
    assert elb.apply_security_groups_to_load_balancer(LoadBalancerName=lb, SecurityGroups=[web.back])["SecurityGroups"] == [web.back]
    elb.delete_load_balancer_listeners(LoadBalancerName=lb, LoadBalancerPorts=[443])
    assert code(elb.describe_load_balancers, LoadBalancerNames=["none"]) == "LoadBalancerNotFound"
    assert code(elb.describe_instance_health, LoadBalancerName=lb, Instances=[{"InstanceId": "i-0"}]) == "InvalidInstance"
    assert code(elb.register_instances_with_load_balancer, LoadBalancerName=lb, Instances=[{"InstanceId": "i-00000000000000000"}]) == "InvalidInstance"


def test_what_passes_is_counted_and_written_down_and_a_kill_is_got_over(own_cloud):
    cloud = own_cloud(env={"CLOUDLET_METRICS_EVERY": "1"})
    web = Classic(cloud)
    cloudwatch, s3 = cloud.client("cloudwatch"), cloud.client("s3")
    server = web.instance("one", script=BOTH % "one")
    lb = web.made([("HTTP", 80, "HTTP", 80), ("TCP", 8081, "TCP", 81)])
    bucket = name("logs")
    s3.create_bucket(Bucket=bucket)
    log = {"AccessLog": {"Enabled": True, "S3BucketName": bucket, "EmitInterval": 5, "S3BucketPrefix": "p"}}
    modify = web.classic.modify_load_balancer_attributes
    assert code(modify, LoadBalancerName=lb, LoadBalancerAttributes=log) == "InvalidConfigurationRequest"
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/p/AWSLogs/000000000000/*"}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    modify(LoadBalancerName=lb, LoadBalancerAttributes=log)
    with pytest.raises(web.classic.exceptions.InvalidEndPointException, match="i-00000000000000000"):
        web.register(server, "i-00000000000000000")
    web.register(server)
    web.all_in_service()
    address = web.addresses()[0]
    for _ in range(10):
        assert get(f"http://{address}/yes", {"User-Agent": "me"})[0] == 200
    with socket.create_connection((address, 8081), timeout=5) as stream:
        stream.sendall(b"hello\n")
        assert stream.makefile().readline() == "hello\n"

    def sum_of(metric):
        now = datetime.now(timezone.utc)
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/ELB", MetricName=metric, Period=300, Statistics=["Sum"], Dimensions=[{"Name": "LoadBalancerName", "Value": lb}],
            StartTime=now - timedelta(minutes=10), EndTime=now + timedelta(minutes=5))["Datapoints"]
        return sum(point["Sum"] for point in points)

    eventually(lambda: (sum_of("RequestCount"), sum_of("HTTPCode_Backend_2XX")) == (11, 10), "all are counted")

    def lines():
        found = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", []) if one["Key"].endswith(".log")]
        return [line for key in found for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode().splitlines()]

    eventually(lambda: len(lines()) == 11, "all are written down", 30)
    requests = [line for line in lines() if "/yes" in line]
    assert len(requests) == 10 and all(f' {lb} ' in line and ' 200 200 ' in line and '"me" - -' in line for line in requests)
    assert [line for line in lines() if line.endswith('- - 6 6 "- - - " "-" - -')], lines()

    cloud.kill()
    cloud.start()
    begun = time.monotonic()
    eventually(lambda: open_to(address) == 200, "it is back", 15)
    print(f"seconds from the start to the first answer: {time.monotonic() - begun:.2f}")
    web.clear()


def test_a_group_s_instances_come_and_go_with_their_balancer(cloud):
    site, web = Site(cloud), Classic(cloud)
    lb = web.made([("HTTP", 80, "HTTP", 80)])
    web.classic.modify_load_balancer_attributes(
        LoadBalancerName=lb, LoadBalancerAttributes={"ConnectionDraining": {"Enabled": True, "Timeout": 1}})
    try:
        # The servers let in the other test's balancer only.
        site.ec2.authorize_security_group_ingress(
            GroupId=site.back, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": web.front}]}])
        site.undo.append(lambda: site.ec2.revoke_security_group_ingress(
            GroupId=site.back, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": web.front}]}]))
        with_it = {"AutoScalingGroupName": site.name, "LoadBalancerNames": [lb]}
        site.make(1, 2, TargetGroupARNs=[], LoadBalancerNames=[lb], HealthCheckType="ELB", HealthCheckGracePeriod=5)
        assert set(web.states()) == set(site.members())
        assert site.group_now()["LoadBalancerNames"] == [lb]
        assert site.group_now()["TrafficSources"] == [{"Identifier": lb, "Type": "elb"}]
        told = lambda: site.scaling.describe_load_balancers(AutoScalingGroupName=site.name)["LoadBalancers"]
        assert told() == [{"LoadBalancerName": lb, "State": "InService"}]
        site.scaling.set_desired_capacity(AutoScalingGroupName=site.name, DesiredCapacity=2)
        assert site.rests(2) == set(web.states())
        site.scaling.set_desired_capacity(AutoScalingGroupName=site.name, DesiredCapacity=1)
        assert site.rests(1) == set(web.states())
        site.scaling.detach_load_balancers(**with_it)
        eventually(lambda: not web.states() and not told(), "nobody is registered", 20)
        site.scaling.attach_load_balancers(**with_it)
        eventually(lambda: told() == [{"LoadBalancerName": lb, "State": "InService"}], "it serves again", 20)
        assert code(site.scaling.attach_load_balancers, AutoScalingGroupName=site.name, LoadBalancerNames=["none"]) == "ValidationError"
    finally:
        site.clear()
        web.clear()
