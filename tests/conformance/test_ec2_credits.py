"""CPU credits: a standard instance without credits gets its baseline and no more; an unlimited one gets its processors."""

import re

from conftest import eventually, needs_root
from test_vpc import code, net  # noqa: F401

pytestmark = needs_root

# Says, second by second, how much of a processor it got.
BUSY = """#!/bin/sh
exec python3 -u - <<'PY'
import time
while True:
    wall, spent = time.monotonic(), time.process_time()
    while time.monotonic() - wall < 1: pass
    print("got", round((time.process_time() - spent) / (time.monotonic() - wall), 2))
PY
"""


def test_credits_hold_and_let_go(net, ec2):  # noqa: F811
    instance = net.launch(BUSY, CreditSpecification={"CpuCredits": "standard"})["InstanceId"]

    def got():
        shares = re.findall(r"got ([0-9.]+)", ec2.get_console_output(InstanceId=instance).get("Output", ""))
        return [float(share) for share in shares]

    def becomes(credits):
        answer = ec2.modify_instance_credit_specification(
            InstanceCreditSpecifications=[{"InstanceId": instance, "CpuCredits": credits}]
        )
        assert answer["UnsuccessfulInstanceCreditSpecifications"] == []
        shown = ec2.describe_instance_credit_specifications(InstanceIds=[instance])["InstanceCreditSpecifications"]
        assert [one["CpuCredits"] for one in shown] == [credits]

    def now(credits, fits):
        """Each change looks at the account anew: on a busy host it takes a while to spend what there is."""

        def so():
            becomes(credits)
            before = len(got())
            eventually(lambda: len(got()) > before + 1, "it is busy")
            return fits(got()[-1])

        eventually(so, f"the share of {credits} instances", 90)

    # A t3.micro: a fifth of a processor.
    now("standard", lambda share: share < 0.26)
    now("unlimited", lambda share: share > 0.26)
    now("standard", lambda share: share < 0.26)
    bad = [{"InstanceId": instance, "CpuCredits": "endless"}]
    assert code(ec2.modify_instance_credit_specification, InstanceCreditSpecifications=bad) == "InvalidCpuCredits.Malformed"
    family = ec2.get_default_credit_specification(InstanceFamily="t2")["InstanceFamilyCreditSpecification"]
    assert family == {"InstanceFamily": "t2", "CpuCredits": "standard"}
    # Of a family that nothing here has: it stays so for five minutes.
    change = {"InstanceFamily": "t4g", "CpuCredits": "standard"}
    assert ec2.modify_default_credit_specification(**change)["InstanceFamilyCreditSpecification"] == change
    assert code(ec2.modify_default_credit_specification, **change) == "UpdateLimitExceeded"
