"""The rows: what is measured, against what, and what it must reach. Each takes a Bench and gives one Result.

The two sides of a row take turns in short rounds, so that a machine that is slower for a while is slower for both; the figure
of a side is the median of its rounds.
"""

import dataclasses
import datetime
import shutil
import statistics
import tempfile
import time

from installation import private_kib, wait_until
from load import Broken, Client, program, wrk

CONNECTIONS = 32


@dataclasses.dataclass
class Row:
    number: str  # as in the table of promises; 7 has three parts
    what: str
    against: str
    must: float
    aim: float
    unit: str  # of both sides, for the table
    higher_is_better: bool = True


ROWS = {row.number: row for row in (
    Row("1", "GET /job/{id}", "bare libfcgi, 8 threads", 0.9, 0.95, "/s"),
    Row("2", "POST /job, durable", "bare libfcgi, 8 threads", 0.45, 0.6, "/s"),
    Row("3", "POST /job, p99 latency", "its own p50", 5, 3, "ms", higher_is_better=False),
    Row("4", "jobs run to SUCCEEDED", "two loops of posix_spawn", 0.7, 0.8, "/s"),
    Row("5", "POST to first instruction, p50", "one posix_spawn", 2.0, 1.5, "ms", higher_is_better=False),
    Row("6", "GET /job/{id} as plain CGI", "bare CGI in C", 0.5, 0.8, "/s"),
    Row("7 GET", "GET /job/{id}, many jobs stored", "1,000 stored", 0.8, 0.95, "/s"),
    Row("7 POST", "POST /job, many jobs stored", "1,000 stored", 0.8, 0.95, "/s"),
    Row("7 claim", "claim and give back, many queued", "1,000 queued", 0.8, 0.95, "/s"),
    Row("8", "list page of 50, many jobs stored", "1,000 stored", 0.5, 0.9, "/s"),
    Row("9", "private memory, largest process", "1 MiB (no other side)", 16, 6, "MiB", higher_is_better=False),
    Row("10", "store: durable submits, 32 threads", "libdb DB_TXN_SYNC, 1 thread", 4, 6, "/s"),
)}


@dataclasses.dataclass
class Result:
    row: Row
    ours: float
    theirs: float
    note: str = ""

    @property
    def ratio(self):
        return self.ours / self.theirs

    def reaches(self, bar):
        return self.ratio >= bar if self.row.higher_is_better else self.ratio <= bar


class Bench:
    """What the rows share: the installation, the rounds, and figures that serve two rows."""

    def __init__(self, installation, rounds, seconds):
        self.site = installation
        self.rounds = rounds
        self.seconds = seconds
        self.job_id = None
        self.unusable = None
        self.posts = []
        self.memory = {}

    def prepare(self):
        """Starts what the rows on HTTP need, once."""
        if self.unusable:
            raise self.unusable
        if self.job_id is None:
            try:
                self.site.start()
                self.job_id = self.site.start_bare()
            except Broken as reason:
                self.unusable = reason
                raise

    def close(self, keep):
        self.site.close(keep)

    def sides(self, ours, theirs):
        """Rounds in turn, after one that does not count. ([ours], [theirs])"""
        ours(), theirs()
        pairs = [(ours(), theirs()) for _ in range(self.rounds)]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def medians(self, ours, theirs):
        return tuple(statistics.median(side) for side in self.sides(ours, theirs))

    def note_memory(self):
        """Keeps the most that each program was seen to have for itself."""
        for pid, name in self.site.processes().items():
            if name.startswith("jobgate-"):
                self.memory[name] = max(self.memory.get(name, 0), private_kib(pid))


def row_1(bench):
    bench.prepare()
    load = lambda path: wrk(bench.site.url(path), bench.seconds, CONNECTIONS)["rate"]
    result = Result(ROWS["1"], *bench.medians(lambda: load(f"/job/{bench.job_id}"), lambda: load("/bare")))
    bench.note_memory()
    return result


def post_rounds(bench):
    """Rows 2 and 3 look at the same rounds. The function is paused: what is measured is acceptance."""
    if not bench.posts:
        bench.prepare()
        load = lambda path: wrk(bench.site.url(path), bench.seconds, CONNECTIONS, body="{}")
        bench.posts = bench.sides(lambda: load("/job?function=paused"), lambda: load("/bare"))
        bench.note_memory()
    return bench.posts


