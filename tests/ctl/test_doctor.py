"""doctor names what is wrong, and its cure."""

import os
import pwd
import re
import signal
import subprocess

import pytest

from conftest import run_ctl, worker


def findings(file, *more):
    result = run_ctl(file, "doctor", "--json", *more)
    document = result.json
    assert result.status == (0 if document["good"] else 78), result
    return document["findings"]


def bad(found):
    return [finding for finding in found if finding["verdict"] == "bad"]


def test_a_good_installation_is_all_green(site):
    site.submit("noop")
    found = findings(site.file, "--function", "echo")
    assert bad(found) == []
    assert {finding["check"] for finding in found} >= {
        "configuration", "data_dir", "disk", "keys", "log_file", "programs", "functions", "room", "store", "worker", "job", "function"}
    site.nothing_left()


def test_words_for_people(site):
    site.submit("noop")
    text = site.ctl("doctor").out
    assert re.search(r"^ok    job ", text, re.M) and text.rstrip().splitlines()[-1].startswith("all is well")


def test_a_world_writable_functions_folder_is_named_with_its_cure(site):
    site.submit("noop")
    site.functions.chmod(0o777)
    (finding,) = bad(findings(site.file))
    assert finding["check"] == "functions" and f"chmod go-w {site.functions}" in finding["cure"]


def test_a_refused_function_is_named(site):
    site.submit("noop")
    (site.functions / "noop").chmod(0o775)
    (finding,) = bad(findings(site.file))
    assert finding["check"] == "function" and f"{site.functions}/noop" in finding["found"] and "chmod go-w" in finding["cure"]


@pytest.mark.parametrize("program", ["jobgate-worker", "jobgate-supervisor", "jobgate-deliver"])
def test_a_missing_program_is_named_with_its_cure(site, program):
    site.own_programs()
    site.configure()
    site.put("noop", start=False)
    (site.programs / program).unlink()
    (finding,) = bad(findings(site.file))
    assert finding["check"] == "program"
    assert f"{site.programs}/{program}: is missing" in finding["found"] and "make install" in finding["cure"]


def test_a_program_that_does_not_start_is_named(site):
    site.own_programs()
    site.configure()
    site.put("noop", start=False)
    (site.programs / "jobgate-worker").write_text("#!/bin/sh\necho 'libdb-5.3.so: cannot open shared object file'; exit 127\n")
    (finding,) = bad(findings(site.file))
    assert "cannot open shared object file" in finding["found"] and "ldd" in finding["cure"]


def test_a_disk_below_its_reserve_is_named_with_its_cure(site):
    site.put("noop", start=False)
    site.configure(disk_reserve="1000GiB")
    found = bad(findings(site.file))
    assert {finding["check"] for finding in found} >= {"disk"}
    assert "507" in found[0]["found"] and "make room" in found[0]["cure"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_is_named_with_its_cure(site):
    data = site.data
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=700", "none", data], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no mount here: {mounted.stderr}")
    try:
        site.put("noop", start=False)
        with open(data / "filler", "wb") as file, pytest.raises(OSError):
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        found = {finding["check"]: finding for finding in bad(findings(site.file))}
        assert "disk" in found and "make room" in found["disk"]["cure"]
        site.nothing_left()
    finally:
        subprocess.run(["umount", "-l", data], check=True)


