"""The closed loop: users rise, servers are added behind the balancer; users fall, servers go. Nobody is turned away."""

import http.client
import json
import os
import signal
import threading
import time

import pytest
from botocore.exceptions import ClientError
from conftest import code, eventually, needs_root
from test_elb import Web, name

pytestmark = needs_root

# Says who it is and which version it runs.
SERVER = """#!/bin/sh
exec python3 -u - <<'PY'
import http.server, socket
class Who(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = (socket.gethostname() + " %s").encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
Server(("0.0.0.0", 80), Who).serve_forever()
PY
"""


class Users:
    """Visitors who come again and again, each on a connection of their own, and what became of them."""

    def __init__(self, port, host):
        self.port, self.host = port, host
        self.lock, self.end = threading.Lock(), threading.Event()
        self.failed, self.first, self.versions, self.count, self.threads = [], {}, set(), 0, []

    def come(self, users, pause=0.05):
        made = [threading.Thread(target=self.visit, args=(pause,), daemon=True) for _ in range(users)]
        [thread.start() for thread in made]
        self.threads += made

    def visit(self, pause):
        connection = None
        while not self.end.is_set():
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("GET", "/", headers={"Host": self.host})
                answer = connection.getresponse()
                words, status = answer.read().decode(), answer.status
            except OSError as error:
                words, status, connection = repr(error), 0, None
            with self.lock:
                self.count += 1
                if status == 200:
                    server, version = words.split()
                    self.first.setdefault(server, time.monotonic())
                    self.versions.add(version)
                else:
                    self.failed.append((time.monotonic(), status, words))
            self.end.wait(pause)

    def go(self):
        self.end.set()
        [thread.join() for thread in self.threads]

    def served_since(self, at):
        """Who answers now."""
        with self.lock:
            self.first.clear()
        time_is = lambda: self.count
        before = time_is()
        eventually(lambda: time_is() > before + 40, "they are answered", 30)
        with self.lock:
            return set(self.first)


class Site(Web):
    """A group of web servers behind a balancer."""

    def __init__(self, cloud):
        super().__init__(cloud)
        self.scaling, self.watch = cloud.client("autoscaling"), cloud.client("cloudwatch")
        self.targets_arn = self.targets(HealthCheckTimeoutSeconds=2)
        attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "2"}]
        self.elb.modify_target_group_attributes(TargetGroupArn=self.targets_arn, Attributes=attributes)
        self.lb = self.balancer()
        self.listener(self.lb, self.targets_arn)
        self.template = self.ec2.create_launch_template(
            LaunchTemplateName=name("web"), LaunchTemplateData=self.data("v1")
        )["LaunchTemplate"]["LaunchTemplateId"]
        self.undo.append(lambda: self.ec2.delete_launch_template(LaunchTemplateId=self.template))
        self.name = name("asg")

    def data(self, version):
        import base64

        return {
            "ImageId": self.image,
            "InstanceType": "t3.nano",
            "SecurityGroupIds": [self.back],
            "UserData": base64.b64encode((SERVER % version).encode()).decode(),
        }

    def plain(self):
        return {"LaunchTemplate": {"LaunchTemplateId": self.template, "Version": "$Latest"}}

    def make(self, least, most, **more):
        arguments = {
            **({} if "MixedInstancesPolicy" in more else self.plain()),
            "VPCZoneIdentifier": ",".join(subnet["SubnetId"] for subnet in self.subnets),
            "TargetGroupARNs": [self.targets_arn],
            **more,
        }
        self.scaling.create_auto_scaling_group(
            AutoScalingGroupName=self.name, MinSize=least, MaxSize=most, **arguments
        )
        self.undo.append(self.drop)
        self.rests(least)

    def drop(self):
        self.scaling.delete_auto_scaling_group(AutoScalingGroupName=self.name, ForceDelete=True)
        eventually(lambda: not self.group_now(), "the group goes", 60)

    def group_now(self):
        found = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])["AutoScalingGroups"]
        return found[0] if found else None

    def members(self):
        return {one["InstanceId"]: one for one in self.group_now()["Instances"]}

    def states(self):
        return sorted(one["LifecycleState"] for one in self.group_now()["Instances"])

    def rests(self, count, seconds=60):
        eventually(lambda: self.states() == ["InService"] * count, f"{count} in service, but {self.last()}", seconds)
        return set(self.members())

    def last(self):
        return [
            (one["StatusCode"], one["Description"], one.get("StatusMessage"))
            for one in self.activities()[:5]
        ]

    def activities(self):
        return self.scaling.describe_scaling_activities(AutoScalingGroupName=self.name)["Activities"]

    def users(self, count, pause=0.05):
        users = Users(self.cloud.port, self.lb["DNSName"])
        self.undo.append(users.go)
        users.come(count, pause)
        return users


