"""Workers: never too many, gone when idle, independent of the web server; and the truth after one was killed."""

import collections
import os
import re
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import processes
from client import eventually


class Watch:
    """Looks at the workers again and again, and remembers the most there were at once."""

    def __init__(self, site):
        self.site = site
        self.most = 0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def _look(self):
        while not self.done.wait(0.03):
            self.most = max(self.most, len(self.site.workers()))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


@pytest.mark.only("lighttpd", "apache")
@pytest.mark.limit(120)
def test_thousand_jobs_never_more_than_max_workers_each_run_once(start):
    site = start(max_workers="4", idle_linger="1s")
    with Watch(site) as watch, ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda number: site.api.submit({"n": number}, function="note"), range(1000)))
        for job_id in reversed(ids):
            assert site.api.ended(job_id, within=60)["status"] == "SUCCEEDED"
    assert 1 <= watch.most <= 4
    runs = collections.Counter(line.split()[0] for line in site.notes())
    assert runs == collections.Counter(ids)
    eventually(lambda: not site.workers() and not site.processes("jobgate-supervisor"), 10, "idle workers have left")


@pytest.mark.only("lighttpd", "apache-cgi")
def test_idle_worker_leaves_and_the_next_job_gets_another(start):
    site = start(idle_linger="500ms")
    assert site.api.run({})["status"] == "SUCCEEDED"
    for _ in range(3):
        eventually(lambda: not site.workers() and not site.processes("jobgate-supervisor"), 10, "the worker has left")
        assert site.api.run({})["status"] == "SUCCEEDED"


@pytest.mark.only("lighttpd", "apache-cgi")
@pytest.mark.limit(90)
def test_job_that_comes_in_while_the_worker_leaves_is_not_forgotten(start):
    """With a linger near the time between the jobs, many arrive while a worker is on its way out."""
    site = start(idle_linger="50ms", max_workers="1")
    for number in range(40):
        job_id = site.api.submit({}, function="note")
        eventually(lambda: site.api.job(job_id)["status"] == "SUCCEEDED", 10, f"job {number} runs", pause=0.004)
        threading.Event().wait(0.002 * number)  # walks over the moment of leaving


def test_worker_goes_on_when_the_web_server_ends(start):
    site = start()
    job_id = site.api.submit({}, function="hold")
    pids = site.started(job_id)
    worker = site.workers()
    for process in site.daemons():
        process.kill(signal.SIGTERM)
    eventually(lambda: not site.daemons(), 15, "the web server has ended")
    assert [found.pid for found in site.workers()] == [found.pid for found in worker]
    assert all(processes.is_alive(pid) for pid in pids)
    assert site.quickstart.wait(15) == 1
    site.start()
    assert site.api.job(job_id)["status"] == "RUNNING"
    site.release(job_id)
    document = site.api.ended(job_id)
    assert document["status"] == "SUCCEEDED" and document["attempts"] == 1, document


@pytest.mark.only("lighttpd", "apache")
def test_worker_goes_on_when_the_web_servers_process_group_is_killed(start):
    """Hazard 20: as a stop by force does it, quickstart and our programs included."""
    site = start()
    job_id = site.api.submit({}, function="hold")
    pids = site.started(job_id)
    worker = [found.pid for found in site.workers()]
    ours = [process for program in ("jobgate-submit", "jobgate-status") for process in site.processes(program)]
    groups = {os.getpgid(process.pid) for process in site.daemons() + ours}
    assert os.getpgrp() not in groups
    for group in groups:
        os.killpg(group, signal.SIGKILL)
    site.quickstart.kill()
    site.quickstart.wait()
    eventually(lambda: not site.daemons(), 15, "the web server is dead")
    assert [found.pid for found in site.workers()] == worker
    assert all(processes.is_alive(pid) for pid in pids)
    site.start()
    site.release(job_id)
    document = site.api.ended(job_id)
    assert document["status"] == "SUCCEEDED" and document["attempts"] == 1, document


def kill_while_running(site, *programs):
    """Kills every process of the programs while a job runs; gives the job's id and the first attempt's processes."""
    job_id = site.api.submit({}, function="hold")
    pids = site.started(job_id)
    victims = [process for program in programs for process in site.processes(program)]
    assert len(victims) >= len(programs), site.processes()
    for process in victims:
        process.kill(signal.SIGSTOP)  # so that none sees another one die first
    for process in victims:
        process.kill(signal.SIGKILL)
    return job_id, pids


