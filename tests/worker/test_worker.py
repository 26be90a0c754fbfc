"""Workers on a real store with real functions, without a web server: what they do, and what they survive."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import orders
from conftest import BUILD, LANDLOCK, SANITIZED, TERMINAL, eventually


def events(log, event):
    return re.findall(rf"^.* event={event}( .*)?$", log, re.MULTILINE)


# ---- one job ----

def test_result_and_log_are_kept(site):
    site.configure(exit_with__env_STATUS="0")
    job = site.put("echo", '{"n":[1,2]}')
    record = site.ended(job)
    assert record["status"] == "SUCCEEDED"
    assert json.loads(site.tool("result", job)) == {"jobId": job, "body": {"n": [1, 2]}}
    assert record["result_type"] == "application/json"
    assert record["attempt_list"][0]["exit_status"] == 0
    assert record["attempt_list"][0]["cpu_us"] > 0 and record["attempt_list"][0]["peak"] > 0
    logged = site.put("exit_with")
    site.ended(logged)
    assert site.tool("log", logged) == b"ending with 0\n"


def test_log_and_progress_are_seen_while_it_runs(site):
    site.configure()
    (site.functions / "talker").write_text("#!/bin/sh\necho working >&2\necho '30 a third' >&3\nsleep 600\n")
    (site.functions / "talker").chmod(0o755)
    job = site.put("talker")
    record = eventually(lambda: (r := site.get(job))["percent"] == 30 and r["log_size"] and r, 10, "progress and log")
    assert record["message"] == "a third" and record["status"] == "RUNNING"
    assert site.tool("log", job) == b"working\n"


def test_flood_of_log_keeps_its_tail(site):
    site.configure(max_log_size="20000", flood_stderr__env_LINES="200000")
    job = site.put("flood_stderr")
    record = site.ended(job)
    assert record["status"] == "SUCCEEDED" and record["log_size"] == 200000 * 30 + 14
    kept = site.tool("log", job)
    assert kept.endswith(b"the last line\n") and len(kept) <= 40000


def test_function_that_is_missing_or_refused_fails_for_good(site):
    site.configure(retries="2")
    (site.functions / "open_to_all").write_text("#!/bin/sh\n")
    (site.functions / "open_to_all").chmod(0o777)
    missing, refused = site.ended(site.put("nowhere")), site.ended(site.put("open_to_all"))
    assert (missing["status"], missing["error_type"], missing["attempts"]) == ("FAILED", "ResourceNotFoundException", 1)
    assert (refused["status"], refused["error_type"], refused["attempts"]) == ("FAILED", "Runtime.InvalidEntrypoint", 1)


def test_timeout_is_told_in_lambdas_words(site):
    site.configure(ignore_term__timeout="300ms")
    job = site.put("ignore_term")
    record = site.ended(job)
    assert record["error_type"] == "Sandbox.Timedout"
    assert record["error_message"] == f"RequestId: {job} Error: Task timed out after 0.30 seconds"
    assert record["attempt_list"][0]["signal"] == signal.SIGKILL
    site.nothing_left()


def test_temporary_folder_is_emptied_after_each_attempt(site):
    site.configure(idle_linger="5s")
    for _ in range(2):
        assert site.ended(site.put("messy_folder"))["status"] == "SUCCEEDED"
    folders = list((site.folder / "data" / "tmp").iterdir())
    assert len(folders) == 1
    # Emptied before the next attempt, and gone with the worker.
    assert site.ended(site.put("noop"))["status"] == "SUCCEEDED"
    assert list(folders[0].iterdir()) == []
    for worker in site.workers():
        worker.kill(signal.SIGTERM)
    site.nothing_left()
    assert list((site.folder / "data" / "tmp").iterdir()) == []


# ---- again ----

def test_retry_waits_longer_each_time_and_needs_no_request(site):
    state = site.folder / "state"
    site.configure(fail_then_succeed__retries=3, fail_then_succeed__env_FAILURES=3, fail_then_succeed__env_STATE=state,
                   idle_linger="0ms")
    job = site.put("fail_then_succeed")
    record = eventually(lambda: (r := site.get(job))["status"] == "SUCCEEDED" and r, 20, "success at the fourth attempt")
    starts = [one["started_ms"] for one in record["attempt_list"]]
    gaps = [later - earlier for earlier, later in zip(starts, starts[1:])]
    assert record["attempts"] == 4 and len(gaps) == 3
    assert gaps[0] >= 200 and gaps[1] >= 400 and gaps[2] >= 800
    assert json.loads(site.tool("result", job)) == {"runs": 4}


def test_exit_65_is_for_good_and_75_uses_up_no_retry(site):
    site.configure(retries="1", exit_with__env_STATUS="65", max_event_age="4s")
    record = site.ended(site.put("exit_with"))
    assert (record["status"], record["attempts"]) == ("FAILED", 1)
    site.nothing_left()  # a worker looks at its configuration once a second at most
    site.configure(exit_with__env_STATUS="75")
    job = site.put("exit_with")
    record = eventually(lambda: (r := site.get(job))["attempts"] >= 3 and r, 20, "a third attempt")
    assert record["failures"] == 0
    assert site.ended(job)["status"] == "FAILED"  # past its age


def test_delayed_job_is_kept_in_mind_by_one_worker(site):
    site.configure(idle_linger="0ms", sleeper__env_SECONDS_TO_SLEEP="0.3")
    begun = time.time()
    job = site.put("noop", delay_ms=2500)
    site.put("sleeper", count=6)
    eventually(lambda: site.counts()["SUCCEEDED"] == 6, 10, "the others are done")
    eventually(lambda: len(site.workers()) <= 1, 5, "one stays")
    record = site.ended(job)
    assert record["status"] == "SUCCEEDED" and record["started_ms"] >= (begun + 2.5) * 1000 - 50
    site.nothing_left()


def test_worker_does_not_stay_for_what_is_due_much_later(site):
    site.configure(idle_linger="0ms", keeper_max="1s")
    site.put("noop", delay_ms=3600_000)
    site.nothing_left()
    assert site.counts()["QUEUED"] == 1


# ---- cancel ----

@pytest.mark.parametrize("function", ["ignore_term", "double_fork"])
def test_cancel_ends_what_ignores_term(site, function):
    """Hazard 22: a function forks away, ignores TERM, closes or floods stdout, never reads stdin."""
    site.configure(double_fork__env_STAYS="1")
    job = site.put(function)
    if function == "ignore_term":
        site.running(job, "up")
    else:
        eventually(lambda: site.get(job)["log_size"], 10, "the daemon is up")
    assert site.tool("cancel", job).decode().strip() == "RUNNING"
    record = site.ended(job, within=2.5)
    assert record["status"] == "CANCELLED"
    if function == "double_fork":
        pid = int(site.tool("log", job).split()[1])
        assert not os.path.exists(f"/proc/{pid}")
    site.nothing_left()


@pytest.mark.skipif(SANITIZED, reason="a sanitizer will not have another library before it")
def test_end_is_not_in_the_log_before_it_is_on_disk(site):
    """Hazard 12. A job that the log says has ended must not run again after a power cut. The worker is held in a sync."""
    shim = site.shim()
    site.configure(max_workers="1", idle_linger="60s")
    site.ended(site.put("noop"))  # a worker that begins has other things to sync

    def held_after_the_end():
        shim.order(orders.STOP, ("sync",), programs=("jobgate-worker",), file="log.")
        job = site.put("noop")
        victim = shim.struck(within=10)
        assert victim, "the worker has synced"
        shim.withdraw()
        seen = site.get(job)["status"] in TERMINAL, events(site.log(), f"ended job={job}")
        os.kill(victim, signal.SIGCONT)
        site.ended(job)
        eventually(lambda: len(events(site.log(), f"ended job={job}")) == 1, 10, "the end is in the log")
        return seen

    # Slow machines have the function still at work when the worker syncs the claim.
    has_ended, lines = eventually(lambda: (seen := held_after_the_end())[0] and seen, 30, "a sync after an end")
    assert has_ended and not lines


# ---- many ----

def test_all_slots_work_and_never_more(site):
    site.configure(max_workers="3", sleeper__env_SECONDS_TO_SLEEP="0.05")
    ids = site.put("sleeper", count=60)
    most = 0
    while site.counts()["SUCCEEDED"] < 60:
        most = max(most, len(site.workers()))
        assert most <= 3
    assert most == 3
    assert all(site.get(job)["attempts"] == 1 for job in ids[::7])
    assert len(events(site.log(), "ended")) == 60
    site.nothing_left()


def test_what_waits_is_found_by_the_sweep_and_fills_all_slots(site):
    site.configure(max_workers="4", sleeper__env_SECONDS_TO_SLEEP="600")
    site.put("sleeper", count=10, start=False)
    assert not site.workers()
    done = site.worker("--sweep")
    assert (done.returncode, done.stderr) == (0, "")
    eventually(lambda: len(site.workers()) == 4 and site.counts()["RUNNING"] == 4, 10, "every slot is taken")


def test_job_that_comes_as_the_worker_leaves_is_not_forgotten(site):
    """The gap between the last look at the queue and the slot given up: submitted into it again and again."""
    site.configure(max_workers="1", idle_linger="0ms")
    for _ in range(60):
        site.ended(site.put("noop"), within=5)


def test_leaving_worker_looks_again_after_it_gave_up_its_slot(site):
    """Submits that wake nobody: only the worker's own last look can find them. What comes after it is the next one's."""
    site.configure(max_workers="1", idle_linger="0ms")
    for _ in range(20):
        job = site.put("noop")
        site.put("noop", start=False)
        site.ended(job, within=5)
    site.worker("--sweep")
    eventually(lambda: site.counts()["SUCCEEDED"] == 40, 10, "all have run")


def test_idle_worker_takes_the_next_job_at_once(site):
    site.configure(idle_linger="20s")
    first = site.ended(site.put("noop"))
    pids = [worker.pid for worker in site.workers()]
    for _ in range(5):
        site.ended(site.put("noop"))
    assert [worker.pid for worker in site.workers()] == pids and first["slot"] == 0


# ---- killed ----

def programs(site, name):
    return site.supervisors() if name == "jobgate-supervisor" else site.workers()


def test_job_of_a_killed_worker_is_run_again_without_a_request(site):
    """Hazard 21: worker dead, function still alive."""
    site.configure(sleeper__env_SECONDS_TO_SLEEP="600")
    job = site.put("sleeper")
    site.running(job)
    before = {one.pid for one in site.processes("sleep")}
    worker, = site.workers()
    worker.kill()
    record = eventually(lambda: (r := site.get(job))["attempts"] == 2 and r, 10, "a second attempt")
    assert record["interruptions"] == 1 and record["failures"] == 0
    assert record["attempt_list"][0]["error_type"] == "Worker.Lost"
    assert not before & {one.pid for one in site.processes("sleep")}
    assert len(list((site.folder / "data" / "tmp").iterdir())) == 1


def test_worker_of_a_killed_supervisor_finishes_its_job_and_leaves(site):
    site.configure(max_workers="1", idle_linger="20s")
    hold = site.folder / "hold"
    (site.functions / "holder").write_text(f"#!/bin/sh\necho up >&3\nwhile [ ! -e {hold} ]; do sleep 0.05; done\n")
    (site.functions / "holder").chmod(0o755)
    job = site.put("holder")
    site.running(job, "up")
    behind = site.put("noop")
    supervisor, = site.supervisors()
    worker, = site.workers()
    supervisor.kill()
    assert site.slots() == 1  # still held by the worker
    hold.write_text("")
    assert site.ended(job)["attempts"] == 1
    assert site.ended(behind)["status"] == "SUCCEEDED"
    eventually(lambda: worker.pid not in [one.pid for one in site.workers()], 5, "the orphaned worker has left")
    assert len(site.supervisors()) == 1 and "reason=supervisor_died" in site.log()


def test_remains_of_a_killed_pair_are_ended_before_the_job_goes_back(site):
    """Hazard 21: worker dead, function still alive."""
    site.configure()
    job = site.put("double_fork", start=False)
    site.configure(double_fork__env_STAYS="1")
    site.worker("--sweep")
    eventually(lambda: site.get(job)["log_size"], 10, "the daemon is up")
    remains = {one.pid for one in site.processes("double_fork")}
    assert len(remains) == 2
    for program in ("jobgate-supervisor", "jobgate-worker"):
        os.kill(programs(site, program)[0].pid, signal.SIGSTOP)
    for program in ("jobgate-supervisor", "jobgate-worker"):
        programs(site, program)[0].kill()
    eventually(lambda: site.slots() == 0, 5, "the slot is free")
    assert remains == {one.pid for one in site.processes("double_fork")}
    site.configure(double_fork__concurrency="0")
    site.worker("--sweep")
    record = site.get(job)
    assert (record["status"], record["interruptions"]) == ("QUEUED", 1)
    assert not site.processes("double_fork")
    assert list((site.folder / "data" / "tmp").iterdir()) == []
    assert "event=strays_ended" in site.log()


def test_job_that_kills_its_worker_again_and_again_ends_as_lost(site):
    """Hazard 26: a job that kills its worker."""
    site.configure(kill_parent__confined="no", max_interruptions="2")
    job = site.put("kill_parent")
    record = site.ended(job)
    assert (record["status"], record["error_type"]) == ("FAILED", "Worker.Lost")
    assert record["interruptions"] == 2
    good = site.ended(site.put("noop"))
    assert good["status"] == "SUCCEEDED"
    eventually(lambda: not site.processes("sleep"), 5, "its children are gone")


def test_worker_that_cannot_live_is_given_up(site):
    site.own_programs()
    site.configure(max_workers="1")
    (site.programs / "jobgate-worker").unlink()
    (site.programs / "jobgate-worker").write_text("#!/bin/sh\nkill -9 $$\n")
    (site.programs / "jobgate-worker").chmod(0o755)
    job = site.put("noop")
    eventually(lambda: "event=worker_given_up" in site.log(), 10, "the supervisor gives up")
    site.nothing_left()
    assert site.get(job)["status"] == "QUEUED"


def test_told_to_leave_it_gives_the_job_back(site):
    """Hazard 20: the web server's restart kills workers."""
    site.configure(sleeper__env_SECONDS_TO_SLEEP="600", idle_linger="20s")
    job = site.put("sleeper")
    site.running(job)
    site.supervisors()[0].kill(signal.SIGTERM)
    site.nothing_left(5)
    record = site.get(job)
    assert (record["status"], record["failures"]) == ("QUEUED", 0)
    assert "reason=signal" in site.log()


