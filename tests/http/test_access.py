"""Who may do what: the table of routes and keys, as every web server gives it, and limits by caller."""

import concurrent.futures
import re
import threading
import time

import pytest

from client import eventually
from harness import SOURCE

SCOPES = ("submit", "read", "list", "cancel", "metrics", "admin")

# The rows of the table: what stands in the document, method, path, and what to make anew for each request.
ROUTES = (
    ("POST /job", "POST", "/job?function=echo", None),
    ("GET /job", "GET", "/job", None),
    ("GET /job?function=NAME", "GET", "/job?function=echo", None),
    ("GET /job/{id}", "GET", "/job/{id}", "ended"),
    ("GET /job/{id}/result", "GET", "/job/{id}/result", "ended"),
    ("GET /job/{id}/log", "GET", "/job/{id}/log", "ended"),
    ("GET /job/{id}/event", "GET", "/job/{id}/event", "ended"),
    ("POST /job/{id}/retry", "POST", "/job/{id}/retry", "ended"),
    ("DELETE /job/{id}", "DELETE", "/job/{id}", "queued"),
    ("DELETE /job/{id}?purge=true", "DELETE", "/job/{id}?purge=true", "cancelled"),
    ("GET /functions", "GET", "/functions", None),
    ("GET /stats", "GET", "/stats", None),
    ("GET /metrics", "GET", "/metrics", None),
    ("GET /healthz", "GET", "/healthz", None),
    ("GET /readyz", "GET", "/readyz", None),
    ("GET /openapi.json", "GET", "/openapi.json", None),
    ("OPTIONS /job", "OPTIONS", "/job", None),
)

HEADERS = {
    "bearer": lambda secret: {"Authorization": f"Bearer {secret}"},
    "x-api-key": lambda secret: {"x-api-key": secret},
}


def bearer(secret):
    return HEADERS["bearer"](secret)


def documented():
    """The lines of the table in README.md, from its head on."""
    lines = (SOURCE / "README.md").read_text().splitlines()
    head = next((n for n, line in enumerate(lines) if line.startswith("| request") and "wrong key" in line), None)
    assert head is not None, "README.md has lost its table of routes and keys"
    table = []
    for line in lines[head:]:
        if not line.startswith("|"):
            break
        table.append(line)
    return table


@pytest.fixture(scope="session")
def guarded(server):
    """An installation where nobody may do anything without a key."""
    from conftest import start_site

    own = start_site(server, {"anonymous": "none"})
    own.secrets = {scope: own.add_key(scope, allow=scope) for scope in (*SCOPES, "all")}
    own.secrets["others"] = own.add_key("others", functions=("note", "paused"), allow="all")
    yield own
    own.stop()


class Table:
    """Asks every request with every key."""

    def __init__(self, site, how):
        self.api = site.api
        self.how = HEADERS[how]
        self.master = bearer(site.secrets["all"])
        secrets = {**site.secrets, "wrong": "jg_" + "0" * 43}
        self.callers = {"no key": {}, "wrong key": self.how(secrets["wrong"])}
        self.callers.update({scope: self.how(secrets[scope]) for scope in SCOPES})
        self.callers["all, of another function"] = self.how(secrets["others"])
        self.ended = self._run()

    def _run(self):
        job_id = self.api.submit({"n": 1}, headers=self.master, function="echo")

        def look():
            return self.api.get(f"/job/{job_id}", self.master).json["status"] == "SUCCEEDED"

        eventually(look, 20, "the job has ended")
        return job_id

    def _job(self, state):
        if state == "ended":
            return self.ended
        job_id = self.api.submit(headers=self.master, function="held")
        if state == "cancelled":
            assert self.api.request("DELETE", f"/job/{job_id}", headers=self.master).status == 200
        return job_id

    def ask(self, method, path, state, headers):
        path = path.replace("{id}", self._job(state) if state else "")
        if method == "POST":
            return self.api.post(path, {}, headers).status
        return self.api.request(method, path, headers=headers).status

    def lines(self):
        yield "| request | " + " | ".join(self.callers) + " |"
        yield "|---" * (len(self.callers) + 1) + "|"
        for name, method, path, state in ROUTES:
            codes = [str(self.ask(method, path, state, headers)) for headers in self.callers.values()]
            yield f"| `{name}` | " + " | ".join(codes) + " |"


@pytest.mark.parametrize("how", HEADERS)
def test_table_of_routes_and_keys_is_the_documented_one(guarded, how):
    assert list(Table(guarded, how).lines()) == documented()


def test_what_is_refused_leaves_no_job(guarded):
    api = guarded.api
    master = bearer(guarded.secrets["all"])

    def count():
        return sum(api.get("/functions", master).json["jobs"].values())

    before = count()
    for headers in ({}, bearer("jg_wrong"), *(bearer(guarded.secrets[scope]) for scope in SCOPES if scope != "submit")):
        assert api.post(headers=headers, function="held").status in (401, 403)
    assert api.post(headers=bearer(guarded.secrets["others"]), function="held").status == 403
    assert count() == before


def test_refusal_says_what_is_needed(guarded):
    answer = guarded.api.get("/job")
    assert answer.status == 401 and answer.header("WWW-Authenticate") == 'Bearer realm="jobgate"'
    answer = guarded.api.get("/job", bearer("jg_wrong"))
    assert answer.status == 401 and 'error="invalid_token"' in answer.header("WWW-Authenticate")
    answer = guarded.api.get("/job", bearer(guarded.secrets["submit"]))
    assert answer.status == 403 and answer.json["scope"] == "list"


