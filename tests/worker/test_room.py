"""What a function may reach: as whom it runs, its folder, its limits."""

import json
import os
import pwd
import signal

import pytest

from conftest import LANDLOCK, eventually

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="only root can run things as somebody else")
needs_landlock = pytest.mark.skipif(LANDLOCK < 6, reason="this kernel's Landlock is older than 6")
LODGER = "games"  # a user of every Debian that runs nothing else


def explored(site, **event):
    job = site.put("explore", json.dumps(event))
    record = site.ended(job)
    assert record["status"] == "SUCCEEDED", (record, site.tool("log", job))
    return json.loads(site.tool("result", job))


@pytest.fixture(params=["as it is", "nobody", "www-data", "user = " + LODGER])
def housed(request, site):
    """A site whose functions run as an ordinary user: because all of it does, or because root's worker makes it so."""
    site.settings["write"] = ""
    if request.param == "as it is":
        if ROOT:
            pytest.skip("root's own functions may do what root may, but for Landlock")
        return site.configure()
    if not ROOT:
        pytest.skip("only root can run things as somebody else")
    if request.param.startswith("user"):
        site.folder.chmod(0o711)
        return site.configure(user=LODGER)
    site.become(request.param)
    return site.configure()


@needs_landlock
def test_function_gets_at_nothing_that_is_not_its_own(housed):
    site = housed
    keys = site.folder / "data" / "keys"
    site.ended(site.put("noop"))  # the data folder is there
    keys.write_text("# none\n")
    os.chown(keys, (site.folder / "data").stat().st_uid, -1)
    others = [one.pid for one in site.supervisors()]
    reads = [str(site.folder / "data"), str(site.folder / "data" / "jobs.db"), str(keys), str(site.file), "/etc/shadow",
             str(site.functions / "noop"), "/root", f"/proc/{others[0] if others else 1}/environ"]
    writes = [str(site.folder / "trace"), "/tmp/jobgate-trace", "/var/tmp/jobgate-trace", "/dev/shm/jobgate-trace",
              "/etc/jobgate-trace", str(keys)]
    said = explored(site, read=reads, write=writes, kill=others, kill_parent=True, environ_of_parent=True,
                    become_root=True)
    tried = {name: came for name, came in said.items() if name.split()[0] in ("read", "write", "kill", "environ")}
    assert set(tried.values()) <= {"Permission denied", "Operation not permitted"}, tried
    assert len(tried) == len(reads) + len(writes) + len(others) + 2
    assert said["tmp"] == "done"
    assert [said[name] for name in ("setuid", "setgid", "setgroups")] == ["Operation not permitted"] * 3
    assert said["mount"] != 0 and said["su"] != 0
    assert (said["no_new_privs"], said["capabilities"]) == ("1", 0)
    assert 0 not in said["ids"] and 0 not in said["groups"]


def test_descriptors_can_be_opened_again_by_name(housed):
    """`echo words >/dev/stderr` opens the pipe once more."""
    said = explored(housed, reopen=True)
    assert {said["reopen " + name] for name in ("stdin", "stdout", "stderr", "fd/3")} == {"done"}


@needs_root
def test_function_runs_as_the_user_of_its_configuration(site):
    entry = pwd.getpwnam(LODGER)
    site.folder.chmod(0o711)
    site.configure(write="", explore__user=LODGER)
    said = explored(site)
    assert said["ids"] == [entry.pw_uid] * 3 + [entry.pw_gid] * 3
    assert sorted(said["groups"]) == sorted(os.getgrouplist(LODGER, entry.pw_gid))
    assert said["home"] == entry.pw_dir
    assert said["tmpdir"].startswith(str(site.folder / "data.scratch"))
    assert (site.folder / "data.scratch").stat().st_mode & 0o7777 == 0o711
    site.nothing_left()
    site.configure(explore__user="root")
    said = explored(site)
    assert said["ids"] == [0] * 6 and said["tmpdir"].startswith(str(site.folder / "data" / "tmp"))
    site.nothing_left()
    assert list((site.folder / "data.scratch").iterdir()) == []


