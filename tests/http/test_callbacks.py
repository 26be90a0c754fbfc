"""Who is told that a job has ended: X-Callback-Url, on_success, on_failure; signed, tried again, kept from private addresses."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import shutil
import subprocess
import threading

import pytest

from client import PATIENCE, eventually
from conftest import start_site
from test_errors import assert_problem

pytestmark = pytest.mark.only("lighttpd", "apache")

ALLOWED = {"callback_allow": "127.0.0.1", "callback_backoff": "200ms", "callback_timeout": "2s"}


class Receiver(http.server.ThreadingHTTPServer):
    """Takes callbacks. `answers` are given one after another; the last one again and again."""

    def __init__(self, *answers, address="127.0.0.1"):
        super().__init__((address, 0), Handler)
        self.daemon_threads = True
        self.answers = list(answers) or [204]
        self.came = []
        self.hold = threading.Event()
        self.hold.set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook?a=1"

    def __exit__(self, *_):
        self.hold.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        receiver = self.server
        number = len(receiver.came)
        receiver.came.append((dict(self.headers.items()), body))
        receiver.hold.wait(30)
        answer = receiver.answers[min(number, len(receiver.answers) - 1)]
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            pass  # the deliverer was killed meanwhile

    def log_message(self, *_):
        pass


def secret_of(site):
    return (site.data / "store" / "callback_secret").read_text().strip()


def signature(secret, headers, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def delivered(api, job_id, status="DELIVERED", within=20):
    def look():
        callbacks = api.job(job_id).get("callbacks", [])
        return callbacks[0] if callbacks and callbacks[0]["status"] == status else None

    return eventually(look, within, f"the callback of {job_id} is {status}")


@pytest.fixture(scope="session")
def told(server):
    """An installation that may tell receivers on this machine."""
    site = start_site(server, ALLOWED)
    yield site
    site.stop()


def test_callback_is_lambdas_record_with_a_signature(told):
    with Receiver() as receiver:
        job_id = told.api.submit({"out": '{"n":1}'}, headers={"X-Callback-Url": receiver.url}, function="puppet")
        callback = delivered(told.api, job_id)
        headers, body = receiver.came[0]
    assert len(receiver.came) == 1
    assert callback["id"] == headers["webhook-id"] == f"{job_id}-callback" and callback["httpStatus"] == 204
    assert callback["target"] == receiver.url and callback["tries"] == 1
    assert headers["webhook-signature"] == signature(secret_of(told), headers, body)
    record = json.loads(body)
    assert record["version"] == "1.0"
    assert record["requestContext"]["requestId"] == job_id
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["functionArn"].endswith(":function:puppet:$LATEST")
    assert record["requestPayload"] == {"jobId": job_id, "body": {"out": '{"n":1}'}}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == {"n": 1}


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_published_verifier_accepts_the_signature(told, tmp_path):
    """standardwebhooks, the reference implementation, from npm."""
    install = subprocess.run(["npm", "install", "--silent", "--no-package-lock", "--prefix", tmp_path, "standardwebhooks@1"],
                             capture_output=True, text=True, timeout=120 * PATIENCE)
    assert install.returncode == 0, install.stderr
    with Receiver() as receiver:
        delivered(told.api, told.api.submit({"out": "ä"}, headers={"X-Callback-Url": receiver.url}, function="puppet"))
        headers, body = receiver.came[0]
    script = ('const {Webhook} = require("standardwebhooks"); const [secret, headers] = process.argv.slice(1);'
              'let body = ""; process.stdin.on("data", (d) => { body += d; }).on("end", () =>'
              ' console.log(new Webhook(secret).verify(body, JSON.parse(headers)).version));')
    for secret, good in ((secret_of(told), True), ("whsec_" + base64.b64encode(os.urandom(32)).decode(), False)):
        verified = subprocess.run(["node", "-e", script, secret, json.dumps(headers)], input=body, capture_output=True,
                                  cwd=tmp_path, timeout=60 * PATIENCE)
        assert (verified.returncode == 0) == good, verified.stderr
        assert (verified.stdout == b"1.0\n") == good


def test_failed_job_tells_why(told):
    with Receiver() as receiver:
        job_id = told.api.submit({"exit": 65}, headers={"X-Callback-Url": receiver.url}, function="puppet")
        delivered(told.api, job_id)
        record = json.loads(receiver.came[0][1])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "Runtime.ExitError"


def test_cancelled_job_is_told_of_as_well(told):
    with Receiver() as receiver:
        job_id = told.api.submit({}, headers={"X-Callback-Url": receiver.url}, function="puppet", delay=600)
        assert told.api.request("DELETE", f"/job/{job_id}?reason=enough").status == 200
        delivered(told.api, job_id)
        assert json.loads(receiver.came[0][1])["requestContext"]["condition"] == "Cancelled"


def test_receiver_that_is_down_for_a_while_is_told_later_with_the_same_id(told):
    with Receiver(500, 503, 200) as receiver:
        job_id = told.api.submit({}, headers={"X-Callback-Url": receiver.url}, function="puppet")
        callback = delivered(told.api, job_id)
        assert callback["tries"] == 3 and "error" not in callback
        assert len({headers["webhook-id"] for headers, _ in receiver.came}) == 1 and len(receiver.came) == 3


def test_receiver_that_is_gone_is_not_asked_again(told):
    with Receiver(410) as receiver:
        callback = delivered(told.api, told.api.submit({}, headers={"X-Callback-Url": receiver.url}, function="puppet"),
                             "GIVEN_UP")
        assert callback["httpStatus"] == 410 and len(receiver.came) == 1


def test_redirect_is_not_followed(told):
    """Hazard 31: callbacks to private addresses, rebinding, redirects, mapped IPv6."""
    with Receiver() as secret, Receiver((302, {"Location": secret.url})) as receiver:
        job_id = told.api.submit({}, headers={"X-Callback-Url": receiver.url}, function="puppet")
        eventually(lambda: "redirects are not followed" in told.api.job(job_id).get("callbacks", [{}])[0].get("error", ""),
                   20, "the redirect is told of")
        assert secret.came == []


@pytest.mark.parametrize("host", ["127.0.0.2", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.2]",
                                  "[::ffff:10.0.0.1]", "0x7f000002", "2130706434"])
def test_private_address_is_refused_and_said_in_the_job(told, host):
    """Hazard 31: callbacks to private addresses, rebinding, redirects, mapped IPv6."""
    job_id = told.api.submit({}, headers={"X-Callback-Url": f"http://{host}:9/"}, function="puppet")
    callback = delivered(told.api, job_id, "GIVEN_UP")
    assert callback["error"].startswith("refused: ") and "is no public address" in callback["error"], callback
    assert callback["tries"] == 1 and "httpStatus" not in callback


def test_name_that_resolves_to_a_private_address_is_refused(start):
    """Hazard 31: callbacks to private addresses, rebinding, redirects, mapped IPv6."""
    site = start(callback_backoff="200ms")  # without callback_allow
    with Receiver() as receiver:
        job_id = site.api.submit({}, headers={"X-Callback-Url": receiver.url.replace("127.0.0.1", "localhost")},
                                 function="puppet")
        assert "is no public address" in delivered(site.api, job_id, "GIVEN_UP")["error"]
        assert receiver.came == []


@pytest.mark.parametrize("url", ["ftp://example.org/", "file:///etc/passwd", "https://", "//example.org", "nonsense",
                                 "https://exa mple.org/", "https://example.org/" + "x" * 1024])
def test_what_is_no_url_of_the_web_is_400(told, url):
    assert_problem(told.api.post(event={}, headers={"X-Callback-Url": url}, function="puppet"), 400)


def test_callback_survives_its_deliverer(told):
    with Receiver() as receiver:
        receiver.hold.clear()
        job_id = told.api.submit({}, headers={"X-Callback-Url": receiver.url}, function="puppet")
        eventually(lambda: receiver.came, 20, "the receiver is being told")
        for process in told.processes("jobgate-deliver"):
            process.kill()
        eventually(lambda: not told.processes("jobgate-deliver"), 10, "the deliverer is dead")
        receiver.hold.set()
        # The lease is the time-out and a quarter of a minute; then another deliverer is started, without any request.
        eventually(lambda: len(receiver.came) == 2, 40, "another deliverer tells")
        callback = delivered(told.api, job_id)
        assert callback["tries"] == 2 and len(receiver.came) == 2
        assert receiver.came[0][0]["webhook-id"] == receiver.came[1][0]["webhook-id"]


def test_destinations_go_by_how_the_job_ended(start):
    with Receiver() as good, Receiver() as bad:
        site = start(**ALLOWED, **{"function.puppet.on_success": good.url, "function.puppet.on_failure": bad.url})
        first = site.api.submit({}, function="puppet")
        second = site.api.submit({"exit": 65}, function="puppet")
        assert delivered(site.api, first)["kind"] == delivered(site.api, second)["kind"] == "destination"
        assert [json.loads(body)["requestContext"]["requestId"] for _, body in good.came] == [first]
        assert [json.loads(body)["requestContext"]["requestId"] for _, body in bad.came] == [second]


def test_another_function_as_destination_gets_the_record_as_its_event(start):
    site = start(**{"function.puppet.on_success": "note"})
    job_id = site.api.submit({"out": "done"}, function="puppet")
    delivered(site.api, job_id)
    jobs = site.api.get("/job?function=note").json["jobs"]
    assert len(jobs) == 1
    event = site.api.get(f"/job/{jobs[0]['jobId']}/event").json
    assert event["requestContext"]["requestId"] == job_id and event["responsePayload"] == "done"
    assert site.api.ended(jobs[0]["jobId"])["status"] == "SUCCEEDED"