@pytest.fixture
def site(cloud):
    site = Site(cloud)
    yield site
    while site.undo:
        site.undo.pop()()


class Meter(threading.Thread):
    """Tells once a second how many users there are, as an application would."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.site, self.load, self.end = site, 1.0, threading.Event()

    def run(self):
        while not self.end.is_set():
            datum = {"MetricName": "Users", "Value": self.load, "StorageResolution": 1}
            self.site.watch.put_metric_data(Namespace=self.site.name, MetricData=[datum])
            self.end.wait(0.5)

    def stop(self):
        self.end.set()
        self.join()

def step_policy(site, which, adjustment, bound):
    return site.scaling.put_scaling_policy(
        AutoScalingGroupName=site.name,
        PolicyName=which,
        PolicyType="StepScaling",
        AdjustmentType="ChangeInCapacity",
        EstimatedInstanceWarmup=0,
        StepAdjustments=[{bound: 0.0, "ScalingAdjustment": adjustment}],
    )["PolicyARN"]

def alarm(site, which, comparison, threshold, arn, period=1):
    alarm_name = f"{site.name}-{which}"
    site.watch.put_metric_alarm(
        AlarmName=alarm_name, Namespace=site.name, MetricName="Users", Statistic="Maximum", Period=period,
        EvaluationPeriods=1, Threshold=threshold, ComparisonOperator=comparison, AlarmActions=[arn],
        TreatMissingData="ignore",
    )
    site.undo.append(lambda: quiet(site, alarm_name))
    return alarm_name

def quiet(site, alarm_name):
    if site.watch.describe_alarms(AlarmNames=[alarm_name])["MetricAlarms"]:
        site.watch.delete_alarms(AlarmNames=[alarm_name])

def test_users_rise_and_fall_and_nobody_is_turned_away(site):
    site.make(1, 3, HealthCheckType="ELB", HealthCheckGracePeriod=5)
    before = set(site.members())
    users = site.users(2)
    meter = Meter(site)
    meter.start()
    site.undo.append(meter.stop)
    up = alarm(site, "up", "GreaterThanThreshold", 10, step_policy(site, "out", 1, "MetricIntervalLowerBound"))
    down = step_policy(site, "in", -1, "MetricIntervalUpperBound")
    eventually(lambda: users.first, "the first server serves", 30)

    spike = time.monotonic()
    meter.load = 20.0
    users.come(18)
    eventually(lambda: len(users.first) >= 2, f"a second server serves: {site.last()}", 60)
    took = sorted(users.first.values())[1] - spike
    print(f"seconds from the spike to the first request served by the new instance: {took:.2f}")
    if folder := os.environ.get("CLOUDLET_FIGURES"):
        with open(os.path.join(folder, "scale-out.json"), "w") as figures:
            json.dump({"spike_to_first_request_s": round(took, 2)}, figures)
    eventually(lambda: len(site.members()) >= 2, "two are there")
    told = [one for one in site.activities() if "monitor alarm" in one["Cause"]]
    assert f"monitor alarm {up} in state ALARM triggered policy out changing the desired capacity from 1 to 2" in told[-1]["Cause"]

    # And back: the alarm of many goes quiet first.
    meter.load = 1.0
    quiet(site, up)
    alarm(site, "down", "LessThanThreshold", 5, down)
    site.rests(1, 120)
    assert site.group_now()["DesiredCapacity"] == 1
    assert len(users.served_since(0)) == 1
    users.go()
    assert users.failed == [], users.failed[:5]
    assert users.count > 100
    gone = [one for one in site.activities() if one["Description"].startswith("Terminating")]
    assert gone and all(one["StatusCode"] == "Successful" for one in gone)
    assert before

def test_a_server_that_dies_is_replaced(site):
    site.make(2, 3, HealthCheckType="ELB", HealthCheckGracePeriod=5)
    before = site.rests(2)
    users = site.users(4)
    eventually(lambda: len(users.first) == 2, "both serve", 30)
    victim = sorted(before)[0]
    killed_at = time.monotonic()
    site.ec2.terminate_instances(InstanceIds=[victim])
    after = eventually(lambda: len(site.members()) == 2 and victim not in site.members() and set(site.members()), "it is replaced", 60)
    site.rests(2)
    assert len(after & before) == 1
    took = time.monotonic() - killed_at
    print(f"seconds from the death of a server to its successor in service: {took:.2f}")
    assert len(users.served_since(0)) == 2
    users.go()
    # Those in flight at most, and the first to find the door closed.
    assert len(users.failed) <= 8, users.failed
    causes = " ".join(one["Cause"] for one in site.activities())
    assert "an EC2 health check indicating it has been terminated or stopped" in causes
    assert "unhealthy instance needing to be replaced" in causes

def machine_of(instance):
    """The processes whose end is the machine's: those its shim started."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as command, open(f"/proc/{pid}/task/{pid}/children") as children:
                if "__machine-shim" in (words := command.read()) and instance in words:
                    return [int(child) for child in children.read().split()]
        except OSError:
            continue
    return []


