"""Random kill -9 under load: no request hangs, and every accepted job ends."""

import collections
import os
import random
import time

import pytest

from client import ENDED, REQUEST_LIMIT, eventually
from clients import Clients, are_both_back
from test_lists import walk

PROGRAMS = ("jobgate-submit", "jobgate-status", "jobgate-worker")
KILLS = int(os.environ.get("JOBGATE_KILLS", "200"))


def kill_one(site, chance):
    """Kills a random process of the three programs."""
    victims = [process for process in site.processes() if process.program in PROGRAMS]
    return bool(victims) and chance.choice(victims).kill()


# Of the servers, these start a killed program anew themselves (behind nginx that is systemd's part).
@pytest.mark.only("lighttpd", "apache")
@pytest.mark.limit(300)
def test_random_kills_lose_no_job_and_hang_no_request(start):
    seed = int(os.environ.get("JOBGATE_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"JOBGATE_SEED={seed}")
    chance = random.Random(seed)
    # A worker's child that is not yet the function's program still has the worker's name: killed, it is a failed attempt.
    site = start(max_workers="4", max_interruptions="1000", retries="1000", backoff="100ms")
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
