#!/usr/bin/python3
"""The crash campaign: the whole system under load, and everything happens to it that can.

    campaign.py [--minutes M] [--seed N] [--faults KIND,KIND…]

Starts an installation behind a real lighttpd (by quickstart), lets clients post and get, and does harm to it: one fault
after another (faults.py), the next one only when the system has answered again. In the end, everything is healed, and each
job that got a 202 is looked at: has it ended, was its outcome recorded once, did its function run at least once? A campaign
is one round after another of some minutes, each with a new installation and a seed of its own.

Before that, the power is cut with syncs and with syncs that lie (power_control.py), and stopped stores are damaged (damage.py).
Prints the faults by kind, the jobs, and the longest stall; exits with 1 when anything was lost, stuck, recorded twice, or
hung. A seed repeats the choice of faults (not the instant in which they strike)."""

import argparse
import collections
import os
import random
import re
import sys
import time

from installation import Installation, begin_own_mounts, may_mount  # first: it knows where the tests' client is

from client import ENDED, REQUEST_LIMIT, query
from clients import Clients, are_both_back
from damage import damage_stores
from faults import NEEDS_A_DISK, SERVING, WEIGHTS, Faults
from power_control import compare

SETTINGS = {"max_workers": "4", "max_interruptions": "100000", "retries": "1000", "backoff": "100ms",
            "max_event_age": "0", "idle_linger": "2s", "kill_grace": "1s", "disk_reserve": "1MiB"}
ROUND = 4 * 60  # seconds: a store that has grown for longer takes long to put back after a power cut
LEFT_DEAD = 5  # seconds without a process of a program: lighttpd starts it anew within two
TELL_AFTER = 60  # seconds; on a terminal, after each fault


class Report:
    """What all rounds have seen."""

    def __init__(self):
        self.faults = collections.Counter()
        self.jobs = collections.Counter()  # accepted, lost, …
        self.ends = collections.Counter()
        self.requests = collections.Counter()
        self.slowest = 0.0
        self.stall = (0.0, "none")  # seconds until the system answered again, after which fault
        self.wrong = []
        self.told = time.monotonic()

    def tell(self, clients, left, kind):
        words = f"{sum(self.faults.values())} faults, {self.jobs['accepted'] + len(clients.accepted)} jobs, {max(0, left):.0f} s to go"
        if sys.stdout.isatty():
            print(f"\r\033[K  {words}, {kind}", end="", flush=True)
        elif time.monotonic() - self.told > TELL_AFTER:
            self.told = time.monotonic()
            print(words, flush=True)

    def show(self):
        print(f"\nfaults      {sum(self.faults.values())}")
        for kind, count in sorted(self.faults.items()):
            print(f"  {kind:<22}{count:>6}  {getattr(Faults, kind).__doc__.splitlines()[0]}")
        rows = {**self.jobs, "ended": dict(self.ends), "requests": dict(self.requests),
                "longest request": f"{self.slowest:.2f} s", "longest stall after a fault": f"{self.stall[0]:.2f} s ({self.stall[1]})"}
        for name, value in rows.items():
            print(f"{name:<28}{value}")


