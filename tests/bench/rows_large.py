"""The rows that ask whether a full store is as fast as an empty one: the same Jobgate twice, one with 1,000 jobs, one with many.

The jobs are queued for a paused function, the hardest state: a queued job is in every index.
"""

import random
import statistics

from installation import Installation
from load import Broken, Client, program, wrk
from rows import CONNECTIONS, ROWS, Result

SMALL = 1000


class Filled:
    """An installation whose store holds `count` jobs."""

    def __init__(self, build, parent, count):
        self.site = Installation(build, parent)
        try:
            ids = program(self.site.bench_program("store_submit"), self.site.configuration, "batch", "32", f"={count}",
                          str(max(1, count // 20000))).split()
            random.Random(1).shuffle(ids)
            self.paths = self.site.path("paths")
            with open(self.paths, "w", encoding="ascii") as file:
                file.writelines(f"/job/{job_id}\n" for job_id in ids)
            self.site.start()
            status, _, _ = Client(self.site.port).request("GET", f"/job/{ids[0]}")
            if status != 200:
                raise Broken(f"a stored job answers {status}")
        except BaseException:
            self.site.close()
            raise

    def get(self, seconds):
        return wrk(self.site.url("/"), seconds, CONNECTIONS, paths=self.paths)["rate"]

    def post(self, seconds):
        return wrk(self.site.url("/job?function=paused"), seconds, CONNECTIONS, body="{}")["rate"]

    def page(self, seconds):
        return wrk(self.site.url("/job?limit=50"), seconds, CONNECTIONS)["rate"]

    def claim(self, seconds):
        """The store alone, with a configuration that does not pause the function; the web side's goes on to."""
        self.site.configure(batch_paused=False, name="claim.conf")
        return float(program(self.site.bench_program("store_cycle"), self.site.path("claim.conf"), str(seconds)))


class LargeBench:
    def __init__(self, build, parent, rounds, seconds, jobs):
        self.build, self.parent, self.rounds, self.seconds = build, parent, rounds, seconds
        self.note = f"{jobs:,} jobs"
        self.small = Filled(build, parent, SMALL)
        try:
            self.large = Filled(build, parent, jobs)
        except BaseException:
            self.small.site.close()
            raise

    def close(self, keep):
        self.small.site.close(keep)
        self.large.site.close(keep)

    def result(self, number, large, small):
        """The two take turns; `small` and `large` take a number of seconds."""
        large(1), small(1)
        pairs = [(large(self.seconds), small(self.seconds)) for _ in range(self.rounds)]
        return Result(ROWS[number], *(statistics.median(side) for side in zip(*pairs)), note=self.note)

    def fresh_post(self, seconds):
        """On a store with 1,000 jobs: a new one each time, for it grows while it is measured."""
        fresh = Filled(self.build, self.parent, SMALL)
        try:
            return fresh.post(seconds)
        finally:
            fresh.site.close()


MEASURE = {  # POST last: it makes the stores grow
    "7 GET": lambda bench: bench.result("7 GET", bench.large.get, bench.small.get),
    "8": lambda bench: bench.result("8", bench.large.page, bench.small.page),
    "7 claim": lambda bench: bench.result("7 claim", bench.large.claim, bench.small.claim),
    "7 POST": lambda bench: bench.result("7 POST", bench.large.post, bench.fresh_post),
}