def test_a_machine_that_is_killed_costs_what_was_in_flight(site):
    site.make(2, 3, HealthCheckType="ELB", HealthCheckGracePeriod=5)
    before = site.rests(2)
    users = site.users(4)
    eventually(lambda: len(users.first) == 2, "both serve", 30)
    victim = sorted(before)[0]
    killed = machine_of(victim)
    assert killed, "its machine is found"
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: victim not in site.members() and len(site.members()) == 2, f"it is replaced: {site.last()}", 60)
    after = site.rests(2)
    assert len(after & before) == 1
    assert len(users.served_since(0)) == 2
    users.go()
    assert len(users.failed) <= 4, users.failed
    print(f"requests that failed with the machine: {len(users.failed)} of {users.count}")


def test_on_demand_and_spot_serve_side_by_side(site):
    mixed = {
        "LaunchTemplate": {"LaunchTemplateSpecification": {"LaunchTemplateId": site.template, "Version": "$Latest"}},
        "InstancesDistribution": {"OnDemandBaseCapacity": 1, "OnDemandPercentageAboveBaseCapacity": 0},
    }
    site.make(1, 3, MixedInstancesPolicy=mixed)
    users = site.users(4)
    site.scaling.set_desired_capacity(AutoScalingGroupName=site.name, DesiredCapacity=3)
    ids = list(site.rests(3))
    found = site.ec2.describe_instances(InstanceIds=ids)["Reservations"]
    kinds = sorted(one.get("InstanceLifecycle", "on-demand") for each in found for one in each["Instances"])
    assert kinds == ["on-demand", "spot", "spot"]
    assert len(users.served_since(0)) == 3
    # The base stays when it shrinks.
    site.scaling.set_desired_capacity(AutoScalingGroupName=site.name, DesiredCapacity=1)
    (left,) = site.rests(1)
    assert "InstanceLifecycle" not in site.ec2.describe_instances(InstanceIds=[left])["Reservations"][0]["Instances"][0]
    users.go()
    assert users.failed == [], users.failed[:5]


