#!/usr/bin/python3
"""The crash campaign: the whole system under load, and everything happens to it that can.

    campaign.py [--minutes M] [--seed N] [--faults KIND,KIND…]

Starts an installation behind a real lighttpd (by quickstart), lets clients post and get, and does harm to it: one fault
after another, the next one only when the system has answered again. In the end, everything is healed, and each job that
got a 202 is looked at: has it ended, was its outcome recorded once, did its function run at least once? Prints the faults
by kind, the jobs, and the longest stall; exits with 1 when anything was lost, stuck, recorded twice, or hung. A seed
repeats the choice of faults (not the instant in which they strike)."""

import argparse
import collections
import os
import pathlib
import pwd
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "http"))

from client import ENDED, REQUEST_LIMIT, eventually, query  # noqa: E402
from harness import Site  # noqa: E402
from test_kills import Clients, are_both_back  # noqa: E402

PROGRAMS = ("jobgate-submit", "jobgate-status", "jobgate-worker", "jobgate-supervisor")
SETTINGS = {"max_workers": "4", "max_interruptions": "100000", "retries": "1000", "backoff": "100ms",
            "max_event_age": "0", "idle_linger": "2s", "kill_grace": "1s"}


class Faults:
    """Each method is one kind of fault. It returns whether there was anything to harm."""

    def __init__(self, site, chance):
        self.site = site
        self.chance = chance

    def _one(self, *programs):
        victims = [process for program in programs for process in self.site.processes(program)]
        return self.chance.choice(victims) if victims else None

    def kill(self):
        """kill -9 of one process."""
        victim = self._one(self.chance.choice(PROGRAMS))
        return victim is not None and victim.kill()

    def kill_pair(self):
        """A worker and its supervisor at once: nobody is left to clean up after them."""
        victims = self.site.processes("jobgate-supervisor") + self.site.processes("jobgate-worker")
        return sum(victim.kill() for victim in victims) > 0

    def stop_program(self):
        """SIGSTOP for a while, of a program that answers requests."""
        return self._stop(("jobgate-submit", "jobgate-status"), self.chance.uniform(0.1, 2.0))

    def stop_worker(self):
        """SIGSTOP of a worker, perhaps inside the gate, perhaps past its job's time."""
        return self._stop(("jobgate-worker", "jobgate-supervisor"), self.chance.uniform(0.1, 4.0))

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

    def kill_everything(self):
        """KILL for every process of the installation at once, and a new start: an operator's last resort."""
        self._end_all()
        self.site.start()
        return True

    def reboot(self):
        """The same, and what a boot leaves of shared memory: no regions, a page that knows nothing."""
        self._end_all()
        store = self.site.data / "store"
        for region in store.glob("__db.*"):
            region.unlink()
        for name in ("gate", "doorbell", "slots"):
            (store / name).unlink(missing_ok=True)
        self.site.start()
        return True

    def _end_all(self):
        self.site.quickstart.kill()
        self.site.quickstart.wait()
        for _ in range(3):  # what was between its fork and its exec is seen in the next round
            for process in self.site.processes():
                process.kill()
        left = self.site.wait_for_none(10)
        assert not left, f"not to be killed: {left}"

    # What a process lacks for a while: set from outside, taken back afterwards.

    def no_processes(self):
        """fork fails with EAGAIN."""
        return self._limit("nproc", 1, ("jobgate-submit", "jobgate-supervisor", "jobgate-worker"))

    def no_memory(self):
        """Allocations that need new pages fail."""
        return self._limit("as", 1, PROGRAMS)

    def no_descriptors(self):
        """open, pipe and accept fail with EMFILE."""
        return self._limit("nofile", 8, PROGRAMS)

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

    def disk_full(self):
        """New jobs are refused for a while, what is there goes on."""
        self.site.edit(None, "disk_reserve", "1024GiB")
        time.sleep(self.chance.uniform(1.0, 2.5))
        self.site.edit(None, "disk_reserve", "1MiB")
        return True


# How often each kind comes, in relation: the cheap ones more often.
WEIGHTS = {"kill": 40, "kill_pair": 6, "stop_program": 6, "stop_worker": 6, "kill_functions": 8, "restart_server": 3,
           "kill_everything": 3, "reboot": 3, "no_processes": 5, "no_memory": 5, "no_descriptors": 5, "disk_full": 1}


