"""Hazard 34: what is not safe to use is refused at once, with one line that names it and says how to mend it."""

import os
import subprocess

import pytest

from conftest import BUILD

STRANGER = 12345  # a user that nobody is
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def elsewhere(path):
    """Puts a symlink in the place of a file or folder."""
    moved = path.with_name(path.name + ".elsewhere")
    if path.exists():
        path.rename(moved)
    path.symlink_to(moved)


def instead(path):
    """Puts a fifo in its place."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def given_away(path):
    os.chown(path, STRANGER, STRANGER)


def mode(bits):
    return lambda path: path.chmod(bits)


# What is refused, what was done to it, the words that say what is wrong, and the cure. {} is its path.
STORE = [
    ("data", mode(0o750), "open to group or others (mode 0750)", "chmod 700"),
    ("data", mode(0o705), "open to group or others (mode 0705)", "chmod 700"),
    ("data", elsewhere, "is a symlink", "data_dir has to name the folder itself"),
    pytest.param("data", given_away, f"belongs to user {STRANGER}", "chown it", marks=needs_root),
    ("data/gate", elsewhere, "is a symlink", "remove it"),
    ("data/gate", instead, "is no plain file", "remove it"),
    pytest.param("data/gate", given_away, f"belongs to user {STRANGER}", "chown it", marks=needs_root),
    ("data/slots", elsewhere, "is a symlink", "remove it"),
    pytest.param("data/slots", given_away, "is no plain file of user", "chown it", marks=needs_root),
]
CONFIGURATION = [
    ("jobgate.conf", mode(0o620), "can be written by others", "chmod go-w {}"),
    ("jobgate.conf", mode(0o602), "can be written by others", "chmod go-w {}"),
    ("jobgate.conf", instead, "is no regular file", "remove it"),
    pytest.param("jobgate.conf", given_away, f"belongs to user {STRANGER}", "chown it", marks=needs_root),
]
KEYS = [
    ("data/keys", mode(0o640), "others can read or write it (mode 0640)", "chmod 600 {}"),
    ("data/keys", elsewhere, "is a symlink", "put the file itself there"),
    ("data/keys", instead, "is no plain file", "remove it"),
    pytest.param("data/keys", given_away, f"belongs to user {STRANGER}", "chown it", marks=needs_root),
]
FUNCTIONS = [
    ("functions/noop", mode(0o775), "can be written by others than its owner (mode 0775)", "chmod go-w"),
    ("functions/noop", mode(0o757), "can be written by others than its owner (mode 0757)", "chmod go-w"),
    ("functions/noop", elsewhere, "is a symlink", "put the program itself there"),
    ("functions", mode(0o777), "can be written by others than its owner (mode 0777)", "chmod go-w"),
    pytest.param("functions/noop", given_away, f"belongs to user {STRANGER}", "chown it", marks=needs_root),
]


@pytest.fixture
def used(site):
    """An installation that has worked, and rests."""
    site.configure()
    assert site.ended(site.put("noop"))["status"] == "SUCCEEDED"
    site.nothing_left()
    keys = site.folder / "data" / "keys"
    keys.write_text("reader " + 64 * "0" + " allow=read\n")
    keys.chmod(0o600)
    return site


def assert_refused(line, path, words, cure):
    assert "\n" not in line.strip(), f"more than a line: {line}"
    assert str(path) in line and words in line and cure.format(path) in line, line


@pytest.mark.parametrize("name, change, words, cure", STORE + CONFIGURATION)
def test_store_and_configuration(used, name, change, words, cure):
    """Hazard 34: symlinks, other owners, other modes."""
    path = used.folder / name
    change(path)
    done = used.worker("--sweep")
    assert done.returncode != 0
    assert_refused(done.stderr, path, words, cure)


@pytest.mark.parametrize("name, change, words, cure", KEYS)
def test_keys(used, name, change, words, cure):
    path = used.folder / name
    change(path)
    environment = {**os.environ, "JOBGATE_CONFIG": str(used.file), "REQUEST_METHOD": "GET", "REQUEST_URI": "/job",
                   "PATH_INFO": "", "SCRIPT_NAME": "/job", "HTTP_AUTHORIZATION": "Bearer jg_any",
                   "SERVER_PROTOCOL": "HTTP/1.1"}
    done = subprocess.run([BUILD / "cgi-bin" / "jobgate-status"], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20)
    assert done.stdout.startswith("Status: 503") and str(path) not in done.stdout
    lines = [line for line in used.log().splitlines() if "event=access_file_wrong" in line]
    assert len(lines) == 1
    assert_refused(lines[0], path, words, cure)


@pytest.mark.parametrize("name, change, words, cure", FUNCTIONS)
def test_functions(used, name, change, words, cure):
    """Hazard 34: symlinks, other owners, other modes."""
    path = used.folder / name
    change(path)
    record = used.ended(used.put("noop"))
    assert (record["status"], record["error_type"]) == ("FAILED", "Runtime.InvalidEntrypoint")
    assert_refused(record["error_message"], path, words, cure)


def test_data_folder_of_a_new_installation_belongs_to_its_user_alone(used):
    assert (used.folder / "data").stat().st_mode & 0o7777 == 0o700
    for file in (used.folder / "data").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_what_was_mended_works_again(used):
    data = used.folder / "data"
    data.chmod(0o755)
    assert used.worker("--sweep").returncode != 0
    data.chmod(0o700)
    assert used.worker("--sweep").returncode == 0
    assert used.ended(used.put("noop"))["status"] == "SUCCEEDED"