def test_random_kills_lose_nothing(site):
    site.configure(max_workers="3", max_interruptions="1000", sleeper__env_SECONDS_TO_SLEEP="0.02")
    ids = site.put("sleeper", count=80)
    for number in range(25):
        found = site.workers() + site.supervisors()
        if found:
            found[number * 7919 % len(found)].kill()
        before = site.counts()["SUCCEEDED"]
        if not site.workers():
            site.worker("--sweep")
        eventually(lambda: site.counts()["SUCCEEDED"] > before or site.counts()["SUCCEEDED"] == 80, 20, "it goes on")
    site.worker("--sweep")
    eventually(lambda: site.counts()["SUCCEEDED"] == 80, 30, "all have succeeded")
    assert all(site.get(job)["status"] == "SUCCEEDED" for job in ids[::9])
    site.nothing_left()
    assert list((site.folder / "data" / "tmp").iterdir()) == []


# ---- the administrator ----

def test_configuration_is_taken_over_between_jobs(site):
    site.configure(noop__concurrency="0", idle_linger="20s", max_workers="2")
    site.ended(site.put("echo"))
    job = site.put("noop")
    site.ended(site.put("echo"))
    assert site.get(job)["status"] == "QUEUED"
    site.configure(noop__concurrency="unlimited")
    assert site.ended(job, within=5)["status"] == "SUCCEEDED"


