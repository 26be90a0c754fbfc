"""One installation without any web server for each test: configuration, store, slots, and jobgate-put in the clients' stead."""

import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("JOBGATE_BUILD", SOURCE / "build")).resolve()
SANITIZED = any(mark in (BUILD / "cgi-bin" / "jobgate-submit").read_bytes() for mark in (b"__asan_init", b"__tsan_init"))
PATIENCE = float(os.environ.get("JOBGATE_PATIENCE", "1"))
sys.path[:0] = [str(SOURCE / "tests" / "http"), str(SOURCE / "tests" / "crash")]

import processes  # noqa: E402
from orders import Shim  # noqa: E402

TERMINAL = ("SUCCEEDED", "FAILED", "CANCELLED")


def eventually(check, within=10.0, what="the condition"):
    end = time.monotonic() + within * PATIENCE
    while True:
        last = check()
        if last:
            return last
        assert time.monotonic() < end, f"{what}: not within {within * PATIENCE} s; the last look gave {last!r}"
        time.sleep(0.02)


def landlock():
    """The version of the kernel's Landlock interface, 0 = none."""
    version = ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1)  # landlock_create_ruleset, VERSION
    return max(0, version)


LANDLOCK = landlock()


class Installation:
    def __init__(self):
        self.user = None  # who all of it runs as, when root runs the tests
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="jg-worker-"))
        self.functions = self.folder / "functions"
        self.functions.mkdir(mode=0o755)
        self.programs = BUILD / "worker"
        self.settings = {
            "data_dir": str(self.folder / "data"),
            "functions_dir": str(self.functions),
            "worker_program": str(self.programs / "jobgate-supervisor"),
            "log_file": str(self.folder / "log"),
            "max_workers": "4",
            "idle_linger": "500ms",
            "kill_grace": "500ms",
            "backoff": "200ms",
            "retries": "0",
            "write": str(self.folder),  # functions of the tests leave traces there
        }
        self.sections = {}
        for folder in (SOURCE / "tests" / "functions", BUILD / "tests" / "functions"):
            for file in folder.iterdir():
                if file.is_file() and os.access(file, os.X_OK):
                    shutil.copy(file, self.functions / file.name)
                    (self.functions / file.name).chmod(0o755)

    def own_programs(self):
        """A copy of the programs, to be replaced."""
        self.programs = self.folder / "programs"
        self.programs.mkdir()
        for name in ("jobgate-supervisor", "jobgate-worker", "jobgate-deliver"):
            shutil.copy(BUILD / "worker" / name, self.programs / name)
        self.settings["worker_program"] = str(self.programs / "jobgate-supervisor")

    def shim(self):
        """Workers in whose system calls the test has a say."""
        shim = Shim(self.folder / "shim", self.folder / "data")
        shutil.copy(BUILD / "tests" / "crash" / "shim.so", shim.folder)
        shutil.copyfile("/proc/sys/kernel/random/boot_id", shim.folder / "boot_id")  # as the test's own tools see it
        self.settings["worker_program"] = str(shim.wrapped(self.programs / "jobgate-supervisor"))
        return shim

    def become(self, user):
        """Everything runs as this user, and belongs to him."""
        self.own_programs()
        shutil.copy(BUILD / "tests" / "tools" / "jobgate-put", self.programs / "jobgate-put")
        self.user = user
        entry = pwd.getpwnam(user)
        for found in (self.folder, *self.folder.rglob("*")):
            os.chown(found, entry.pw_uid, entry.pw_gid)

    def run(self, *command):
        drop = {}
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            drop = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        return subprocess.run(command, capture_output=True, timeout=60 * PATIENCE, stdin=subprocess.DEVNULL,
                              cwd="/", **drop)

    def configure(self, **settings):
        """function__key=value goes to [function function]."""
        for name, value in settings.items():
            if "__" in name:
                function, key = name.split("__", 1)
                self.sections.setdefault(function, {})[key.replace("env_", "env.")] = str(value)
            else:
                self.settings[name] = str(value)
        lines = [f"{key} = {value}" for key, value in self.settings.items()]
        for function, keys in self.sections.items():
            lines += [f"[function {function}]"] + [f"{key} = {value}" for key, value in keys.items()]
        new = self.folder / "jobgate.conf.new"
        new.write_text("\n".join(lines) + "\n")
        new.chmod(0o600)
        if self.user is not None:
            os.chown(new, pwd.getpwnam(self.user).pw_uid, -1)
        new.rename(self.file)
        return self

    @property
    def file(self):
        return self.folder / "jobgate.conf"

    def tool(self, *arguments):
        tool = (BUILD / "tests" / "tools" if self.user is None else self.programs) / "jobgate-put"
        done = self.run(tool, self.file, *map(str, arguments))
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def put(self, function, event="{}", count=1, delay_ms=0, start=True):
        verb = "put" if start else "queue"
        ids = self.tool(verb, function, event, count, delay_ms).decode().split()
        return ids[0] if count == 1 else ids

    def get(self, job):
        record = {"attempt_list": []}
        for line in self.tool("get", job).decode(errors="replace").splitlines():
            key, _, value = line.partition(" ")
            if key == "attempt":
                names = ("number", "started_ms", "finished_ms", "exit_status", "signal", "error_type", "cpu_us", "peak")
                words = value.split()
                record["attempt_list"].append({name: word if name == "error_type" else int(word)
                                               for name, word in zip(names, words)})
            else:
                record[key] = int(value) if value.lstrip("-").isdigit() else value
        return record

    def ended(self, job, within=20):
        def look():
            record = self.get(job)
            return record if record["status"] in TERMINAL else None

        return eventually(look, within, f"the end of {job}")

    def running(self, job, message="asleep"):
        """Until the function itself says that it is up."""
        return eventually(lambda: self.get(job)["message"] == message, 10, f"{job} is running")

    def counts(self):
        return {name: int(count) for name, count in (line.split() for line in self.tool("counts").decode().splitlines())}

    def slots(self):
        return int(self.tool("slots"))

    def worker(self, *arguments):
        return subprocess.run([self.programs / "jobgate-worker", "--config", self.file, *arguments], capture_output=True,
                              timeout=60 * PATIENCE, stdin=subprocess.DEVNULL, text=True)

    def processes(self, program=None):
        return [one for one in processes.find(str(self.folder), program)]

    def workers(self):
        return self.processes("jobgate-worker")

    def supervisors(self):
        return self.processes("jobgate-supervisor")

    def log(self):
        try:
            return (self.folder / "log").read_text()
        except FileNotFoundError:
            return ""

    def nothing_left(self, within=10):
        eventually(lambda: not self.processes(), within, "no process is left")

    def end(self):
        left = self.processes()
        for process in left:
            process.kill(signal.SIGKILL)
        eventually(lambda: not self.processes(), 10, "what was left has been killed")
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def site(request):
    installation = Installation()
    yield installation
    if getattr(request.node, "failed", False):
        print(installation.log()[-4000:])
    installation.end()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.failed = outcome.get_result().failed
