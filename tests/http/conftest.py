"""Fixtures: the same cases on every web server."""

import signal
import subprocess

import pytest

from client import PATIENCE
from harness import BUILD, SERVERS, Site

TEST_LIMIT = 60  # seconds for one test that does not say otherwise


def pytest_configure(config):
    def end(signal_number, frame):
        raise KeyboardInterrupt  # TERM ends the servers as Ctrl-C does

    signal.signal(signal.SIGTERM, end)


def pytest_sessionstart(session):
    """quickstart would build what is out of date, too, but in a test's time."""
    if session.config.option.collectonly or not (BUILD / "Makefile").exists():
        return
    made = subprocess.run(["make", "-C", BUILD, "-j2", "all"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if made.returncode != 0:
        pytest.exit(f"{BUILD} does not build:\n{made.stdout[-2000:]}{made.stderr[-4000:]}", returncode=1)


def pytest_addoption(parser):
    parser.addoption("--server", action="append", choices=SERVERS, help="only this web server (repeatable)")


def pytest_generate_tests(metafunc):
    if "server" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("only")
    names = marker.args if marker else SERVERS
    chosen = metafunc.config.getoption("--server") or SERVERS
    metafunc.parametrize("server", [name for name in names if name in chosen], scope="session")


def pytest_collection_modifyitems(items):
    """One web server after the other; on each, the tests that share the common installation first. It is ended
    before the next one starts, so that two cores have one server to carry."""
    places = {name: place for place, name in enumerate(SERVERS)}

    def order(item):
        call = getattr(item, "callspec", None)
        server = call.params.get("server") if call else None
        return places.get(server, len(SERVERS)), "site" not in item.fixturenames

    items.sort(key=order)


# ---- installations ----

refused = {}  # servers that did not start at all: no other test waits for them again


def start_site(server, settings):
    if server in refused:
        pytest.fail(f"{server} did not start before: {refused[server]}", pytrace=False)
    own = Site(server, **settings)
    try:
        return own.start()
    except (AssertionError, OSError) as error:
        words = str(error)
        if not settings:
            refused[server] = words.splitlines()[0]
        try:
            own.stop()
        except AssertionError as left:
            words += f"\n{left}"
    pytest.fail(words, pytrace=False)


@pytest.fixture(scope="session")
def site(server):
    """The installation that most tests share, one for each server, with the settings of harness.SETTINGS."""
    shared = start_site(server, {})
    yield shared
    shared.stop()


@pytest.fixture
def api(site):
    return site.api


@pytest.fixture
def start(request, server):
    """start(**settings): an installation for this test alone."""
    begun = []

    def begin(**settings):
        begun.append(start_site(server, settings))
        request.node.sites = begun
        return begun[-1]

    yield begin
    troubles = []
    for own in begun:
        try:
            own.stop()
        except AssertionError as error:
            troubles.append(str(error))
    assert not troubles, "\n".join(troubles)


# ---- a bound for every test, and the logs of those that fail ----


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    marker = item.get_closest_marker("limit")
    seconds = int((marker.args[0] if marker else TEST_LIMIT) * PATIENCE)

    def too_long(signal_number, frame):
        raise AssertionError(f"not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when != "call" or not report.failed:
        return
    sites = list(getattr(item, "sites", []))
    sites += [item.funcargs[name] for name in ("site", "guarded", "limited") if name in item.funcargs]
    for own in sites:
        report.sections.append((f"logs of {own.server} in {own.folder}", own.logs()))
