#!/usr/bin/python3
"""The soak: steady mixed load, and whether memory, descriptors, disk and latency stay level.

    soak.py [--minutes M]

Posts, gets, lists and long-polls at a steady rate behind a real lighttpd; jobs expire after a minute, so that as much goes as
comes. Samples every ten seconds, and prints the first and the last sixth of the time side by side. Exits with 1 when
something has grown by more than it may: a leak is a slope, not a jump."""

import argparse
import os
import pathlib
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "http"))

from client import NoAnswer  # noqa: E402
from harness import Site  # noqa: E402

SETTINGS = {"max_workers": "2", "retention": "60s", "idle_linger": "10s", "idempotency_ttl": "60s"}
PROGRAMS = ("jobgate-submit", "jobgate-status", "jobgate-worker", "jobgate-supervisor")
POSTS_A_SECOND = 40
# What may grow, and by how much between the first and the last part: figure → (factor, allowance).
BOUNDS = {"memory KiB": (1.25, 2048), "descriptors": (1.1, 4), "disk MiB": (1.3, 16), "p50 ms": (2.0, 2.0),
          "p99 ms": (3.0, 20.0)}


class Load:
    def __init__(self, api):
        self.api = api
        self.done = threading.Event()
        self.lock = threading.Lock()
        self.latencies = []
        self.failed = 0
        self.threads = [threading.Thread(target=work, daemon=True) for work in
                        (self.post, self.post, self.look, self.list, self.wait)]
        self.newest = None

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join(40)

    def timed(self, call):
        begun = time.monotonic()
        try:
            answer = call()
        except NoAnswer:
            answer = None
        with self.lock:
            self.latencies.append(time.monotonic() - begun)
            self.failed += answer is None or answer.status >= 500
        return answer

    def every(self, seconds, call):
        due = time.monotonic()
        while not self.done.is_set():
            call()
            due += seconds
            self.done.wait(max(0, due - time.monotonic()))

    def post(self):
        def one():
            answer = self.timed(lambda: self.api.post(event={"n": 1, "text": "x" * 200}, function="note"))
            if answer is not None and answer.status == 202:
                self.newest = answer.json["jobId"]
        self.every(2 / POSTS_A_SECOND, one)

    def look(self):
        self.every(0.02, lambda: self.newest and self.timed(lambda: self.api.get(f"/job/{self.newest}")))

    def list(self):
        self.every(1.0, lambda: (self.timed(lambda: self.api.get("/job?limit=50")),
                                 self.timed(lambda: self.api.get("/functions"))))

    def wait(self):
        while not self.done.is_set():
            job = self.newest
            if job is None:
                self.done.wait(0.2)
                continue
            try:
                self.api.get(f"/job/{job}?wait=5", limit=15)
            except NoAnswer:
                self.failed += 1

    def take(self):
        with self.lock:
            taken, self.latencies = self.latencies, []
        return sorted(taken)


def memory_kib(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith(("Private_Clean", "Private_Dirty")))
    except OSError:
        return 0


def descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def sample(site, load, seconds):
    running = [process for program in PROGRAMS for process in site.processes(program)]
    latencies = load.take()
    served = len(latencies)
    return {
        "requests/s": served / seconds,
        "p50 ms": 1000 * latencies[served // 2] if served else 0,
        "p99 ms": 1000 * latencies[served * 99 // 100] if served else 0,
        "memory KiB": sum(memory_kib(process.pid) for process in running),
        "descriptors": sum(descriptors(process.pid) for process in running),
        "disk MiB": sum(file.stat().st_blocks for file in (site.data / "store").rglob("*") if file.is_file()) / 2048,
        "jobs": sum(site.api.get("/functions").json["jobs"].values()),
    }


def run(minutes, step=10):
    site = Site("lighttpd", **SETTINGS)
    samples = []
    try:
        site.start()
        with Load(site.api) as load:
            end = time.monotonic() + 60 * minutes
            while time.monotonic() < end:
                time.sleep(step)
                samples.append(sample(site, load, step))
            failed = load.failed
    finally:
        site.stop()
    return samples, failed


def report(samples, failed, minutes):
    part = max(1, len(samples) // 6)
    # The first minute and a half fill the store up to its level: jobs expire after one minute.
    first, last = samples[min(len(samples) // 3, 9):][:part], samples[-part:]
    print(f"{'':<14}{'first':>12}{'last':>12}   (medians of {part} samples each; {minutes:g} minutes, {len(samples)} samples)")
    wrong = []
    for name in samples[0]:
        before = statistics.median(one[name] for one in first)
        after = statistics.median(one[name] for one in last)
        print(f"{name:<14}{before:>12.1f}{after:>12.1f}")
        factor, allowance = BOUNDS.get(name, (None, 0))
        if factor is not None and after > before * factor + allowance:
            wrong.append(f"{name} has grown from {before:.1f} to {after:.1f}")
    if failed:
        wrong.append(f"{failed} requests failed")
    for line in wrong:
        print(f"WRONG: {line}")
    return not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    minutes = parser.parse_args().minutes
    good = report(*run(minutes), minutes)
    print(f"{1 if good else 0} passed, {0 if good else 1} failed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
