"""Much at once: many connections, slow clients, long-polls, large bodies and results. Memory stays bounded, others are still
answered, and what is refused is refused clearly."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import PATIENCE, eventually

MEBIBYTE = 1 << 20


def peak_mib(site, program):
    """The most memory that the program had, of all its processes together: bytes of its own, not what it maps of others."""
    total = 0
    for process in site.processes(program):
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            total += sum(int(line.split()[1]) for line in status if line.startswith(("RssAnon:",)))
    return total / 1024


def median(values):
    return sorted(values)[len(values) // 2]


@pytest.mark.only("lighttpd")
def test_thousand_connections_keep_nobody_waiting(start):
    site = start()
    job_id = site.api.run({}, function="note")["jobId"]
    idle = []
    try:
        for _ in range(1000):
            connection = socket.create_connection(("127.0.0.1", site.api.port), timeout=10 * PATIENCE)
            # Half a request each: the slowest clients there are.
            connection.sendall(b"POST /job HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
            idle.append(connection)
        answers = [site.api.get(f"/job/{job_id}") for _ in range(50)]
        assert {answer.status for answer in answers} == {200}
        assert median([answer.seconds for answer in answers]) < 0.5 * PATIENCE
        assert site.api.post(event={}, function="note").status == 202
    finally:
        for connection in idle:
            connection.close()
    before = site.api.get("/functions").json["jobs"]
    assert sum(before.values()) == 2, "a request that was never whole made no job"


@pytest.mark.only("lighttpd")
def test_five_hundred_long_polls_leave_status_free(start):
    """Hazard 33: 500 long-polls."""
    site = start()
    held = site.api.submit({}, function="hold")
    site.started(held)
    waiting = []
    try:
        for _ in range(500):
            connection = socket.create_connection(("127.0.0.1", site.api.port), timeout=60 * PATIENCE)
            connection.sendall(f"GET /job/{held}?wait=20 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            waiting.append(connection)
        answers = [site.api.get(f"/job/{held}") for _ in range(50)]
        assert {answer.status for answer in answers} == {200}
        assert median([answer.seconds for answer in answers]) < 0.5 * PATIENCE
        site.release(held)
        for connection in waiting:
            assert connection.recv(12) == b"HTTP/1.1 200"
    finally:
        for connection in waiting:
            connection.close()
    assert site.api.ended(held)["status"] == "SUCCEEDED"


@pytest.mark.only("lighttpd")
def test_large_events_from_many_clients_are_kept_in_bounded_memory(start):
    site = start(**{"function.note.concurrency": "0"})
    event = json.dumps({"text": "x" * (MEBIBYTE - 100)}).encode()
    with ThreadPoolExecutor(64) as clients:
        answers = list(clients.map(lambda _: site.api.post(event=event, function="note", limit=60 * PATIENCE), range(128)))
    assert {answer.status for answer in answers} == {202}
    assert site.api.get(f"/job/{answers[-1].json['jobId']}/event").body == event
    # 4 threads accept and at most 32 requests are under way: each holds its event once.
    assert peak_mib(site, "jobgate-submit") < 128 * PATIENCE  # a sanitizer keeps what was freed


@pytest.mark.only("lighttpd")
def test_large_results_to_many_clients_are_read_in_bounded_memory(start):
    site = start()
    job_id = site.api.run({"out_size": 6 * MEBIBYTE - 10}, function="puppet", within=60)["jobId"]
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda _: site.api.get(f"/job/{job_id}/result", limit=60 * PATIENCE), range(32)))
    assert {answer.status for answer in answers} == {200}
    assert {len(answer.body) for answer in answers} == {6 * MEBIBYTE - 10}
    assert site.api.get(f"/job/{job_id}").seconds < 1.0 * PATIENCE
    assert peak_mib(site, "jobgate-status") < 256 * PATIENCE


@pytest.mark.only("lighttpd")
def test_burst_of_posts_is_accepted_whole(start):
    site = start(**{"function.note.concurrency": "0"})
    with ThreadPoolExecutor(64) as clients:
        begun = time.monotonic()
        answers = list(clients.map(lambda _: site.api.post(event={}, function="note").status, range(2000)))
    assert answers.count(202) == 2000, {status: answers.count(status) for status in set(answers)}
    assert eventually(lambda: site.api.get("/functions").json["jobs"]["QUEUED"] == 2000, 10, "all are queued")
    print(f"{2000 / (time.monotonic() - begun):.0f} posts a second")
