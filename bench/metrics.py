"""How fast metrics are put and read back: batches of a thousand, a million samples."""

import concurrent.futures
import http.client
import time

from aws import Client, Refused, Request
from measures import median, wrk

METRICS = 1_000
SAMPLES = 1_000
PERIOD_S = 60


def call(operation, **params):
    return lambda port: Request(port, "monitoring", operation, params)


def batch(at, value):
    """One sample of each of a thousand metrics."""
    data = [{"MetricName": f"m{n}", "Timestamp": at, "Value": value(n)} for n in range(METRICS)]
    return call("PutMetricData", Namespace="bench", MetricData=data)


def put_rate(cloud, connections, rounds, seconds):
    """Samples a second, each on the disk before its answer."""
    now = int(time.time())
    rates = []
    for turn in range(rounds + 1):
        request = batch(now - turn * PERIOD_S, lambda n: n * 7919 % 10007 / 100)(cloud.port)
        rate = wrk(request, cloud.port, connections, seconds if turn else 1)
        if turn:
            rates.append(rate * METRICS)
    return median(rates)


def fill(cloud):
    """A million samples: a thousand minutes of a thousand metrics. Gives when they begin."""
    client = Client(cloud.port)
    start = (int(time.time()) // 3600 - 20) * 3600
    for minute in range(SAMPLES):
        value = lambda n: (n * 7919 + minute * 31) % 10007 / 100
        client.send(batch(start + minute * PERIOD_S, value)(cloud.port))
    return start


def read_seconds(cloud, start, period, rounds):
    """Seconds to read all of it as averages by a period, by five hundred metrics a call and page by page."""
    end = start + SAMPLES * PERIOD_S
    line = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=120)
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for first in range(0, METRICS, 500):
            token = {}
            while token is not None:
                stat = lambda n: {"Metric": {"Namespace": "bench", "MetricName": f"m{n}"}, "Period": period, "Stat": "Average"}
                queries = [{"Id": f"q{n}", "MetricStat": stat(n)} for n in range(first, first + 500)]
                request = call("GetMetricData", MetricDataQueries=queries, StartTime=start, EndTime=end, **token)(cloud.port)
                line.request("POST", "/", request.body, request.headers)
                answer = line.getresponse()
                text = answer.read()
                if answer.status != 200:
                    raise Refused(f"{answer.status} {text[:500]!r}")
                at = text.rfind(b'"NextToken":"')
                token = {"NextToken": text[at + 13 : text.index(b'"', at + 13)].decode()} if at >= 0 else None
        took.append(time.perf_counter() - begun)
    return median(took)


ALARMS = 10_000


def alarms_share(cloud, minutes):
    """The share of one core that evaluating ten thousand alarms takes, of metrics that change every minute."""
    lanes = 32

    def make(numbers):
        client = Client(cloud.port)
        for n in numbers:
            alarm = {
                "AlarmName": f"a{n}", "Namespace": "bench", "MetricName": f"m{n % METRICS}", "Statistic": "Average",
                "Period": 60, "EvaluationPeriods": 3, "Threshold": 1e9, "ComparisonOperator": "GreaterThanThreshold",
            }
            client.send(call("PutMetricAlarm", **alarm)(cloud.port))

    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        list(pool.map(make, [range(lane, ALARMS, lanes) for lane in range(lanes)]))

    def put():
        # A connection that rests for a minute is closed.
        Client(cloud.port).send(batch(int(time.time()), lambda n: n)(cloud.port))

    put()
    # The first look at all of them changes their states.
    time.sleep(70)
    begun, used = time.time(), cloud.cpu_s()
    while time.time() - begun < minutes * 60:
        put()
        time.sleep(60)
    return (cloud.cpu_s() - used) / (time.time() - begun)
