"""X-Amz-Invocation-Type and Prefer on a POST."""

import base64

import pytest

from client import eventually
from test_reading import background


def test_request_response_gives_the_functions_result(api):
    answer = api.post(event={"out": '{"sum": 3}'}, function="puppet", headers={"X-Amz-Invocation-Type": "RequestResponse"})
    assert answer.status == 200, answer
    assert answer.body == b'{"sum": 3}'
    assert answer.header("Content-Type").startswith("application/json")
    assert api.job(answer.header("X-Amzn-RequestId"))["status"] == "SUCCEEDED"


def test_request_response_waits_for_the_end(site, api):
    before = site.held()
    waiting = background(
        lambda: api.post(function="hold", headers={"X-Amz-Invocation-Type": "RequestResponse"}, limit=25)
    )
    job_id = eventually(lambda: site.held() - before, 10, "it runs").pop()
    assert not waiting.is_done()
    site.release(job_id)
    answer = waiting()
    assert answer.status == 200 and answer.json == {"attempt": 1}


def test_request_response_that_takes_longer_than_wait_max_is_504_and_goes_on(start):
    site = start(wait_max="500ms")
    answer = site.api.post(function="hold", headers={"X-Amz-Invocation-Type": "RequestResponse"})
    assert answer.status == 504, answer
    job_id = answer.header("X-Amzn-RequestId")
    assert job_id in answer.body.decode()
    site.started(job_id)
    site.release(job_id)
    assert site.api.ended(job_id)["status"] == "SUCCEEDED"


def test_request_response_of_a_failing_function_is_lambdas_200_with_the_error(api):
    answer = api.post(
        event={"exit": 4, "err": "n" * 5000 + "the end\n"}, function="puppet",
        headers={"X-Amz-Invocation-Type": "RequestResponse", "X-Amz-Log-Type": "Tail"},
    )
    assert answer.status == 200, answer
    assert answer.header("X-Amz-Function-Error") == "Unhandled"
    assert answer.json["errorType"] == "Runtime.ExitError" and answer.json["errorMessage"]
    tail = base64.b64decode(answer.header("X-Amz-Log-Result"))
    assert len(tail) == 4096 and tail.endswith(b"nthe end\n")
    assert api.job(answer.header("X-Amzn-RequestId"))["status"] == "FAILED"


def test_prefer_wait_on_a_post_gives_the_ended_job(api):
    answer = api.post(event={"out": "[1]"}, function="puppet", headers={"Prefer": "wait=8"})
    assert answer.status == 200, answer
    assert answer.json["status"] == "SUCCEEDED"
    assert answer.header("Preference-Applied") == "wait=8"
    assert answer.header("X-Amzn-RequestId") == answer.json["jobId"]


def test_prefer_wait_on_a_post_of_a_longer_job_is_202(site, api):
    answer = api.post(function="hold", headers={"Prefer": "respond-async, wait=1"})
    assert answer.status == 202, answer
    assert answer.header("Preference-Applied") == "respond-async, wait=1"
    job_id = answer.json["jobId"]
    site.started(job_id)
    site.release(job_id)
    assert api.ended(job_id)["status"] == "SUCCEEDED"


def test_dry_run_is_204_and_makes_no_job(site, api):
    answer = api.post(event={}, function="note", headers={"X-Amz-Invocation-Type": "DryRun"})
    assert answer.status == 204, answer
    assert answer.body == b""
    assert answer.header("Location") is None
    marker = api.run({}, function="note")["jobId"]
    assert [line.split()[0] for line in site.notes()][-1] == marker


@pytest.mark.parametrize(
    "event, function, status", [(b"{", None, 400), ({}, "no-such-function", 404), (b'"' + b"x" * (1 << 20) + b'"', None, 413)]
)
def test_dry_run_tells_what_a_post_would(api, event, function, status):
    assert api.post(event=event, function=function, headers={"X-Amz-Invocation-Type": "DryRun"}).status == status


def test_invocation_type_ignores_case_and_refuses_others(api):
    assert api.post(headers={"x-amz-invocation-type": "Event"}).status == 202
    assert api.post(headers={"X-Amz-Invocation-Type": "Sometimes"}).status == 400


def test_prefer_respond_async_says_that_it_was_applied(api):
    answer = api.post(headers={"Prefer": "respond-async"})
    assert answer.status == 202
    assert "respond-async" in answer.header("Preference-Applied")


def test_accepted_status_may_be_200_for_the_samples_clients(start):
    site = start(accepted_status="200")
    answer = site.api.post()
    assert answer.status == 200, answer
    assert site.api.ended(answer.json["jobId"])["status"] == "SUCCEEDED"


def test_base_url_is_in_front_of_every_link(start):
    site = start(base_url="https://jobs.example/base")
    answer = site.api.post()
    job_id = answer.json["jobId"]
    assert answer.header("Location") == f"https://jobs.example/base/job/{job_id}"
    for link in site.api.ended(job_id)["links"].values():
        assert link.startswith(f"https://jobs.example/base/job/{job_id}")
