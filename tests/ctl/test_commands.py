"""What each command does, and how it says what it does not do."""

import json
import os
import pwd
import re
import subprocess

import pytest

from conftest import CTL, PATIENCE, SOURCE, run_ctl, worker

COMMANDS = ("list show submit cancel retry log tail wait purge pause resume stats functions key doctor backup restore verify "
            "recover export import").split()


# ---- the command line ----


def test_the_usage_names_every_command(site):
    text = site.ctl("--help").out
    assert [line.split()[0] for line in text.splitlines() if re.match(r"  [a-z]", line)] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_tells_its_options(site, command):
    text = site.ctl(command, "--help").out
    assert text.startswith(f"Usage: jobgatectl {command}")
    for word in site.ctl(command, "--words").out.split():
        assert word in text or word in ("--config", "--json", "--help")


def test_version(site):
    assert re.fullmatch(r"jobgatectl \d+\.\d+\.\d+\n", site.ctl("--version").out)


@pytest.mark.parametrize("words", [["list", "--bogus"], ["nonsense"], [], ["show"], ["list", "one", "two"], ["list", "--limit", "x"],
                                   ["cancel"], ["retry", "--status", "failed"], ["list", "--status", "odd"],
                                   ["key", "add", "me"], ["key", "give"]])
def test_a_wrong_command_line_is_64(site, words):
    assert "jobgatectl" in site.ctl(*words, status=64).err


def test_a_wrong_configuration_is_78_with_its_line(site):
    site.file.write_text("data_dir = here\nnonsense = 1\n")
    assert ":2: unknown key" in site.ctl("list", status=78).err


# ---- jobs ----


def test_submit_prints_the_id_and_a_worker_runs_it(site):
    job = site.submit("echo", '{"a": [1.0, "ü"]}')
    assert site.ctl("wait", job).out == f"{job} SUCCEEDED\n"
    assert json.loads(site.ctl("show", "--result", job).out)["body"] == {"a": [1.0, "ü"]}
    assert site.ctl("show", "--event", job).out == '{"a": [1.0, "ü"]}'
    document = site.ctl("show", job, "--json").json
    assert (document["jobId"], document["status"], document["attemptDetails"][0]["exitStatus"]) == (job, "SUCCEEDED", 0)


def test_an_event_comes_from_a_file_or_from_standard_input(site):
    (site.folder / "event.json").write_text('{"from": "file"}')
    first = site.submit("noop", f"@{site.folder}/event.json")
    second = site.ctl("submit", "noop", "-", stdin=b'{"from": "input"}').out.strip()
    assert site.ctl("show", "--event", first).out == '{"from": "file"}'
    assert site.ctl("show", "--event", second).out == '{"from": "input"}'


@pytest.mark.parametrize("words, status, says", [
    (["noop", "{"], 65, "not valid JSON"),
    (["nosuch", "{}"], 66, "no function"),
    (["noop", '"' + "x" * 70000 + '"'], 65, "larger than max_event_size"),
    (["noop", "{}", "--callback", "ftp://x"], 65, "https URL"),
])
def test_what_cannot_be_a_job_is_refused(site, words, status, says):
    site.configure(max_event_size="64KiB")
    assert says in site.ctl("submit", *words, status=status).err
    assert site.ids() == []


def test_the_same_idempotency_key_is_the_same_job(site):
    first = site.submit("noop", '{"n":1}', "--idempotency-key", "k")
    assert site.submit("noop", '{"n":1}', "--idempotency-key", "k") == first
    assert "used with another event" in site.ctl("submit", "noop", "{}", "--idempotency-key", "k", status=1).err


def test_submit_waits_and_ends_as_the_job_ends(site):
    assert "SUCCEEDED" in site.ctl("submit", "noop", "--wait").out
    assert "Runtime.ExitError" in site.ctl("submit", "exit_with", "3", "--wait", status=1).out


def test_wait_gives_up_in_time(site):
    job = site.submit("sleeper")
    assert "goes on" in site.ctl("wait", job, "--timeout", "200ms", status=75).err
    site.ctl("cancel", job)