def test_a_group_of_its_own_words(site):
    """Tags, protection, standby, detaching, suspended processes, hooks and schedules, each seen in what happens."""
    tags = [{"Key": "role", "Value": "web", "PropagateAtLaunch": True, "ResourceId": site.name, "ResourceType": "auto-scaling-group"}]
    site.make(1, 3, Tags=tags)
    (first,) = site.members()
    shown = site.ec2.describe_instances(InstanceIds=[first])["Reservations"][0]["Instances"][0]
    tagged = {tag["Key"]: tag["Value"] for tag in shown["Tags"]}
    assert tagged["role"] == "web" and tagged["aws:autoscaling:groupName"] == site.name
    assert site.group_now()["Instances"][0]["LaunchTemplate"]["Version"] == "1"
    created = site.activities()[-1]
    assert created["StatusCode"] == "Successful" and created["Description"] == f"Launching a new EC2 instance: {first}"
    assert "a user request created an AutoScalingGroup changing the desired capacity from 0 to 1" in created["Cause"]

    site.scaling.put_lifecycle_hook(
        AutoScalingGroupName=site.name, LifecycleHookName="look", LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING"
    )
    site.scaling.set_desired_capacity(AutoScalingGroupName=site.name, DesiredCapacity=2)
    eventually(lambda: "Pending:Wait" in site.states(), "it waits for the hook", 60)
    (second,) = [one for one, seen in site.members().items() if seen["LifecycleState"] == "Pending:Wait"]
    site.scaling.complete_lifecycle_action(
        AutoScalingGroupName=site.name, LifecycleHookName="look", InstanceId=second, LifecycleActionResult="CONTINUE"
    )
    site.rests(2)
    site.scaling.delete_lifecycle_hook(AutoScalingGroupName=site.name, LifecycleHookName="look")

    site.scaling.set_instance_protection(AutoScalingGroupName=site.name, InstanceIds=[first], ProtectedFromScaleIn=True)
    site.scaling.enter_standby(AutoScalingGroupName=site.name, InstanceIds=[second], ShouldDecrementDesiredCapacity=True)
    eventually(lambda: site.states() == ["InService", "Standby"], "one stands by", 30)
    site.scaling.exit_standby(AutoScalingGroupName=site.name, InstanceIds=[second])
    site.rests(2)
    site.scaling.suspend_processes(AutoScalingGroupName=site.name, ScalingProcesses=["Launch"])
    site.scaling.set_desired_capacity(AutoScalingGroupName=site.name, DesiredCapacity=3)
    site.scaling.set_desired_capacity(AutoScalingGroupName=site.name, DesiredCapacity=1)
    # The protected one stays.
    assert site.rests(1) == {first}
    site.scaling.resume_processes(AutoScalingGroupName=site.name)
    with pytest.raises(ClientError) as refused:
        site.scaling.set_desired_capacity(AutoScalingGroupName=site.name, DesiredCapacity=9)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    site.scaling.detach_instances(AutoScalingGroupName=site.name, InstanceIds=[first], ShouldDecrementDesiredCapacity=False)
    eventually(lambda: first not in site.members(), "it leaves", 30)
    assert first not in site.rests(1)
    site.ec2.terminate_instances(InstanceIds=[first])

def test_a_group_is_made_anew_under_load(site):
    site.make(2, 4, DefaultInstanceWarmup=0)
    users = site.users(4)
    eventually(lambda: len(users.first) == 2, "both serve", 30)
    assert users.versions == {"v1"}
    site.ec2.create_launch_template_version(LaunchTemplateId=site.template, LaunchTemplateData=site.data("v2"))
    desired = {"LaunchTemplate": {"LaunchTemplateId": site.template, "Version": "2"}}
    preferences = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150, "InstanceWarmup": 0}
    started = site.scaling.start_instance_refresh(
        AutoScalingGroupName=site.name, DesiredConfiguration=desired, Preferences=preferences
    )["InstanceRefreshId"]
    newest = lambda: site.scaling.describe_instance_refreshes(AutoScalingGroupName=site.name)["InstanceRefreshes"][0]
    eventually(lambda: newest()["Status"] == "Successful", f"it succeeds, but {site.last()}", 120)
    assert newest()["InstanceRefreshId"] == started and newest()["PercentageComplete"] == 100
    site.rests(2)
    with users.lock:
        users.versions.clear()
    assert len(users.served_since(0)) == 2 and users.versions == {"v2"}
    users.go()
    assert users.failed == [], users.failed[:5]
    assert site.group_now()["LaunchTemplate"]["Version"] == "2"

