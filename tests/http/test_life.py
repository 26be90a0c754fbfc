"""A job's whole life: retries, delays, limits of concurrency, cancel, retry by hand, and why it waits."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import processes
from client import eventually
from test_errors import assert_problem


def runs_of(site, job_id):
    """When each attempt of a job that notes its runs began, in seconds."""
    return [float(line.split()[2]) for line in site.notes() if line.startswith(job_id)]


# ---- retries ----


def test_retry_waits_longer_each_time_without_any_request(site, api):
    job_id = api.submit({"note": True, "exit": 1, "fails": 2, "out": "{}"}, function="flaky")
    runs = eventually(lambda: (seen := runs_of(site, job_id))[2:] and seen, 20, "the third attempt begins")
    assert runs[1] - runs[0] >= 0.4
    assert runs[2] - runs[1] >= 0.8
    document = api.ended(job_id)
    assert document["status"] == "SUCCEEDED" and document["attempts"] == 3, document


def test_each_attempt_is_kept_in_the_record(api):
    document = api.run({"exit": 7, "fails": 1, "out": "{}"}, function="flaky")
    first, second = api.job(document["jobId"])["attemptDetails"]
    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert first["startedAt"] <= first["finishedAt"] <= second["startedAt"] <= second["finishedAt"]
    assert first["exitStatus"] == 7 and second["exitStatus"] == 0
    assert first["error"]["type"] == "Runtime.ExitError" and "error" not in second
    for attempt in (first, second):
        assert attempt["cpuMs"] >= 0 and attempt["peakMemoryKiB"] > 0


def test_retries_run_out(api):
    document = api.run({"exit": 9}, function="flaky")
    assert document["status"] == "FAILED" and document["attempts"] == 3, document
    assert document["error"]["type"] == "Runtime.ExitError" and "9" in document["error"]["message"]


def test_exit_65_fails_for_good(api):
    document = api.run({"exit": 65}, function="flaky")
    assert document["status"] == "FAILED" and document["attempts"] == 1, document


def test_exit_75_tries_again_without_using_up_a_retry(api):
    document = api.run({"exit": 75, "fails": 3, "out": "{}"}, function="later")  # it has no retries
    assert document["status"] == "SUCCEEDED" and document["attempts"] == 4, document


def test_job_past_its_maximum_age_fails(api):
    document = api.run({"exit": 75}, function="too_old")
    assert document["status"] == "FAILED"
    assert document["error"]["type"] == "Event.AgeExceeded", document


def test_waiting_for_a_retry_is_shown(api):
    job_id = api.submit({"exit": 1}, function="patient")
    document = eventually(
        lambda: (seen := api.job(job_id))["status"] == "QUEUED" and seen["attempts"] == 1 and seen, 10, "it waits for its retry"
    )
    assert document["queue"]["reason"] == "retry"
    assert document["queue"]["dueAt"] > document["createdAt"]
    assert document["lastError"]["type"] == "Runtime.ExitError", "why the last attempt failed"
    assert cancel(api, job_id).status == 200


# ---- delay, concurrency, turns ----


def test_delayed_job_starts_when_due(site, api):
    begun = time.monotonic()
    job_id = api.submit({"note": True}, function="puppet", delay="1")
    document = api.job(job_id)
    assert document["status"] == "QUEUED"
    assert document["queue"]["reason"] == "delay"
    assert document["queue"]["dueAt"] > document["createdAt"]
    assert api.ended(job_id)["status"] == "SUCCEEDED"
    assert runs_of(site, job_id)[0] >= begun + 1


@pytest.mark.parametrize("delay", ["-1", "soon", "", "99999999999999999999", "1e3"])
def test_malformed_delay_is_400(api, delay):
    assert_problem(api.request("POST", f"/job?delay={delay}", b"{}", {"Content-Type": "application/json"}), 400)


def test_function_at_its_limit_lets_others_pass(site, api):
    first = api.submit({}, function="single")
    site.started(first)
    second, third = api.submit({}, function="single"), api.submit({}, function="single")
    assert api.run({})["status"] == "SUCCEEDED"
    for position, job_id in enumerate((second, third), 1):
        place = api.job(job_id)["queue"]
        assert place["reason"] == "concurrency" and place["position"] == position, place
    site.release(first)
    site.started(second)
    assert api.job(third)["status"] == "QUEUED"
    for job_id in (second, third):
        site.release(job_id)
        assert api.ended(job_id)["status"] == "SUCCEEDED"


def test_job_without_a_free_slot_says_so(site, api):
    held = [api.submit({}, function="hold") for _ in range(int(site.settings["max_workers"]))]
    try:
        for job_id in held:
            site.started(job_id)
        waiting = api.submit({}, function="puppet")
        assert api.job(waiting)["queue"]["reason"] == "busy"
        assert api.job(waiting)["queue"]["position"] == 1
    finally:
        for job_id in held:
            site.release(job_id)
    assert api.ended(waiting)["status"] == "SUCCEEDED"


def test_paused_function_says_so_and_runs_when_the_configuration_is_edited(start):
    site = start(**{"function.paused.concurrency": "0"})
    job_id = site.api.submit({}, function="paused")
    assert site.api.job(job_id)["queue"]["reason"] == "paused"
    listed = {function["name"]: function for function in site.api.get("/functions").json["functions"]}
    assert listed["paused"]["paused"] is True and listed["note"]["paused"] is False
    site.edit("paused", "concurrency", "1")
    document = site.api.ended(job_id)
    assert document["status"] == "SUCCEEDED", document
    site.edit("paused", "concurrency", "0")
    eventually(
        lambda: {function["name"]: function for function in site.api.get("/functions").json["functions"]}["paused"]["paused"],
        10, "it is paused again",
    )
    again = site.api.submit({}, function="paused")
    assert site.api.job(again)["queue"]["reason"] == "paused"


@pytest.mark.only("lighttpd", "nginx")
def test_broken_edit_of_the_configuration_changes_nothing(start):
    site = start(**{"function.paused.concurrency": "0"})
    site.api.run({})  # both programs have started with the right one
    site.edit("paused", "concurency", "1")
    time.sleep(1.2)  # the file is looked at once a second at most
    assert site.api.run({})["status"] == "SUCCEEDED"
    assert site.api.job(site.api.submit({}, function="paused"))["queue"]["reason"] == "paused"


@pytest.mark.only("apache-cgi")
def test_broken_edit_is_said_by_processes_that_start_with_it_and_loses_nothing(start):
    """There each process is new, and knows no configuration but the broken one."""
    site = start(**{"function.paused.concurrency": "0"})
    job_id = site.api.submit({}, function="paused")
    site.edit("paused", "concurency", "1")
    answer = eventually(lambda: (seen := site.api.post()).status != 202 and seen, 10, "a new process has no configuration")
    assert_problem(answer, 500)
    assert int(answer.header("Retry-After")) >= 1
    assert str(site.folder) not in answer.body.decode(), "paths are for the log"
    file = site.data / "jobgate.conf"
    file.write_text(file.read_text().replace("concurency = 1", "").replace("concurrency = 0", "concurrency = 1"))
    eventually(lambda: site.api.post().status == 202, 10, "it goes on once the file is right again")
    assert site.api.ended(job_id)["status"] == "SUCCEEDED"


@pytest.mark.only("lighttpd")
def test_one_function_does_not_starve_another(start):
    site = start(max_workers="1", queue_max="0")
    slow = site.functions / "many"
    slow.write_text('#!/bin/sh\necho "$JOBGATE_JOB_ID 1" >>"$SCRATCH/notes"\nsleep 0.01\n')
    slow.chmod(0o755)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: site.api.submit({}, function="many"), range(5000)))
    before = len(site.notes())
    one = site.api.submit({}, function="note")
    place = eventually(
        lambda: [number for number, line in enumerate(site.notes()) if line.startswith(one)], 10, "the one runs", pause=0.005
    )[0]
    assert site.api.ended(one)["status"] == "SUCCEEDED"
    assert place - before < 20, f"{place - before} of the other function's jobs ran first"


@pytest.mark.only("lighttpd", "apache")
def test_full_queue_is_429_with_retry_after(start):
    site = start(queue_max="3")
    ids = [site.api.submit({}, function="paused") for _ in range(3)]
    answer = site.api.post()
    assert_problem(answer, 429)
    assert int(answer.header("Retry-After")) >= 1
    assert site.api.request("DELETE", f"/job/{ids[0]}").status == 200
    assert site.api.run({})["status"] == "SUCCEEDED"


# ---- cancel ----


def cancel(api, job_id, reason=None):
    return api.request("DELETE", f"/job/{job_id}" + (f"?reason={reason}" if reason else ""))


def test_queued_job_is_cancelled_at_once(site, api):
    job_id = api.submit({}, function="paused")
    answer = cancel(api, job_id, "not%20needed%20any%20more")
    assert answer.status == 200, answer
    assert answer.json["status"] == "CANCELLED"
    document = api.job(job_id)
    assert document["status"] == "CANCELLED" and document["attempts"] == 0
    assert document["cancelReason"] == "not needed any more"
    again = cancel(api, job_id)
    assert again.status == 200 and again.json["cancelReason"] == "not needed any more"


def test_running_job_is_stopped(site, api):
    job_id = api.submit({}, function="hold")
    pids = site.started(job_id)
    answer = cancel(api, job_id, "enough")
    assert answer.status == 202, answer
    document = api.until(job_id, "CANCELLED", within=5)
    assert document["cancelReason"] == "enough"
    assert not [pid for pid in pids if processes.is_alive(pid)]


def test_cancel_ends_children_that_ignore_it(site, api):
    """The function and what it double-forked ignore TERM: gone within kill_grace (1 s here) and 2 s, all of them."""
    stubborn = site.functions / "stubborn"
    if not stubborn.exists():
        stubborn.write_text(
            "#!/bin/sh\ntrap '' TERM HUP INT\n"
            'deaf="trap \\"\\" TERM HUP INT; echo \\$\\$ >>\\"$SCRATCH/$JOBGATE_JOB_ID.deaf\\"; while :; do sleep 100; done"\n'
            '(setsid sh -c "$deaf" </dev/null >/dev/null 2>&1 &)\n(setsid sh -c "$deaf" &)\nsh -c "$deaf" &\n'
            'echo $$ >>"$SCRATCH/$JOBGATE_JOB_ID.deaf"\nwhile :; do sleep 100; done\n'
        )
        stubborn.chmod(0o755)
    job_id = api.submit({}, function="stubborn")
    pids = [int(line) for line in eventually(lambda: site.notes(f"{job_id}.deaf")[3:] and site.notes(f"{job_id}.deaf"))]
    assert cancel(api, job_id).status == 202
    eventually(lambda: not [pid for pid in pids if processes.is_alive(pid)], 3, "all processes are gone")
    assert api.until(job_id, "CANCELLED", within=5)
    assert not processes.find(job_id)


def test_ended_job_is_not_cancelled(api):
    job_id = api.run({})["jobId"]
    assert_problem(cancel(api, job_id), 409)
    assert api.job(job_id)["status"] == "SUCCEEDED"


def test_reason_that_is_too_long_is_400(api):
    job_id = api.submit({}, function="paused")
    assert_problem(cancel(api, job_id, "x" * 1000), 400)
    assert_problem(api.request("DELETE", f"/job/{job_id}?purge=maybe"), 400)
    assert api.job(job_id)["status"] == "QUEUED"


def test_unknown_job_is_not_cancelled(api):
    assert_problem(cancel(api, "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"), 404)
    assert_problem(cancel(api, "x"), 404)


def test_job_that_waits_for_a_retry_is_cancelled(api):
    job_id = api.submit({"exit": 1}, function="patient")
    eventually(lambda: (seen := api.job(job_id))["status"] == "QUEUED" and seen["attempts"] == 1, 10, "it waits for its retry")
    assert cancel(api, job_id).status == 200
    document = api.job(job_id)
    assert document["status"] == "CANCELLED" and document["attempts"] == 1


# ---- retry by hand ----


def retry(api, job_id, event=None):
    headers = {} if event is None else {"Content-Type": "application/json"}
    return api.request("POST", f"/job/{job_id}/retry", event, headers)


def test_retry_is_a_new_job_that_names_the_old_one(api):
    old = api.run({"exit": 1, "some": "event"}, function="puppet")
    answer = retry(api, old["jobId"])
    assert answer.status == 202, answer
    new = answer.json["jobId"]
    assert new != old["jobId"] and answer.header("Location") == f"/job/{new}"
    document = api.ended(new)
    assert document["retryOf"] == old["jobId"] and document["function"] == "puppet"
    assert api.get(f"/job/{new}/event").body == api.get(f"/job/{old['jobId']}/event").body
    assert api.job(old["jobId"])["status"] == "FAILED"


def test_retry_with_an_edited_event(api):
    old = api.run({"exit": 1}, function="puppet")["jobId"]
    new = retry(api, old, b'{"out":"{}"}').json["jobId"]
    assert api.ended(new)["status"] == "SUCCEEDED"
    assert_problem(retry(api, old, b"{"), 400)


def test_only_an_ended_job_is_retried(site, api):
    job_id = api.submit({}, function="hold")
    site.started(job_id)
    assert_problem(retry(api, job_id), 409)
    site.release(job_id)
    api.ended(job_id)


def test_purged_job_is_retried_with_a_new_event_only(api):
    job_id = api.run({}, function="puppet")["jobId"]
    assert api.request("DELETE", f"/job/{job_id}?purge=true").status == 200
    assert_problem(retry(api, job_id), 409)
    assert retry(api, job_id, b"{}").status == 202


def test_retry_of_an_unknown_job_is_404(api):
    assert_problem(retry(api, "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"), 404)


# ---- the server and all workers end in the middle ----


@pytest.mark.only("lighttpd", "nginx")
def test_running_job_of_a_killed_installation_goes_on_after_the_start_without_a_request(start):
    """Hazard 20. No other job waits, so only the running one itself can tell that there is something to do."""
    site = start()
    job_id = site.api.submit({}, function="hold")
    pids = site.started(job_id)
    site.quickstart.kill()
    site.quickstart.wait()
    for process in site.processes():
        process.kill()
    site.start()
    site.started(job_id, attempt=2)
    assert not [pid for pid in pids if processes.is_alive(pid)]
    site.release(job_id)
    assert site.api.ended(job_id)["status"] == "SUCCEEDED"


@pytest.mark.only("lighttpd", "apache")
@pytest.mark.limit(90)
def test_everything_killed_with_jobs_in_every_state_and_started_again(start):
    site = start(**{"function.flaky.backoff": "2s", "function.flaky.retries": "1"})
    waiting = site.api.submit({"note": True, "exit": 1, "fails": 1}, function="flaky")
    eventually(lambda: site.api.job(waiting)["attempts"] == 1 and site.api.job(waiting)["status"] == "QUEUED", 10, "a retry waits")
    running = [site.api.submit({}, function="hold") for _ in range(4)]
    pids = [pid for job_id in running for pid in site.started(job_id)]
    queued = [site.api.submit({}, function="note") for _ in range(20)]
    site.quickstart.kill()
    site.quickstart.wait()
    for process in site.processes():
        process.kill()
    site.start()
    for job_id in running:
        site.release(job_id)
    for job_id in (waiting, *running, *queued):
        document = site.api.ended(job_id, within=40)
        assert document["status"] == "SUCCEEDED", document
    assert site.api.job(waiting)["attempts"] == 2
    noted = [line.split()[0] for line in site.notes()]
    assert sorted(job_id for job_id in noted if job_id in queued) == sorted(queued), "each was run once"
    assert not [pid for pid in pids if processes.is_alive(pid)]
