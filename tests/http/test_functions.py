"""What a function is given, and what it may not do: the function contract, seen through HTTP."""

import json
import os

import pytest

import processes
from client import eventually

ALLOWED = {
    "PATH", "LANG", "TZ", "HOME", "TMPDIR", "JOBGATE_JOB_ID", "JOBGATE_FUNCTION", "JOBGATE_ATTEMPT",
    "JOBGATE_DEADLINE_MS", "JOBGATE_PROGRESS_FD", "TRACEPARENT",
}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_environment_is_the_allow_list_and_nothing_else(site, api):
    """Hazard 30: environment leak, httpoxy, X-A_B for X-A-B."""
    job_id = api.submit(
        {},
        function="surroundings",
        headers={
            "Proxy": "http://evil.example:1",  # httpoxy
            "X-Amz-Secret": "s3cr3t",
            "X_Forwarded_For": "underscores",
            "Cookie": "session=1",
            "Authorization": "Basic czNjcjN0OnMzY3IzdA==",
            "traceparent": TRACE,
            "JOBGATE_CONFIG": "/tmp/forged",
        },
    )
    document = api.ended(job_id)
    assert document["status"] == "SUCCEEDED", document
    environment = document["result"]["environment"]
    assert set(environment) <= ALLOWED | {"SCRATCH"}, set(environment) - ALLOWED
    assert environment["SCRATCH"] == str(site.scratch)
    assert environment["JOBGATE_JOB_ID"] == job_id
    assert environment["JOBGATE_FUNCTION"] == "surroundings"
    assert environment["JOBGATE_ATTEMPT"] == "1"
    assert environment["JOBGATE_PROGRESS_FD"] == "3"
    assert environment["TRACEPARENT"] == TRACE
    assert int(environment["JOBGATE_DEADLINE_MS"]) > 0
    assert "s3cr3t" not in json.dumps(document) and "evil" not in json.dumps(document)


@pytest.mark.only("lighttpd", "apache-cgi")
def test_worker_has_nothing_of_the_web_servers_environment(start):
    """Hazard 30: behind plain CGI the program that starts it has all of the request there."""
    site = start()
    site.started(site.api.submit({}, function="hold", headers={"X-Amz-Secret": "s3cr3t", "Proxy": "http://evil.example:1"}))
    every = site.workers() + site.processes("jobgate-supervisor")
    assert len(every) == 2
    for process in every:
        assert not [entry for entry in process.environment.split(b"\0") if entry.startswith((b"HTTP_", b"REQUEST_", b"SERVER_"))]
        assert b"s3cr3t" not in process.environment


def test_malformed_traceparent_is_not_handed_on(api):
    document = api.run({}, function="surroundings", headers={"traceparent": "00-zz\\n;rm"})
    assert "TRACEPARENT" not in document["result"]["environment"]


def test_function_sees_descriptors_zero_to_three_only(api):
    descriptors = api.run({}, function="surroundings")["result"]["descriptors"]
    assert set(descriptors) == {"0", "1", "2", "3"}, descriptors


def test_function_leads_its_own_session_with_a_clean_start(api):
    result = api.run({}, function="surroundings")["result"]
    assert result["leads_session"]
    assert result["blocked"] == 0, "no signal is blocked"
    assert result["tmpdir_mode"] == "0o700"


def test_tmpdir_is_its_own_and_removed_afterwards(api):
    for _ in range(2):  # a worker's next attempt may be given the same name, but nothing of what was there
        result = api.run({}, function="surroundings")["result"]
        assert result["tmpdir_was_empty"]
        eventually(lambda: not os.path.exists(result["environment"]["TMPDIR"] + "/probe"), 5, "it is removed")


@pytest.mark.only("lighttpd", "apache-cgi")
def test_environment_of_one_function_is_set_in_the_configuration(start):
    site = start(**{"function.surroundings.env.GREETING": "hello, world"})
    assert site.api.run({}, function="surroundings")["result"]["environment"]["GREETING"] == "hello, world"


# ---- limits ----


def test_timeout_ends_every_process_of_the_attempt(site, api):
    job_id = api.submit({}, function="brief")
    pids = site.started(job_id)
    document = api.ended(job_id)
    assert document["status"] == "FAILED"
    assert document["error"]["type"] == "Sandbox.Timedout"
    assert not [pid for pid in pids if processes.is_alive(pid)]


@pytest.mark.parametrize(
    "function, event",
    [
        ("small_memory", {"allocate": 1 << 30}),
        ("short_cpu", {"spin": 30}),
        ("small_files", {"write": 8 << 20}),
    ],
)
def test_limit_ends_the_function(api, function, event):
    document = api.run(event, function=function)
    assert document["status"] == "FAILED"
    assert document["error"]["type"] == "Runtime.ExitError", document["error"]
    assert api.run({}, function=function)["status"] == "SUCCEEDED"


@pytest.mark.only("lighttpd", "apache-cgi")
def test_output_and_log_limits(start):
    site = start(max_result_size="64KiB", max_log_size="64KiB")
    fits = site.api.run({"out_size": 65536}, function="puppet")
    assert fits["status"] == "SUCCEEDED", fits
    too_large = site.api.run({"out_size": 65537}, function="puppet")
    assert too_large["status"] == "FAILED"
    assert too_large["error"]["type"] == "Function.ResponseSizeTooLarge"
    assert site.api.get(f"/job/{too_large['jobId']}/result").status == 404
    flood = site.api.run({"out_size": 1 << 30}, function="puppet")
    assert flood["error"]["type"] == "Function.ResponseSizeTooLarge"
    noisy = site.api.run({"err_size": 8 << 20, "out": "{}"}, function="puppet", within=30)
    assert noisy["status"] == "SUCCEEDED", noisy
    kept = site.api.get(f"/job/{noisy['jobId']}/log").body
    assert 0 < len(kept) <= 65536 and set(kept) == {ord("x")}


def test_progress_takes_only_clean_lines(api):
    lines = ["nonsense", "500 too much", "-3 too little", "7 first", "42 tab\tand \x1b[31m colour", "x" * 5000, "55 " + "y" * 5000]
    document = api.run({"progress": lines}, function="puppet")
    assert document["status"] == "SUCCEEDED"
    assert document["progress"]["percent"] == 55
    assert set(document["progress"]["message"]) == {"y"} and len(document["progress"]["message"]) <= 200


def test_function_without_an_interpreter_fails_with_a_reason(site, api):
    broken = site.functions / "broken"
    broken.write_text("#!/nonexistent/interpreter\n")
    broken.chmod(0o755)
    document = api.run({}, function="broken")
    assert document["status"] == "FAILED"
    assert document["error"]["message"]


@pytest.mark.only("lighttpd")
def test_function_removed_while_its_job_waits_fails_with_a_reason(start):
    site = start(**{"function.note.concurrency": "0"})
    job_id = site.api.submit({}, function="note")
    (site.functions / "note").unlink()
    site.edit("note", "concurrency", "1")
    eventually(lambda: site.api.run({})["status"] == "SUCCEEDED", 5, "others run")
    document = site.api.ended(job_id)
    assert document["status"] == "FAILED" and document["error"]["message"], document
