"""Savings Plans as boto3 sees them: offered, bought, looked at, given back."""

import datetime

import pytest
from conftest import code

YEAR = 31_536_000


@pytest.fixture
def plans(cloud):
    return cloud.client("savingsplans", account="711111111177")


def offering(plans, kind, payment, **filters):
    found = plans.describe_savings_plans_offerings(
        planTypes=[kind],
        paymentOptions=[payment],
        durations=[YEAR],
        filters=[{"name": name, "values": [value]} for name, value in filters.items()],
    )["searchResults"]
    return found[0]["offeringId"]


def shown(plans, plan):
    return plans.describe_savings_plans(savingsPlanIds=[plan])["savingsPlans"][0]


def test_offerings_and_their_rates_agree(plans):
    chosen = offering(plans, "EC2Instance", "No Upfront", region="eu-west-1", instanceFamily="t3")
    rates = plans.describe_savings_plans_offering_rates(savingsPlanOfferingIds=[chosen])["searchResults"]
    assert {rate["savingsPlanOffering"]["offeringId"] for rate in rates} == {chosen}
    by_type = {next(p["value"] for p in rate["properties"] if p["name"] == "instanceType"): rate["rate"] for rate in rates}
    assert float(by_type["t3.micro"]) == pytest.approx(0.0104 * 0.63)
    assert all(name.startswith("t3.") for name in by_type)
    assert plans.describe_savings_plans_offerings(planTypes=["SageMaker"])["searchResults"] == []


def test_lists_are_paged(plans):
    first = plans.describe_savings_plans_offerings(maxResults=5)
    second = plans.describe_savings_plans_offerings(maxResults=5, nextToken=first["nextToken"])
    ids = [one["offeringId"] for page in (first, second) for one in page["searchResults"]]
    assert len(set(ids)) == 10
    rates = plans.describe_savings_plans_offering_rates(savingsPlanOfferingIds=ids[:1], maxResults=3)
    more = plans.describe_savings_plans_offering_rates(savingsPlanOfferingIds=ids[:1], maxResults=3, nextToken=rates["nextToken"])
    assert rates["searchResults"] != more["searchResults"]


def test_a_plan_is_bought_once_and_given_back(plans):
    chosen = offering(plans, "Compute", "All Upfront")
    params = {"savingsPlanOfferingId": chosen, "commitment": "0.01", "clientToken": "t", "tags": {"team": "a"}}
    plan = plans.create_savings_plan(**params)["savingsPlanId"]
    assert plans.create_savings_plan(**params)["savingsPlanId"] == plan
    one = shown(plans, plan)
    assert one["state"] in ("payment-pending", "active")
    assert float(one["upfrontPaymentAmount"]) == pytest.approx(87.6)
    assert float(one["recurringPaymentAmount"]) == 0
    assert one["termDurationInSeconds"] == YEAR
    rates = plans.describe_savings_plan_rates(savingsPlanId=plan, filters=[{"name": "instanceType", "values": ["m5.large"]}])
    assert float(rates["searchResults"][0]["rate"]) == pytest.approx(0.096 * 0.67)

    arn = one["savingsPlanArn"]
    plans.tag_resource(resourceArn=arn, tags={"stage": "test"})
    plans.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert plans.list_tags_for_resource(resourceArn=arn)["tags"] == {"stage": "test"}

    returned = plans.return_savings_plan(savingsPlanId=plan)
    assert returned["savingsPlanId"] == plan
    assert shown(plans, plan)["state"] in ("pending-return", "returned")
    assert code(plans.return_savings_plan, savingsPlanId=plan) == "ValidationException"


def test_a_queued_purchase_is_called_off(plans):
    chosen = offering(plans, "Compute", "Partial Upfront")
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)
    params = {"savingsPlanOfferingId": chosen, "commitment": "1", "upfrontPaymentAmount": "5000"}
    plan = plans.create_savings_plan(**params, purchaseTime=later)["savingsPlanId"]
    assert shown(plans, plan)["state"] == "queued"
    plans.delete_queued_savings_plan(savingsPlanId=plan)
    assert shown(plans, plan)["state"] == "queued-deleted"
    found = plans.describe_savings_plans(states=["queued-deleted"])["savingsPlans"]
    assert plan in [one["savingsPlanId"] for one in found]
    assert code(plans.delete_queued_savings_plan, savingsPlanId=plan) == "ValidationException"


def test_what_is_wrong_is_said(plans):
    chosen = offering(plans, "Compute", "No Upfront")
    assert code(plans.create_savings_plan, savingsPlanOfferingId="0", commitment="1") == "ResourceNotFoundException"
    assert code(plans.create_savings_plan, savingsPlanOfferingId=chosen, commitment="-1") == "ValidationException"
    assert code(plans.describe_savings_plan_rates, savingsPlanId="none") == "ResourceNotFoundException"
    assert code(plans.describe_savings_plans_offerings, nextToken="abcd") == "ValidationException"