def test_target_tracking_makes_alarms_of_its_own(site):
    site.make(1, 3)
    tracked = {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
        "TargetValue": 50.0,
    }
    made = site.scaling.put_scaling_policy(
        AutoScalingGroupName=site.name, PolicyName="cpu", PolicyType="TargetTrackingScaling", TargetTrackingConfiguration=tracked
    )
    names = [one["AlarmName"] for one in made["Alarms"]]
    assert [one.split("-Alarm")[1][:3] for one in names] == ["Hig", "Low"]
    high, low = (site.watch.describe_alarms(AlarmNames=[one])["MetricAlarms"][0] for one in names)
    assert high["Dimensions"] == [{"Name": "AutoScalingGroupName", "Value": site.name}]
    assert (high["Threshold"], high["EvaluationPeriods"], low["EvaluationPeriods"]) == (50.0, 3, 15)
    assert high["AlarmActions"] == [made["PolicyARN"]] and low["Threshold"] == 45.0
    shown = site.scaling.describe_policies(AutoScalingGroupName=site.name)["ScalingPolicies"]
    assert [one["PolicyName"] for one in shown] == ["cpu"] and shown[0]["Alarms"] == made["Alarms"]
    site.scaling.delete_policy(AutoScalingGroupName=site.name, PolicyName="cpu")
    assert site.watch.describe_alarms(AlarmNames=names)["MetricAlarms"] == []


def test_capacity_is_foretold_from_what_was(site):
    """Three days of history, put as an application would have: every hour bears what one instance and a half can."""
    hour = 3600
    now = int(time.time()) // hour * hour
    meant = {"Load": 900.0, "PerInstance": 15.0, "Servers": 1.0}
    data = [
        {"MetricName": metric, "Timestamp": now - hours * hour + 60, "Value": value}
        for hours in range(1, 73) for metric, value in meant.items()
    ]
    site.watch.put_metric_data(Namespace=site.name, MetricData=data)
    query = lambda metric: {"MetricDataQueries": [{
        "Id": "m", "MetricStat": {"Metric": {"Namespace": site.name, "MetricName": metric}, "Stat": "Sum"}}]}
    site.make(1, 3, TargetGroupARNs=[])
    policy = {"AutoScalingGroupName": site.name, "PolicyName": "tomorrow", "PolicyType": "PredictiveScaling"}
    configuration = {
        "Mode": "ForecastAndScale", "SchedulingBufferTime": 0,
        "MetricSpecifications": [{
            "TargetValue": 10.0, "CustomizedLoadMetricSpecification": query("Load"),
            "CustomizedScalingMetricSpecification": query("PerInstance"),
            "CustomizedCapacityMetricSpecification": query("Servers")}],
    }
    with pytest.raises(ClientError):
        site.scaling.put_scaling_policy(**policy, PredictiveScalingConfiguration={**configuration, "MaxCapacityBuffer": 1})
    site.scaling.put_scaling_policy(**policy, PredictiveScalingConfiguration=configuration)
    site.rests(2)
    asked = {"AutoScalingGroupName": site.name, "PolicyName": "tomorrow", "StartTime": now, "EndTime": now + 49 * hour}
    told = site.scaling.get_predictive_scaling_forecast(**asked)
    assert set(told["CapacityForecast"]["Values"]) == {2.0} and len(told["CapacityForecast"]["Timestamps"]) >= 48
    assert all(abs(value - 900) < 1 for value in told["LoadForecast"][0]["Values"])
    assert site.group_now()["PredictedCapacity"] == 2
    assert any("a predictive scaling policy adjusted the capacity" in one["Cause"] for one in site.activities())
    shown = site.scaling.describe_policies(AutoScalingGroupName=site.name, PolicyTypes=["PredictiveScaling"])["ScalingPolicies"][0]
    assert shown["PredictiveScalingConfiguration"]["MaxCapacityBreachBehavior"] == "HonorMaxCapacity"
    site.scaling.delete_policy(AutoScalingGroupName=site.name, PolicyName="tomorrow")
    assert "PredictedCapacity" not in site.group_now()


