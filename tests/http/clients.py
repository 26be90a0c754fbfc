"""Clients that keep an installation busy while something happens to it; what they were answered is judged afterwards."""

import collections
import random
import threading
import time

from client import REQUEST_LIMIT, NoAnswer


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


def are_both_back(api):
    reading, writing = api.get("/healthz"), api.post(event={}, headers={"X-Amz-Invocation-Type": "DryRun"})
    return reading.status == 200 and writing.status == 204
