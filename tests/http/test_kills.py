"""Random kill -9 under load: no request hangs, and every accepted job ends."""

import collections
import os
import random
import threading
import time

import pytest

from client import ENDED, REQUEST_LIMIT, NoAnswer, eventually
from test_lists import walk

PROGRAMS = ("jobgate-submit", "jobgate-status", "jobgate-worker")
KILLS = int(os.environ.get("JOBGATE_KILLS", "200"))


class Clients:
    """Four clients that post and get until they are told to stop."""

    def __init__(self, api, chance):
        self.api = api
        self.done = threading.Event()
        self.accepted = []
        self.keys = {}  # Idempotency-Key: the ids that answers to it have named
        self.answers = collections.Counter()
        self.slowest = 0.0
        self.unexpected = []
        self.lock = threading.Lock()
        self.threads = [
            threading.Thread(target=self._work, args=(random.Random(chance.random()),), daemon=True) for _ in range(4)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join(2 * REQUEST_LIMIT)

    def _work(self, chance):
        while not self.done.is_set():
            with self.lock:
                known = chance.choice(self.accepted) if self.accepted else None
            turn = chance.random()
            if known is None or turn < 0.3:
                self._ask(lambda: self.api.post(event={}, function="note"), self._posted)
            elif turn < 0.4:
                self._post_until_answered(f'"{chance.randrange(1 << 64):x}"')
            else:
                self._ask(lambda: self.api.get(f"/job/{known}"), self._got)

    def _ask(self, call, took):
        begun = time.monotonic()
        try:
            answer = call()
        except NoAnswer as error:
            answer, outcome = None, "no answer"
            if time.monotonic() - begun >= REQUEST_LIMIT:
                self.unexpected.append(f"a request hung: {error}")
        else:
            outcome = answer.status
        with self.lock:
            self.answers[outcome] += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)
            if answer is not None and answer.status < 500:
                took(answer)
        if outcome in ("no answer", 500, 502, 503, 507):
            time.sleep(0.02)  # a process restarts

    def _post_until_answered(self, key):
        """What a client with an Idempotency-Key does when no 202 comes: the same again."""
        with self.lock:
            ids = self.keys[key] = set()
        begun = time.monotonic()
        while time.monotonic() < begun + 3 * REQUEST_LIMIT:
            self._ask(lambda: self.api.post(event={}, function="keyed", headers={"Idempotency-Key": key}),
                      lambda answer: (self._posted(answer), ids.add(answer.json.get("jobId"))))
            if ids:
                return
        self.unexpected.append(f"key {key} was not answered in {3 * REQUEST_LIMIT:.0f} s")

    def _posted(self, answer):
        if answer.status == 202:
            self.accepted.append(answer.json["jobId"])
        else:
            self.unexpected.append(repr(answer))

    def _got(self, answer):
        if answer.status != 200:
            self.unexpected.append(repr(answer))

    @property
    def progress(self):
        return self.answers[200] + self.answers[202]


def kill_one(site, chance):
    """Kills a random process of the three programs."""
    victims = [process for process in site.processes() if process.program in PROGRAMS]
    return bool(victims) and chance.choice(victims).kill()


def are_both_back(api):
    reading, writing = api.get("/healthz"), api.post(event={}, headers={"X-Amz-Invocation-Type": "DryRun"})
    return reading.status == 200 and writing.status == 204


# Of the servers, these start a killed program anew themselves (behind nginx that is systemd's part).
@pytest.mark.only("lighttpd", "apache")
@pytest.mark.limit(300)
def test_random_kills_lose_no_job_and_hang_no_request(start):
    seed = int(os.environ.get("JOBGATE_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"JOBGATE_SEED={seed}")
    chance = random.Random(seed)
    site = start(max_workers="4", max_interruptions="1000")
    killed = 0
    with Clients(site.api, chance) as clients:
        while killed < KILLS:
            seen, waited = clients.progress, time.monotonic()
            killed += kill_one(site, chance)
            # The next one only after both kinds of request were answered: else nothing is under way to be hurt.
            while clients.progress < seen + 4:
                assert time.monotonic() < waited + 2 * REQUEST_LIMIT, f"no progress after {killed} kills: {clients.answers}"
                time.sleep(0.002)
            time.sleep(chance.random() * 0.02)
    print(f"{killed} kills, {len(clients.accepted)} jobs accepted, slowest {clients.slowest:.2f} s, {dict(clients.answers)}")
    assert not clients.unexpected, clients.unexpected[:5]
    assert clients.slowest <= REQUEST_LIMIT + 0.5
    assert len(clients.accepted) > KILLS / 4
    # lighttpd starts a killed program anew when the next second begins, and answers 503 until then.
    eventually(lambda: are_both_back(site.api), 10, "both programs answer again")
    ends = collections.Counter(site.api.ended(job_id, within=60)["status"] for job_id in clients.accepted)
    assert set(ends) <= set(ENDED) and ends["SUCCEEDED"] == len(clients.accepted), ends
    made = walk(site.api, function="keyed", limit=200)
    assert len(made) == len(clients.keys), "one job for each Idempotency-Key, however often it was sent"
    assert all(len(ids) == 1 for ids in clients.keys.values()), clients.keys
    ran = {line.split()[0] for line in site.notes()}
    assert set(clients.accepted) <= ran