class Round:
    def __init__(self, seed, kinds, seconds, report):
        self.seed = seed
        self.chance = random.Random(seed)
        self.kinds = kinds
        self.report = report
        self.site = Installation(**SETTINGS)
        self.seconds = seconds
        self.faults = None
        self.wrong = []
        self.lately = collections.deque(maxlen=8)

    def run(self, left):
        """`left`: seconds that the campaign goes on."""
        try:
            self.site.start()
            faults = self.faults = Faults(self.site, self.chance)
            with Clients(self.site.api, self.chance) as clients:
                try:
                    self._harm(faults, clients, left)
                finally:
                    faults.heal()
            self._judge(clients)
        except AssertionError as error:
            self.wrong.append(str(error))
        finally:
            self._end()

    def _end(self):
        if self.wrong:
            print(self.site.logs())
            print("the last faults:", *self.lately, sep="\n  ")
        try:
            self.site.stop()
        except AssertionError as error:
            self.wrong.append(str(error))
        for line in self.wrong:
            print(f"WRONG, with SEED={self.seed}: {line}")
        self.report.wrong += self.wrong

    def _harm(self, faults, clients, left):
        begun = time.monotonic()
        weights = [WEIGHTS[kind] for kind in self.kinds]
        while time.monotonic() < begun + self.seconds and not self.wrong:
            kind = self.chance.choices(self.kinds, weights)[0]
            faults.order = ""
            if getattr(faults, kind)():
                self.report.faults[kind] += 1
                self.lately.append(f"{time.monotonic() - begun:.1f} s {kind} {faults.order}".rstrip())
            self._wait_for_answers(clients, kind, time.monotonic())
            self.report.tell(clients, left - (time.monotonic() - begun), kind)

    def _wait_for_answers(self, clients, kind, healed):
        """The system answers both kinds of request again before the next blow."""
        seen = clients.answers.copy()
        while any(clients.answers[status] < seen[status] + 2 for status in (200, 202)):
            if time.monotonic() - healed > LEFT_DEAD and self._start_what_was_left_dead():
                healed, kind = time.monotonic(), "restart_server"
            if time.monotonic() - healed > 3 * REQUEST_LIMIT:
                self.wrong.append(f"no answers {3 * REQUEST_LIMIT:.0f} s after {kind}: {dict(clients.answers)}")
                return
            time.sleep(0.005)
        self.report.stall = max(self.report.stall, (time.monotonic() - healed, kind))

    def _start_what_was_left_dead(self):
        """lighttpd (1.4.69) now and then takes a program for running whose process it has seen die, and never starts it
        again: then it is lighttpd that has to be, as its operator would find."""
        if all(self.site.processes(program) for program in SERVING):
            return False
        self.report.jobs["left dead by lighttpd"] += 1
        return self.faults.restart_server()

    def _wait_until_both_are_back(self):
        begun = time.monotonic()
        while not are_both_back(self.site.api):
            waited = time.monotonic() - begun
            assert waited < 3 * REQUEST_LIMIT, f"both programs answer again: not within {waited:.0f} s"
            if waited > LEFT_DEAD and self._start_what_was_left_dead():
                begun = time.monotonic()
            time.sleep(0.02)

    # ---- what became of the jobs ----

    def _judge(self, clients):
        self._wait_until_both_are_back()
        ends, stuck, lost, failed = collections.Counter(), [], [], []
        listed = self._statuses()
        for job_id in clients.accepted:
            status = listed.get(job_id)
            if status in ENDED:
                ends[status] += 1
                if status != "SUCCEEDED":
                    failed.append(self.site.api.job(job_id))
            elif self.site.api.get(f"/job/{job_id}").status == 404:
                lost.append(job_id)
            else:
                try:
                    ends[self.site.api.ended(job_id, within=60)["status"]] += 1
                except AssertionError:
                    stuck.append(job_id)
        ran = {line.split()[0] for line in self.site.notes()}
        found = {"lost": lost, "stuck": stuck,
                 "never run": [job_id for job_id in clients.accepted if job_id not in ran],
                 "recorded twice": self._ended_twice(),
                 "keys with two jobs": [key for key, ids in clients.keys.items() if len(ids) > 1]}
        self._count(clients, ends, found)
        if failed:
            self.wrong.append(f"not all have succeeded: {failed[:5]}")

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

    def _count(self, clients, ends, found):
        report = self.report
        report.jobs["accepted"] += len(clients.accepted)
        for name, ids in found.items():
            report.jobs[name] += len(ids)
            if ids:
                self.wrong.append(f"{name}: {ids[:5]}")
        report.ends += ends
        report.requests += clients.answers
        report.slowest = max(report.slowest, clients.slowest)
        self.wrong += clients.unexpected[:5]


def run_rounds(seed, kinds, seconds):
    report = Report()
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 1 and not report.wrong:
        Round(seed, kinds, min(left, ROUND), report).run(left)
        seed += 1
    report.show()
    return not report.wrong


def choose_kinds(wanted):
    kinds = wanted.split(",") if wanted else list(WEIGHTS)
    if not may_mount() and not kinds_without_disk(kinds) == kinds:
        print("not root, or no mounts here: the disk is not made full (" + ", ".join(NEEDS_A_DISK) + ")")
        return kinds_without_disk(kinds)
    return kinds


def kinds_without_disk(kinds):
    return [kind for kind in kinds if kind not in NEEDS_A_DISK]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=os.environ.get("SEED"))
    parser.add_argument("--faults", help="only these kinds: " + ",".join(WEIGHTS))
    options = parser.parse_args()
    begin_own_mounts()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"SEED={seed}", flush=True)
    checks = [compare(random.Random(seed)), damage_stores(random.Random(seed)),
              run_rounds(seed, choose_kinds(options.faults), 60 * options.minutes)]
    print(f"{sum(checks)} passed, {len(checks) - sum(checks)} failed")
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
