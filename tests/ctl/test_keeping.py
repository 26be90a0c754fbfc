"""Backup while everybody works, restore, verify; export and import; recover."""

import concurrent.futures
import json
import os
import pathlib
import pwd
import random
import signal
import subprocess
import threading

import pytest

from conftest import CTL, PATIENCE, worker


class Load:
    """Submits in several threads until it is told to stop; `acknowledged` has what is on disk."""

    def __init__(self, site, threads=3, start=True, most=4000):
        self.site = site
        self.start = start
        self.most = most  # bytes of an event
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.acknowledged = []
        self.pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.futures = [self.pool.submit(self.work) for _ in range(threads)]

    def work(self):
        while not self.stopped.is_set():
            ids = self.site.put("echo", json.dumps({"fill": "x" * random.randrange(self.most)}), count=20, start=self.start)
            with self.lock:
                self.acknowledged += ids

    def so_far(self):
        with self.lock:
            return list(self.acknowledged)

    def stop(self):
        self.stopped.set()
        for future in self.futures:
            future.result()
        self.pool.shutdown()


def test_a_backup_under_load_has_all_that_was_acknowledged(site, another):
    load = Load(site)
    try:
        worker.eventually(lambda: len(load.so_far()) >= 400, 30, "some jobs")
        for number in range(3):
            before = set(load.so_far())
            site.ctl("backup", site.folder / f"backup{number}")
            assert len(before) >= 400
    finally:
        load.stop()
    assert "all is well" in site.ctl("verify", site.folder / "backup0").out
    another.configure()
    assert "all is well" in another.ctl("restore", site.folder / "backup2").out
    assert before <= set(another.ids())
    assert "all is well" in site.ctl("verify", "--pages").out
    for job in random.sample(sorted(before), 20):
        assert another.ctl("show", "--event", job).out.startswith('{"fill"')


def test_a_backup_of_more_than_the_cache_holds_fits_together(site, another):
    """Pages are written to the tables while these are copied: whatever is in them has to be in the log that is copied after."""
    load = Load(site, threads=2, start=False, most=100000)
    try:
        worker.eventually(lambda: len(load.so_far()) >= 400, 60, "more than the cache of 16 MiB")
        before = set(load.so_far())
        site.ctl("backup", site.folder / "backup")
    finally:
        load.stop()
    assert "all is well" in another.ctl("restore", site.folder / "backup").out
    assert before <= set(another.ids())


def recoveries(site):
    """How many the store has seen."""
    return int.from_bytes((pathlib.Path(site.settings["data_dir"]) / "gate").read_bytes()[16:24], "little")


def test_a_backup_goes_on_through_recoveries(site, another):
    """Workers are killed until one of them dies inside the store, which is then recovered. A backup begins again four times
    at the most: no worker is killed any more when it has had two recoveries."""
    site.configure(idle_linger="5s")
    load = Load(site, threads=2)
    backups = iter(range(50))
    disturbed = False
    try:
        worker.eventually(lambda: len(load.so_far()) >= 100, 30, "some jobs")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            while not disturbed:
                folder = site.folder / f"backup{next(backups)}"
                before, calm = set(load.so_far()), recoveries(site)
                backup = pool.submit(site.ctl, "backup", folder)
                while not backup.done():
                    if recoveries(site) < calm + 2:
                        any(process.kill(signal.SIGKILL) for process in site.workers()[:1])
                backup.result()
                disturbed = recoveries(site) > calm
    finally:
        load.stop()
    assert "all is well" in another.ctl("restore", folder).out
    assert before <= set(another.ids())


def test_what_is_restored_goes_on(site, another):
    ended = site.submit("echo", '{"n":1}')
    site.ctl("wait", ended)
    queued = site.put("echo", '{"n":2}', start=False)
    secret_name = site.ctl("key", "add", "me", "--allow", "read").out and "me"
    site.ctl("pause", "noop")
    site.ctl("backup", site.folder / "backup")
    another.ctl("restore", site.folder / "backup")
    another.ctl("wait", queued)
    assert another.ctl("show", "--result", ended).bytes == site.ctl("show", "--result", ended).bytes
    assert [key["name"] for key in another.ctl("key", "list", "--json").json] == [secret_name]
    assert next(entry for entry in another.ctl("functions", "--json").json if entry["name"] == "noop")["paused"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_restores_for_the_user_that_the_backup_belongs_to(site, another):
    user = pwd.getpwnam("nobody")
    for installation in (site, another):
        installation.open_to(user)
    os.chown(site.data, user.pw_uid, user.pw_gid)
    job = site.submit("noop")
    site.ctl("wait", job)
    site.ctl("backup", site.folder / "backup")
    another.data.rmdir()
    another.ctl("restore", site.folder / "backup")
    assert another.ids() == [job]
    assert {path.stat().st_uid for path in [another.data, *another.data.rglob("*")]} == {user.pw_uid}
    taken = site.folder / "taken"
    taken.mkdir()
    assert "has to belong to nobody" in site.ctl("backup", taken, status=77).err


def test_bars_are_for_terminals_alone(site):
    site.put("echo", count=300, start=False)
    assert site.ctl("backup", site.folder / "quiet").err == ""
    shown = subprocess.run(["script", "-qec", f"{CTL} --config {site.file} backup {site.folder}/shown", "/dev/null"],
                           capture_output=True, stdin=subprocess.DEVNULL, timeout=30 * PATIENCE).stdout
    assert b"copying  [" in shown and b"#" in shown


def test_a_folder_that_is_in_use_is_not_written_to(site, another):
    site.submit("noop")
    (site.folder / "full").mkdir()
    (site.folder / "full" / "mine").write_text("mine")
    assert "not empty" in site.ctl("backup", site.folder / "full", status=65).err
    site.ctl("backup", site.folder / "backup")
    assert "not empty" in site.ctl("backup", site.folder / "backup", status=65).err
    another.submit("noop")
    assert "not empty" in another.ctl("restore", site.folder / "backup", status=65).err


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "unfinished"])
def test_a_damaged_backup_is_told(site, another, damage):
    site.put("echo", count=50, start=False)
    site.ctl("backup", site.folder / "backup")
    jobs = site.folder / "backup" / "jobs.db"
    content = jobs.read_bytes()
    if damage == "flip":
        jobs.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    elif damage == "cut":
        jobs.write_bytes(content[:-1])
    elif damage == "remove":
        jobs.unlink()
    else:
        (site.folder / "backup" / "backup").unlink()
    says = "no complete backup" if damage == "unfinished" else "jobs.db"
    assert says in site.ctl("verify", site.folder / "backup", status=65).err
    assert says in another.ctl("restore", site.folder / "backup", status=65).err


