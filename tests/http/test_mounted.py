"""Mounted below a base on a shared host: the shipped .htaccess with submit.fcgi and status.fcgi, run by an Apache that
knows nothing else of Jobgate. With mod_fcgid, and without it as plain CGI."""

import os
import socket
import subprocess

import pytest

import processes
from client import Api, NoAnswer, eventually
from harness import SOURCE

BASE = "/~me/jobs"
HOST = """
LoadModule mime_module "{modules}/mod_mime.so"
LoadModule setenvif_module "{modules}/mod_setenvif.so"
TypesConfig /dev/null
DocumentRoot "{public}"
<Directory "{public}">
    Require all granted
    AllowOverride All
</Directory>
"""


def fill(template, target, **values):
    with open(SOURCE / "conf" / template, "rb") as source, open(target, "wb") as filled:
        command = [SOURCE / "conf" / "fill", *(f"{name}={value}" for name, value in values.items())]
        subprocess.run(command, stdin=source, stdout=filled, check=True)


def modules():
    for folder in ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules"):
        if os.path.isdir(folder):
            return folder
    pytest.skip("no folder with Apache's modules")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(params=["fcgid", "cgid"])
def mounted(request, start):
    """An installation, and beside quickstart's own server a shared host with the folder jobs/ in somebody's pages."""
    site = start()
    host = site.folder / "host"
    pages = host / "public" / BASE.strip("/")
    pages.mkdir(parents=True)
    for name in ("log", "empty"):
        (host / name).mkdir()
    owner = os.stat(site.data / "store")
    for name in (host, host / "log"):
        os.chown(name, owner.st_uid, owner.st_gid)
    values = {"programs": site.data / "programs", "configuration": site.data / "jobgate.conf"}
    fill("htaccess.in", pages / ".htaccess", **values)
    for name in ("submit.fcgi", "status.fcgi"):
        fill(name + ".in", pages / name, **values)
        (pages / name).chmod(0o755)
    part = host / "part.conf"
    part.write_text(HOST.format(modules=modules(), public=host / "public"))
    api = Api(free_port(), BASE)
    fill("apache-alone.conf.in", host / "apache.conf", run=host, log=host / "log", sockets=host, port=api.port,
         modules=modules(), module=request.param, part=part)
    drop = {} if os.geteuid() != 0 else {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    with open(host / "server.log", "wb") as output:
        server = subprocess.Popen(
            ["/usr/sbin/apache2", "-f", host / "apache.conf", "-D", "FOREGROUND"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **drop,
        )

    def is_up():
        assert server.poll() is None, f"apache2 ended with {server.returncode}"
        try:
            return api.get("/healthz").status
        except NoAnswer:
            return None

    try:
        eventually(is_up, 10, "the shared host answers")
        yield api
    finally:
        server.terminate()
        server.wait(15)
    eventually(lambda: not processes.find(str(host)), 5, "nothing of the shared host is left")


@pytest.mark.only("apache")
def test_htaccess_serves_everything_below_its_folder(mounted):
    api = mounted
    answer = api.post(event={"out": "{}", "err": "x"}, function="puppet")
    assert answer.status == 202, answer
    job_id = answer.json["jobId"]
    assert answer.header("Location") == f"{BASE}/job/{job_id}"
    document = api.ended(job_id)
    assert document["status"] == "SUCCEEDED", document
    plain = Api(api.port)
    for name in ("self", "result", "log", "event"):
        assert document["links"][name].startswith(f"{BASE}/job/{job_id}")
        assert plain.get(document["links"][name]).status == 200, name
    assert plain.get(answer.header("Location")).json["jobId"] == job_id
    api.submit({})
    link = api.get("/job?limit=1").header("Link")
    assert link.startswith(f"<{BASE}/job?"), link
    assert plain.get(link[1 : link.index(">")]).json["jobs"][0]["jobId"] == job_id
    assert api.get("/readyz").status == 200
    assert api.get("/functions").status == 200
    assert api.request("OPTIONS", "/job").status == 204
    assert api.request("PUT", "/job", b"{}").status == 405
    assert api.get("/job/x").status == 404
    assert api.request("DELETE", f"/job/{job_id}").status == 409
    head = f"POST {BASE}/job HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2000000000\r\n\r\n"
    assert api.raw(head.encode(), half_close=True).status == 413


@pytest.mark.only("apache")
def test_htaccess_gives_nothing_else_away(mounted):
    """The programs' texts name the configuration: they are run, never shown; and no path leads around the rules."""
    for path in ("/submit.fcgi", "/status.fcgi", "/.htaccess", "/status.fcgi/../submit.fcgi"):
        answer = mounted.get(path)
        assert answer.status in (403, 404, 405, 500), answer
        assert b"jobgate.conf" not in answer.body and b"Rewrite" not in answer.body


@pytest.mark.only("apache")
def test_htaccess_lets_keys_through(mounted):
    for name in ("Authorization", "x-api-key"):
        answer = mounted.get("/job", {name: "Bearer jg_wrong" if name == "Authorization" else "jg_wrong"})
        assert answer.status == 401 and "invalid_token" in answer.header("WWW-Authenticate"), name
