"""Load balancers with real listeners: two web servers from user data, and clients who come every way there is."""

import http.client
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
import uuid

import pytest
from conftest import code, eventually, forget_certificate, needs_root

pytestmark = needs_root

# Says who it is, and what it was told about the client.
WEB = """#!/bin/sh
exec python3 -u - <<'PY'
import http.server, socket, sys
class Who(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        told = ["%s", self.path, self.client_address[0]]
        told += [name.lower() + "=" + value for name, value in self.headers.items()]
        body = "\\n".join(told).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 80), Who).serve_forever()
PY
"""


def get(url, headers=None, timeout=5):
    """Status and text, whatever the status."""
    request = urllib.request.Request(url, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def name(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


class Web:
    """A load balancer before two web servers, all of it removed again."""

    def __init__(self, cloud):
        self.cloud, self.undo = cloud, []
        self.ec2, self.elb = cloud.client("ec2"), cloud.client("elbv2")
        image = self.ec2.describe_images(Owners=["amazon"], Filters=[{"Name": "name", "Values": ["host"]}])["Images"]
        self.image = image[0]["ImageId"] if image else self.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        self.subnets = self.ec2.describe_subnets()["Subnets"][:2]
        self.vpc = self.subnets[0]["VpcId"]
        self.front = self.group("front", "0.0.0.0/0")
        # Only the balancer may come to the servers.
        self.back = self.group("back", self.front)

    def group(self, kind, source):
        group = self.ec2.create_security_group(GroupName=name(kind), Description=kind, VpcId=self.vpc)["GroupId"]
        self.undo.append(lambda: self.ec2.delete_security_group(GroupId=group))
        permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 8099}
        if source.startswith("sg-"):
            permission["UserIdGroupPairs"] = [{"GroupId": source}]
        else:
            permission["IpRanges"] = [{"CidrIp": source}]
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
        return group

    def instance(self, word, group=None, script=None):
        made = self.ec2.run_instances(
            ImageId=self.image,
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.subnets[len(self.undo) % 2]["SubnetId"],
            SecurityGroupIds=[group or self.back],
            UserData=script or WEB % word,
        )["Instances"][0]["InstanceId"]
        self.undo.append(lambda: self.end(made))
        return made

    def end(self, instance):
        self.ec2.terminate_instances(InstanceIds=[instance])
        state = lambda: self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]
        eventually(lambda: state() == "terminated", f"{instance} ends", 60)

    def targets(self, **more):
        arn = self.elb.create_target_group(
            Name=name("tg"),
            VpcId=self.vpc,
            **{"Protocol": "HTTP", "Port": 80, "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 2, **more},
        )["TargetGroups"][0]["TargetGroupArn"]
        self.undo.append(lambda: self.elb.delete_target_group(TargetGroupArn=arn))
        return arn

    def balancer(self, **more):
        made = self.elb.create_load_balancer(
            Name=name("lb"), Subnets=[s["SubnetId"] for s in self.subnets], SecurityGroups=[self.front], **more
        )["LoadBalancers"][0]
        arn = made["LoadBalancerArn"]
        self.undo.append(lambda: self.gone(arn))
        eventually(lambda: self.state(arn) == "active", "the balancer is active", 30)
        return self.elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]

    def state(self, arn):
        return self.elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]["State"]["Code"]

    def gone(self, arn):
        self.elb.delete_load_balancer(LoadBalancerArn=arn)
        described = f"ELB {'/'.join(arn.split('/')[1:])}"
        eventually(lambda: not self.interfaces(described), "its interfaces go", 30)

    def interfaces(self, described):
        filters = [{"Name": "description", "Values": [described]}]
        return self.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]

    def addresses(self, balancer):
        described = f"ELB {'/'.join(balancer['LoadBalancerArn'].split('/')[1:])}"
        given = lambda: [one["Association"]["PublicIp"] for one in self.interfaces(described) if "Association" in one]
        return eventually(lambda: len(given()) == 2 and given(), "two addresses")

    def listener(self, balancer, group, port=80, **more):
        arguments = {"Protocol": "HTTP", "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}], **more}
        made = self.elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Port=port, **arguments)
        return made["Listeners"][0]["ListenerArn"]

    def health(self, group):
        found = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return {one["Target"]["Id"]: one["TargetHealth"] for one in found}

    def all_healthy(self, group, seconds=60):
        well = lambda: {health["State"] for health in self.health(group).values()} == {"healthy"}
        eventually(well, f"all targets are healthy, but {self.health(group)}", seconds)

    def clear(self):
        while self.undo:
            self.undo.pop()()