def test_a_running_job_is_cancelled_with_its_processes(site):
    job = site.submit("sleeper")
    site.running(job)
    assert "being ended" in site.ctl("cancel", job, "--reason", "enough").out
    site.ctl("wait", job, status=1)
    document = site.ctl("show", job, "--json").json
    assert (document["status"], document["cancelReason"]) == ("CANCELLED", "enough")
    assert document["cancelledBy"] in (os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name)
    assert "is CANCELLED" not in site.ctl("cancel", job).err


def test_an_ended_job_cannot_be_cancelled(site):
    job = site.submit("noop")
    site.ctl("wait", job)
    assert "is SUCCEEDED" in site.ctl("cancel", job, status=1).err


def test_jobs_that_are_not_there_are_66(site):
    job = "01900000-0000-7000-8000-000000000000"
    for command in ("show", "log", "tail", "wait", "cancel", "retry", "purge"):
        assert "no such job" in site.ctl(command, job, status=66).err, command
        assert "is no job id" in site.ctl(command, "x", status=65).err, command


def test_many_are_cancelled_at_once_only_when_confirmed(site):
    queued = site.put("noop", count=5, start=False)
    other = site.put("echo", start=False)
    assert "--yes" in site.ctl("cancel", "--status", "queued", status=64).err
    assert site.ctl("cancel", "--status", "queued", "--function", "noop", "--yes").out == "5 jobs\n"
    assert set(site.ids("--status", "cancelled")) == set(queued)
    assert site.ids("--status", "queued") == [other]


def test_retry_makes_a_new_job_of_the_old_event(site):
    site.configure(exit_with__env_STATUS=3)
    old = site.submit("exit_with", '{"n":1}')
    site.ctl("wait", old, status=1)
    (again,) = site.ctl("retry", "--status", "failed", "--yes").out.split()
    assert site.ctl("show", again, "--json").json["retryOf"] == old
    assert site.ctl("show", "--event", again).out == '{"n":1}'
    site.ctl("wait", again, status=1)
    site.nothing_left()  # a new worker reads the new configuration
    site.configure(exit_with__env_STATUS=0)
    new = site.ctl("retry", old, "--event", '{"n":2}').out.strip()
    site.ctl("wait", new)
    assert site.ctl("show", "--event", new).out == '{"n":2}'


def test_a_job_that_runs_cannot_be_retried(site):
    job = site.put("noop", start=False)
    assert "has not ended" in site.ctl("retry", job, status=1).err


def test_purge_erases_what_a_job_has(site):
    job = site.submit("echo", '{"secret":1}')
    site.ctl("wait", job)
    site.ctl("purge", job)
    assert site.ctl("show", job, "--json").json["purged"] is True
    assert "no event" in site.ctl("show", "--event", job, status=66).err
    queued = site.put("noop", start=False)
    assert "is QUEUED" in site.ctl("purge", queued, status=1).err


def test_purge_removes_all_that_has_expired(site):
    site.configure(retention="1ms")
    jobs = [site.submit("noop") for _ in range(3)]
    for job in jobs:
        worker.eventually(lambda: "no such job" in (said := run_ctl(site.file, "wait", job).err) or "expired" in said, 10, "its end")
    site.ctl("purge", "--expired")
    assert site.ids() == []


# ---- lists ----


def test_a_list_is_walked_page_by_page(site):
    jobs = site.put("noop", count=25, start=False)[::-1]
    first = site.ctl("list", "--limit", "10", "--json").json
    assert first["more"] is True
    seen = [job["jobId"] for job in first["jobs"]]
    while len(seen) < 25:
        seen += site.ctl("list", "--ids", "--limit", "10", "--before", seen[-1]).out.split()
    assert seen == jobs


def test_a_list_is_filtered(site):
    noop, echo = site.put("noop", start=False), site.put("echo", start=False)
    assert site.ids("--function", "noop") == [noop]
    assert set(site.ids("--function", "noop", "--function", "echo", "--function", "noop")) == {noop, echo}
    assert site.ids("--status", "running") == []
    assert site.ids("--id", noop) == [noop]
    assert site.ids("--id", echo[:-6].upper(), "--function", "echo") == [echo]
    assert set(site.ids("--id", noop[:4])) == {noop, echo} and site.ids("--id", "0000") == []
    assert "--id zz is no beginning" in site.ctl("list", "--id", "zz", status=64).err
    assert site.ids("--older-than", "1h") == []
    worker.eventually(lambda: set(site.ids("--older-than", "10ms")) == {noop, echo}, 5, "they are older than 10 ms")


