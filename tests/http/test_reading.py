"""What can be read of a job, and how: result, log, event, waiting, ETag, HEAD, OPTIONS, and the small pages."""

import json
import threading

import pytest

from client import PATIENCE, eventually, query


def background(call):
    """Runs call in a thread; gives a function that waits for its result."""
    box = {}

    def work():
        try:
            box["value"] = call()
        except Exception as error:  # shown by the one who waits
            box["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def result(within=15):
        within *= PATIENCE
        thread.join(within)
        assert not thread.is_alive(), f"still waiting after {within} s"
        if "error" in box:
            raise box["error"]
        return box["value"]

    result.is_done = lambda: not thread.is_alive()
    return result


@pytest.fixture
def held(site, api):
    """A job whose function runs until it is let go; always let go in the end."""
    job_id = api.submit({}, function="hold")
    site.started(job_id)
    yield job_id
    site.release(job_id)
    api.ended(job_id)


# ---- result ----


def test_json_result_is_served_raw_as_json(api):
    text = '{ "b":1.0, "a" : [ ] }'
    job_id = api.run({"out": text}, function="puppet")["jobId"]
    answer = api.get(f"/job/{job_id}/result")
    assert answer.status == 200, answer
    assert answer.header("Content-Type").startswith("application/json")
    assert answer.body.decode() == text
    assert api.job(job_id)["result"] == json.loads(text)


def test_text_result_is_served_as_text(api):
    document = api.run({"out": "grüße\r\nSet-Cookie: a=b\r\n"}, function="puppet")
    assert document["result"] == "grüße\r\nSet-Cookie: a=b\r\n"
    answer = api.get(f"/job/{document['jobId']}/result")
    assert answer.header("Content-Type").startswith("text/plain")
    assert answer.body.decode() == document["result"]
    assert answer.header("Set-Cookie") is None


@pytest.mark.parametrize("text", ["{", "NaN", '{"a":1,"a":2}', '"\\ud800"', "[" * 40 + "]" * 40])
def test_result_that_is_no_clean_json_is_text(api, text):
    document = api.run({"out": text}, function="puppet")
    assert document["status"] == "SUCCEEDED"
    assert document["result"] == text
    answer = api.get(f"/job/{document['jobId']}/result")
    assert answer.header("Content-Type").startswith("text/plain")


@pytest.mark.parametrize("part", ["result", "log", "event"])
def test_job_output_as_html_is_never_rendered(api, part):
    """Hazard 32: job output as HTML or with CR LF."""
    page = "<!DOCTYPE html><script>alert(document.domain)</script>"
    job_id = api.run({"out": page, "err": page, "text": page}, function="puppet")["jobId"]
    answer = api.get(f"/job/{job_id}/{part}")
    assert answer.status == 200, answer
    assert "html" not in answer.header("Content-Type")
    assert answer.header("X-Content-Type-Options") == "nosniff"
    policy = answer.header("Content-Security-Policy")
    assert "default-src 'none'" in policy or "sandbox" in policy


def test_result_before_the_end_is_404(api, held):
    answer = api.get(f"/job/{held}/result")
    assert answer.status == 404, answer
    assert answer.header("Content-Type").startswith("application/problem+json")


def test_empty_output_is_a_success(api):
    document = api.run({}, function="puppet")
    assert document["status"] == "SUCCEEDED"
    assert document.get("result") in (None, "")


def test_large_result_is_served_whole(api):
    document = api.run({"out_size": 3 << 20}, function="puppet")
    assert document["status"] == "SUCCEEDED"
    assert api.get(f"/job/{document['jobId']}/result").body == b"x" * (3 << 20)


# ---- log ----


def test_log_is_served_while_the_function_runs(site, api, held):
    eventually(lambda: api.get(f"/job/{held}/log").body == b"first line\n", 10, "the log shows what was written")
    so_far = api.get(f"/job/{held}/log?offset=6")
    assert so_far.status == 200 and so_far.body == b"line\n", so_far
    nothing_new = api.get(f"/job/{held}/log?offset=11")
    assert nothing_new.status == 200 and nothing_new.body == b"", nothing_new
    site.release(held)
    api.ended(held)
    rest = api.get(f"/job/{held}/log?offset=11")
    assert rest.body == b"last line\n"
    assert (rest.header("X-Log-Offset"), rest.header("X-Log-Next"), rest.header("X-Log-Size")) == ("11", "21", "21")
    assert rest.header("X-Job-Status") == "SUCCEEDED"


@pytest.mark.parametrize("offset", ["-1", "x", "", "99999999999999999999999"])
def test_malformed_log_offset_is_400(api, held, offset):
    answer = api.get(f"/job/{held}/log?offset={offset}")
    assert answer.status == 400, answer


def test_log_offset_past_the_end_is_empty(api, held):
    answer = api.get(f"/job/{held}/log?offset=1000000")
    assert answer.status == 200 and answer.body == b"", answer


def test_log_bytes_are_served_as_they_came(api):
    text = "tab\tnul\0escape\x1b[31m\r\nlast"
    job_id = api.run({"err": text}, function="puppet")["jobId"]
    answer = api.get(f"/job/{job_id}/log")
    assert answer.body.decode() == text
    assert answer.header("Content-Type").startswith("text/plain")


def test_job_output_makes_no_line_of_its_own_in_our_log(site, api):
    """Hazard 32. CR and LF in what comes from outside are escaped in jobgate's log."""
    api.run({"err": "x\nlevel=error forged=1\n", "out": "y\nlevel=error forged=2\n", "exit": 65}, function="puppet")
    api.get("/job/x%0alevel=error%20forged=3")
    api.post(function="x\nlevel=error forged=4", headers={"User-Agent": "y\tlevel=error forged=5"})
    lines = (site.data / "log" / "jobgate.log").read_text().splitlines()
    assert lines and not [line for line in lines if line.startswith("level=error forged=")]


# ---- event ----


def test_event_is_served_as_submitted(api):
    body = b'{"b": 1.0,\n "a":"\\u00e9"}'
    job_id = api.submit(body)
    answer = api.get(f"/job/{job_id}/event")
    assert answer.status == 200
    assert answer.header("Content-Type").startswith("application/json")
    assert answer.body == body


@pytest.mark.parametrize("part", ["result", "log", "event"])
def test_parts_of_an_unknown_job_are_404(api, part):
    answer = api.get(f"/job/0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b/{part}")
    assert answer.status == 404, answer
    assert answer.json["error"] == "Job not found"


# ---- waiting ----


def test_wait_answers_when_the_job_ends(site, api, held):
    waiting = background(lambda: api.get(f"/job/{held}?wait=8"))
    assert api.job(held)["status"] == "RUNNING"
    site.release(held)
    answer = waiting()
    assert answer.status == 200
    assert answer.json["status"] == "SUCCEEDED"
    assert answer.seconds < 7 * PATIENCE, "it has not sat out its time"


def test_wait_sits_out_its_time_when_nothing_changes(api, held):
    answer = api.get(f"/job/{held}?wait=1")
    assert answer.status == 200
    assert answer.json["status"] == "RUNNING"
    assert answer.seconds >= 0.9


def test_wait_with_a_stale_etag_answers_at_once(api, held):
    answer = api.get(f"/job/{held}?wait=8", headers={"If-None-Match": '"something-older"'})
    assert answer.status == 200
    assert answer.json["status"] == "RUNNING"
    assert answer.seconds < 4 * PATIENCE


def test_wait_with_the_current_etag_answers_with_the_change(site, api, held):
    eventually(lambda: "progress" in api.job(held), 10, "progress is shown")
    tag = api.get(f"/job/{held}").header("ETag")
    waiting = background(lambda: api.get(f"/job/{held}?wait=8", headers={"If-None-Match": tag}))
    site.release(held)
    answer = waiting()
    assert answer.status == 200
    assert answer.header("ETag") != tag
    assert answer.seconds < 7 * PATIENCE


def test_wait_with_the_current_etag_ends_with_304(api, held):
    eventually(lambda: "progress" in api.job(held), 10, "progress is shown")
    tag = api.get(f"/job/{held}").header("ETag")
    answer = api.get(f"/job/{held}?wait=1", headers={"If-None-Match": tag})
    assert answer.status == 304, answer
    assert answer.body == b""


def test_prefer_wait_is_applied_and_says_so(site, api, held):
    waiting = background(lambda: api.get(f"/job/{held}", headers={"Prefer": "respond-async, wait=8"}))
    site.release(held)
    answer = waiting()
    assert answer.json["status"] == "SUCCEEDED"
    assert "wait=8" in answer.header("Preference-Applied")


@pytest.mark.parametrize("seconds", ["-1", "x", "1e3"])
def test_malformed_wait_is_400(api, held, seconds):
    assert api.get(f"/job/{held}?wait={seconds}").status == 400


def test_wait_is_cut_to_wait_max(start):
    site = start(wait_max="1s")
    job_id = site.api.submit({}, function="hold")
    site.started(job_id)
    answer = site.api.get(f"/job/{job_id}?wait=3600")
    assert answer.status == 200 and answer.json["status"] == "RUNNING"
    site.release(job_id)
    site.api.ended(job_id)


def test_wait_on_an_ended_job_answers_at_once(api):
    job_id = api.run({})["jobId"]
    answer = api.get(f"/job/{job_id}?wait=8")
    assert answer.json["status"] == "SUCCEEDED"
    assert answer.seconds < 4 * PATIENCE


def test_many_long_polls_do_not_keep_others_waiting(site, api, held):
    """More waiting clients than threads or processes; others are answered all the same, and all of them in the end."""
    waiting = [background(lambda: api.get(f"/job/{held}?wait=5", limit=30)) for _ in range(60)]
    eventually(lambda: api.get("/healthz").status == 200, 5, "healthz answers")
    for _ in range(5):
        answer = api.get(f"/job/{held}")
        assert answer.status == 200 and answer.seconds < 4 * PATIENCE, answer
    site.release(held)
    for result in waiting:
        assert result(30).status == 200


# ---- ETag, HEAD, OPTIONS ----


def test_etag_gives_304_until_the_job_changes(site, api, held):
    eventually(lambda: "progress" in api.job(held), 10, "progress is shown")
    first = api.get(f"/job/{held}")
    tag = first.header("ETag")
    same = api.get(f"/job/{held}", headers={"If-None-Match": tag})
    assert same.status == 304 and same.body == b"", same
    assert same.header("ETag") == tag
    assert api.get(f"/job/{held}", headers={"If-None-Match": f'"x", {tag}'}).status == 304
    assert api.get(f"/job/{held}", headers={"If-None-Match": f"W/{tag}"}).status == 304
    assert api.get(f"/job/{held}", headers={"If-None-Match": "*"}).status == 304
    site.release(held)
    api.ended(held)
    changed = api.get(f"/job/{held}", headers={"If-None-Match": tag})
    assert changed.status == 200 and changed.header("ETag") != tag


@pytest.mark.parametrize("path", ["/job/{id}", "/job/{id}/result", "/job/{id}/event", "/job/{id}/log", "/functions", "/healthz"])
def test_head_is_get_without_the_body(api, path):
    job_id = api.run({"out": "{}", "err": "x"}, function="puppet")["jobId"]
    get = api.get(path.format(id=job_id))
    head = api.request("HEAD", path.format(id=job_id))
    assert head.status == get.status == 200
    assert head.body == b""
    for name in ("Content-Type", "ETag", "Cache-Control", "X-Content-Type-Options"):
        assert head.header(name) == get.header(name), name


def test_head_of_an_unknown_job_is_404_without_a_body(api):
    answer = api.request("HEAD", "/job/0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")
    assert answer.status == 404 and answer.body == b""


@pytest.mark.parametrize(
    "path, methods",
    [
        ("/job", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/job/0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", {"GET", "HEAD", "OPTIONS"}),
        ("/functions", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_options_tells_the_methods(api, path, methods):
    answer = api.request("OPTIONS", path)
    assert answer.status == 204, answer
    assert answer.body == b""
    assert methods <= {method.strip() for method in answer.header("Allow").split(",")}


def test_no_cross_origin_access_unless_configured(api):
    answer = api.get("/functions", headers={"Origin": "https://elsewhere.example"})
    assert answer.header("Access-Control-Allow-Origin") is None


# ---- the small pages ----


def test_functions_are_listed_with_their_limits(api):
    answer = api.get("/functions")
    assert answer.status == 200
    by_name = {function["name"]: function for function in answer.json["functions"]}
    assert {"job_handler", "report", "thumbnail", "primes", "wordcount", "hold", "puppet"} <= set(by_name)
    assert by_name["hold"]["paused"] is False
    assert by_name["hold"]["timeoutMs"] == 900_000 and by_name["brief"]["timeoutMs"] == 1000
    assert by_name["paused"]["paused"] is True
    assert by_name["hold"]["installed"] is True
    assert set(by_name["hold"]["jobs"]) == {"QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"}
    assert list(by_name) == sorted(by_name)


@pytest.mark.only("lighttpd")
def test_function_that_others_can_write_is_not_listed_and_not_run(start):
    site = start()
    (site.functions / "note").chmod(0o777)
    (site.functions / "linked").symlink_to(site.functions / "puppet")
    names = {function["name"] for function in site.api.get("/functions").json["functions"]}
    assert "puppet" in names and not {"note", "linked"} & names
    for name in ("note", "linked"):
        assert site.api.post(function=name).status in (403, 404, 500), name
    assert site.notes() == []


def test_health_pages(api):
    for path in ("/healthz", "/readyz"):
        answer = api.get(path)
        assert answer.status == 200, answer
        assert "no-" in answer.header("Cache-Control")


@pytest.mark.only("lighttpd", "apache-cgi")
def test_readyz_says_when_no_worker_can_be_started(start):
    site = start()
    site.edit(None, "worker_program", "/nonexistent/jobgate-supervisor")
    answer = eventually(lambda: (seen := site.api.get("/readyz")).status == 503 and seen, 10, "it is not ready")
    assert "/nonexistent" not in answer.body.decode(), "paths are for the log"
    assert site.api.get("/healthz").status == 200
    assert site.api.post().status == 202, "the job waits"


def test_unknown_path_is_404(api):
    assert api.get("/no-such-page").status == 404


def test_links_of_a_job_lead_somewhere(api):
    document = api.run({"err": "x", "out": "{}"}, function="puppet")
    for name in ("self", "result", "log", "event"):
        if name in document["links"]:
            assert api.get(document["links"][name]).status == 200, name
    assert {"self", "result", "log"} <= set(document["links"])


def test_query_may_be_percent_encoded(api):
    answer = api.request("POST", "/job?function=job%5Fhandler", b"{}", {"Content-Type": "application/json"})
    assert answer.status == 202, answer
    assert api.job(answer.json["jobId"])["function"] == "job_handler"
    assert api.post("/job" + query(function="puppet"), event={}).status == 202