def test_fewer_workers_stay_when_max_workers_is_lowered(site):
    site.configure(max_workers="3", idle_linger="60s", sleeper__env_SECONDS_TO_SLEEP="0.2")
    site.put("sleeper", count=6)
    eventually(lambda: site.counts()["SUCCEEDED"] == 6 and len(site.workers()) == 3, 10, "three are at work")
    site.configure(max_workers="1")
    eventually(lambda: len(site.workers()) == 1 and len(site.supervisors()) == 1, 10, "one is left")


def test_worker_makes_way_for_a_newer_program(site):
    site.own_programs()
    site.configure(idle_linger="60s")
    site.ended(site.put("noop"))
    before, = site.workers()
    shutil.copy(site.programs / "jobgate-worker", site.programs / "new")
    (site.programs / "new").rename(site.programs / "jobgate-worker")
    eventually(lambda: before.pid not in [one.pid for one in site.workers()], 5, "the old one has left")
    assert site.ended(site.put("noop"))["status"] == "SUCCEEDED"
    assert "reason=replaced" in site.log()


def test_configuration_is_checked_and_printed(site):
    site.configure(noop__timeout="7s")
    done = site.worker("--test")
    assert done.returncode == 0 and "max_workers = 4" in done.stdout and "[function noop]" in done.stdout
    site.configure(max_wokers="4")
    done = site.worker("--test")
    assert done.returncode == 78 and re.search(r"jobgate\.conf:\d+: ", done.stderr) and "max_wokers" in done.stderr


