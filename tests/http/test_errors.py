"""The error table of the contract: every line, on every server; and that an error leaves no job behind."""

import fcntl
import re

import pytest

from client import eventually

JSON = {"Content-Type": "application/json"}


def assert_problem(answer, status):
    """RFC 9457, with the sample's own member as well."""
    assert answer.status == status, answer
    assert answer.header("Content-Type").startswith("application/problem+json"), answer
    problem = answer.json
    assert problem["status"] == status
    assert problem["type"] and problem["title"] and problem["error"], problem
    return problem


DEEP = b"[" * 33 + b"]" * 33
NOT_JSON = [
    # name, body, first and last byte that may be named as the wrong one
    ("word", b"nul", 0, 3),
    ("cut off", b'{"a":1', 6, 6),
    ("only space", b"  ", 0, 2),
    ("second value", b"{}x", 2, 2),
    ("no colon", b'{"a" 1}', 5, 5),
    ("trailing comma", b"[1,]", 3, 3),
    ("single quotes", b"{'a':1}", 1, 1),
    ("NaN", b"[NaN]", 1, 2),
    ("Infinity", b"[-Infinity]", 1, 2),
    ("leading zero", b"[01]", 1, 2),
    ("plus sign", b"[+1]", 1, 1),
    ("duplicate key", b'{"a":1,"a":2}', 7, 10),
    ("duplicate key, escaped", b'{"a":1,"\\u0061":2}', 7, 15),
    ("NUL in a key", b'{"a\\u0000b":1}', 1, 9),
    ("raw NUL", b'["\0"]', 2, 2),
    ("raw control character", b'["a\x01"]', 3, 3),
    ("raw newline in a string", b'["\n"]', 2, 2),
    ("lone high surrogate", b'["\\ud800"]', 2, 8),
    ("lone low surrogate", b'["\\udc00"]', 2, 8),
    ("swapped surrogates", b'["\\udc00\\ud800"]', 2, 8),
    ("invalid UTF-8", b'["\xff"]', 2, 2),
    ("overlong UTF-8", b'["\xc0\x80"]', 2, 3),
    ("surrogate in UTF-8", b'["\xed\xa0\x80"]', 2, 4),
    ("cut off UTF-8", b'["\xe2\x82"]', 2, 4),
    ("byte order mark", b"\xef\xbb\xbf{}", 0, 0),
    ("deeper than 32", DEEP, 32, 32),
    ("bad escape", b'["\\x41"]', 2, 3),
    ("single surrogate, then text", b'["\\ud800x"]', 2, 8),
    ("comment", b"{} // no", 3, 3),
]


@pytest.mark.parametrize("body, first, last", [case[1:] for case in NOT_JSON], ids=[case[0] for case in NOT_JSON])
def test_bad_json_is_400_with_the_byte_offset(api, body, first, last):
    """Hazard 28: JSON bombs, NUL, duplicates, NaN, bad UTF-8."""
    problem = assert_problem(api.post(event=body), 400)
    found = re.search(r"byte (\d+)", problem["detail"])
    assert found, problem
    assert first <= int(found[1]) <= last, problem


def test_thirty_two_levels_are_accepted(api):
    assert api.post(event=DEEP[1:-1]).status == 202


def test_paired_surrogates_and_repeated_keys_of_different_objects_are_accepted(api):
    assert api.post(event=b'[{"a":1},{"a":"\\ud83d\\ude00"}]').status == 202


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json",
             "application/jsonp", "application/octet-stream", "application/json; charset=latin1", "json", "application/json, text/plain"]
)
def test_other_content_type_is_415_that_names_the_header(api, kind):
    problem = assert_problem(api.post(event={}, headers={"Content-Type": kind}), 415)
    assert "Content-Type" in problem["detail"] and "application/json" in problem["detail"]


def test_body_without_content_type_is_415(api):
    assert_problem(api.request("POST", "/job", b"{}"), 415)


