"""quickstart itself: what it promises to those who start it, and what it says when something is wrong."""

import os
import re
import signal
import socket
import subprocess
import tempfile

import pytest

import processes
from client import PATIENCE, eventually
from harness import BUILD, SERVERS, SOURCE

QUICKSTART = str(SOURCE / "quickstart")


@pytest.fixture
def folder():
    """A folder that the unprivileged user of root's quickstart can get to, and nothing left that names it."""
    with tempfile.TemporaryDirectory(prefix="jg-", dir="/tmp") as path:
        os.chmod(path, 0o755)
        yield path
        try:
            eventually(lambda: not processes.find(path), 10, "nothing of it is left")
        finally:
            for process in processes.find(path):
                process.kill()


def run(*options, **more):
    return subprocess.run([QUICKSTART, "--build", BUILD, *options], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=50 * PATIENCE, **more)


def function(folder, name, text):
    functions = os.path.join(folder, "functions")
    os.makedirs(functions, exist_ok=True)
    path = os.path.join(functions, name)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o755)
    return functions


@pytest.mark.parametrize("name", SERVERS)
def test_once_shows_a_job_that_succeeded_and_leaves_nothing(folder, name):
    result = run("--once", "--server", name, "--port", "0", "--data", f"{folder}/data")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "SUCCEEDED" in result.stdout and '"count": 26355867' in result.stdout
    assert "\x1b" not in result.stdout  # no colours but on a terminal
    assert not os.path.exists(f"{folder}/data/run/server.pid")


def test_once_ends_with_the_status_of_the_job(folder):
    functions = function(folder, "broken", "#!/bin/sh\nexit 65\n")
    result = run("--once", "--port", "0", "--data", f"{folder}/data", "--functions", functions)
    assert result.returncode == 1 and "FAILED" in result.stdout, result.stdout + result.stderr


def test_jobs_are_kept_from_start_to_start(folder):
    functions = function(folder, "job_handler", "#!/bin/sh\necho 1\n")
    options = ("--once", "--port", "0", "--data", f"{folder}/data", "--functions", functions)
    first, second = run(*options), run(*options)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    ids = [re.search(r"GET /job/([0-9a-f-]{36})", result.stdout).group(1) for result in (first, second)]
    assert ids[0] != ids[1]


