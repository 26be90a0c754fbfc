"""Each program by itself: how much memory a hostile body costs, and a run of each under valgrind."""

import http.server
import json
import os
import resource
import shutil
import subprocess
import threading

import pytest

from conftest import BUILD, PATIENCE, SANITIZED, eventually

MIB = 1 << 20
VALGRIND = ["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible",
            "--errors-for-leak-kinds=definite,indirect,possible", "--error-exitcode=99", "--child-silent-after-fork=yes"]
needs_valgrind = pytest.mark.skipif(not shutil.which("valgrind") or SANITIZED, reason="no valgrind, or sanitizers in its place")


def ask(site, program, method, path, body=b"", before=(), limit=None, **variables):
    """One request as CGI. Gives the status, the body, and the process's end."""
    uri, _, query = path.partition("?")
    environment = {"PATH": os.environ["PATH"], "JOBGATE_CONFIG": str(site.file), "REQUEST_METHOD": method, "REQUEST_URI": path,
                   "QUERY_STRING": query, "SCRIPT_NAME": uri, "SERVER_PROTOCOL": "HTTP/1.1",
                   "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)), **variables}

    def bound():
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    done = subprocess.run([*before, BUILD / "cgi-bin" / program], input=body, env=environment, capture_output=True,
                          timeout=60 * PATIENCE, preexec_fn=bound if limit else None)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    status = int(head.split(b"\r\n")[0].split()[1]) if head.startswith(b"Status:") else None
    return status, content, done


# ---- memory ----

def of_size(piece, start=b"[", end=b"]"):
    """As many of the piece as make up nearly a MiB."""
    count = (MIB - 64 - len(start) - len(end)) // (len(piece) + 1)
    return start + b",".join([piece] * count) + end


HOSTILE = {
    "many empty objects": (of_size(b"{}"), 202),
    "many numbers": (of_size(b"1"), 202),
    "many small keys": (b"{" + b",".join(b'"%x":0' % n for n in range(95000)) + b"}", 202),
    "long keys that differ at the end": (b"{" + b",".join(b'"%s%x":0' % (b"k" * 100, n) for n in range(9000)) + b"}", 202),
    "one string": (b'"' + b"x" * (MIB - 2) + b'"', 202),
    "escapes": (b'"' + b"\\u0041" * 174000 + b'"', 202),
    "open brackets": (b"[" * MIB, 400),
    "open objects": (b'{"a":' * 200000, 400),
    "the same key": (b"{" + b",".join([b'"a":0'] * 170000) + b"}", 400),
    "not UTF-8": (b'"' + b"\xff" * (MIB - 2) + b'"', 400),
    "zeros": (b"\0" * MIB, 400),
    "more than is allowed": (b"[" + b" " * (2 * MIB) + b"]", 413),
}


@pytest.mark.skipif(SANITIZED, reason="sanitizers take more memory than that by themselves")
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_body_is_answered_within_16_mib(site, what):
    """Hazard 28. The limit is on all that a process writes to and shares with nobody: more of it, and memory would be short."""
    site.configure(anonymous="all", noop__concurrency="0")
    body, expected = HOSTILE[what]
    status, content, done = ask(site, "jobgate-submit", "POST", "/job?function=noop", body, limit=16 * MIB)
    assert status == expected, (content, done.stderr)
    assert (b'"offset"' in content) == (expected == 400)


# ---- what comes from outside, in the log ----

def test_what_a_web_server_hands_on_makes_no_line_of_its_own_in_the_log(site):
    """Hazard 32: a user's name is whatever the web server has taken it for."""
    site.configure(anonymous="all", noop__concurrency="0")
    status, content, _ = ask(site, "jobgate-submit", "POST", "/job?function=noop", b"{}", REMOTE_USER="eve\nlevel=error forged=1")
    assert status == 202, content
    lines = site.log().splitlines()
    assert [line for line in lines if "event=accepted" in line and "forged" in line], lines
    assert not [line for line in lines if line.startswith("level=error")]


# ---- valgrind ----

def clean(done):
    words = done.stderr.decode(errors="replace") if isinstance(done.stderr, bytes) else done.stderr
    assert done.returncode != 99 and "==" not in words, words


@needs_valgrind
def test_submit_and_status_as_cgi_are_clean(site):
    site.configure(anonymous="all", noop__concurrency="0")
    status, content, done = ask(site, "jobgate-submit", "POST", "/job?function=noop", b'{"a":[1,2]}', VALGRIND,
                                HTTP_IDEMPOTENCY_KEY="one")
    clean(done)
    assert status == 202
    job = json.loads(content)["jobId"]
    for path in ("/job", f"/job/{job}", "/metrics"):
        status, content, done = ask(site, "jobgate-status", "GET", path, b"", VALGRIND)
        clean(done)
        assert status == 200, content
    for method, path, body, expected in (("POST", "/job?function=noop", b"{", 400), ("DELETE", f"/job/{job}", b"", 200)):
        status, content, done = ask(site, "jobgate-submit", method, path, body, VALGRIND)
        clean(done)
        assert status == expected, content


def under_valgrind(site, program):
    """In the program's place, the same under valgrind; what it says is in a file of the site's."""
    said = site.folder / f"valgrind-{program}"
    original = site.programs / program
    real = site.programs / (program + ".real")
    original.rename(real)
    words = " ".join(VALGRIND)
    original.write_text(f'#!/bin/sh\nexec {words} --log-file={said}.%p {real} "$@"\n')
    original.chmod(0o755)

    def look():
        files = [file for file in site.folder.iterdir() if file.name.startswith(said.name + ".")]
        lines = [line for file in files for line in file.read_text().splitlines()]
        return files, "\n".join(line for line in lines if line.startswith("=="))  # "--": what valgrind itself cannot do

    return look


@needs_valgrind
def test_worker_is_clean(site):
    site.own_programs()
    said = under_valgrind(site, "jobgate-worker")
    site.configure(max_workers="1", idle_linger="1s", exit_with__retries="1")
    jobs = [site.put("noop"), site.put("echo", '{"a":1}'), site.put("exit_with"), site.put("explore"), site.put("nothing")]
    for job in jobs:
        site.ended(job, 60)
    site.nothing_left(60)
    files, words = said()
    assert files and words == "", words


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told += 1
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words):
        pass


@needs_valgrind
def test_deliverer_is_clean(site):
    site.own_programs()
    said = under_valgrind(site, "jobgate-deliver")
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    server.told = 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        site.configure(callback_allow="127.0.0.1", noop__on_success=f"http://127.0.0.1:{server.server_port}/hook")
        site.ended(site.put("noop"))
        eventually(lambda: server.told, 60, "the receiver was told")
        site.nothing_left(60)
    finally:
        server.shutdown()
        server.server_close()
    files, words = said()
    assert files and words == "", words
