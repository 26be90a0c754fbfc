"""An HTTP client for the tests: it sends what it is told to, byte for byte, and never waits without an end."""

import http.client
import json
import os
import socket
import time
import urllib.parse

PATIENCE = float(os.environ.get("JOBGATE_PATIENCE", "1"))  # all bounds times this
REQUEST_LIMIT = 10 * PATIENCE  # seconds for any answer, whatever is killed meanwhile
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


class NoAnswer(Exception):
    """The connection was refused, broken, or silent past its limit."""


class Answer:
    def __init__(self, status, headers, body, seconds=0.0):
        self.status = status
        self.headers = headers
        self.body = body
        self.seconds = seconds

    def __repr__(self):
        head = "".join(f"\n  {name}: {value}" for name, value in self.headers.items())
        return f"<{self.status} in {self.seconds:.3f} s{head}\n\n  {self.body[:600]!r}>"

    def header(self, name):
        return self.headers.get(name)

    @property
    def json(self):
        return json.loads(self.body)


def eventually(check, within=10.0, what="the condition", pause=0.02):
    """Calls check until it gives something true, and gives that back; fails when `within` seconds were not enough."""
    within *= PATIENCE
    end = time.monotonic() + within
    while True:
        last = check()
        if last:
            return last
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {within} s; the last look gave {last!r}")
        time.sleep(pause)


def query(**parts):
    kept = {name: value for name, value in parts.items() if value is not None}
    return "?" + urllib.parse.urlencode(kept) if kept else ""


class Api:
    """One mounted Jobgate. `base` is where it is mounted ("" or "/jobs")."""

    def __init__(self, port, base=""):
        self.port = port
        self.base = base
        self.silent = 0  # requests in a row that got no answer in time
        self.late = 0  # jobs that did not get where they should in time

    def request(self, method, path, body=None, headers=None, limit=REQUEST_LIMIT):
        """`path` goes out as it is, under the base. Raises NoAnswer."""
        if self.silent >= 3:
            raise NoAnswer("the server has stopped answering: three requests in a row ran into their limit")
        begun = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit)
        try:
            connection.putrequest(method, self.base + path, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None or method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(body or b"")))
            connection.endheaders(body or None)
            reply = connection.getresponse()
            content = reply.read()
        except socket.timeout as error:
            self.silent += 1
            raise NoAnswer(f"{method} {path}: no answer within {limit} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()
        self.silent = 0
        return Answer(reply.status, reply.headers, content, time.monotonic() - begun)

    def get(self, path, headers=None, limit=REQUEST_LIMIT):
        return self.request("GET", path, headers=headers, limit=limit)

    def post(self, path="/job", event=None, headers=None, limit=REQUEST_LIMIT, **parts):
        """Posts an event: bytes as they are, anything else as JSON; the rest of the arguments is the query."""
        body = event if isinstance(event, bytes) else json.dumps({} if event is None else event).encode()
        every = {"Content-Type": "application/json"}
        every.update(headers or {})
        return self.request("POST", path + query(**parts), body, every, limit)

    def submit(self, event=None, headers=None, **parts):
        """A job that has to be accepted. Gives its id."""
        answer = self.post(event=event, headers=headers, **parts)
        assert answer.status == 202, answer
        return answer.json["jobId"]

    def job(self, job_id):
        answer = self.get(f"/job/{job_id}")
        assert answer.status == 200, answer
        return answer.json

    def until(self, job_id, *statuses, within=20.0):
        """The job's document once it has one of the statuses. Fails at once when it ended with another."""

        def look():
            document = self.job(job_id)
            if document["status"] in statuses:
                return document
            assert document["status"] not in ENDED, f"ended otherwise: {document}"
            return None

        return self.patiently(look, within, f"job {job_id} becomes {' or '.join(statuses)}")

    def patiently(self, look, within, what):
        """Waits for something that a worker does. Where nothing is done at all, only the first few waits are long."""
        try:
            return eventually(look, within if self.late < 3 else 1, what)
        except AssertionError:
            self.late += 1
            raise

    def ended(self, job_id, within=20.0):
        return self.until(job_id, *ENDED, within=within)

    def run(self, event=None, within=20.0, **parts):
        """Submits, and gives the document of the ended job."""
        return self.ended(self.submit(event, **parts), within)

    def raw(self, *pieces, pause=0.0, limit=REQUEST_LIMIT, half_close=False):
        """Sends pieces of bytes (with a pause between them) and reads one answer. None when the server closed the
        connection without a word."""
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.port), timeout=limit) as connection:
            try:
                for number, piece in enumerate(pieces):
                    if number and pause:
                        time.sleep(pause)
                    connection.sendall(piece)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it may have answered early; what it said can still be read
            reply = http.client.HTTPResponse(connection)
            try:
                reply.begin()
                content = reply.read()
            except socket.timeout as error:
                self.silent += 1
                raise NoAnswer(f"no answer within {limit} s to {b''.join(pieces)[:200]!r}") from error
            except (ConnectionResetError, http.client.BadStatusLine, http.client.IncompleteRead):
                return None
            return Answer(reply.status, reply.headers, content, time.monotonic() - begun)