def row_2(bench):
    ours, theirs = post_rounds(bench)
    return Result(ROWS["2"], statistics.median(r["rate"] for r in ours), statistics.median(r["rate"] for r in theirs))


def row_3(bench):
    ours, _ = post_rounds(bench)
    middle = statistics.median(r["p99_us"] / r["p50_us"] for r in ours)
    p50 = statistics.median(r["p50_us"] for r in ours) / 1000
    return Result(ROWS["3"], middle * p50, p50)


def wall_seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def run_batch(bench, count):
    """Jobs per second from the first claim to the last outcome. They are queued while their function is paused."""
    client = Client(bench.site.port)
    bench.site.configure(batch_paused=True)
    time.sleep(1.2)  # a configuration is looked at once a second
    ids = [client.submit("batch") for _ in range(count)]
    bench.site.configure(batch_paused=False)
    time.sleep(1.2)
    client.submit("nothing")  # whoever comes next has the workers started
    end = time.monotonic() + 120
    while client.job(ids[-1])["status"] != "SUCCEEDED":
        if time.monotonic() > end:
            raise Broken(f"the batch has not ended: its last job is {client.job(ids[-1])}")
        time.sleep(0.25)
    bench.note_memory()
    records = [client.wait(job_id) for job_id in ids]
    if any(record["attempts"] != 1 for record in records):
        raise Broken("a job of the batch was run twice")
    first = min(wall_seconds(record["startedAt"]) for record in records)
    last = max(wall_seconds(record["finishedAt"]) for record in records)
    return count / (last - first)


def row_4(bench):
    bench.prepare()
    loops = lambda: float(program(bench.site.bench_program("spawn_loops"), str(bench.seconds), "2",
                                  bench.site.path("functions", "nothing")))
    count = 700 * bench.seconds
    return Result(ROWS["4"], *bench.medians(lambda: run_batch(bench, count), loops), note=f"{count} jobs a round")


def first_instructions(bench, count, pause):
    """Milliseconds from sending the POST to the function's first instruction. A worker is there, idle."""
    client = Client(bench.site.port)
    client.wait(client.submit("first_instruction"))
    taken = []
    for _ in range(count):
        time.sleep(pause)
        job_id, sent = client.submit_and_tell_when("first_instruction")
        time.sleep(pause)  # nobody asks while it starts
        taken.append((client.wait(job_id)["result"] - sent) / 1e6)
    return statistics.median(taken)


def row_5(bench):
    bench.prepare()
    count, pause_ms = 15 * bench.seconds, 20
    def spawn_once():
        lines = program(bench.site.bench_program("spawn_once"), str(count), str(pause_ms),
                        bench.site.path("functions", "first_instruction")).split()
        return statistics.median(map(float, lines)) / 1000
    return Result(ROWS["5"], *bench.medians(lambda: first_instructions(bench, count, pause_ms / 1000), spawn_once),
                  note="an idle worker lingers")


def row_6(bench):
    bench.prepare()
    Client(bench.site.port).request("GET", f"/cgi/job/{bench.job_id}")
    load = lambda path: wrk(bench.site.url(path), bench.seconds, CONNECTIONS)["rate"]
    return Result(ROWS["6"], *bench.medians(lambda: load(f"/cgi/job/{bench.job_id}"), lambda: load("/cgi/bare")))


def row_9(bench):
    """After the load of the rows before; alone, it makes some."""
    bench.prepare()
    if not bench.memory:
        post_rounds(bench)
    wait_until(lambda: Client(bench.site.port).submit("nothing") and
               "jobgate-worker" in bench.site.processes().values(), "a worker is at work")
    bench.note_memory()
    note = ", ".join(f"{name[8:]} {kib / 1024:.1f}" for name, kib in sorted(bench.memory.items()))
    return Result(ROWS["9"], max(bench.memory.values()) / 1024, 1, note=note)


def row_10(bench):
    def store():
        return float(program(bench.site.bench_program("store_submit"), bench.site.configuration, "paused", "32",
                             str(bench.seconds)))
    def libdb():
        folder = tempfile.mkdtemp(dir=bench.site.folder)
        try:
            return float(program(bench.site.bench_program("bdb_sync"), folder, str(bench.seconds)))
        finally:
            shutil.rmtree(folder)
    return Result(ROWS["10"], *bench.medians(store, libdb))


MEASURE = {"1": row_1, "2": row_2, "3": row_3, "4": row_4, "5": row_5, "6": row_6, "9": row_9, "10": row_10}
