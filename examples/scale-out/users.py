#!/usr/bin/env python3
"""Users who come to the site of main.tf: a few, then ten times as many, then a few. Says who served them, and who failed.

python3 users.py <the balancer's DNS name> [host:port of the cloud]
"""

import http.client
import sys
import threading
import time

import boto3

NAME = sys.argv[1]
HOST, PORT = (sys.argv[2] if len(sys.argv) > 2 else "localhost:4566").split(":")
SERVED, FAILED = {}, []
WANTED = 2
END = threading.Event()


def user(number):
    connection = http.client.HTTPConnection(HOST, int(PORT), timeout=10)
    while not END.wait(0.1):
        if number >= WANTED:
            continue
        try:
            connection.request("GET", "/", headers={"Host": NAME})
            answer = connection.getresponse()
            server = answer.read().decode().strip()
            if answer.status != 200:
                FAILED.append(answer.status)
            elif server not in SERVED:
                SERVED[server] = time.monotonic()
                print(f"{time.monotonic() - START:6.1f} s  {server} serves")
        except OSError as error:
            FAILED.append(error)
            connection.close()


def tell():
    cloudwatch = boto3.client(
        "cloudwatch", endpoint_url=f"http://{HOST}:{PORT}", region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )
    while not END.wait(1):
        datum = {"MetricName": "Users", "Value": float(WANTED), "StorageResolution": 1}
        cloudwatch.put_metric_data(Namespace="Web", MetricData=[datum])


START = time.monotonic()
threads = [threading.Thread(target=user, args=(n,)) for n in range(20)] + [threading.Thread(target=tell)]
[thread.start() for thread in threads]
for users, seconds in [(2, 10), (20, 60), (2, 30)]:
    WANTED = users
    print(f"{time.monotonic() - START:6.1f} s  {users} users")
    time.sleep(seconds)
END.set()
[thread.join() for thread in threads]
print(f"{len(SERVED)} servers, {len(FAILED)} requests failed")
sys.exit(bool(FAILED))