def test_a_wrong_configuration_is_named_with_its_line(site):
    site.file.write_text("max_worker = 4\n")
    (finding,) = bad(findings(site.file))
    assert ':1: unknown key "max_worker"' in finding["found"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a file of another user")
def test_a_log_of_another_user_is_named_with_its_cure(site):
    user = pwd.getpwnam("nobody")
    site.open_to(user)
    os.chown(site.data, user.pw_uid, user.pw_gid)
    site.ctl("wait", site.submit("noop"))
    os.chown(site.folder / "log", 0, 0)
    (site.folder / "log").chmod(0o600)
    found = {finding["check"]: finding for finding in bad(findings(site.file))}
    assert found["log_file"]["found"] == f"{site.folder}/log: Permission denied"
    assert found["log_file"]["cure"].startswith(f"chown nobody {site.folder}/log")


def test_a_data_folder_that_others_can_read_is_named(site):
    site.put("noop", start=False)
    site.data.chmod(0o755)
    assert any("chmod 700" in finding["found"] + finding["cure"] for finding in bad(findings(site.file)))


def test_keys_that_others_can_read_are_named(site):
    site.put("noop", start=False)
    (site.data / "keys").write_text("")
    (site.data / "keys").chmod(0o644)
    found = {finding["check"]: finding for finding in bad(findings(site.file))}
    assert "chmod 600" in found["keys"]["found"] + found["keys"]["cure"]


# ---- with a web server ----


def address(site):
    return f"http://127.0.0.1:{site.api.port}/"


@pytest.mark.parametrize("server", ["lighttpd", "apache", "apache-cgi", "nginx"])
def test_a_good_installation_behind_a_web_server_is_all_green(serve, server):
    site = serve(server)
    found = findings(site.data / "jobgate.conf", "--url", address(site))
    assert bad(found) == []
    assert {finding["check"] for finding in found} >= {"server", "ready", "routes", "authorization", "key", "size"}
    assert run_ctl(site.data / "jobgate.conf", "key", "list", "--json").json == []


def edit_server(site, change):
    part = site.data / "run" / "part.conf"
    part.write_text(change(part.read_text()))
    parent = site.daemons()[0]
    parent.kill(signal.SIGHUP)


@pytest.mark.parametrize("server", ["apache", "apache-cgi"])
@pytest.mark.parametrize("anonymous", ["none", "all"])
def test_apache_without_cgipassauth_is_named_with_its_cure(serve, server, anonymous):
    site = serve(server, anonymous=anonymous)
    edit_server(site, lambda text: text.replace("CGIPassAuth On", "CGIPassAuth Off"))

    def found():
        wrong = bad(findings(site.data / "jobgate.conf", "--url", address(site)))
        return [finding for finding in wrong if finding["check"] == "authorization"]

    (finding,) = worker.eventually(found, 15, "Apache has read its configuration again")
    assert "CGIPassAuth On" in finding["cure"]


def test_a_server_limit_below_ours_is_named_with_its_cure(serve):
    site = serve("apache")
    edit_server(site, lambda text: re.sub("FcgidMaxRequestLen .*", "FcgidMaxRequestLen 131072", text))

    def found():
        wrong = bad(findings(site.data / "jobgate.conf", "--url", address(site)))
        return [finding for finding in wrong if finding["check"] == "size"]

    (finding,) = worker.eventually(found, 15, "Apache has read its configuration again")
    assert "FcgidMaxRequestLen" in finding["cure"]


def test_requests_that_go_to_the_wrong_program_are_named(serve):
    site = serve("apache")
    edit_server(site, lambda text: text.replace("/jobgate-submit/$1", "/jobgate-status/$1"))

    def found():
        wrong = bad(findings(site.data / "jobgate.conf", "--url", address(site)))
        return [finding for finding in wrong if finding["check"] == "routes"]

    (finding,) = worker.eventually(found, 15, "Apache has read its configuration again")
    assert "jobgate-status" in finding["found"]


def test_nobody_at_the_url_is_named(site):
    site.put("noop", start=False)
    (finding,) = bad(findings(site.file, "--url", "http://127.0.0.1:9/"))
    assert finding["check"] == "server" and "start the web server" in finding["cure"]


# ---- keys on the way ----


def test_a_key_that_was_added_works_through_the_server_and_ends_when_removed(serve):
    site = serve("lighttpd", anonymous="none")
    file = site.data / "jobgate.conf"
    assert site.api.post(event={}, function="note").status == 401
    secret = run_ctl(file, "key", "add", "importer", "--allow", "submit,read", "--function", "note").out.strip()
    bearer = {"Authorization": f"Bearer {secret}"}
    answer = worker.eventually(lambda: (got := site.api.post(event={}, function="note", headers=bearer)).status != 401 and got, 5)
    assert answer.status == 202
    job = answer.json["jobId"]
    assert site.api.get(f"/job/{job}", headers={"x-api-key": secret}).json["caller"] == "importer"
    assert site.api.post(event={}, function="hold", headers=bearer).status == 403
    assert run_ctl(file, "show", job, "--json").json["caller"] == "importer"
    assert run_ctl(file, "key", "remove", "importer").status == 0
    worker.eventually(lambda: site.api.get(f"/job/{job}", headers=bearer).status == 401, 5, "the key is gone")
    store = site.data / "store"
    assert {path.stat().st_uid for path in store.rglob("*")} == {store.stat().st_uid}