def test_the_rest_of_a_group_s_life(site):
    """Operations about which nobody asks twice: each seen to do what it says."""
    scaling, name = site.scaling, site.name
    kinds = {
        "describe_adjustment_types": "ChangeInCapacity",
        "describe_lifecycle_hook_types": "autoscaling:EC2_INSTANCE_TERMINATING",
        "describe_metric_collection_types": "GroupInServiceInstances",
        "describe_scaling_process_types": "AZRebalance",
        "describe_termination_policy_types": "OldestInstance",
    }
    for operation, word in kinds.items():
        assert word in str(getattr(scaling, operation)()), operation
    assert scaling.describe_account_limits()["MaxNumberOfAutoScalingGroups"] == 500

    configuration = f"{name}-lc"
    scaling.create_launch_configuration(
        LaunchConfigurationName=configuration, ImageId=site.image, InstanceType="t3.nano", SecurityGroups=[site.back]
    )
    shown = scaling.describe_launch_configurations(LaunchConfigurationNames=[configuration])["LaunchConfigurations"][0]
    assert shown["SecurityGroups"] == [site.back] and shown["InstanceMonitoring"] == {"Enabled": True}
    scaling.delete_launch_configuration(LaunchConfigurationName=configuration)
    assert not scaling.describe_launch_configurations(LaunchConfigurationNames=[configuration])["LaunchConfigurations"]

    site.make(1, 3, TargetGroupARNs=[])
    (first,) = site.members()
    scaling.attach_load_balancer_target_groups(AutoScalingGroupName=name, TargetGroupARNs=[site.targets_arn])
    state = lambda: scaling.describe_load_balancer_target_groups(AutoScalingGroupName=name)["LoadBalancerTargetGroups"]
    eventually(lambda: [one["State"] for one in state()] == ["InService"], f"it serves: {state()}", 30)
    scaling.detach_load_balancer_target_groups(AutoScalingGroupName=name, TargetGroupARNs=[site.targets_arn])
    eventually(lambda: not state(), "it leaves", 30)
    source = [{"Identifier": site.targets_arn, "Type": "elbv2"}]
    scaling.attach_traffic_sources(AutoScalingGroupName=name, TrafficSources=source)
    sources = lambda: scaling.describe_traffic_sources(AutoScalingGroupName=name)["TrafficSources"]
    eventually(lambda: [one["State"] for one in sources()] == ["InService"], "it serves again", 30)
    scaling.detach_traffic_sources(AutoScalingGroupName=name, TrafficSources=source)
    eventually(lambda: first not in site.health(site.targets_arn), "it is no target", 30)

    of_group = {"ResourceId": name, "ResourceType": "auto-scaling-group"}
    scaling.create_or_update_tags(Tags=[{**of_group, "Key": "team", "Value": "a", "PropagateAtLaunch": True}])
    mine = [{"Name": "auto-scaling-group", "Values": [name]}]
    assert [tag["Value"] for tag in scaling.describe_tags(Filters=mine)["Tags"]] == ["a"]
    scaling.delete_tags(Tags=[{**of_group, "Key": "team"}])
    assert scaling.describe_tags(Filters=mine)["Tags"] == []
    scaling.enable_metrics_collection(AutoScalingGroupName=name, Granularity="1Minute", Metrics=["GroupMinSize"])
    assert [one["Metric"] for one in site.group_now()["EnabledMetrics"]] == ["GroupMinSize"]
    scaling.disable_metrics_collection(AutoScalingGroupName=name)
    assert site.group_now()["EnabledMetrics"] == []
    hook = {"LifecycleHookName": "h", "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING", "HeartbeatTimeout": 30}
    scaling.put_lifecycle_hook(AutoScalingGroupName=name, DefaultResult="CONTINUE", **hook)
    assert scaling.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"][0]["GlobalTimeout"] == 3000
    scaling.delete_lifecycle_hook(AutoScalingGroupName=name, LifecycleHookName="h")
    actions = [{"ScheduledActionName": which, "Recurrence": f"{which} 3 * * *", "MinSize": 1} for which in ("1", "2")]
    scaling.batch_put_scheduled_update_group_action(AutoScalingGroupName=name, ScheduledUpdateGroupActions=actions)
    listed = lambda: len(scaling.describe_scheduled_actions(AutoScalingGroupName=name)["ScheduledUpdateGroupActions"])
    assert listed() == 2
    scaling.delete_scheduled_action(AutoScalingGroupName=name, ScheduledActionName="1")
    scaling.batch_delete_scheduled_action(AutoScalingGroupName=name, ScheduledActionNames=["2"])
    assert listed() == 0

    second = site.instance("apart")
    eventually(lambda: site.ec2.describe_instances(InstanceIds=[second])["Reservations"][0]["Instances"][0]["State"]["Name"] == "running", "it runs", 30)
    site.undo.pop()
    # Both may be in one zone: they stay there.
    scaling.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["AZRebalance"])
    scaling.attach_instances(AutoScalingGroupName=name, InstanceIds=[second])
    assert site.rests(2) == {first, second}
    scaling.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=2, HealthCheckGracePeriod=0)
    scaling.set_instance_health(InstanceId=second, HealthStatus="Unhealthy")
    eventually(lambda: second not in site.members(), "it is replaced", 60)
    details = scaling.describe_auto_scaling_instances(InstanceIds=[first])["AutoScalingInstances"][0]
    assert details["HealthStatus"] == "HEALTHY" and details["AutoScalingGroupName"] == name
    site.rests(2)
    scaling.put_warm_pool(AutoScalingGroupName=name, MaxGroupPreparedCapacity=3)
    pool = lambda: [one["LifecycleState"] for one in scaling.describe_warm_pool(AutoScalingGroupName=name)["Instances"]]
    eventually(lambda: pool() == ["Warmed:Stopped"], f"one rests: {pool()}", 60)
    scaling.delete_warm_pool(AutoScalingGroupName=name, ForceDelete=True)
    eventually(lambda: "WarmPoolConfiguration" not in site.group_now(), "the pool goes", 60)
    preferences = {"MinHealthyPercentage": 100, "InstanceWarmup": 3600}
    scaling.start_instance_refresh(AutoScalingGroupName=name, Preferences=preferences)
    scaling.cancel_instance_refresh(AutoScalingGroupName=name, WaitForTransitioningInstances=False)
    newest = scaling.describe_instance_refreshes(AutoScalingGroupName=name)["InstanceRefreshes"][0]
    assert newest["Status"] == "Cancelled"