@pytest.mark.parametrize("program", ["cgi-bin/jobgate-submit", "cgi-bin/jobgate-status", "worker/jobgate-supervisor",
                                     "worker/jobgate-worker", "worker/jobgate-deliver", "ctl/jobgatectl"])
def test_every_program_takes_the_same_options_the_same_way(site, program):
    def run(*words, environment=None):
        return subprocess.run([BUILD / program, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], **(environment or {})})

    name = program.partition("/")[2]
    site.configure(max_workers="3")
    for words in (["--help"], ["-h"]):
        done = run(*words)
        assert done.returncode == 0 and done.stdout.startswith(f"Usage: {name} ") and done.stderr == ""
        for line in ("-c, --config FILE ", "-t, --test ", "-h, --help ", "-V, --version "):
            assert f"\n  {line}" in done.stdout
    for words in (["--version"], ["-V"]):
        assert re.fullmatch(rf"{name} \d+\.\d+\.\d+\n", run(*words).stdout)
    file = str(site.file)
    printed = site.worker("--test").stdout
    for words, environment in ((["-t", "-c", file], None), (["--config", file, "--test"], None), (["--test"], {"JOBGATE_CONFIG": file})):
        done = run(*words, environment=environment)
        assert (done.returncode, done.stdout, done.stderr) == (0, printed, "") and "max_workers = 3" in printed
    assert run("--bogus").returncode == 64
    if name.startswith("jobgate-"):
        done = run("one", "more")
        assert (done.returncode, done.stdout) == (64, "") and "--config FILE" in done.stderr
    if name in ("jobgate-worker", "jobgate-supervisor"):
        assert run().returncode == 64
    site.configure(max_wokers="4")
    done = run("-t", "--config", file)
    assert done.returncode == 78 and re.fullmatch(rf"{name}: \S+jobgate\.conf:\d+: .*max_wokers.*\n", done.stderr), done
    if name in ("jobgate-supervisor", "jobgate-worker", "jobgate-deliver"):
        mode = {"jobgate-supervisor": ["--slot", "0"], "jobgate-worker": ["--sweep"]}.get(name, [])
        done = run("--config", file, *mode)
        assert done.returncode == 78 and re.fullmatch(rf"{name}: \S+jobgate\.conf:\d+: .*max_wokers.*\n", done.stderr), done