def test_verify_leaves_nothing_behind(site):
    site.submit("noop")
    site.ctl("backup", site.folder / "backup")
    scratch = site.folder / "scratch"
    scratch.mkdir()
    site.ctl("verify", site.folder / "backup", "--scratch", scratch)
    assert list(scratch.iterdir()) == []


# ---- export, import ----


def test_export_and_import_keep_everything(site, another):
    site.configure(exit_with__retries=1, exit_with__backoff="1ms", exit_with__env_STATUS=3, flood_stderr__env_LINES=100000)
    jobs = [site.submit("echo", '{"ü": "\\u0000 1.0"}'), site.submit("binary_output"), site.submit("exit_with", "3"),
            site.submit("flood_stderr"), site.submit("text_output", "{}", "--idempotency-key", "k")]
    for job in jobs:
        worker.eventually(lambda: site.get(job)["status"] in worker.TERMINAL, 20)
    site.ctl("purge", jobs[0])
    jobs.append(site.ctl("retry", jobs[1]).out.strip())
    site.ctl("wait", jobs[-1])
    jobs.append(site.ctl("submit", "noop", "{}", "--delay", "1h").out.strip())
    site.ctl("export", site.folder / "jobs.jsonl")
    assert another.ctl("import", site.folder / "jobs.jsonl").out == f"{len(jobs)} jobs\n"
    assert "all is well" in another.ctl("verify", "--pages").out
    assert another.ctl("export").bytes == (site.folder / "jobs.jsonl").read_bytes()
    assert another.ctl("show", "--result", jobs[1]).bytes == site.ctl("show", "--result", jobs[1]).bytes
    assert another.ctl("log", jobs[3]).bytes == site.ctl("log", jobs[3]).bytes
    assert another.ctl("import", site.folder / "jobs.jsonl").out == f"0 jobs, {len(jobs)} were there already\n"


def test_a_job_that_ran_is_queued_after_an_import(site, another):
    job = site.submit("sleeper")
    site.running(job)
    text = site.ctl("export").bytes
    site.ctl("cancel", job)
    another.ctl("pause", "sleeper")
    another.ctl("import", stdin=text)
    assert another.ctl("show", job, "--json").json["status"] == "QUEUED"


@pytest.mark.parametrize("line, says", [
    (b"{", "line 1"),
    (b"{}", "jobgate"),
    (b'{"jobgate":1,"jobId":"x"}', "jobId"),
    (b'{"jobgate":1,"jobId":"01900000-0000-7000-8000-000000000000","status":"ODD"}', "status"),
    (b'{"jobgate":1,"jobId":"01900000-0000-7000-8000-000000000000","status":"QUEUED","function":"../x","event":"{}"}', "function"),
    (b'{"jobgate":1,"jobId":"01900000-0000-7000-8000-000000000000","status":"QUEUED","function":7,"event":"{}"}', "function"),
    (b'{"jobgate":1,"jobId":"01900000-0000-7000-8000-000000000000","status":"FAILED","function":"x","event":"{}"}', "expiresMs"),
    (b'{"jobgate":1,"jobId":"01900000-0000-7000-8000-000000000000","status":"QUEUED","function":"x","attempts":-1}', "attempts"),
    (b'{"jobgate":1,"jobId":"01900000-0000-7000-8000-000000000000","status":"QUEUED","function":"x"}', "event"),
])
def test_what_export_did_not_write_is_refused(another, line, says):
    assert says in another.ctl("import", stdin=line + b"\n", status=65).err
    assert another.ids() == []


# ---- recover ----


def test_recover_puts_a_damaged_store_back_only_when_the_loss_is_accepted(site):
    site.put("echo", '"%s"' % ("x" * 200), count=30, start=False)
    data = pathlib.Path(site.settings["data_dir"])
    (data / "__db.001").unlink()  # the next one in has to recover
    gate = bytearray((data / "gate").read_bytes())
    gate[12:16] = (1).to_bytes(4, "little")  # dirty: as after a kill inside the store
    (data / "gate").write_bytes(gate)
    log = data / "log.0000000001"
    content = bytearray(log.read_bytes())
    used = len(bytes(content).rstrip(b"\0"))
    at = content.index(b"x" * 64, used // 2)  # zeroes in the place of zeroes would change nothing
    content[at : at + 64] = bytes(64)
    log.write_bytes(content)
    said = site.ctl("list", status=69).err
    assert "recover --accept-loss" in said
    assert "recover --accept-loss" in site.ctl("submit", "noop", status=69).err
    site.ctl("recover", "--accept-loss")
    site.ctl("submit", "noop", "--wait")