@pytest.fixture
def web(cloud):
    web = Web(cloud)
    yield web
    web.clear()


def words(url, headers=None, count=8):
    """The first lines of answers, and all of the last."""
    answers = [get(url, headers) for _ in range(count)]
    assert {status for status, _, _ in answers} == {200}, answers
    return {text.splitlines()[0] for _, text, _ in answers}, answers[-1][1].splitlines()


def test_two_servers_answer_whichever_way_a_client_comes(web):
    first, second = web.instance("one"), web.instance("two")
    group = web.targets()
    balancer = web.balancer()
    web.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": first}, {"Id": second}])
    assert {health["State"] for health in web.health(group).values()} == {"unused"}
    web.listener(balancer, group)
    web.all_healthy(group)

    # By address, from the host: the server sees the balancer, and is told who asked.
    for address in web.addresses(balancer):
        seen, told = words(f"http://{address}/a?b=c")
        assert seen == {"one", "two"}
        assert told[1] == "/a?b=c"
        assert f"host={address}" in told and "x-forwarded-proto=http" in told and "x-forwarded-port=80" in told
        assert any(re.fullmatch(r"x-forwarded-for=[0-9.]+", line) for line in told)
        assert any(re.fullmatch(r"x-amzn-trace-id=Root=1-[0-9a-f]{8}-[0-9a-f]{24}", line) for line in told)
    # By name, at the house's own port.
    port = web.cloud.port
    host = f"{balancer['LoadBalancerName']}.elb.localhost:{port}"
    assert words(f"http://127.0.0.1:{port}/x", {"Host": host})[0] == {"one", "two"}
    assert words(f"http://127.0.0.1:{port}/x", {"Host": balancer["DNSName"]})[0] == {"one", "two"}
    # From inside the VPC, by its name.
    script = f"""#!/bin/sh
exec python3 -u - <<'PY'
import time, urllib.request
while True:
    try: print("told", urllib.request.urlopen("http://{balancer['DNSName']}/in", timeout=2).read().decode().split()[0])
    except OSError as error: print("not told", error)
    time.sleep(0.2)
PY
"""
    inside = web.instance("visitor", group=web.front, script=script)
    console = lambda: web.ec2.get_console_output(InstanceId=inside, Latest=True).get("Output", "")
    eventually(lambda: "told one" in console() and "told two" in console(), f"it is told: {console()[-300:]}", 60)

    # One goes: it drains, gets nothing new, and is forgotten when its time is over.
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "2"}]
    web.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)
    web.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": first}])
    assert web.health(group)[first] == {
        "State": "draining",
        "Reason": "Target.DeregistrationInProgress",
        "Description": "Target deregistration is in progress",
    }
    address = web.addresses(balancer)[0]
    eventually(lambda: words(f"http://{address}/", count=4)[0] == {"two"}, "only one is left")
    eventually(lambda: first not in web.health(group), "it is forgotten", 10)
    named = web.elb.describe_target_health(TargetGroupArn=group, Targets=[{"Id": first}])
    assert named["TargetHealthDescriptions"][0]["TargetHealth"]["Reason"] == "Target.NotRegistered"


def test_a_target_that_is_not_well_says_why_and_gets_nothing(web):
    server = web.instance("one")
    group = web.targets(HealthCheckPath="/", Matcher={"HttpCode": "404"})
    balancer = web.balancer()
    web.listener(balancer, group)
    web.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": server}, {"Id": server, "Port": 81}])
    found = lambda: {
        one["Target"]["Port"]: one["TargetHealth"].get("Reason")
        for one in web.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    }
    mismatch = {80: "Target.ResponseCodeMismatch", 81: "Target.FailedHealthChecks"}
    eventually(lambda: found() == mismatch, f"both say why: {found()}", 60)
    web.elb.modify_target_group(TargetGroupArn=group, Matcher={"HttpCode": "200-299"})
    eventually(lambda: found()[80] is None, "one is well", 30)
    address = web.addresses(balancer)[0]
    assert words(f"http://{address}/", count=10)[0] == {"one"}
    # An instance that ends is no target any more.
    web.end(server)
    eventually(lambda: not web.health(group), "it is no target any more", 30)
    eventually(lambda: get(f"http://{address}/")[0] == 503, "nobody is left")