def test_instances_of_the_oldest_configuration_go_first(site):
    scaling, name = site.scaling, site.name
    one, two = f"{name}-a", f"{name}-b"
    for configuration in (one, two):
        scaling.create_launch_configuration(
            LaunchConfigurationName=configuration, ImageId=site.image, InstanceType="t3.nano", SecurityGroups=[site.back]
        )
        site.undo.insert(0, lambda gone=configuration: scaling.delete_launch_configuration(LaunchConfigurationName=gone))
    # What could never launch is not taken.
    for wrong in ({"ImageId": "ami-00000000000000000"}, {"SpotPrice": "little"}):
        params = {"ImageId": site.image, "InstanceType": "t3.nano", **wrong}
        assert code(scaling.create_launch_configuration, LaunchConfigurationName=f"{name}-x", **params) == "ValidationError"
    ghost = f"{name}-ghost"
    scaling.create_launch_configuration(
        LaunchConfigurationName=ghost, ImageId=site.image, InstanceType="t3.nano", KeyName="nobodys"
    )
    site.undo.insert(0, lambda: scaling.delete_launch_configuration(LaunchConfigurationName=ghost))
    subnet = site.subnets[0]["SubnetId"]
    group = dict(AutoScalingGroupName=name, MinSize=0, MaxSize=3, VPCZoneIdentifier=subnet)
    assert code(scaling.create_auto_scaling_group, **group, LaunchConfigurationName=ghost) == "ValidationError"

    policies = ["OldestLaunchConfiguration"]
    scaling.create_auto_scaling_group(**group, LaunchConfigurationName=two, TerminationPolicies=policies, DesiredCapacity=1)
    site.undo.append(site.drop)
    newer = site.rests(1)
    scaling.update_auto_scaling_group(AutoScalingGroupName=name, LaunchConfigurationName=one, DesiredCapacity=3)
    site.rests(3)
    scaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)
    assert site.rests(1) == newer