def test_post_without_body_from_another_site_is_403(api):
    """A page elsewhere could send it without asking: the browser says where it comes from."""
    assert_problem(api.request("POST", "/job", headers={"Sec-Fetch-Site": "cross-site"}), 403)
    assert api.request("POST", "/job", headers={"Sec-Fetch-Site": "same-origin"}).status == 202


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/cloudevents+json",
             "application/vnd.example.v1+json ; profile=x"]
)
def test_json_content_types_are_accepted(api, kind):
    assert api.post(event={}, headers={"Content-Type": kind}).status == 202


MEBIBYTE = 1 << 20


def sized(length):
    return b'"' + b"x" * (length - 2) + b'"'


def test_event_of_exactly_the_limit_is_accepted(api):
    job_id = api.submit(sized(MEBIBYTE))
    assert api.get(f"/job/{job_id}/event").body == sized(MEBIBYTE)
    assert api.ended(job_id)["status"] == "SUCCEEDED"


def test_event_over_the_limit_is_413_with_the_limit(api):
    """Hazard 27: bodies: too large, missing, of a wrong or negative length, slow, broken."""
    problem = assert_problem(api.post(event=sized(MEBIBYTE + 1)), 413)
    assert str(MEBIBYTE) in problem["detail"]


def test_event_far_over_the_limit_is_413(api):
    """Here the web server's own limit may be the one that answers, in its own words."""
    length = 64 * MEBIBYTE
    head = (
        f"POST {api.base}/job HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    answer = api.raw(head.encode(), *[b"x" * MEBIBYTE] * 64)
    assert answer is None or answer.status == 413, answer


def test_unknown_function_is_404(api):
    problem = assert_problem(api.post(function="no-such-function"), 404)
    assert "function" in problem["error"].lower()


@pytest.mark.parametrize("name", ["..", ".", "a/b", "/bin/sh", "a.b", "a b", "x" * 65, "é", ".hidden", ""])
def test_malformed_function_name_is_404(api, name):
    assert_problem(api.post(function=name), 404)


def test_unknown_job_is_404_in_the_samples_words(api):
    problem = assert_problem(api.get("/job/0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"), 404)
    assert problem["error"] == "Job not found"


@pytest.mark.parametrize(
    "job_id", ["x", "0", "-", "0199a1b2c3d47e5f8a9b0c1d2e3f4a5b", "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5",
               "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b0", "{0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5}",
               "g199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "0199a1b2_c3d4_7e5f_8a9b_0c1d2e3f4a5b", "a" * 2000]
)
def test_malformed_id_is_404(api, job_id):
    problem = assert_problem(api.get(f"/job/{job_id}"), 404)
    assert problem["error"] == "Job not found"


@pytest.mark.parametrize("path", ["/job/{id}/nothing", "/job/{id}/result/more", "/job/{id}/", "/job//{id}"])
def test_path_beside_the_contract_is_404(api, path):
    job_id = api.submit({})
    assert api.get(path.format(id=job_id)).status in (400, 404)


def allowed(answer):
    return {method.strip() for method in answer.header("Allow").split(",")}


@pytest.mark.parametrize(
    "method, path, some, none",
    [
        ("PUT", "/job", {"POST"}, {"PUT"}),
        ("PATCH", "/job", {"POST"}, {"PATCH"}),
        ("PUT", "/job/{id}", {"GET", "HEAD"}, {"PUT", "POST"}),
        ("POST", "/job/{id}", {"GET", "HEAD"}, {"POST"}),
        ("POST", "/job/{id}/result", {"GET", "HEAD"}, {"POST"}),
        ("POST", "/functions", {"GET", "HEAD"}, {"POST"}),
        ("DELETE", "/functions", {"GET", "HEAD"}, {"DELETE"}),
        ("POST", "/healthz", {"GET", "HEAD"}, {"POST"}),
    ],
)
def test_wrong_method_is_405_with_allow(api, method, path, some, none):
    job_id = api.submit({})
    answer = api.request(method, path.format(id=job_id), b"{}", JSON)
    assert_problem(answer, 405)
    assert some <= allowed(answer) and not none & allowed(answer), answer


def test_job_of_a_paused_function_is_accepted_and_waits(site, api):
    job_id = api.submit({}, function="paused")
    assert api.run({})["status"] == "SUCCEEDED"  # others pass it
    assert api.job(job_id)["status"] == "QUEUED"
    assert not [line for line in site.notes() if line.startswith(job_id)]


def test_disk_nearly_full_is_507_while_reads_go_on(start):
    site = start()
    job_id = site.api.run({})["jobId"]
    site.edit(None, "disk_reserve", "1024GiB")
    answer = eventually(lambda: (seen := site.api.post()).status != 202 and seen, 10, "new jobs are refused")
    problem = assert_problem(answer, 507)
    assert problem["detail"]
    assert site.api.job(job_id)["status"] == "SUCCEEDED"
    assert site.api.get("/functions").status == 200
    # Another process, which looks at the configuration when it does.
    eventually(lambda: site.api.get("/readyz").status == 503, 10, "it is not ready for jobs")
    site.edit(None, "disk_reserve", "1MiB")
    eventually(lambda: site.api.post().status == 202, 10, "it goes on by itself when there is space again")


def test_store_busy_past_its_deadline_is_503_with_retry_after(start):
    site = start(store_deadline="500ms")
    site.api.run({})
    gates = list(site.data.rglob("gate"))
    assert len(gates) == 1, gates
    with open(gates[0], "rb") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        answer = site.api.post()
        problem = assert_problem(answer, 503)
        assert int(answer.header("Retry-After")) >= 1
        assert problem["detail"]
    assert site.api.run({})["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    "path",
    ["/job/%2e%2e", "/job/..%2f..%2fetc%2fpasswd", "/job/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/job/%2fetc%2fpasswd",
     "/job/%00", "/job/{id}%00", "/job/{id}%00.html", "/job/{id}%2f..%2f..%2fetc%2fpasswd", "/job/{id}/%2e%2e/x",
     "/job/{id}%0d%0aX-Split:%20yes", "/job/%252e%252e", "/job/{id}%20", "/job/%c0%ae%c0%ae", "/job/{id}%",
     "/job/{id};x", "/job/%ff"],
)
def test_traversal_in_an_id_is_404_or_400(api, path):
    """Hazard 29: traversal in ids, names, paths."""
    job_id = api.submit({})
    answer = api.get(path.format(id=job_id))
    assert answer.status in (400, 404), answer
    assert "X-Split" not in answer.headers
    assert b"root:" not in answer.body


@pytest.mark.parametrize(
    "name", ["%2e%2e", "..%2fjob_handler", "%2e%2e%2ffunctions%2fjob_handler", "%2fbin%2fsh", "job_handler%00",
             "job_handler%00.sh", "%00", "job_handler%2f", ".%2fjob_handler", "job_handler%0a", "%", "%zz", "%c0%ae"]
)
def test_traversal_in_a_function_name_is_404_or_400(api, name):
    answer = api.request("POST", f"/job?function={name}", b"{}", JSON)
    assert answer.status in (400, 404), answer  # what has control characters is lighttpd's own 400


def test_errors_leave_no_job_behind(api):
    """Either a 2xx and a job, or an error and no job: what was refused never shows up as a run."""
    if api.get("/job?limit=1").status != 200:
        pytest.skip("there is no list yet")
    known = {job["jobId"] for job in api.get("/job?limit=100").json["jobs"]}
    for _, body, _, _ in NOT_JSON:
        assert api.post(event=body).status == 400
    assert api.post(function="no-such-function").status == 404
    assert api.post(headers={"Content-Type": "text/plain"}).status == 415
    after = {job["jobId"] for job in api.get("/job?limit=100").json["jobs"]}
    assert after <= known


def test_client_text_never_reaches_an_answers_headers(api):
    answer = api.post(function="x\r\nSet-Cookie: a=b")
    assert answer.status in (400, 404)
    assert answer.header("Set-Cookie") is None


def test_errors_are_never_rendered_as_a_page(api):
    answer = api.get("/job/<script>alert(1)</script>")
    assert answer.status in (400, 404)
    if "json" in answer.header("Content-Type"):
        assert answer.header("X-Content-Type-Options") == "nosniff"
    else:
        assert b"<script>alert" not in answer.body