def test_rules_decide_by_what_they_look_at(web):
    server = web.instance("one")
    group = web.targets()
    web.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": server}])
    balancer = web.balancer()
    listener = web.listener(
        balancer, group, DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "nobody"}}]
    )

    def say(text):
        config = {"StatusCode": "200", "MessageBody": text, "ContentType": "text/plain"}
        return [{"Type": "fixed-response", "FixedResponseConfig": config}]

    conditions = {
        "host": {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.Example.com"]}},
        "path": {"Field": "path-pattern", "Values": ["/img/*"]},
        "header": {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Kind", "Values": ["a?c"]}},
        "method": {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["PUT"]}},
        "query": {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2"}, {"Value": r"a\*b\?"}]}},
    }
    rules = {}
    for priority, (kind, condition) in enumerate(conditions.items(), 1):
        made = web.elb.create_rule(ListenerArn=listener, Priority=priority, Conditions=[condition], Actions=say(kind))
        rules[kind] = made["Rules"][0]["RuleArn"]
    redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301", "Host": "#{host}", "Path": "/new/#{path}"}
    web.elb.create_rule(
        ListenerArn=listener,
        Priority=50,
        Conditions=[{"Field": "path-pattern", "Values": ["/old*"]}],
        Actions=[{"Type": "redirect", "RedirectConfig": redirect}],
    )
    web.elb.create_rule(
        ListenerArn=listener,
        Priority=60,
        Conditions=[{"Field": "path-pattern", "Values": ["/app"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    web.all_healthy(group)
    address = web.addresses(balancer)[0]

    def ask(path, method="GET", **headers):
        connection = http.client.HTTPConnection(address, timeout=5)
        connection.request(method, path, headers={key.replace("_", "-"): value for key, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers

    eventually(lambda: ask("/", Host="a.example.com")[1] == "host", "rules are in force")
    assert ask("/img/a")[1] == "path"
    assert ask("/", X_Kind="abc")[1] == "header"
    assert ask("/", method="PUT")[1] == "method"
    assert ask("/?a=b&v=2")[1] == "query"
    assert (ask("/?x=A*b?")[1], ask("/?x=aXb?")[0]) == ("query", 404)
    assert ask("/none")[:2] == (404, "nobody")
    status, _, headers = ask("/old/x?y=z")
    assert (status, headers["Location"]) == (301, f"https://{address}:443/new/old/x?y=z")
    assert ask("/app")[1].splitlines()[0] == "one"
    # The order is by priority, and can be changed.
    pairs = [{"RuleArn": rules["host"], "Priority": 5}, {"RuleArn": rules["query"], "Priority": 1}]
    web.elb.set_rule_priorities(RulePriorities=pairs)
    eventually(lambda: ask("/?v=2", Host="a.example.com")[1] == "query", "the other one is first")
    described = web.elb.describe_rules(ListenerArn=listener)["Rules"]
    assert [rule["Priority"] for rule in described] == ["1", "2", "3", "4", "5", "50", "60", "default"]
    assert code(web.elb.create_rule, ListenerArn=listener, Priority=1, Conditions=[conditions["path"]], Actions=say("x")) == "PriorityInUse"
    assert code(web.elb.delete_rule, RuleArn=described[-1]["RuleArn"]) == "OperationNotPermitted"
    web.elb.delete_rule(RuleArn=rules["path"])
    eventually(lambda: ask("/img/a")[0] == 404, "the rule is gone")


def test_clients_come_back_to_their_server(web):
    servers = [web.instance(word) for word in ("one", "two")]
    group = web.targets()
    web.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": server} for server in servers])
    balancer = web.balancer()
    web.listener(balancer, group)
    web.all_healthy(group)
    sticky = [{"Key": "stickiness.enabled", "Value": "true"}, {"Key": "stickiness.lb_cookie.duration_seconds", "Value": "60"}]
    web.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=sticky)
    address = web.addresses(balancer)[0]
    cookies = lambda: [line.split(";")[0] for line in get(f"http://{address}/")[2].get_all("Set-Cookie") or []]
    eventually(lambda: cookies(), "cookies are set")
    given = {cookie.split("=")[0]: cookie for cookie in cookies()}
    assert set(given) == {"AWSALB", "AWSALBCORS"}
    for cookie in given.values():
        assert len(words(f"http://{address}/", {"Cookie": cookie})[0]) == 1


def test_what_is_wrong_is_refused_in_awss_words(web):
    elb = web.elb
    group = web.targets()
    balancer = web.balancer()
    arn = balancer["LoadBalancerArn"]
    listener = web.listener(balancer, group)
    nobody = arn[:-4] + "0000"
    assert code(elb.describe_load_balancers, LoadBalancerArns=[nobody]) == "LoadBalancerNotFound"
    assert code(elb.describe_load_balancers, Names=["nobody"]) == "LoadBalancerNotFound"
    assert code(elb.describe_target_groups, Names=["nobody"]) == "TargetGroupNotFound"
    assert code(elb.delete_target_group, TargetGroupArn=group) == "ResourceInUse"
    again = {"Protocol": "HTTP", "Port": 80, "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}]}
    assert code(elb.create_listener, LoadBalancerArn=arn, **again) == "DuplicateListener"
    assert code(elb.create_listener, LoadBalancerArn=arn, **{**again, "Protocol": "TCP", "Port": 81}) == "UnsupportedProtocol"
    assert code(elb.register_targets, TargetGroupArn=group, Targets=[{"Id": "i-0123456789abcdef0"}]) == "InvalidTarget"
    subnets = [s["SubnetId"] for s in web.subnets]
    other = {"Name": balancer["LoadBalancerName"], "Subnets": subnets, "Scheme": "internal"}
    assert code(elb.create_load_balancer, **other) == "DuplicateLoadBalancerName"
    assert code(elb.create_load_balancer, Name="gw", Subnets=subnets, Type="gateway") == "InvalidConfigurationRequest"
    assert code(elb.create_load_balancer, Name="one", Subnets=subnets[:1]) == "ValidationError"
    authenticate = {"Type": "authenticate-cognito", "Order": 1}
    assert code(elb.modify_listener, ListenerArn=listener, DefaultActions=[authenticate]) in ("InvalidConfigurationRequest", "ValidationError")
    on = [{"Key": "access_logs.s3.enabled", "Value": "true"}]
    assert code(elb.modify_load_balancer_attributes, LoadBalancerArn=arn, Attributes=on) == "InvalidConfigurationRequest"
    protect = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=protect)
    assert code(elb.delete_load_balancer, LoadBalancerArn=arn) == "OperationNotPermitted"
    protect[0]["Value"] = "false"
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=protect)
    elb.add_tags(ResourceArns=[arn, listener], Tags=[{"Key": "a", "Value": "b"}])
    elb.remove_tags(ResourceArns=[listener], TagKeys=["a"])
    tags = elb.describe_tags(ResourceArns=[arn, listener])["TagDescriptions"]
    assert [one["Tags"] for one in tags] == [[{"Key": "a", "Value": "b"}], []]
    limits = {one["Name"]: one["Max"] for one in elb.describe_account_limits()["Limits"]}
    assert (limits["condition-wildcards-per-alb-rule"], limits["target-groups-per-application-load-balancer"]) == ("6", "100")
    assert elb.describe_ssl_policies(Names=["ELBSecurityPolicy-2016-08"])["SslPolicies"]
    assert elb.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]["ListenerArn"] == listener
    assert elb.describe_target_groups(LoadBalancerArn=arn)["TargetGroups"][0]["TargetGroupArn"] == group
    attributes = elb.describe_listener_attributes(ListenerArn=listener)["Attributes"]
    assert {"Key": "routing.http.response.server.enabled", "Value": "true"} in attributes
    quiet = [{"Key": "routing.http.response.server.enabled", "Value": "false"}]
    frames = {"Key": "routing.http.response.x_frame_options.header_value", "Value": "DENY"}
    said = elb.modify_listener_attributes(ListenerArn=listener, Attributes=[*quiet, frames])["Attributes"]
    assert quiet[0] in said and frames in said
    of = {one["Key"]: one["Value"] for one in elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]}
    assert (of["idle_timeout.timeout_seconds"], of["routing.http.desync_mitigation_mode"]) == ("60", "defensive")
    of = {one["Key"]: one["Value"] for one in elb.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]}
    assert (of["deregistration_delay.timeout_seconds"], of["stickiness.type"]) == ("300", "lb_cookie")
    teapot = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "418", "MessageBody": "short"}}]
    path = [{"Field": "path-pattern", "Values": ["/tea"]}]
    rule = elb.create_rule(ListenerArn=listener, Priority=1, Conditions=path, Actions=teapot)["Rules"][0]["RuleArn"]
    path[0]["Values"] = ["/coffee"]
    assert elb.modify_rule(RuleArn=rule, Conditions=path)["Rules"][0]["Conditions"][0]["Values"] == ["/coffee"]
    address = web.addresses(balancer)[0]
    eventually(lambda: get(f"http://{address}/coffee")[:2] == (418, "short"), "the rule is in force")
    headers = get(f"http://{address}/coffee")[2]
    assert ("Server" in headers, headers["X-Frame-Options"]) == (False, "DENY")
    # To another subnet, and then without a listener.
    third = web.ec2.describe_subnets()["Subnets"][2]["SubnetId"]
    zones = elb.set_subnets(LoadBalancerArn=arn, Subnets=[subnets[0], third])["AvailabilityZones"]
    assert {zone["SubnetId"] for zone in zones} == {subnets[0], third}
    eventually(lambda: {i["SubnetId"] for i in web.interfaces(f"ELB {'/'.join(arn.split('/')[1:])}")} == {subnets[0], third}, "it has moved")
    moved = lambda: [get(f"http://{one}/coffee")[0] for one in web.addresses(balancer)] == [418, 418]
    eventually(moved, "it answers there")
    elb.delete_listener(ListenerArn=listener)
    assert code(elb.describe_listeners, ListenerArns=[listener]) == "ListenerNotFound"
    assert elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[web.front])["SecurityGroupIds"] == [web.front]
    assert elb.set_ip_address_type(LoadBalancerArn=arn, IpAddressType="ipv4")["IpAddressType"] == "ipv4"
    assert code(elb.set_ip_address_type, LoadBalancerArn=arn, IpAddressType="dualstack") == "ValidationError", "no IPv6"


