"""Lists, idempotency, expiry and purge."""

import json
import socket
import threading
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import REQUEST_LIMIT, eventually, query
from test_errors import assert_problem


def page(api, **parts):
    answer = api.get("/job" + query(**parts))
    assert answer.status == 200, answer
    return answer


def walk(api, **parts):
    """All jobs of a list, page by page."""
    seen, cursor = [], None
    while True:
        document = page(api, cursor=cursor, **parts).json
        seen += [job["jobId"] for job in document["jobs"]]
        cursor = document.get("next")
        if not cursor:
            return seen


def test_list_is_newest_first_with_a_cursor_and_a_link(site, api):
    ids = [api.submit({"n": number}, function="paused") for number in range(7)]
    first = page(api, function="paused", limit=3)
    assert [job["jobId"] for job in first.json["jobs"]] == ids[:-4:-1]
    link = first.header("Link")
    assert link and 'rel="next"' in link
    target = link[link.index("<") + 1 : link.index(">")]
    second = api.get(target.removeprefix(f"http://localhost:{api.port}"))
    assert [job["jobId"] for job in second.json["jobs"]] == ids[3:0:-1]
    assert urllib.parse.parse_qs(target.partition("?")[2])["cursor"] == [first.json["next"]]
    for job in first.json["jobs"]:
        assert job["status"] == "QUEUED" and job["function"] == "paused" and job["links"]["self"]


def test_last_page_has_no_next(api):
    api.submit({}, function="paused")
    answer = page(api, function="paused", limit=100)
    assert answer.header("Link") is None or len(answer.json["jobs"]) == 100
    assert page(api, function="no-such-function").json["jobs"] == []


def test_list_by_the_beginning_of_an_id_finds_any_job(api):
    old = api.submit({}, function="paused")
    for _ in range(3):
        api.submit({}, function="paused")
    assert [job["jobId"] for job in page(api, id=old).json["jobs"]] == [old]
    assert [job["jobId"] for job in page(api, id=old[:-6].upper(), status="QUEUED").json["jobs"]] == [old]
    assert page(api, id=old, status="FAILED").json["jobs"] == []
    assert page(api, id="00000000").json["jobs"] == []
    seen = walk(api, id=old[:4], function="paused", limit=2)
    assert old in seen and len(seen) >= 4 and all(job.startswith(old[:4]) for job in seen)


def test_list_is_304_until_something_in_it_changes(api):
    job = api.submit({}, function="paused")
    path = "/job" + query(id=job)
    etag = api.get(path).header("ETag")
    same = api.get(path, headers={"If-None-Match": etag})
    assert (same.status, same.body, same.header("ETag")) == (304, b"", etag)
    api.request("DELETE", f"/job/{job}")
    changed = api.get(path, headers={"If-None-Match": etag})
    assert changed.status == 200 and changed.json["jobs"][0]["status"] == "CANCELLED"


def test_list_by_status_and_function(api):
    failed = api.run({"exit": 65}, function="puppet")["jobId"]
    succeeded = api.run({}, function="puppet")["jobId"]
    by_status = [job["jobId"] for job in page(api, status="FAILED", function="puppet", limit=5).json["jobs"]]
    assert by_status[0] == failed and succeeded not in by_status
    every = [job["jobId"] for job in page(api, function="puppet", limit=2).json["jobs"]]
    assert every == [succeeded, failed]
    for job in page(api, status="SUCCEEDED", limit=100).json["jobs"]:
        assert job["status"] == "SUCCEEDED"


@pytest.mark.parametrize("parts", [{"limit": "0"}, {"limit": "x"}, {"limit": "-1"}, {"cursor": "x"}, {"status": "queued"},
                                   {"status": "NONE"}, {"function": "../x"}, {"id": "x"}])
def test_malformed_list_parameters_are_400(api, parts):
    assert_problem(api.get("/job" + query(**parts)), 400)


@pytest.mark.limit(120)
def test_walk_sees_every_old_job_once_while_others_are_submitted(site, api):
    many = 2000 if site.server == "lighttpd" else 200
    with ThreadPoolExecutor(8) as pool:
        old = set(pool.map(lambda _: api.submit({}, function="paused"), range(many)))
    done = threading.Event()

    def submit_on():
        while not done.is_set():
            api.submit({}, function="paused")

    other = threading.Thread(target=submit_on, daemon=True)
    other.start()
    try:
        seen = walk(api, function="paused", limit=50 if many > 200 else 10)
    finally:
        done.set()
        other.join(20)
    assert len(seen) == len(set(seen)), "none twice"
    assert old <= set(seen), "none left out"