@pytest.mark.only("lighttpd", "apache-cgi")
@pytest.mark.parametrize(
    "programs", [("jobgate-worker",), ("jobgate-supervisor",), ("jobgate-supervisor", "jobgate-worker")],
    ids=["worker", "supervisor", "both"],
)
def test_job_of_a_killed_worker_is_run_again_and_its_processes_are_gone(start, programs):
    """Hazard 21: worker dead, function still alive."""
    site = start(max_workers="1")
    job_id, pids = kill_while_running(site, *programs)
    if programs == ("jobgate-supervisor",):
        site.release(job_id)
        assert site.api.ended(job_id, within=30)["status"] == "SUCCEEDED"
        return
    eventually(lambda: site.api.job(job_id)["attempts"] == 2, 20, "it is run again")
    site.started(job_id, attempt=2)
    assert not [pid for pid in pids if processes.is_alive(pid)], "the first run's processes are gone"
    assert site.api.job(job_id)["status"] == "RUNNING"
    site.release(job_id)
    document = site.api.ended(job_id)
    assert document["status"] == "SUCCEEDED" and document["attempts"] == 2, document


@pytest.mark.only("lighttpd")
def test_job_of_a_killed_worker_is_run_again_without_any_request(start):
    site = start(max_workers="1")
    job_id, pids = kill_while_running(site, "jobgate-worker")
    site.started(job_id, attempt=2)  # looks at the scratch folder only
    assert not [pid for pid in pids if processes.is_alive(pid)]
    site.release(job_id)
    assert site.api.ended(job_id)["status"] == "SUCCEEDED"


@pytest.mark.only("lighttpd")
def test_job_that_kills_its_worker_ends_as_lost(start):
    site = start(max_workers="1", max_interruptions="2", confined="no")
    killer = site.functions / "parricide"
    killer.write_text('#!/bin/sh\necho "$JOBGATE_JOB_ID $JOBGATE_ATTEMPT" >>"$SCRATCH/notes"\nread -r name </proc/$PPID/comm\n'
                      '[ "$name" != jobgate-worker ] || kill -9 $PPID\nsleep 100\n')
    killer.chmod(0o755)
    document = site.api.run({}, function="parricide", within=40)
    assert document["status"] == "FAILED"
    assert document["error"]["type"] == "Worker.Lost"
    assert len(site.notes()) == document["attempts"] <= 3
    assert site.api.run({}, within=30)["status"] == "SUCCEEDED", "the next job is not harmed"


@pytest.mark.only("lighttpd")
def test_function_may_not_outlive_its_attempt_by_forking_away(start):
    """Hazard 22: a function forks away, ignores TERM, closes or floods stdout, never reads stdin."""
    site = start()
    daemon = site.functions / "daemon"
    daemon.write_text(
        "#!/bin/sh\n(setsid sh -c 'trap \"\" TERM HUP; echo $$ >\"$SCRATCH/stray\"; sleep 1000; sleep 1000' "
        '</dev/null >/dev/null 2>&1 3>&- &)\nwhile ! [ -s "$SCRATCH/stray" ]; do sleep 0.01; done\necho "{}"\n'
    )
    daemon.chmod(0o755)
    document = site.api.run({}, function="daemon")
    assert document["status"] == "SUCCEEDED", document
    stray = int((site.scratch / "stray").read_text())
    assert not processes.is_alive(stray), "it was ended before the job's end was told"


def limit_processes(pid, soft):
    """As the user that the process belongs to: others may not."""
    owner = os.stat(f"/proc/{pid}")
    drop = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    subprocess.run(["prlimit", "--pid", str(pid), f"--nproc={soft}:"], check=True, **drop)


@pytest.mark.only("lighttpd")
def test_fork_that_fails_costs_no_job(start):
    """Hazard 24. A shared host allows so many processes: with all of them taken the job is accepted and waits."""
    site = start()
    limited = [process.pid for program in ("jobgate-submit", "jobgate-status") for process in site.processes(program)]
    if os.stat(f"/proc/{limited[0]}").st_uid == 0:
        pytest.skip("root has no such limit")
    before = {}
    for pid in limited:
        with open(f"/proc/{pid}/limits") as file:
            limits = file.read()
        before[pid] = re.search(r"^Max processes +(\w+)", limits, re.MULTILINE)[1]
        limit_processes(pid, 1)
    ids = [site.api.submit({}, function="note") for _ in range(5)]
    log = site.data / "log" / "jobgate.log"
    eventually(lambda: "event=launch_failed" in log.read_text(), 10, "the log says that no worker could be started")
    assert {site.api.job(job_id)["status"] for job_id in ids} == {"QUEUED"}
    for pid, soft in before.items():
        limit_processes(pid, soft)
    for job_id in ids:
        assert site.api.ended(job_id)["status"] == "SUCCEEDED"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user, so root")
def test_as_root_nothing_of_ours_runs_as_root(start):
    site = start()
    job_id = site.api.submit({}, function="hold")
    pids = site.started(job_id)
    every = [process for program in ("jobgate-submit", "jobgate-status", "jobgate-worker", "jobgate-supervisor")
             for process in site.processes(program)]
    assert every
    for pid in [process.pid for process in every] + pids:
        assert os.stat(f"/proc/{pid}").st_uid != 0, pid
    site.release(job_id)
    site.api.ended(job_id)