@needs_root
def test_folder_of_another_user_is_empty_for_each_attempt_and_removed_with_its_worker(site):
    site.folder.chmod(0o711)
    site.configure(user=LODGER, max_workers="1", messy_folder__user=LODGER, idle_linger="20s")
    site.ended(site.put("messy_folder"))
    said = explored(site)
    assert os.listdir(said["tmpdir"]) == ["own"]
    site.configure(explore__user="nobody")
    assert explored(site)["tmp"] == "done"
    job = site.put("sleeper", "{}")
    site.running(job)
    for process in site.supervisors() + site.workers():
        process.kill(signal.SIGKILL)
    eventually(lambda: not site.workers(), 10, "the worker is dead")
    site.configure(sleeper__concurrency="0", idle_linger="200ms")
    site.worker("--sweep")
    eventually(lambda: not list((site.folder / "data.scratch").iterdir()), 10, "what it left is gone")


@needs_root
def test_unreachable_folder_fails_the_job_with_words(site):
    site.folder.chmod(0o700)
    site.configure(explore__user=LODGER)
    record = site.ended(site.put("explore"))
    assert (record["status"], record["error_type"]) == ("FAILED", "Runtime.InvalidEntrypoint")
    assert "out of reach" in record["error_message"], record


@needs_root
def test_scratch_folder_that_is_somebody_elses_is_refused(site):
    site.folder.chmod(0o711)
    site.configure(explore__user=LODGER)
    (site.folder / "data.scratch").symlink_to("/tmp")
    record = site.ended(site.put("explore"))
    assert record["status"] == "FAILED" and "symlink" in record["error_message"], record


def test_worker_that_is_not_root_runs_nothing_as_somebody_else(site):
    if ROOT:
        site.become("nobody")
    site.configure(explore__user="root" if not ROOT else LODGER)
    record = site.ended(site.put("explore"))
    assert (record["status"], record["error_type"]) == ("FAILED", "Runtime.InvalidEntrypoint")
    assert "only root" in record["error_message"], record
    own = pwd.getpwuid(os.geteuid()).pw_name if not ROOT else "nobody"
    site.nothing_left()
    site.configure(explore__user=own)
    assert explored(site)["tmp"] == "done"


def test_user_that_does_not_exist_fails_the_job_with_words(site):
    site.configure(explore__user="no-such-user")
    record = site.ended(site.put("explore"))
    assert "this system has no such user" in record["error_message"], record


def test_log_says_what_functions_are_kept_in_with(site):
    site.configure()
    site.ended(site.put("noop"))
    wanted = f'room="landlock {LANDLOCK}, seccomp"' if LANDLOCK else "room="
    assert wanted in site.log()
    assert ("event=functions_run_as_root" in site.log()) == ROOT


# ---- limits ----


@pytest.mark.parametrize(
    "key, value, resource, limit",
    [
        ("memory", "1GiB", "AS", 1 << 30),
        ("cpu", "1500ms", "CPU", 2),
        ("file_size", "1MiB", "FSIZE", 1 << 20),
        ("processes", "4000", "NPROC", 4000),
    ],
)
def test_limit_is_set_and_no_other(site, key, value, resource, limit):
    site.configure(**{"explore__" + key: value})
    plain = {name: resource_limit for name, resource_limit in zip(("AS", "CPU", "FSIZE", "NPROC"), inherited())}
    assert explored(site)["limits"] == {**plain, "CORE": 0, resource: limit}


def inherited():
    import resource

    return [resource.getrlimit(getattr(resource, "RLIMIT_" + name))[0] for name in ("AS", "CPU", "FSIZE", "NPROC")]


def test_memory_limit_stops_what_takes_more(site):
    site.configure(allocate__memory="256MiB")
    assert site.ended(site.put("allocate"))["status"] == "FAILED"


def test_file_size_limit_stops_what_writes_more(site):
    site.configure(huge_file__file_size="1MiB")
    record = site.ended(site.put("huge_file"))
    assert record["status"] == "FAILED"


@needs_root
def test_process_limit_stops_what_starts_more(site):
    """Root is not held to it, so this is tried as somebody who runs nothing else."""
    site.folder.chmod(0o711)
    site.configure(user=LODGER, fork_forever__processes="10", fork_forever__timeout="2s")
    job = site.put("fork_forever")
    most = 0
    while site.get(job)["status"] not in ("SUCCEEDED", "FAILED"):
        most = max(most, len(site.processes("fork_forever")))
    assert 1 <= most <= 10