# ---- idempotency ----


def keyed(api, key, event=None, **more):
    return api.post(event={} if event is None else event, headers={"Idempotency-Key": key}, **more)


def test_same_key_and_body_replays_the_first_answer(site, api):
    first = keyed(api, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', function="note")
    again = keyed(api, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', function="note")
    assert first.status == again.status == 202
    assert first.body == again.body
    for name in ("Location", "X-Amzn-RequestId"):
        assert first.header(name) == again.header(name)
    api.ended(first.json["jobId"])
    assert keyed(api, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', function="note").body == first.body, "after its end as well"
    assert len([line for line in site.notes() if line.startswith(first.json["jobId"])]) == 1


def test_client_that_never_saw_its_202_gets_the_same_job(site, api):
    """Hazard 19: it went away before the answer came, and asks again."""
    body = b'{"lost":"answer"}'
    head = (f"POST {api.base}/job?function=held HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f'Idempotency-Key: "never-seen"\r\nContent-Length: {len(body)}\r\n\r\n')

    def jobs():
        return [job["jobId"] for job in api.get("/job?function=held&limit=100").json["jobs"]]

    before = jobs()
    with socket.create_connection(("127.0.0.1", api.port), timeout=REQUEST_LIMIT) as connection:
        connection.sendall(head.encode() + body)
        made = eventually(lambda: set(jobs()) - set(before), 10, "the job is there")
    again = keyed(api, '"never-seen"', body, function="held")
    assert again.status == 202, again
    assert {again.json["jobId"]} == made == set(jobs()) - set(before)


def test_same_key_with_another_body_or_function_is_422(api):
    assert keyed(api, '"key-422"').status == 202
    assert_problem(keyed(api, '"key-422"', {"other": True}), 422)
    assert_problem(keyed(api, '"key-422"', function="note"), 422)


def test_fifty_parallel_clients_with_one_key_make_one_job(site, api):
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: keyed(api, '"fifty"', {"x": 1}, function="note", limit=30), range(50)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body for answer in answers}) == 1
    job_id = answers[0].json["jobId"]
    api.ended(job_id)
    assert len([line for line in site.notes() if line.startswith(job_id)]) == 1


@pytest.mark.parametrize("key", ["", '""', "x" * 2000, '"a\x01b"'])
def test_malformed_key_is_400(api, key):
    answer = keyed(api, key)
    assert answer.status == 400 or (key == "" and answer.status == 202), answer


def test_refused_submission_does_not_use_up_its_key(api):
    assert keyed(api, '"used-later"', b"{").status == 400
    assert keyed(api, '"used-later"', {}).status == 202


def test_sdk_invocation_id_counts_when_there_is_no_key(api):
    name = "amz-sdk-invocation-id"
    first = api.post(headers={name: "11111111-2222-4333-8444-555555555555"})
    again = api.post(headers={name: "11111111-2222-4333-8444-555555555555"})
    assert first.status == again.status == 202 and first.json["jobId"] == again.json["jobId"]


# ---- expiry, purge ----


@pytest.mark.limit(90)
def test_expired_job_is_410_and_forgotten_later_404(start):
    site = start(retention="2s")
    job_id = site.api.run({"out": "{}"}, function="puppet")["jobId"]
    answer = eventually(lambda: (seen := site.api.get(f"/job/{job_id}")).status == 410 and seen, 20, "it has expired")
    assert_problem(answer, 410)
    for part in ("result", "event", "log"):
        assert site.api.get(f"/job/{job_id}/{part}").status in (404, 410)
    answer = eventually(lambda: (seen := site.api.get(f"/job/{job_id}")).status == 404 and seen, 20, "it is forgotten")
    assert answer.json["error"] == "Job not found"


def test_purge_erases_content_and_keeps_the_record(api):
    job_id = api.run({"out": "{}", "err": "secret"}, function="puppet")["jobId"]
    answer = api.request("DELETE", f"/job/{job_id}?purge=true")
    assert answer.status == 200, answer
    assert api.job(job_id)["status"] == "SUCCEEDED"
    for part in ("result", "event", "log"):
        assert api.get(f"/job/{job_id}/{part}").status == 410, part
    assert "result" not in api.job(job_id)


def test_purge_of_a_job_that_has_not_ended_is_409(api):
    job_id = api.submit({}, function="paused")
    assert_problem(api.request("DELETE", f"/job/{job_id}?purge=true"), 409)
    assert json.loads(api.get(f"/job/{job_id}/event").body) == {}