def test_readiness_says_what_functions_are_kept_in_with(guarded):
    assert "seccomp" in guarded.api.get("/readyz").json["room"]


def test_key_for_some_functions_is_told_of_those_only(guarded):
    api, key, master = guarded.api, bearer(guarded.secrets["others"]), bearer(guarded.secrets["all"])
    mine = api.submit(headers=key, function="paused")
    api.submit(headers=master, function="held")
    assert {job["function"] for job in api.get("/job", key).json["jobs"]} <= {"note", "paused"}
    assert mine in {job["jobId"] for job in api.get("/job", key).json["jobs"]}
    assert {entry["name"] for entry in api.get("/functions", key).json["functions"]} == {"note", "paused"}
    assert set(re.findall(r'function="([^"]*)"', api.get("/metrics", key).body.decode())) <= {"note", "paused"}
    assert "held" in set(re.findall(r'function="([^"]*)"', api.get("/metrics", master).body.decode()))


def test_key_that_is_removed_is_refused_without_a_restart(guarded):
    api = guarded.api
    secret = guarded.add_key("passing", allow="list")
    eventually(lambda: api.get("/job", bearer(secret)).status == 200, 10, "the new key counts")
    guarded.remove_key("passing")
    eventually(lambda: api.get("/job", bearer(secret)).status == 401, 10, "the removed key counts no more")


# ---- limits ----


@pytest.fixture
def limited(start):
    site = start(anonymous="none")
    site.secrets = {
        "eager": site.add_key("eager", allow="all", rate=50, burst=100),
        "slow": site.add_key("slow", allow="all", rate=1, burst=2),
        "daily": site.add_key("daily", allow="all", quota=3),
        "few": site.add_key("few", allow="all", active=2),
        "free": site.add_key("free", allow="all"),
    }
    return site


def flood(api, headers, requests, seconds):
    """Sends `requests` submissions evenly over `seconds`; gives the answers and how long it took."""
    begun = time.monotonic()
    numbers = iter(range(requests))
    lock = threading.Lock()
    answers = []

    def sender():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            wait = begun + number * seconds / requests - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            answers.append(api.post(headers=headers, function="paused"))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for sent in [pool.submit(sender) for _ in range(8)]:
            sent.result()
    return answers, time.monotonic() - begun


@pytest.mark.only("lighttpd", "apache")
def test_caller_over_its_rate_is_refused_and_others_are_not(limited):
    api = limited.api
    done = threading.Event()
    others = []

    def another():
        while not done.is_set():
            others.append(api.get("/job?limit=1", bearer(limited.secrets["free"])))
            time.sleep(0.05)

    beside = threading.Thread(target=another)
    beside.start()
    try:
        answers, took = flood(api, bearer(limited.secrets["eager"]), 1000, 2)
    finally:
        done.set()
        beside.join()
    accepted = [answer for answer in answers if answer.status == 202]
    refused = [answer for answer in answers if answer.status == 429]
    assert len(accepted) + len(refused) == 1000
    assert 100 <= len(accepted) <= 100 + 50 * took + 1, f"{len(accepted)} in {took:.2f} s"
    if took < 2.3:
        assert len(accepted) <= 220
    assert all(1 <= int(answer.header("Retry-After")) <= 1 for answer in refused)
    assert all(0 < answer.json["retryAfterMs"] <= 20 for answer in refused)
    assert others and {answer.status for answer in others} == {200}
    assert max(answer.seconds for answer in others) < 2


@pytest.mark.only("lighttpd", "apache-cgi")
def test_retry_after_is_the_truth(limited):
    api, key = limited.api, bearer(limited.secrets["slow"])
    asked = time.monotonic()
    answers = [api.get("/job?limit=1", key) for _ in range(3)]
    if time.monotonic() - asked > 0.9:
        pytest.skip("three requests took a second: there was nothing to refuse")
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[0].header("RateLimit-Policy") == '"rate";q=2;w=2'
    refused = answers[2]
    wait_ms = refused.json["retryAfterMs"]
    assert 0 < wait_ms <= 1000 and refused.header("Retry-After") == "1"
    time.sleep(wait_ms / 1000)
    assert api.get("/job?limit=1", key).status == 200
    assert api.get("/job?limit=1", key).status == 429


@pytest.mark.only("lighttpd", "apache-cgi")
def test_daily_quota_counts_what_was_submitted(limited):
    api, key = limited.api, bearer(limited.secrets["daily"])
    assert [api.post(headers=key, function="paused").status for _ in range(4)] == [202, 202, 202, 429]
    refused = api.post(headers=key, function="paused")
    until_midnight = 86400 - time.time() % 86400
    assert abs(int(refused.header("Retry-After")) - until_midnight) < 5
    assert api.get("/job", key).status == 200
    assert api.post(headers=bearer(limited.secrets["free"]), function="paused").status == 202


@pytest.mark.only("lighttpd", "apache-cgi")
def test_caller_has_only_so_many_jobs_under_way(limited):
    api, key = limited.api, bearer(limited.secrets["few"])
    first = api.submit(headers=key, function="paused")
    api.submit(headers=key, function="paused")
    refused = api.post(headers=key, function="paused")
    assert refused.status == 429 and int(refused.header("Retry-After")) >= 1
    assert api.post(headers=bearer(limited.secrets["free"]), function="paused").status == 202
    assert api.request("DELETE", f"/job/{first}", headers=key).status == 200
    api.submit(headers=key, function="paused")
