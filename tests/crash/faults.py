"""What can happen to an installation: the kinds of faults, how often each comes, and how it is done."""

import errno
import os
import pwd
import signal
import subprocess
import time

import power
from client import ENDED, NoAnswer, eventually
from installation import may_mount
from orders import FAIL, FILE_CALLS, KILL, PROGRAMS, STOP

SERVING = ("jobgate-submit", "jobgate-status")
WORKING = ("jobgate-worker", "jobgate-supervisor")
LOADED = (*SERVING, *WORKING)  # those that are there whenever there is work
KINDS_OF_FILE = ("log.", ".db", "__db.", "spare", "ballast", "gate", "doorbell", "slots", "")
WAIT_FOR_CALL = 0.8  # seconds until the call that is to fail
HOURS_MS = 3600 * 1000
BALLAST_SIZE = 20 << 20  # lib/store_bdb/space.c
REGIONS_SIZE = 24 << 20  # lib/store_bdb/engine.c: the cache and what belongs to it, and the small ones


class Faults:
    """Each method is one kind of fault, and says whether there was anything to harm. When it returns, the harm is over:
    whatever it took away has been given back."""

    def __init__(self, site, chance):
        self.site = site
        self.shim = site.shim
        self.chance = chance
        self.order = ""  # of the fault made last, what its kind does not say

    def heal(self):
        """Everything is as it should be: what then does not go on never will."""
        self.shim.withdraw()
        self.shim.orders.clock_ms = 0

    # ---- signals ----

    def _one(self, *programs):
        victims = [process for program in programs for process in self.site.processes(program)]
        return self.chance.choice(victims) if victims else None

    def kill(self):
        """kill -9 of one process."""
        victim = self._one(self.chance.choice(LOADED))
        return victim is not None and victim.kill()

    def kill_pair(self):
        """A worker and its supervisor at once: nobody is left to clean up after them."""
        victims = self.site.processes("jobgate-supervisor") + self.site.processes("jobgate-worker")
        return sum(victim.kill() for victim in victims) > 0

    def stop_program(self):
        """SIGSTOP for a while, of a program that answers requests."""
        return self._stop(SERVING, self.chance.uniform(0.1, 2.0))

    def stop_worker(self):
        """SIGSTOP of a worker, perhaps inside the gate, perhaps past its job's time."""
        return self._stop(WORKING, self.chance.uniform(0.1, 4.0))

    def _stop(self, programs, seconds):
        victim = self._one(*programs)
        if victim is None or not victim.kill(signal.SIGSTOP):
            return False
        time.sleep(seconds)
        victim.kill(signal.SIGCONT)
        return True

    def kill_functions(self):
        """The functions themselves, by KILL: failures, which are tried again."""
        victims = [found for found in self.site.processes() if not found.program.startswith("jobgate-")
                   and b"JOBGATE_JOB_ID=" in found.environment]
        return sum(victim.kill() for victim in victims) > 0

    # ---- at the k-th system call ----

    def kill_at_call(self):
        """kill -9 at the k-th call on a file of the data folder."""
        self._order(KILL, FILE_CALLS)
        return self._was_struck() != 0

    def stop_at_call(self):
        """SIGSTOP at the k-th call on a file of the data folder, for a while."""
        self._order(STOP, FILE_CALLS)
        victim = self._was_struck()
        if victim == 0:
            return False
        time.sleep(self.chance.uniform(0.1, 2.0))
        try:
            os.kill(victim, signal.SIGCONT)
        except ProcessLookupError:
            pass  # whoever waited for it has ended it
        return True

    def _order(self, action, calls, programs=LOADED, furthest=200, times=1, file="", fails_with=0):
        """One of the programs and one of the calls, by chance."""
        call, program, wait = self.chance.choice(calls), self.chance.choice(programs), int(furthest ** self.chance.random())
        self.order = f"({program}: {wait} {call} {file}, {times} times)"
        self.shim.order(action, [call], programs=[program], times=times, wait=wait, file=file, fails_with=fails_with)

    def _was_struck(self):
        victim = self.shim.struck(WAIT_FOR_CALL)
        self.shim.withdraw()
        return victim

    def calls_fail_for_room(self):
        """ENOSPC in calls on one kind of file."""
        self._order(FAIL, ("write", "open", "size", "name"), furthest=30, times=self.chance.randint(1, 20),
                    file=self.chance.choice(KINDS_OF_FILE), fails_with=errno.ENOSPC)
        return self._was_struck() != 0

    def fork_fails(self):
        """EAGAIN from clone and pthread_create."""
        self._order(FAIL, ("start",), furthest=3, times=self.chance.randint(1, 20), fails_with=errno.EAGAIN)
        return self._was_struck() != 0

    def memory_fails(self):
        """malloc gives nothing, at the k-th call."""
        self._order(FAIL, ("memory",), programs=PROGRAMS[:5], furthest=5000, times=self.chance.choice((1, 1, 10, 1000)),
                    fails_with=errno.ENOMEM)
        return self._was_struck() != 0

    def sync_fails(self):
        """EIO once from the log's fdatasync: nothing is accepted until `jobgatectl recover`."""
        self._order(FAIL, ("sync",), furthest=10, file="log.", fails_with=errno.EIO)
        if self._was_struck() == 0:
            return False
        eventually(self._refuses, 10, "503 for a POST after a sync has failed, and no answer but that")
        self.site.control("recover")
        return True

    def _refuses(self):
        """A few times in a row: a program that has just been started may be that busy as well."""
        try:
            return all(self.site.api.post(event={}, function="note").status == 503 for _ in range(5))
        except NoAnswer:
            return False

    # ---- the whole ----

    def restart_server(self):
        """The web server ends in good order and is started again; workers go on."""
        daemons = self.site.daemons()
        if not daemons:
            return False
        for process in daemons:
            process.kill(signal.SIGTERM)
        eventually(lambda: not self.site.daemons(), 15, "the web server has ended")
        self.site.quickstart.kill()  # it would end the workers as well
        self.site.quickstart.wait()
        self.site.start()
        return True

    def kill_group(self):
        """KILL for the web server's process group, its programs with it: workers are in sessions of their own, and go on."""
        workers = self.site.processes("jobgate-worker")
        daemons = self.site.daemons()
        if not daemons:
            return False
        self.site.quickstart.kill()  # it would end the workers as well
        try:
            os.killpg(os.getpgid(daemons[0].pid), signal.SIGKILL)
        except ProcessLookupError:
            pass  # ended by itself just now
        self.site.quickstart.wait()
        eventually(lambda: not self.site.daemons(), 15, "the web server's processes are gone")
        alive = {process.pid for process in self.site.processes("jobgate-worker")}
        self.order = f"({sum(worker.pid in alive for worker in workers)} of {len(workers)} workers there afterwards)"
        self.site.start()
        return True

    def kill_everything(self):
        """KILL for every process of the installation at once, and a new start: an operator's last resort."""
        self.end_all()
        self.site.start()
        return True

    def reboot(self):
        """The same, and what a boot leaves of shared memory: no regions, a page that knows nothing."""
        self.end_all()
        for region in self.site.store.glob("__db.*"):
            region.unlink()
        for name in ("gate", "doorbell", "slots"):
            (self.site.store / name).unlink(missing_ok=True)
        self.shim.boot()
        self.site.start()
        return True

    def power_cut(self):
        """Of the data folder, what was synced is left; of the rest, each block by the toss of a coin."""
        self.end_all()
        power.cut(self.site.store, self.shim.shadow, self.chance)
        self.shim.boot()
        self.site.start()
        return True

    def end_all(self):
        self.site.quickstart.kill()
        self.site.quickstart.wait()
        for _ in range(3):  # what was between its fork and its exec is seen in the next round
            for process in self.site.processes():
                process.kill()
        left = self.site.wait_for_none(10)
        assert not left, f"not to be killed: {left}"
        self.shim.nobody_writes()

    def clock_jumps(self):
        """The wall clock goes hours forward or back and stays there; who has to wait a second waits no hours."""
        job_id = eventually(self._submit_delayed, 20, "a job with a delay is accepted")
        self.shim.orders.clock_ms = self.chance.randint(-6 * HOURS_MS, 6 * HOURS_MS)
        self.order = f"(by {self.shim.orders.clock_ms} ms)"
        try:
            eventually(lambda: self._has_ended(job_id), 30, "a job with a delay of a second has ended after the clock's jump")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._look(job_id)!r}") from error
        return True

    def _look(self, job_id):
        try:
            return self.site.api.get(f"/job/{job_id}")
        except NoAnswer as error:
            return error

    def _has_ended(self, job_id):
        answer = self._look(job_id)
        return not isinstance(answer, NoAnswer) and answer.status == 200 and answer.json["status"] in ENDED

    def _submit_delayed(self):
        try:
            answer = self.site.api.post(event={}, function="note", delay=1)
        except NoAnswer:
            return None
        return answer.json["jobId"] if answer.status == 202 else None

    # ---- what a process lacks for a while: set from outside, taken back afterwards ----

    def no_processes(self):
        """fork fails with EAGAIN, by the user's limit."""
        return self._limit("nproc", 1, ("jobgate-submit", *WORKING))

    def no_memory(self):
        """Allocations that need new pages fail."""
        return self._limit("as", 1, LOADED)

    def no_descriptors(self):
        """open, pipe and accept fail with EMFILE."""
        return self._limit("nofile", 8, LOADED)

    def _limit(self, name, soft, programs):
        victim = self._one(*programs)
        if victim is None or not self._set_limit(victim, f"--{name}={soft}:"):
            return False
        time.sleep(self.chance.uniform(0.2, 1.0))
        self._set_limit(victim, f"--{name}=:", unlimited=True)
        return True

    def _set_limit(self, victim, option, unlimited=False):
        """As the process's own user: root may lack the right (CAP_SYS_RESOURCE). Only the soft limit moves."""
        try:
            user = pwd.getpwuid(os.stat(f"/proc/{victim.pid}").st_uid).pw_name
            if unlimited:
                option = option.replace("=:", f"={self._hard(victim, option)}:")
        except (FileNotFoundError, ProcessLookupError):
            return False
        command = ["prlimit", "--pid", str(victim.pid), option]
        if os.geteuid() == 0:
            command = ["runuser", "-u", user, "--", *command]
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    @staticmethod
    def _hard(victim, option):
        names = {"--nproc": "Max processes", "--as": "Max address space", "--nofile": "Max open files"}
        with open(f"/proc/{victim.pid}/limits", encoding="ascii") as limits:
            line = next(line for line in limits if line.startswith(names[option.split("=")[0]]))
        return line[26:].split()[1]

    # ---- room ----

    def disk_reserved(self):
        """The disk is said to be nearly full: new jobs are refused, what is there goes on."""
        self.site.edit(None, "disk_reserve", "1024GiB")
        time.sleep(self.chance.uniform(1.0, 2.5))
        self.site.edit(None, "disk_reserve", "1MiB")
        return True

    def disk_full(self):
        """The disk has no more than a few pages left, for a while."""
        return self._with_disk(free_bytes=4096 * self.chance.choice((0, 1, 10, 100, 1000)))

    def no_inodes(self):
        """The disk has room for no more than a few new files, for a while."""
        return self._with_disk(free_inodes=self.chance.randint(0, 3))

    def recovery_on_full_disk(self):
        """Everybody is killed, and has to recover on a disk without room: readers are answered there."""
        def kill_all():
            had_room = self._has_room_laid_by()
            self.shim.boot()
            for process in self.site.processes():
                if process.program in PROGRAMS:
                    process.kill()
            if had_room and self._has_room_laid_by() and self._is_started_again("jobgate-status"):
                eventually(self._reads, 20, "readers are answered after a recovery on a full disk")

        return self._with_disk(meanwhile=kill_all, free_bytes=0)

    def _is_started_again(self, program):
        """By lighttpd, within seconds or, now and then, not at all."""
        end = time.monotonic() + 5
        while not self.site.processes(program) and time.monotonic() < end:
            time.sleep(0.05)
        return time.monotonic() < end

    def _has_room_laid_by(self):
        """The ballast, and the regions that a recovery makes anew in the place of these: whole, unless one is under way."""
        def taken(pattern):
            return sum(file.stat().st_blocks * 512 for file in self.site.store.glob(pattern))

        try:
            return taken("ballast") >= BALLAST_SIZE and taken("__db.0*") >= REGIONS_SIZE
        except FileNotFoundError:
            return False

    def _reads(self):
        try:
            return self.site.api.get("/job?limit=1").status == 200
        except NoAnswer:
            return False

    def _with_disk(self, meanwhile=None, **room):
        if not may_mount() or not self.site.shrink_disk(**room):
            return False
        try:
            if meanwhile is not None:
                meanwhile()
            time.sleep(self.chance.uniform(0.5, 2.0))
        finally:
            eventually(self.site.shrink_disk, 5, "the disk has its size again")
        return True


# How often each kind comes, in relation: the cheap ones more often. What must hold after each: the system answers both
# kinds of request again by itself (sync_fails: after `jobgatectl recover`), and in the end what the campaign's judge says.
WEIGHTS = {
    "kill": 40, "kill_pair": 6, "stop_program": 6, "stop_worker": 6, "kill_functions": 8,
    "kill_at_call": 40, "stop_at_call": 8, "sync_fails": 4, "calls_fail_for_room": 12, "fork_fails": 8, "memory_fails": 20,
    "restart_server": 3, "kill_group": 3, "kill_everything": 3, "reboot": 3, "power_cut": 8, "clock_jumps": 4,
    "no_processes": 5, "no_memory": 5, "no_descriptors": 5,
    "disk_reserved": 1, "disk_full": 6, "no_inodes": 4, "recovery_on_full_disk": 3,
}
NEEDS_A_DISK = ("disk_full", "no_inodes", "recovery_on_full_disk")
