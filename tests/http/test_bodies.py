"""Bodies that are missing, wrong, slow or broken, byte for byte over a socket of our own."""

import json
import socket
import time

import pytest

HEAD = b"POST %s/job%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"


def head(api, *headers, parts=b""):
    return HEAD % (api.base.encode(), parts) + b"".join(header + b"\r\n" for header in headers) + b"\r\n"


def assert_event(api, answer, event):
    assert answer and answer.status == 202, answer
    assert api.get(f"/job/{answer.json['jobId']}/event").body == event


def ids(api):
    answer = api.get("/job?limit=100")
    if answer.status != 200:
        pytest.skip("there is no list yet")
    return {job["jobId"] for job in answer.json["jobs"]}


def assert_refused(api, before, answer, *statuses):
    """An error or a closed connection, and no job."""
    assert answer is None or answer.status in (statuses or range(400, 600)), answer
    assert ids(api) <= before


def test_chunked_body_arrives_whole(api):
    event = json.dumps({"text": "x" * 5000}).encode()
    chunks = [event[start : start + 700] for start in range(0, len(event), 700)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    assert_event(api, api.raw(head(api, b"Transfer-Encoding: chunked"), body), event)


def test_slow_chunked_body_arrives_whole(api):
    pieces = [b'5\r\n{"a":\r\n', b"3\r\n[1,\r\n", b"3\r\n2]}\r\n", b"0\r\n\r\n"]
    assert_event(api, api.raw(head(api, b"Transfer-Encoding: chunked"), *pieces, pause=0.1), b'{"a":[1,2]}')


def test_chunked_empty_body_counts_as_an_empty_object(site, api):
    answer = api.raw(head(api, b"Transfer-Encoding: chunked"), b"0\r\n\r\n")
    if site.server == "apache-cgi":
        assert answer.status == 400, answer  # a program cannot tell it from a broken one there
    else:
        assert_event(api, answer, b"{}")


def test_chunked_body_over_the_limit_is_413(api):
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    before = ids(api)
    answer = api.raw(head(api, b"Transfer-Encoding: chunked"), *[chunk] * 17, b"0\r\n\r\n")
    assert_refused(api, before, answer, 413)


def test_broken_chunks_are_refused(api):
    before = ids(api)
    answer = api.raw(head(api, b"Transfer-Encoding: chunked"), b"zz\r\n{}\r\n0\r\n\r\n", half_close=True)
    assert_refused(api, before, answer)


def test_chunked_body_that_breaks_off_is_refused(site, api):
    if site.server == "apache-cgi":
        pytest.skip("mod_cgid ends the program's input and says nothing: what has arrived is whole JSON")
    before = ids(api)
    answer = api.raw(head(api, b"Transfer-Encoding: chunked"), b"2\r\n{}\r\n", half_close=True)
    assert_refused(api, before, answer)


def test_slow_body_arrives_whole(api):
    event = b'{"slow":true}'
    pieces = [event[place : place + 1] for place in range(len(event))]
    answer = api.raw(head(api, b"Content-Length: %d" % len(event)), *pieces, pause=0.03)
    assert_event(api, answer, event)


def test_body_that_breaks_off_is_refused(api):
    """The first ten bytes are whole JSON, so only the length says that something is missing."""
    before = ids(api)
    answer = api.raw(head(api, b"Content-Length: 20"), b'{"a":true}', half_close=True)
    assert_refused(api, before, answer)


def test_connection_that_is_dropped_in_the_body_leaves_no_job(api):
    before = ids(api)
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        connection.sendall(head(api, b"Content-Length: 20") + b'{"a":true}')
        time.sleep(0.1)
    api.post()  # it has come past whatever the broken one did
    assert len(ids(api) - before) == 1


def test_length_shorter_than_the_body_takes_that_many_bytes(api):
    answer = api.raw(head(api, b"Content-Length: 2"), b"{}{}{}")
    assert_event(api, answer, b"{}")


@pytest.mark.parametrize(
    "length", [b"-1", b"-2147483649", b"two", b"2x", b"0x2", b"+2", b"2 2", b"99999999999999999999999", b"1e1"]
)
def test_wrong_length_is_refused(api, length):
    before = ids(api)
    answer = api.raw(head(api, b"Content-Length: " + length), b"{}", half_close=True)
    assert_refused(api, before, answer)


@pytest.mark.parametrize("length", [b"17000000", b"2000000000", b"9000000000000000000"])
def test_body_that_announces_far_too_much_is_refused(api, length):
    before = ids(api)
    answer = api.raw(head(api, b"Content-Length: " + length), b"{}", half_close=True)
    assert_refused(api, before, answer)


def test_two_different_lengths_are_refused(api):
    before = ids(api)
    answer = api.raw(head(api, b"Content-Length: 2", b"Content-Length: 3"), b"{} ", half_close=True)
    assert_refused(api, before, answer)


def test_missing_length_counts_as_no_body(site, api):
    answer = api.raw(head(api))
    if site.server == "lighttpd":
        assert answer.status == 411, answer  # its own rule: a POST says how long it is, even 0
    else:
        assert_event(api, answer, b"{}")


def test_expect_continue_is_answered(api):
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        connection.sendall(head(api, b"Content-Length: 2", b"Expect: 100-continue"))
        assert connection.recv(4096).startswith((b"HTTP/1.1 100", b"HTTP/1.1 417"))


def test_get_with_a_body_is_answered(site, api):
    job_id = api.submit({})
    answer = api.request("GET", f"/job/{job_id}", b'{"ignored":true}', {"Content-Type": "application/json"})
    assert answer.status == (400 if site.server == "lighttpd" else 200), answer  # lighttpd takes none


def test_header_block_that_never_ends_is_cut_off(api):
    """The server's own limit; what matters is that jobgate is still there afterwards."""
    answer = api.raw(b"GET /job HTTP/1.1\r\nHost: x\r\n", *[b"X-Filler: " + b"y" * 8000 + b"\r\n"] * 40, b"\r\n")
    assert answer is None or answer.status >= 400
    assert api.get("/healthz").status == 200
