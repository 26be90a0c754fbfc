"""Starts and ends one Jobgate behind one web server, by quickstart, for as long as tests need it."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import processes
from client import PATIENCE, Api, eventually

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("JOBGATE_BUILD") or SOURCE / "build").resolve()
SERVERS = ("lighttpd", "apache", "apache-cgi", "nginx")
DAEMONS = {"lighttpd": "lighttpd", "apache": "apache2", "apache-cgi": "apache2", "nginx": "nginx"}

SERVES = re.compile(r"^Jobgate serves on http://127\.0\.0\.1:(\d+)/", re.MULTILINE)
START_LIMIT = 20  # seconds until quickstart says that it serves
STOP_LIMIT = 20  # seconds from TERM to the end of quickstart
LOG_SHOWN = 6000  # bytes of the end of each log, shown when a test fails

# Where functions for tests come from: the shipped examples, the ones with bad habits, and this folder's own.
FUNCTION_FOLDERS = ("worker/functions", "tests/functions", "tests/http/functions")

# The same function under another name, so that one installation can have it with several settings.
COPIES = {
    "small_memory": "puppet",
    "short_cpu": "puppet",
    "small_files": "puppet",
    "flaky": "puppet",
    "patient": "puppet",
    "later": "puppet",
    "too_old": "puppet",
    "brief": "hold",
    "single": "hold",
    "paused": "note",
    "held": "note",
    "keyed": "note",
}

# What every installation here has unless a test says otherwise. A short linger and grace: tests wait for both.
SETTINGS = {
    "max_workers": "4",
    "idle_linger": "2s",
    "kill_grace": "1s",
    "retries": "0",
    "log_level": "info",
    "function.small_memory.memory": "256MiB",
    "function.short_cpu.cpu": "1s",
    "function.small_files.file_size": "1MiB",
    "function.flaky.retries": "2",
    "function.flaky.backoff": "400ms",
    "function.patient.retries": "1",
    "function.patient.backoff": "10m",
    "function.later.backoff": "100ms",
    "function.too_old.backoff": "100ms",
    "function.too_old.max_event_age": "1s",
    "function.brief.timeout": "1s",
    "function.single.concurrency": "1",
    "function.paused.concurrency": "0",
    "function.held.concurrency": "0",
}


def is_function(file):
    return file.is_file() and os.access(file, os.X_OK) and not file.name.startswith(".") and file.suffix != ".so"


def install_functions(target):
    """Copies every function there is into one folder, with modes that Jobgate accepts."""
    target.mkdir(mode=0o755)
    for folder in FUNCTION_FOLDERS:
        for root in (SOURCE, BUILD):
            if root == BUILD and BUILD == SOURCE:
                continue
            for file in sorted((root / folder).glob("*")):
                if is_function(file):
                    copy = target / file.name
                    shutil.copyfile(file, copy)
                    copy.chmod(0o755)
    for name, original in COPIES.items():
        shutil.copy(target / original, target / name)


class Site:
    """One installation: quickstart, a web server, a data folder and functions of its own."""

    def __init__(self, server, **settings):
        self.server = server
        self.settings = {**SETTINGS, **settings}
        # A short path: the sockets lie below it, and theirs ends at 108 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="jg-", dir="/tmp"))
        self.folder.chmod(0o755)  # the unprivileged user that root's quickstart chooses has to get in
        self.data = self.folder / "data"
        self.functions = self.folder / "functions"
        self.scratch = self.folder / "scratch"  # where functions leave what tests look at
        self.output = self.folder / "quickstart.log"
        self.quickstart = None
        self.api = None
        self.settings.setdefault("env.SCRATCH", str(self.scratch))
        self.settings.setdefault("write", str(self.scratch))
        install_functions(self.functions)
        self.scratch.mkdir()
        self.scratch.chmod(0o777)

    # ---- its life ----

    def start(self):
        """Waits for the line that quickstart prints when /readyz answers 200. May be called again after the server or
        quickstart has ended: the data folder is kept."""
        said = self.output.stat().st_size if self.output.exists() else 0
        self._launch()

        def address():
            if self.quickstart.poll() is not None:
                raise AssertionError(f"quickstart ended with {self.quickstart.returncode}")
            return SERVES.search(self.output.read_text(errors="replace")[said:])

        try:
            port = int(eventually(address, START_LIMIT, f"{self.server} is ready", pause=0.02)[1])
        except AssertionError as error:
            raise AssertionError(f"{self.server} did not start: {error}{self.logs()}") from None
        if self.api is None:
            self.api = Api(port)
        self.api.port = port
        return self

    def _launch(self):
        command = [str(SOURCE / "quickstart"), "--serve", "--server", self.server, "--port", "0"]
        command += ["--data", str(self.data), "--functions", str(self.functions), "--build", str(BUILD)]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        with open(self.output, "ab") as output:
            self.quickstart = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    def _end_quickstart(self):
        if self.quickstart is None:
            return None
        if self.quickstart.poll() is not None:
            return "ended before"
        self.quickstart.send_signal(signal.SIGTERM)
        try:
            return self.quickstart.wait(STOP_LIMIT * PATIENCE)
        except subprocess.TimeoutExpired:
            self.quickstart.kill()
            self.quickstart.wait()
            return "still there"

    def stop(self):
        """Ends quickstart by TERM and removes everything. Fails when it left a process behind."""
        status = self._end_quickstart()
        left = self.wait_for_none(2.0)
        logs = self.logs() if left or status not in (0, None) else ""
        for process in left:
            process.kill()
        if not os.environ.get("JOBGATE_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)
        assert status in (0, None, "ended before"), f"quickstart, {STOP_LIMIT} s after TERM: {status}{logs}"
        assert not left, f"quickstart left processes behind: {left}{logs}"

    # ---- looking into it ----

    def processes(self, program=None):
        """All of its processes but quickstart itself."""
        return [found for found in processes.find(str(self.folder), program) if found.pid != self.quickstart.pid]

    def workers(self):
        return self.processes("jobgate-worker")

    def daemons(self):
        """The web server's own processes, the parent first."""
        return sorted(self.processes(DAEMONS[self.server]), key=lambda process: process.pid)

    def wait_for_none(self, within):
        """What is left of its processes when the time is over: nothing, as it should be."""
        end = time.monotonic() + within * PATIENCE
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.05)
        return left

    def log_files(self):
        return [self.output] + sorted(file for file in self.folder.rglob("*.log") if file != self.output)

    def logs(self):
        """The ends of all logs: quickstart's, the web server's, jobgate's."""
        shown = []
        for file in self.log_files():
            try:
                text = file.read_bytes()[-(LOG_SHOWN // 8 if file.name == "access.log" else LOG_SHOWN) :].decode(errors="replace")
            except OSError:
                continue
            if text.strip():
                shown.append(f"\n--- {file.relative_to(self.folder)} ---\n{text}")
        return "".join(shown)

    def edit(self, section, key, value):
        """Changes one key of the configuration, as an administrator's editor would: a new file in the old one's
        place. `section` is a function's name, or None for the installation."""
        file = self.data / "jobgate.conf"
        lines, inside, done = [], section is None, False
        for line in file.read_text().splitlines():
            if line.lstrip().startswith("["):
                if inside and not done:
                    lines.append(f"{key} = {value}")
                    done = True
                inside = section is not None and line.strip() == f"[function {section}]"
            elif inside and line.partition("=")[0].strip() == key:
                if done:
                    continue
                line, done = f"{key} = {value}", True
            lines.append(line)
        if not done:
            if not inside:
                lines.append(f"[function {section}]")
            lines.append(f"{key} = {value}")
        status = file.stat()
        fresh = file.with_name(file.name + ".new")
        fresh.write_text("\n".join(lines) + "\n")
        fresh.chmod(status.st_mode & 0o7777)
        os.chown(fresh, status.st_uid, status.st_gid)
        fresh.rename(file)

    # ---- its keys ----

    def control(self, *words):
        """Runs jobgatectl on this installation; gives what it prints."""
        environment = {**os.environ, "JOBGATE_CONFIG": str(self.data / "jobgate.conf")}
        done = subprocess.run(
            [BUILD / "ctl" / "jobgatectl", *words], env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=20 * PATIENCE,
        )
        assert done.returncode == 0, f"jobgatectl {words}: {done.stderr}"
        return done.stdout

    def add_key(self, name, functions=(), **options):
        """Gives the secret. Options as in `jobgatectl key add`: allow="read,list", rate=50."""
        words = [word for function in functions for word in ("--function", function)]
        for option, value in options.items():
            words += [f"--{option}", str(value)]
        return self.control("key", "add", name, *words).strip()

    def remove_key(self, name):
        self.control("key", "remove", name)

    # ---- what its functions leave in the scratch folder ----

    def notes(self, name="notes"):
        """The lines that functions have appended."""
        try:
            return (self.scratch / name).read_text().splitlines()
        except FileNotFoundError:
            return []

    def touch(self, name):
        (self.scratch / name).touch()

    def started(self, job_id, attempt=1, within=20.0):
        """Waits for the function `hold` to be running; gives the process ids of that attempt."""
        file = self.scratch / f"{job_id}.{attempt}.pids"
        self.api.patiently(file.exists, within, f"attempt {attempt} of {job_id} runs")
        return [int(word) for word in file.read_text().split()]

    def held(self):
        """The ids of all jobs that the function `hold` has ever run for."""
        return {file.name.split(".")[0] for file in self.scratch.glob("*.pids")}

    def release(self, job_id):
        """Lets the function `hold` go on to its end."""
        self.touch(f"{job_id}.go")