# ---- the function's room ----

def explored(site, **event):
    job = site.put("explore", json.dumps(event))
    record = site.ended(job)
    assert record["status"] == "SUCCEEDED", site.tool("log", job)
    return json.loads(site.tool("result", job))


@pytest.mark.skipif(not LANDLOCK, reason="this kernel has no Landlock")
def test_function_reads_the_system_and_itself_only(site):
    site.configure(write="")
    data, functions = site.folder / "data", site.functions
    allowed = ["/etc/passwd", "/usr/bin/env", str(functions / "explore")]
    refused = [str(data), str(data / "jobs.db"), str(functions / "noop"), str(site.folder / "jobgate.conf"), "/root", "/home"]
    said = explored(site, read=allowed + refused)
    assert {path: said["read " + path] for path in allowed} == {path: "done" for path in allowed}
    assert {path: said["read " + path] for path in refused} == {path: "Permission denied" for path in refused}


@pytest.mark.skipif(not LANDLOCK, reason="this kernel has no Landlock")
def test_function_writes_in_its_tmpdir_and_where_it_is_allowed_only(site):
    site.configure(write="", explore__write=str(site.folder / "shared"))
    (site.folder / "shared").mkdir()
    outside = [str(site.folder / "trace"), "/tmp/jobgate-trace", str(site.folder / "data" / "keys"), "/etc/jobgate-trace"]
    said = explored(site, write=outside + [str(site.folder / "shared" / "own")])
    assert said["tmp"] == "done" and said["write " + str(site.folder / "shared" / "own")] == "done"
    assert {said["write " + path] for path in outside} == {"Permission denied"}


