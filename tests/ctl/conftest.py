"""jobgatectl on an installation without a web server, as tests/worker has them, and on real ones, as tests/http has them."""

import importlib.util
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("JOBGATE_BUILD", SOURCE / "build")).resolve()
PATIENCE = float(os.environ.get("JOBGATE_PATIENCE", "1"))
CTL = BUILD / "ctl" / "jobgatectl"
sys.path.insert(0, str(SOURCE / "tests" / "http"))


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


worker = _load("worker_site", SOURCE / "tests" / "worker" / "conftest.py")


class Result:
    def __init__(self, done):
        self.status = done.returncode
        self.bytes = done.stdout
        self.out = done.stdout.decode(errors="replace")
        self.err = done.stderr.decode(errors="replace")

    def __repr__(self):
        return f"<exit {self.status}\n{self.out}\n{self.err}>"

    @property
    def json(self):
        return json.loads(self.out)


def run_ctl(file, *arguments, stdin=b"", environment=None):
    """Whatever it is asked, it ends; what it says is for the caller to look at."""
    done = subprocess.run([CTL, "--config", file, *map(str, arguments)], input=stdin, capture_output=True,
                          timeout=60 * PATIENCE, env={**os.environ, **(environment or {})})
    return Result(done)


class Installation(worker.Installation):
    def __init__(self):
        super().__init__()
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)  # root's jobgatectl makes none of its own

    def ctl(self, *arguments, status=0, **more):
        result = run_ctl(self.file, *arguments, **more)
        assert result.status == status, result
        return result

    def open_to(self, user):
        """What root starts here can run as this user, wherever the build tree is; whose the data folder is remains to be said."""
        self.own_programs()
        self.configure()
        self.folder.chmod(0o755)
        self.file.chmod(0o644)
        log = self.folder / "log"
        log.touch()
        os.chown(log, user.pw_uid, user.pw_gid)

    def submit(self, function, event="{}", *more):
        return self.ctl("submit", function, event, *more).out.strip()

    def end(self):
        """Whoever was started while the others were killed has a long queue before him."""

        def killed():
            return not [process.kill(signal.SIGKILL) for process in self.processes()]

        worker.eventually(killed, 10, "what was left has been killed")
        shutil.rmtree(self.folder, ignore_errors=True)

    def ids(self, *more):
        return self.ctl("list", "--ids", "--limit", "0", *more).out.split()


@pytest.fixture
def site():
    installation = Installation()
    installation.configure()
    yield installation
    installation.end()


@pytest.fixture
def another():
    """An installation to move jobs to."""
    installation = Installation()
    installation.configure()
    yield installation
    installation.end()


@pytest.fixture
def serve():
    """serve(server, **settings): a real web server for this test alone."""
    import harness

    begun = []

    def begin(server, **settings):
        begun.append(harness.Site(server, **settings))
        return begun[-1].start()

    yield begin
    for own in begun:
        own.stop()
