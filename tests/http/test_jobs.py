"""The sample's two methods: POST /job accepts, GET /job/{jobId} tells."""

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import eventually

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_post_answers_202_with_everything_a_client_needs(api):
    answer = api.post(event={}, headers={"X-Amz-Invocation-Type": "Event"})
    assert answer.status == 202, answer
    document = answer.json
    assert UUID7.fullmatch(document["jobId"])
    assert document["status"] == "QUEUED"
    assert TIME.fullmatch(document["createdAt"])
    assert answer.header("Location") == f"/job/{document['jobId']}"
    assert answer.header("X-Amzn-RequestId") == document["jobId"]
    assert int(answer.header("Retry-After")) >= 1
    assert answer.header("Content-Type").startswith("application/json")


def test_get_straight_after_the_post_finds_the_job(api):
    job_id = api.submit({})
    answer = api.get(f"/job/{job_id}")
    assert answer.status == 200, answer
    document = answer.json
    assert list(document)[:3] == ["jobId", "status", "createdAt"]
    assert document["jobId"] == job_id
    assert answer.header("ETag")
    assert "no-cache" in answer.header("Cache-Control")
    api.ended(job_id)


def test_ended_job_tells_its_whole_story(api):
    document = api.run({"say": "hello"}, function="puppet")
    assert document["status"] == "SUCCEEDED", document
    assert document["function"] == "puppet"
    assert document["attempts"] == 1
    for member in ("createdAt", "startedAt", "finishedAt", "expiresAt"):
        assert TIME.fullmatch(document[member]), member
    assert document["createdAt"] <= document["startedAt"] <= document["finishedAt"] < document["expiresAt"]
    assert document["links"]["self"] == f"/job/{document['jobId']}"


def test_function_gets_job_id_and_body_as_posted(api):
    body = b'{ "number": 1.50e1,"text":"\\u00e9 \xc3\xa9", "list":[1, 2 ]}'
    job_id = api.submit(body.replace(b"{ ", b'{ "echo":true, '), function="puppet")
    document = api.ended(job_id)
    assert document["status"] == "SUCCEEDED", document
    assert document["result"]["jobId"] == job_id
    assert document["result"]["body"]["number"] == 15.0
    raw = api.get(f"/job/{job_id}/result").body
    assert body.removeprefix(b"{ ") in raw, "the bytes are the posted ones, not a new rendering"


@pytest.mark.parametrize("event", [None, True, 0, -1.5, "text", [], [1, {"a": None}]])
def test_any_json_value_is_an_event(api, event):
    job_id = api.submit(json.dumps(event).encode())
    assert api.get(f"/job/{job_id}/event").json == event
    assert api.ended(job_id)["status"] == "SUCCEEDED"


def test_no_body_counts_as_an_empty_object(api):
    answer = api.request("POST", "/job")
    assert answer.status == 202, answer
    assert api.get(f"/job/{answer.json['jobId']}/event").json == {}


def test_id_is_accepted_in_upper_case(api):
    job_id = api.submit({})
    assert api.job(job_id.upper())["jobId"] == job_id


def test_failed_job_says_why(api):
    document = api.run({"exit": 3, "err": "no such page\n"}, function="puppet")
    assert document["status"] == "FAILED"
    assert document["error"]["type"] == "Runtime.ExitError"
    assert "3" in document["error"]["message"]


def test_job_ended_by_a_signal_says_which(api):
    document = api.run({"signal": 11}, function="puppet")
    assert document["status"] == "FAILED"
    assert document["error"]["type"] == "Runtime.ExitError"
    assert "11" in document["error"]["message"] or "SEGV" in document["error"]["message"], document["error"]


def test_two_hundred_parallel_posts_are_found_at_once_and_all_succeed(api):
    def post_and_get(number):
        job_id = api.submit({"number": number})
        assert api.get(f"/job/{job_id}").status == 200
        return job_id

    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(post_and_get, range(200)))
    assert len(set(ids)) == 200
    for job_id in ids:
        assert api.ended(job_id, within=30)["status"] == "SUCCEEDED"


def test_answer_does_not_wait_for_the_function(site, api):
    """The whole answer, to the end of the connection, arrives while the function runs: nothing of the worker holds the
    web server's pipe open (under CGI a worker that keeps stdout or stderr would)."""
    body = b"{}"
    answer = api.raw(
        b"POST /job?function=hold HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    assert answer and answer.status == 202, answer
    job_id = answer.json["jobId"]
    site.started(job_id)
    assert api.job(job_id)["status"] == "RUNNING"
    site.release(job_id)
    assert api.ended(job_id)["status"] == "SUCCEEDED"


def test_running_job_shows_progress_and_start(site, api):
    job_id = api.submit({}, function="hold")
    site.started(job_id)
    document = eventually(
        lambda: (found := api.job(job_id)).get("progress") and found, 10, "progress from descriptor 3 is shown"
    )
    assert document["status"] == "RUNNING"
    assert document["progress"]["percent"] == 10
    assert document["progress"]["message"] == "holding"
    assert document["attempts"] == 1
    assert "result" not in document and "finishedAt" not in document
    site.release(job_id)
    assert api.ended(job_id)["result"] == {"attempt": 1}


def test_more_jobs_than_workers_wait_their_turn(site, api):
    held = [api.submit({}, function="hold") for _ in range(int(site.settings["max_workers"]))]
    try:
        for job_id in held:
            site.started(job_id)
        waiting = api.submit({}, function="hold")
        assert api.job(waiting)["status"] == "QUEUED"
    finally:
        for job_id in held:
            site.release(job_id)
    site.started(waiting)
    site.release(waiting)
    for job_id in (*held, waiting):
        assert api.ended(job_id)["status"] == "SUCCEEDED"


def test_posts_and_gets_at_once_from_many_clients(api):
    """Clients that post and read what others have posted, all at once."""
    known, lock = [], threading.Lock()

    def client(number):
        for turn in range(5):
            job_id = api.submit({"client": number, "turn": turn})
            with lock:
                known.append(job_id)
                other = known[(number * 7 + turn) % len(known)]
            assert api.job(other)["jobId"] == other

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(client, range(12)))
    for job_id in known:
        assert api.ended(job_id)["status"] == "SUCCEEDED"