@pytest.mark.skipif(LANDLOCK < 6, reason="this kernel's Landlock does not keep signals in")
def test_function_cannot_harm_its_worker(site):
    site.configure()
    said = explored(site, kill_parent=True, environ_of_parent=True)
    assert said["kill parent"] == "Operation not permitted"
    if os.geteuid() != 0:  # root may look at any process (CAP_PERFMON)
        assert said["environ of parent"] == "Permission denied"
    assert said["no_new_privs"] == "1"


def test_network_no_leaves_local_sockets_only(site):
    site.configure(explore__network="no")
    assert explored(site, socket="AF_INET")["socket"] == "Permission denied"
    assert explored(site, socket="AF_INET6")["socket"] == "Permission denied"
    assert explored(site, socket="AF_UNIX")["socket"] == "done"


def test_unconfined_function_reads_what_its_user_may(site):
    site.configure(explore__confined="no")
    path = str(site.functions / "noop")
    assert explored(site, read=[path])["read " + path] == "done"


def test_what_is_put_in_the_place_of_an_allowed_path_is_allowed_too(site):
    """A worker keeps its rulesets, and a rule belongs to a file, not to its name."""
    shared = site.folder / "shared"
    shared.mkdir()
    site.configure(idle_linger="10s", write="", explore__write=str(shared))
    for _ in range(3):
        own = str(shared / "own")
        assert explored(site, write=[own])["write " + own] == "done"
        shutil.rmtree(shared)
        shared.mkdir()
        copy = site.functions / "explore.new"
        shutil.copy(site.functions / "explore", copy)
        copy.rename(site.functions / "explore")


def test_path_that_cannot_be_allowed_fails_the_job_with_words(site):
    site.configure(noop__read="/nonexistent/folder")
    record = site.ended(site.put("noop"))
    assert (record["status"], record["error_type"]) == ("FAILED", "Runtime.InvalidEntrypoint")
    assert "read = /nonexistent/folder" in record["error_message"]
