"""An installation with the shim in all of its programs, on a disk of its own where that can be had."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "http"))

from harness import BUILD, Site  # noqa: E402
from orders import Shim  # noqa: E402

DISK_SIZE = 4 << 30  # of a tmpfs: takes only what is in it
DISK_INODES = 100000
IN_OWN_MOUNTS = "JOBGATE_CRASH_MOUNTS"


def begin_own_mounts():
    """Starts this program anew where its mounts are nobody else's and go with it. Only root can."""
    if os.geteuid() != 0 or IN_OWN_MOUNTS in os.environ:
        return
    command = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*command, "true"], stderr=subprocess.DEVNULL).returncode == 0:
        os.environ[IN_OWN_MOUNTS] = "1"
        os.execvp("unshare", [*command, sys.executable, *sys.argv])


def may_mount():
    return IN_OWN_MOUNTS in os.environ


class Installation(Site):
    def __init__(self, **settings):
        super().__init__("lighttpd", **settings)
        self.store = self.data / "store"
        self.shim = Shim(self.folder / "shim", self.store)
        shutil.copy(BUILD / "tests" / "crash" / "shim.so", self.shim.folder)
        self.data.mkdir()
        if may_mount():
            self._mount(f"size={DISK_SIZE},nr_inodes={DISK_INODES},mode=755")
        self._wrap_programs()

    # Workers and couriers start with an environment of their own, in which the shim is not.
    def _wrap_programs(self):
        self.shim.wrapped(self.data / "programs" / "jobgate-deliver")
        self.settings["worker_program"] = str(self.shim.wrapped(self.data / "programs" / "jobgate-supervisor"))

    @contextlib.contextmanager
    def _shimmed(self):
        before = dict(os.environ)
        os.environ.update(self.shim.environment())
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def _launch(self):
        with self._shimmed():
            super()._launch()

    def control(self, *words):
        with self._shimmed():
            return super().control(*words)

    # ---- its disk ----

    def _mount(self, options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "jobgate", str(self.data)], check=True)

    def shrink_disk(self, free_bytes=None, free_inodes=None):
        """Leaves so much room, and no more. Without arguments, as much as there was."""
        system = os.statvfs(self.data)
        options = [f"size={DISK_SIZE}", f"nr_inodes={DISK_INODES}"]
        if free_bytes is not None:
            options[0] = f"size={(system.f_blocks - system.f_bfree) * system.f_frsize + free_bytes}"
        if free_inodes is not None:
            options[1] = f"nr_inodes={system.f_files - system.f_ffree + free_inodes}"
        command = ["mount", "-o", "remount," + ",".join(options), str(self.data)]
        return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0

    def stop(self):
        try:
            super().stop()
        finally:
            if may_mount():
                subprocess.run(["umount", "--lazy", str(self.data)], stderr=subprocess.DEVNULL)
                shutil.rmtree(self.folder, ignore_errors=True)