class Campaign:
    def __init__(self, options):
        self.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
        self.chance = random.Random(self.seed)
        self.site = Site("lighttpd", **SETTINGS)
        self.kinds = options.faults.split(",") if options.faults else list(WEIGHTS)
        self.until = time.monotonic() + 60 * options.minutes
        self.done = collections.Counter()
        self.stall = 0.0
        self.wrong = []

    def run(self):
        print(f"seed {self.seed}", flush=True)
        self.site.start()
        faults = Faults(self.site, self.chance)
        try:
            with Clients(self.site.api, self.chance) as clients:
                self._harm(faults, clients)
            self._judge(clients)
        finally:
            self.site.stop()
        return not self.wrong

    def _harm(self, faults, clients):
        told = time.monotonic()
        while time.monotonic() < self.until and not self.wrong:
            kind = self.chance.choices(self.kinds, [WEIGHTS[kind] for kind in self.kinds])[0]
            begun = time.monotonic()
            if getattr(faults, kind)():
                self.done[kind] += 1
            self._wait_for_answers(clients, kind, time.monotonic())
            if time.monotonic() - told > 60:
                told = begun
                print(f"{sum(self.done.values())} faults, {len(clients.accepted)} jobs", flush=True)

    def _wait_for_answers(self, clients, kind, healed):
        """The system answers both kinds of request again before the next blow."""
        seen = clients.progress
        while clients.progress < seen + 4:
            if time.monotonic() - healed > 3 * REQUEST_LIMIT:
                self.wrong.append(f"no answers {3 * REQUEST_LIMIT:.0f} s after {kind}: {dict(clients.answers)}")
                return
            time.sleep(0.005)
        self.stall = max(self.stall, time.monotonic() - healed)

    def _judge(self, clients):
        eventually(lambda: are_both_back(self.site.api), 30, "both programs answer again")
        ends, stuck, lost = collections.Counter(), [], []
        listed = self._statuses()
        for job_id in clients.accepted:
            status = listed.get(job_id)
            if status in ENDED:
                ends[status] += 1
            elif self.site.api.get(f"/job/{job_id}").status == 404:
                lost.append(job_id)
            else:
                try:
                    ends[self.site.api.ended(job_id, within=60)["status"]] += 1
                except AssertionError:
                    stuck.append(job_id)
        ran = {line.split()[0] for line in self.site.notes()}
        never = [job_id for job_id in clients.accepted if job_id not in ran]
        twice = self._ended_twice()
        several = [key for key, ids in clients.keys.items() if len(ids) > 1]
        self._report(clients, ends, lost, stuck, never, twice, several)

    def _statuses(self):
        """Of all jobs, by the list: tens of thousands of single requests would take as long as the campaign."""
        statuses, cursor = {}, ""
        while cursor is not None:
            document = self.site.api.get("/job" + query(limit=200, cursor=cursor or None)).json
            statuses.update((job["jobId"], job["status"]) for job in document["jobs"])
            cursor = document.get("next")
        return statuses

    def _ended_twice(self):
        """A worker logs an end after the store has taken it; two for one job would be two outcomes."""
        count = collections.Counter()
        for line in (self.site.data / "log" / "jobgate.log").read_text(errors="replace").splitlines():
            found = re.search(r" event=ended job=(\S+) .*status=(SUCCEEDED|FAILED|CANCELLED)", line)
            if found:
                count[found[1]] += 1
        return [job_id for job_id, times in count.items() if times > 1]

    def _report(self, clients, ends, lost, stuck, never, twice, several):
        print(f"\nfaults      {sum(self.done.values())}")
        for kind, count in sorted(self.done.items()):
            print(f"  {kind:<16}{count:>6}  {getattr(Faults, kind).__doc__.splitlines()[0]}")
        rows = {"accepted": len(clients.accepted), "ended": dict(ends), "lost": len(lost), "stuck": len(stuck),
                "never run": len(never), "recorded twice": len(twice), "keys with two jobs": len(several),
                "requests": dict(clients.answers), "longest request": f"{clients.slowest:.2f} s",
                "longest stall after a fault": f"{self.stall:.2f} s"}
        for name, value in rows.items():
            print(f"{name:<28}{value}")
        for name, found in (("lost", lost), ("stuck", stuck), ("never run", never), ("recorded twice", twice),
                            ("keys with two jobs", several)):
            if found:
                self.wrong.append(f"{name}: {found[:5]}")
        self.wrong += clients.unexpected[:5]
        if ends and set(ends) != {"SUCCEEDED"}:
            self.wrong.append(f"not all have succeeded: {dict(ends)}")
        for line in self.wrong:
            print(f"WRONG: {line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--faults", help="only these kinds: " + ",".join(WEIGHTS))
    campaign = Campaign(parser.parse_args())
    good = campaign.run()
    print(f"{1 if good else 0} passed, {0 if good else 1} failed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