def test_stats_and_functions_count(site):
    site.ctl("submit", "noop", "--wait")
    site.put("echo", count=3, start=False)
    stats = site.ctl("stats", "--json").json
    assert (stats["jobs"]["QUEUED"], stats["jobs"]["SUCCEEDED"], stats["lastHour"]["succeeded"]) == (3, 1, 1)
    functions = {entry["name"]: entry for entry in site.ctl("functions", "--json").json}
    assert functions["echo"]["jobs"]["QUEUED"] == 3
    assert "noop" in site.ctl("functions", "--names").out.split()


# ---- logs ----


def test_tail_follows_a_log_to_its_end(site):
    script = site.functions / "counter"
    script.write_text("#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8 9; do echo line $i >&2; sleep 0.05; done\n")
    script.chmod(0o755)
    job = site.submit("counter")
    lines = site.ctl("tail", job).out.splitlines()
    assert lines[-1] == "line 9" and lines == [f"line {i}" for i in range(10 - len(lines), 10)]
    assert site.ctl("tail", "--lines", "2", job).out == "line 8\nline 9\n"
    assert site.ctl("log", job).out == "".join(f"line {i}\n" for i in range(1, 10))
    assert site.ctl("log", "--offset", "56", job).out == "line 9\n"


def test_bytes_are_not_changed_on_their_way_to_a_pipe(site):
    job = site.submit("binary_output")
    site.ctl("wait", job)
    assert site.ctl("show", "--result", job).bytes == site.tool("result", job)


def test_a_terminal_is_not_told_what_to_do_by_a_function(site):
    script = site.functions / "loud"
    script.write_text("#!/bin/sh\nprintf '\\033]0;owned\\007 \\302\\233x ü\\n' >&2\n")
    script.chmod(0o755)
    job = site.submit("loud")
    site.ctl("wait", job)
    shown = subprocess.run(["script", "-qec", f"{CTL} --config {site.file} log {job}", "/dev/null"], capture_output=True,
                           stdin=subprocess.DEVNULL, timeout=20 * PATIENCE).stdout
    assert b"owned" in shown and "ü".encode() in shown
    assert b"\033" not in shown and b"\007" not in shown and b"\302\233" not in shown


# ---- pause ----


def test_a_paused_function_waits_and_a_running_worker_sees_it(site):
    site.configure(idle_linger="30s")
    site.ctl("submit", "noop", "--wait")
    assert len(site.workers()) == 1
    site.ctl("pause", "noop")
    worker.eventually(lambda: next(entry for entry in site.ctl("functions", "--json").json if entry["name"] == "noop")["paused"], 3)
    worker.eventually(lambda: site.log().count("configuration_loaded") >= 1 or not site.submit("echo") and False, 5,
                      "the worker has seen it")
    job = site.submit("noop")
    document = site.ctl("show", job, "--json").json
    assert (document["status"], document["queue"]["reason"]) == ("QUEUED", "paused")
    site.ctl("resume", "noop")
    assert site.ctl("wait", job, "--timeout", "5s").status == 0


def test_a_function_that_the_configuration_pauses_is_not_resumed(site):
    site.configure(noop__concurrency=0)
    assert "concurrency = 0" in site.ctl("resume", "noop", status=1).err


def test_pause_leaves_others_alone(site):
    site.ctl("pause", "noop")
    site.ctl("submit", "echo", "--wait")


def test_only_what_is_installed_is_paused(site):
    assert "no function" in site.ctl("pause", "nosuch", status=66).err
    assert "no function has such a name" in site.ctl("pause", "a/b", status=66).err
    assert "no function has such a name" in site.ctl("resume", "a/b", status=65).err


# ---- keys ----


