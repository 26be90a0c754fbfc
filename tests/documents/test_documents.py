"""What Jobgate says about itself, read by the tools of those who use it: /openapi.json by Redocly, /metrics by Prometheus, the
manuals by mandoc. None of them finds anything."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "http"))
from client import eventually  # noqa: E402
from harness import BUILD, SOURCE, Site  # noqa: E402

OUTPUT = BUILD / "documents"  # what is fetched, and what was looked at


@pytest.fixture(scope="module")
def site():
    OUTPUT.mkdir(exist_ok=True)
    own = Site("lighttpd")
    try:
        yield own.start()
    finally:
        own.stop()


def served(site, path):
    answer = site.api.get(path)
    assert answer.status == 200, answer
    file = OUTPUT / path.strip("/")
    file.write_bytes(answer.body)
    return file


# ---- /openapi.json ----


def redocly(*arguments):
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    return subprocess.run([SOURCE / "tests" / "node", HERE, OUTPUT, "redocly", *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, env={**os.environ, **quiet})


def test_description_is_without_findings(site):
    file = served(site, "/openapi.json")
    said = redocly("lint", "--format=json", str(file))
    assert said.stdout.startswith("{"), said.stderr
    result = json.loads(said.stdout)
    found = [f"{problem['severity']}: {problem['message']} {problem['location'][0].get('pointer')}" for problem in result["problems"]]
    assert (found, result["totals"], said.returncode) == ([], {"errors": 0, "warnings": 0, "ignored": 0}, 0)


def test_description_tells_how_each_path_refuses_what_makes_no_sense(site):
    for path, operations in json.loads(served(site, "/openapi.json").read_text())["paths"].items():
        for method in operations.keys() & {"get", "post", "delete"}:
            answer = site.api.request(method.upper(), path.replace("{jobId}", "0199aaaa-0000-7000-8000-000000000000") + "?a=1&a=2")
            assert answer.status == 400 and "400" in operations[method]["responses"], (method, path, answer)


# ---- /metrics ----


def promtool():
    """The system's own, or that of Debian's package, taken out of it: installed it would start a service."""
    found = shutil.which("promtool") or OUTPUT / "prometheus/usr/bin/promtool"
    if not pathlib.Path(found).exists():
        if not shutil.which("apt-get"):
            pytest.skip("needs promtool, of Prometheus")
        subprocess.run(["apt-get", "download", "prometheus"], cwd=OUTPUT, check=True, capture_output=True, text=True)
        (package,) = OUTPUT.glob("prometheus_*.deb")
        subprocess.run(["dpkg-deb", "-x", package, OUTPUT / "prometheus"], check=True)
        package.unlink()
    return found


def test_metrics_are_without_findings(site):
    tool = promtool()
    site.api.run({}, function="puppet")
    site.api.run({"exit": 65}, function="puppet")
    waiting = site.api.submit({}, function="paused")
    site.api.request("DELETE", f"/job/{waiting}")
    running = site.api.submit({"name": "metrics"}, function="hold")
    eventually(lambda: site.api.job(running)["status"] == "RUNNING", 10, "it runs")
    text = served(site, "/metrics").read_text()
    site.api.request("DELETE", f"/job/{running}")
    for status in ("QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"):
        assert re.search(rf'status="{status}"', text), status
    assert "_bucket{" in text and re.search(r"^jobgate_store_sync_seconds_count [1-9]", text, re.M)
    said = subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, text=True)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


# ---- manuals ----


def manuals():
    made = [BUILD / "man" / "jobgatectl.1", BUILD / "man" / "jobgate.conf.5"]
    return made + sorted((SOURCE / "man").glob("*.[1-8]"))


@pytest.mark.skipif(not shutil.which("mandoc"), reason="needs mandoc")
def test_manuals_are_without_findings():
    said = subprocess.run(["mandoc", "-Tlint", *manuals()], capture_output=True, text=True).stdout
    # Ours are not installed here: whether they are there is the next test's.
    assert [line for line in said.splitlines() if not re.search("referenced manual not found: Xr jobgate", line)] == []


def test_manuals_refer_to_pages_that_there_are():
    also = set(re.findall(r"ln -sf \S+ (\S+)", (SOURCE / "man" / "local.mk").read_text()))
    there = {page.name for page in manuals()} | also
    for page in manuals():
        named = {".".join(name) for name in re.findall(r"\bXr (jobgate\S*) (\d)", page.read_text())}
        assert named <= there, page


def test_every_program_has_a_manual():
    programs = {"jobgatectl.1", *(f"jobgate-{name}.8" for name in ("submit", "status", "supervisor", "worker", "deliver"))}
    also = set(re.findall(r"ln -sf \S+ (\S+)", (SOURCE / "man" / "local.mk").read_text()))
    assert programs <= {page.name for page in manuals()} | also