def certificate(*names):
    """A certificate for names, self-signed, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from datetime import datetime, timedelta

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    begin = datetime(2020, 1, 1)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=20_000))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


def shown_by(address, server_name, port=443):
    """The names in the certificate a listener shows, and what it speaks."""
    from cryptography import x509

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection((address, port), timeout=5) as raw:
        with context.wrap_socket(raw, server_hostname=server_name) as tls:
            shown = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True))
            names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            return names.get_values_for_type(x509.DNSName), tls.version(), tls.selected_alpn_protocol()


def test_https_listeners_show_the_certificate_that_is_asked_for(web):
    iam = web.cloud.client("iam")
    arns = {}
    for word in ("first", "second"):
        body, key = certificate(f"{word}.example.com", f"*.{word}.example.com")
        made = iam.upload_server_certificate(ServerCertificateName=name(word), CertificateBody=body, PrivateKey=key)
        metadata = made["ServerCertificateMetadata"]
        arns[word] = metadata["Arn"]
        web.undo.append(lambda n=metadata["ServerCertificateName"]: forget_certificate(iam, n))
    server = web.instance("one")
    group = web.targets()
    web.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": server}])
    balancer = web.balancer()
    no = {"LoadBalancerArn": balancer["LoadBalancerArn"], "Port": 443, "Protocol": "HTTPS"}
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    assert code(web.elb.create_listener, DefaultActions=forward, **no) == "CertificateNotFound"
    gone = [{"CertificateArn": arns["first"] + "x"}]
    assert code(web.elb.create_listener, DefaultActions=forward, Certificates=gone, **no) == "CertificateNotFound"
    first = [{"CertificateArn": arns["first"]}]
    policy = "ELBSecurityPolicy-TLS13-1-2-2021-06"
    listener = web.listener(balancer, group, port=443, Protocol="HTTPS", Certificates=first, SslPolicy=policy)
    web.elb.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": arns["second"]}])
    web.all_healthy(group)
    address = web.addresses(balancer)[0]
    of = lambda server_name: shown_by(address, server_name)[0][0]
    eventually(lambda: of("a.second.example.com") == "second.example.com", "the second is shown")
    assert of("first.example.com") == "first.example.com"
    assert of("nobody.example.org") == "first.example.com"
    assert shown_by(address, "x")[1:] == ("TLSv1.3", "h2")
    web.elb.modify_listener(ListenerArn=listener, SslPolicy="ELBSecurityPolicy-2016-08")
    eventually(lambda: shown_by(address, "x")[1] == "TLSv1.2", "the older policy is in force")
    context = ssl._create_unverified_context()
    with urllib.request.urlopen(f"https://{address}/tls", context=context, timeout=5) as answer:
        told = answer.read().decode().splitlines()
    assert told[:2] == ["one", "/tls"] and "x-forwarded-proto=https" in told and "x-forwarded-port=443" in told
    described = web.elb.describe_listener_certificates(ListenerArn=listener)["Certificates"]
    assert [(one["CertificateArn"], one["IsDefault"]) for one in described] == [(arns["first"], True), (arns["second"], False)]
    assert code(web.elb.remove_listener_certificates, ListenerArn=listener, Certificates=first) == "OperationNotPermitted"
    web.elb.remove_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": arns["second"]}])
    eventually(lambda: of("second.example.com") == "first.example.com", "the second is gone")


def test_a_certificate_of_the_houses_own_is_trusted_by_those_who_trust_it(web):
    acm = web.cloud.client("acm")
    domain = f"{uuid.uuid4().hex[:8]}.example.com"
    asked = {"DomainName": domain, "SubjectAlternativeNames": [f"*.{domain}"], "ValidationMethod": "DNS", "IdempotencyToken": "once"}
    arn = acm.request_certificate(**asked)["CertificateArn"]
    web.undo.append(lambda: acm.delete_certificate(CertificateArn=arn))
    assert acm.request_certificate(**asked)["CertificateArn"] == arn
    acm.get_waiter("certificate_validated").wait(CertificateArn=arn, WaiterConfig={"Delay": 1, "MaxAttempts": 3})
    shown = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert (shown["Status"], shown["Type"], shown["KeyAlgorithm"]) == ("ISSUED", "AMAZON_ISSUED", "EC_prime256v1")
    assert shown["DomainValidationOptions"][0]["ResourceRecord"]["Type"] == "CNAME"
    balancer = web.balancer()
    group = web.targets()
    config = {"StatusCode": "200", "MessageBody": "safe"}
    answer = [{"Type": "fixed-response", "FixedResponseConfig": config}]
    web.listener(balancer, group, port=443, Protocol="HTTPS", Certificates=[{"CertificateArn": arn}], DefaultActions=answer)
    trusting = ssl.create_default_context(cadata=web.cloud.get("/_cloudlet/ca.pem").decode())
    address = web.addresses(balancer)[0]

    def say():
        try:
            with socket.create_connection((address, 443), timeout=5) as raw:
                with trusting.wrap_socket(raw, server_hostname=f"a.{domain}") as tls:
                    tls.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    return b"".join(iter(lambda: tls.recv(4096), b"")).endswith(b"safe")
        except ConnectionRefusedError:
            return False

    eventually(say, "it is served, and trusted")
    # What is imported must fit together, and can be imported anew.
    body, key = certificate("in.example.com")
    other, other_key = certificate("in.example.com")
    assert code(acm.import_certificate, Certificate=body, PrivateKey=other_key) == "ValidationException"
    tags = [{"Key": "a", "Value": "b"}]
    imported = acm.import_certificate(Certificate=body, PrivateKey=key, Tags=tags)["CertificateArn"]
    acm.import_certificate(CertificateArn=imported, Certificate=other, PrivateKey=other_key)
    assert acm.get_certificate(CertificateArn=imported)["Certificate"] == other
    acm.add_tags_to_certificate(CertificateArn=imported, Tags=[{"Key": "c", "Value": "d"}])
    acm.remove_tags_from_certificate(CertificateArn=imported, Tags=[{"Key": "a"}])
    assert acm.list_tags_for_certificate(CertificateArn=imported)["Tags"] == [{"Key": "c", "Value": "d"}]
    listed = {one["CertificateArn"]: one["Type"] for one in acm.list_certificates()["CertificateSummaryList"]}
    assert (listed[arn], listed[imported]) == ("AMAZON_ISSUED", "IMPORTED")
    acm.delete_certificate(CertificateArn=imported)
    assert code(acm.describe_certificate, CertificateArn=imported) == "ResourceNotFoundException"


# Says who asks, by the PROXY header where there is one, and by the address it comes from; datagrams by that alone.
RAW = """#!/bin/sh
exec python3 -u - <<'PY'
import socket, threading
def datagrams():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 8053))
    while True:
        data, peer = s.recvfrom(2048); s.sendto(b"%s " + peer[0].encode() + b" " + data, peer)