def test_a_key_is_shown_once_and_kept_as_its_sum(site):
    secret = site.ctl("key", "add", "me", "--allow", "submit,read", "--function", "noop", "--rate", "5", "--quota", "9").out.strip()
    assert re.fullmatch(r"jg_[A-Za-z0-9_-]{43}", secret)
    keys = (site.data / "keys").read_text()
    assert secret not in keys and "rate=5" in keys and (site.data / "keys").stat().st_mode & 0o777 == 0o600
    listed = site.ctl("key", "list", "--json").json
    assert listed == [{"name": "me", "allow": "submit,read", "functions": ["noop"], "rate": 5, "burst": 0, "quota": 9, "active": 0}]
    assert "there already" in site.ctl("key", "add", "me", "--allow", "read", status=1).err
    assert "no scope" in site.ctl("key", "add", "you", "--allow", "everything", status=65).err
    site.ctl("key", "remove", "me")
    assert site.ctl("key", "list", "--json").json == []
    assert "no key named" in site.ctl("key", "remove", "me", status=66).err


# ---- root ----


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_started_by_root_it_leaves_nothing_of_roots(site):
    user = pwd.getpwnam("nobody")
    data = site.data
    site.open_to(user)
    os.chown(data, user.pw_uid, user.pw_gid)
    job = site.submit("print_environment")
    site.ctl("wait", job)
    site.ctl("key", "add", "me", "--allow", "read")
    site.ctl("pause", "noop")
    site.ctl("backup", site.folder / "backup")
    site.ctl("verify", site.folder / "backup")
    owners = {path: path.stat().st_uid for place in (data, site.folder / "backup") for path in [place, *place.rglob("*")]}
    assert set(owners.values()) == {user.pw_uid}, owners
    assert "HOME=/root" not in site.ctl("show", "--result", job).out


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("first", [["submit", "noop", "{}"], ["doctor"], ["list"]])
def test_root_begins_the_log_as_the_user_who_goes_on_with_it(site, first):
    user = pwd.getpwnam("nobody")
    site.open_to(user)
    folder = site.folder / "logs"
    folder.mkdir()
    for path in (site.data, folder):
        os.chown(path, user.pw_uid, user.pw_gid)
    site.configure(log_file=str(folder / "jobgate.log"))
    site.file.chmod(0o644)
    site.ctl(*first)
    site.ctl("wait", site.submit("noop"))
    assert (folder / "jobgate.log").stat().st_uid == user.pw_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_does_not_make_a_data_folder_of_its_own(site):
    site.data.rmdir()
    assert "install -d -o USER" in site.ctl("list", status=78).err
    assert not site.data.exists()


# ---- manuals, completion ----


def manuals():
    from conftest import BUILD

    made = [BUILD / "man" / "jobgatectl.1", BUILD / "man" / "jobgate.conf.5"]
    return made + sorted((SOURCE / "man").glob("*.[1-8]"))


def test_the_manual_has_every_command_and_every_key(site):
    ctl, conf = (path.read_text() for path in manuals()[:2])
    assert re.findall(r"^\.Ss (\S+)$", ctl, re.M) == COMMANDS
    dump = subprocess.run([worker.BUILD / "worker" / "jobgate-worker", "--config", site.file, "--test"], capture_output=True,
                          text=True).stdout
    keys = set(re.findall(r"^([a-z_]+) =", dump, re.M))
    assert keys == set(re.findall(r"^\.It Ic (\S+) No", conf, re.M))


@pytest.mark.parametrize("words, expected", [
    (["su"], ["submit"]),
    (["list", "--st"], ["--status"]),
    (["submit", "no"], ["noop"]),
    (["key", "re"], ["remove"]),
    (["list", "--status", "q"], ["queued"]),
])
def test_bash_completes(site, words, expected):
    site.put("noop", start=False)
    script = (f". {SOURCE}/ctl/completion/jobgatectl; COMP_WORDS=(jobgatectl {' '.join(words)}); COMP_CWORD={len(words)}; "
              '_jobgatectl; printf "%s\\n" "${COMPREPLY[@]}"')
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                          env={**os.environ, "PATH": f"{CTL.parent}:{os.environ['PATH']}", "JOBGATE_CONFIG": str(site.file)})
    assert said.stdout.split() == expected, said


def test_bash_completes_the_id_of_any_job(site):
    first, *_ = site.put("noop", count=60, start=False)
    test_bash_completes(site, ["show", first[:-4]], [first])