class Started:
    """quickstart --serve on a free port, its line read. `ignored`: the signals that it is started with as ignored. All
    others are at their defaults, whatever the tests themselves were started with: a shell cannot trap what was ignored
    before it began."""

    def __init__(self, folder, *options, ignored=()):
        def set_signals():
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

        self.data = f"{folder}/data"
        self.process = subprocess.Popen(
            [QUICKSTART, "--build", BUILD, "--serve", "--port", "0", "--data", self.data, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            preexec_fn=set_signals,
        )
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if match := re.match(r"Jobgate serves on http://127\.0\.0\.1:(\d+)/ \((\S+), data in (\S+)\)", line):
                self.port, self.server, said_data = int(match.group(1)), match.group(2), match.group(3)
                assert said_data == self.data
                return
        raise AssertionError(f"quickstart ended with {self.process.wait()}: {self.said}")

    def pid(self):
        with open(f"{self.data}/run/server.pid") as file:
            return int(file.read())

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.said += self.process.stdout.read()
        return self.process.wait(20 * PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it_and_all_it_started(folder, number):
    functions = function(folder, "job_handler", "#!/bin/sh\ntrap '' TERM\nsleep 300 &\necho $$ >&2\nsleep 300\n")
    started = Started(folder, "--functions", functions, "--set", "kill_grace=1s")
    post = subprocess.run(["curl", "-s", "-d", "{}", "-H", "Content-Type: application/json",
                           f"http://127.0.0.1:{started.port}/job"], capture_output=True, text=True, check=True)
    assert '"QUEUED"' in post.stdout
    eventually(lambda: processes.find(folder, "sleep"), 10, "the function runs")
    assert started.end(number) == 0, started.said
    assert not processes.find(folder)


def test_as_a_job_of_nohup_or_of_a_script_it_is_ended_by_term_only(folder):
    ignored = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
    started = Started(folder, ignored=ignored)
    for number in ignored:
        started.process.send_signal(number)
    answer = subprocess.run(["curl", "-s", f"http://127.0.0.1:{started.port}/healthz"], stdin=subprocess.DEVNULL)
    assert answer.returncode == 0 and started.process.poll() is None
    assert started.end() == 0, started.said
    assert not processes.find(folder)


def test_second_on_the_same_data_folder_is_refused_and_harms_nothing(folder):
    started = Started(folder)
    before = open(f"{started.data}/jobgate.conf").read()
    result = run("--serve", "--port", "0", "--data", started.data, "--set", "max_workers=1")
    assert result.returncode == 1 and "another server runs on this data folder" in result.stderr, result.stderr
    assert open(f"{started.data}/jobgate.conf").read() == before
    assert started.end() == 0


def test_server_that_is_stopped_by_somebody_else_ends_it_with_an_error(folder):
    started = Started(folder)
    os.kill(started.pid(), signal.SIGTERM)
    assert started.process.wait(20 * PATIENCE) == 1
    assert "has ended" in started.process.stdout.read()


def test_port_in_use_is_said(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("--serve", "--port", str(taken.getsockname()[1]), "--data", f"{folder}/data")
    assert result.returncode == 1 and "in use" in result.stderr


def test_settings_reach_the_configuration_and_wrong_ones_are_named_with_their_line(folder):
    result = run("--once", "--port", "0", "--data", f"{folder}/data", "--set", "function.primes.env.GREETING=hello = there",
                 "--set", "max_workers=3", "--set", "function.primes.timeout=7m")
    assert result.returncode == 0, result.stderr
    with open(f"{folder}/data/jobgate.conf") as file:
        text = file.read()
    assert "max_workers = 3\n" in text
    assert "\n[function primes]\nenv.GREETING = hello = there\ntimeout = 7m\n" in text
    result = run("--serve", "--port", "0", "--data", f"{folder}/data", "--set", "max_workres=3")
    assert result.returncode == 1
    assert re.search(r"jobgate\.conf\S*:\d+:.*max_workres", result.stderr), result.stderr


def test_long_data_folder_is_no_trouble(folder):
    deep = f"{folder}/{'d' * 80}/{'e' * 80}"
    result = run("--once", "--port", "0", "--data", deep)
    assert result.returncode == 0, result.stdout + result.stderr


def test_wrong_options_are_explained():
    for options, words in (
        (("--bogus",), "unknown option '--bogus'"),
        (("--port",), "--port wants a value"),
        (("--port", "70000"), "--port is a number"),
        (("--server", "iis"), "--server is lighttpd"),
        (("--set", "nothing"), "--set wants KEY=VALUE"),
    ):
        result = run(*options)
        assert result.returncode == 1 and words in result.stderr, result.stderr
    help_text = run("--help")
    assert help_text.returncode == 0 and "--functions DIR" in help_text.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has somebody else run things")
def test_folder_that_the_unprivileged_user_cannot_reach_is_refused(folder):
    os.mkdir(f"{folder}/closed", 0o700)
    result = run("--serve", "--port", "0", "--data", f"{folder}/closed/data")
    assert result.returncode == 1 and "cannot get into" in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has somebody else run things")
def test_nothing_but_quickstart_runs_as_root(folder):
    started = Started(folder)
    for process in processes.find(folder):
        if process.pid != started.process.pid:
            assert os.stat(f"/proc/{process.pid}").st_uid != 0, process
    assert started.end() == 0


def test_placeholder_without_a_value_is_an_error():
    result = subprocess.run([SOURCE / "conf" / "fill", "programs=/p"], input="@programs@/x @sockets@\n", capture_output=True, text=True)
    assert result.returncode == 1 and "@sockets@" in result.stderr and result.stdout == ""