threading.Thread(target=datagrams, daemon=True).start()
def serve(c, peer):
    data = c.recv(4096)
    if data[:12] == bytes([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]):
        source = socket.inet_ntoa(data[16:20]); data = data[28:] or c.recv(4096)
    else: source = "nobody"
    c.sendall(b" ".join([b"%s", source.encode(), peer.encode(), data])); c.close()
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("0.0.0.0", 8090)); s.listen(64)
while True:
    c, peer = s.accept(); threading.Thread(target=serve, args=(c, peer[0]), daemon=True).start()
PY
"""


def test_network_balancers_carry_streams_and_datagrams(web):
    opened = web.group("raw", "0.0.0.0/0")
    anywhere = [{"CidrIp": "0.0.0.0/0"}]
    web.ec2.authorize_security_group_ingress(
        GroupId=opened, IpPermissions=[{"IpProtocol": "udp", "FromPort": 8053, "ToPort": 8053, "IpRanges": anywhere}]
    )
    servers = [web.instance(word, group=opened, script=RAW % (word, word)) for word in ("one", "two")]
    check = {"HealthCheckProtocol": "TCP", "HealthCheckPort": "8090"}
    streams = web.targets(Protocol="TCP", Port=8090)
    datagrams = web.targets(Protocol="UDP", Port=8053, **check)
    for group in (streams, datagrams):
        web.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": server} for server in servers])
        across = [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]
        web.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=across)
    made = web.elb.create_load_balancer(Name=name("nlb"), Type="network", Subnets=[s["SubnetId"] for s in web.subnets])
    balancer = made["LoadBalancers"][0]
    web.undo.append(lambda: web.gone(balancer["LoadBalancerArn"]))
    eventually(lambda: web.state(balancer["LoadBalancerArn"]) == "active", "the balancer is active", 30)
    web.listener(balancer, streams, port=90, Protocol="TCP")
    web.listener(balancer, datagrams, port=53, Protocol="UDP")
    web.all_healthy(streams)
    web.all_healthy(datagrams)
    address = web.addresses(balancer)[0]
    known = [{"Name": "requester-id", "Values": ["amazon-elb"]}, {"Name": "interface-type", "Values": ["network_load_balancer"]}]
    found = web.ec2.describe_network_interfaces(Filters=known)["NetworkInterfaces"]
    assert address in [interface["Association"]["PublicIp"] for interface in found]
    assert {interface["RequesterId"] for interface in found} == {"amazon-elb"}
    refused = code(web.ec2.delete_network_interface, NetworkInterfaceId=found[0]["NetworkInterfaceId"])
    assert refused == "OperationNotPermitted"

    def say(text):
        with socket.create_connection((address, 90), timeout=5) as stream:
            stream.sendall(text)
            said = b"".join(iter(lambda: stream.recv(4096), b"")).decode()
            return said.replace(stream.getsockname()[0], "me")

    assert {say(b"hello") for _ in range(20)} == {"one nobody me hello", "two nobody me hello"}, "the source is kept"
    proxy = [{"Key": "proxy_protocol_v2.enabled", "Value": "true"}]
    web.elb.modify_target_group_attributes(TargetGroupArn=streams, Attributes=proxy)
    eventually(lambda: "nobody" not in say(b"hello"), "targets are told who asks")
    assert re.fullmatch(r"(one|two) me me hello", say(b"hello"))
    keep = [{"Key": "preserve_client_ip.enabled", "Value": "false"}]
    assert code(web.elb.modify_target_group_attributes, TargetGroupArn=datagrams, Attributes=keep) == "InvalidConfigurationRequest"
    web.elb.modify_target_group_attributes(TargetGroupArn=streams, Attributes=keep)
    eventually(lambda: re.fullmatch(r"(one|two) me [0-9.]+ hello", say(b"hello")), "the source is the balancer's")

    def ask(text):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(2)
            client.connect((address, 53))
            client.send(text)
            return client.recv(2048).decode().replace(client.getsockname()[0], "me")

    assert {ask(b"hello") for _ in range(20)} == {"one me hello", "two me hello"}


# Asks a balancer for what its server saw of it, over and over.
INSIDE = """#!/bin/sh
exec python3 -u - <<'PY'
import time, urllib.request
while True:
    try: said = urllib.request.urlopen("http://%s/", timeout=2).read().decode().splitlines()[2]
    except OSError as error: said = str(error)
    print("seen as", said)
    time.sleep(0.2)
PY
"""


def test_targets_of_a_network_balancer_see_clients_and_let_in_who_comes_by_its_groups(web):
    """The servers' group lets in the balancer's group and nobody else: what it carries for others counts as its own."""
    server = web.instance("one")
    group = web.targets(Protocol="TCP", Port=80, HealthCheckProtocol="TCP")
    web.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": server}])
    balancer = web.balancer(Type="network")
    across = [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]
    web.elb.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=across)
    web.listener(balancer, group, Protocol="TCP")
    web.all_healthy(group)
    described = f"ELB {'/'.join(balancer['LoadBalancerArn'].split('/')[1:])}"
    nodes = web.interfaces(described)
    assert not any(node["SourceDestCheck"] for node in nodes)
    seen = {get(f"http://{node['Association']['PublicIp']}/")[1].splitlines()[2] for node in nodes}
    inside = {node["PrivateIpAddress"] for node in nodes}
    assert seen and not seen & inside, "the host is seen"
    visitor = web.instance("nobody", group=web.front, script=INSIDE % nodes[0]["PrivateIpAddress"])
    address = lambda: web.ec2.describe_instances(InstanceIds=[visitor])["Reservations"][0]["Instances"][0].get("PrivateIpAddress")
    console = lambda: web.ec2.get_console_output(InstanceId=visitor).get("Output", "")
    eventually(lambda: f"seen as {address()}" in console(), "an instance is seen, too", 30)


def test_addresses_that_cannot_be_had_are_refused_and_nobodys_are_taken(cloud):
    """What a network balancer is given of addresses is looked at first: elastic ones of others stay theirs."""
    ec2, elb = cloud.client("ec2"), cloud.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.83.0.0/16")["Vpc"]["VpcId"]
    zone = ec2.describe_availability_zones()["AvailabilityZones"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.83.{at}.0/24", AvailabilityZone=zone[at]["ZoneName"])["Subnet"]["SubnetId"]
        for at in range(2)
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    other = ec2.create_network_interface(SubnetId=subnets[0])["NetworkInterface"]

    def refused(scheme, *mappings):
        return code(elb.create_load_balancer, Name=name("n"), Type="network", Scheme=scheme, SubnetMappings=mappings)

    def private(address):
        return refused("internal", {"SubnetId": subnets[0], "PrivateIPv4Address": address})

    for address in ("10.84.0.9", "10.83.1.9", "10.83.0.1", "10.83.0.255", other["PrivateIpAddress"]):
        assert private(address) == "InvalidConfigurationRequest", address
    public = {"SubnetId": subnets[0], "PrivateIPv4Address": "10.83.0.77"}
    assert refused("internet-facing", public) == "InvalidConfigurationRequest"
    missing = {"SubnetId": subnets[0], "AllocationId": "eipalloc-0123456789abcdef0"}
    assert refused("internet-facing", missing) == "AllocationIdNotFound"
    twice = [{"SubnetId": subnet, "AllocationId": allocation} for subnet in subnets]
    assert refused("internet-facing", *twice) == "ResourceInUse"

    # Without a gateway nobody from the internet would come.
    order = dict(Name=name("n"), Type="network", SubnetMappings=[twice[0]])
    assert code(elb.create_load_balancer, **order) == "InvalidSubnet"
    listener = {"Protocol": "TCP", "LoadBalancerPort": 80, "InstancePort": 80}
    classic = dict(LoadBalancerName=name("c"), Listeners=[listener], Subnets=subnets[:1])
    assert code(cloud.client("elb").create_load_balancer, **classic) == "InvalidSubnet"

    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=other["NetworkInterfaceId"])
    assert refused("internet-facing", twice[0]) == "ResourceInUse"
    where = lambda: ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0].get("NetworkInterfaceId")
    assert where() == other["NetworkInterfaceId"]
    ec2.disassociate_address(AssociationId=ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]["AssociationId"])
    made = elb.create_load_balancer(**order)["LoadBalancers"][0]["LoadBalancerArn"]
    eventually(lambda: where() not in (None, other["NetworkInterfaceId"]), "it has the elastic address")
    # Asked for again, its own address is not somebody's.
    assert elb.create_load_balancer(**order)["LoadBalancers"][0]["LoadBalancerArn"] == made
    elb.set_subnets(LoadBalancerArn=made, SubnetMappings=[twice[0]])
    groups = code(elb.set_security_groups, LoadBalancerArn=made, SecurityGroups=[other["Groups"][0]["GroupId"]])
    assert groups == "InvalidConfigurationRequest"

    elb.delete_load_balancer(LoadBalancerArn=made)
    eventually(lambda: where() is None, "the address is free again")
    ec2.release_address(AllocationId=allocation)
    ec2.delete_network_interface(NetworkInterfaceId=other["NetworkInterfaceId"])
    ec2.detach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def test_a_balancer_is_back_a_second_after_a_kill(own_cloud):
    cloud = own_cloud()
    web = Web(cloud)
    server = web.instance("one")
    group = web.targets()
    web.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": server}])
    balancer = web.balancer()
    web.listener(balancer, group)
    web.all_healthy(group)
    address = web.addresses(balancer)[0]
    assert words(f"http://{address}/")[0] == {"one"}
    cloud.kill()
    cloud.start()
    ready = time.monotonic()

    def answers():
        try:
            return get(f"http://{address}/", timeout=1)[0] == 200
        except OSError:
            return False

    eventually(answers, "it answers again", 5)
    assert time.monotonic() - ready < 1.0
    web.all_healthy(group)
    web.clear()
