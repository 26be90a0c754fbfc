#!/usr/bin/python3
"""tests/hazards/run.py - takes the protection against each hazard out, and looks whether its test notices: `make hazards`

    tests/hazards/run.py [--tree FOLDER] [NUMBER…]     all hazards, or those
    tests/hazards/run.py --check                       only whether the table fits the sources, the tests and tests/README.md
    tests/hazards/run.py --table                       prints it as it stands there

The table is in rows.py. The sources are copied to a folder of its own (FOLDER is kept and used again, which saves the build), the
tests of the chosen rows have to pass there, and then each breaking is made in turn: the edit, the build, its tests, the edit
taken back. A test has noticed when it fails by itself, in its own time; one that still runs after LIMIT is told as "hangs", which is
wrong as well. Prints a line for each breaking and test; exit status 0 when every test passed unbroken and failed broken.
"""

import argparse
import ctypes
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from rows import HAZARDS, ROWS

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 400  # seconds for one test
SKIPPED = "is skipped here"
PR_SET_CHILD_SUBREAPER = 36


# ---- the tests that rows name: "unit/test_gate:hazard_1_…", "http/test_kills.py:test_…" ----


class Test:
    def __init__(self, name):
        self.name = name
        self.file, _, rest = name.partition(":")
        self.case, _, server = rest.partition("@")
        self.server = server or "lighttpd"
        self.is_python = self.file.endswith(".py")
        self.source = f"tests/{self.file}" if self.is_python else f"tests/{self.file}.c"

    def targets(self):
        """With what it needs: the installed programs, functions with bad habits."""
        if self.is_python:
            return ["all", "bad-programs", "tests/tools/jobgate-put", "tests/crash/shim.so"]
        needs_all = re.search(r"/test_(exec|strays|programs)$", self.file)
        return [f"tests/{self.file}", *(["all", "bad-programs"] if needs_all else [])]

    def command(self, tree, build):
        if not self.is_python:  # not by tests/unit/run, which waits for all that has its output open
            return [str(build / "tests" / self.file)]
        server = ["--server", self.server] if self.file.startswith("http/") else []
        return ["/usr/bin/python3", "-m", "pytest", "-q", "-x", f"{tree / self.source}::{self.case}", *server]

    def noticed(self, status, output):
        """True: failed. False: passed. Words: neither, which is an error of the table or of the machine."""
        if self.is_python:
            ran = re.search(r"\d+ (passed|failed|error)", output)
            if not ran:
                return SKIPPED if re.search(r"\d+ skipped", output) else f"pytest ended with {status}"
            return {0: False, 1: True}.get(status, f"pytest ended with {status}")
        if re.search(r"^not ok \d+ # SKIP", output, re.M):
            return SKIPPED
        if status == 0:
            return False if re.search(rf"^ok \d+ - {re.escape(self.case)}", output, re.M) else "did not run"
        return True


# ---- does the table fit? ----


def says_its_hazard(text, case, number):
    """By its name, or in the comment, decorator or docstring around its head."""
    if re.match(rf"(test_)?hazard_{number}_", case):
        return True
    lines = text.split("\n")
    head = next(place for place, line in enumerate(lines) if re.match(rf"(static void|def) {case}\(", line))
    first = head
    while lines[first - 1].strip():
        first -= 1
    return re.search(rf"[Hh]azards? ([\d, and]*\b)?{number}\b", "\n".join(lines[first : head + 3])) is not None


def table():
    """As it stands in tests/README.md."""
    lines = ["| # | hazard | required | test | seen to fail when |", "|---|---|---|---|---|"]
    for row in ROWS:
        tests = dict.fromkeys(name for breaking in row.breakings for name in breaking.tests)
        named = ", ".join(f"`{name}`" for name in tests) + (f"; {row.also}" if row.also else "")
        taken_out = "; ".join(breaking.words for breaking in row.breakings)
        lines.append(f"| {row.number} | {row.hazard} | {row.promise} | {named} | {taken_out} |")
    return "\n".join(lines) + "\n"


def check():
    """The table against the sources; what does not fit, in words."""
    found = [] if table() in (SOURCE / "tests/README.md").read_text(encoding="utf-8") else [
        "tests/README.md: its table of hazards is not what tests/hazards/run.py --table prints"
    ]  # fmt: skip
    numbers = [row.number for row in ROWS]
    if numbers != list(range(1, HAZARDS + 1)):
        found.append(f"rows.py: the rows are {numbers}, and have to be 1 to {HAZARDS}")
    for row in ROWS:
        for breaking in row.breakings:
            for file, old, _ in breaking.edits:
                count = (SOURCE / file).read_text(encoding="utf-8").count(old)
                if count != 1:
                    found.append(f"{file}: hazard {row.number}, \"{breaking.words}\" is stale: its text is there {count} times")
            for test in map(Test, breaking.tests):
                text = (SOURCE / test.source).read_text(encoding="utf-8")
                if not re.search(rf"^(static void|def) {test.case}\(", text, re.M):
                    found.append(f"{test.source}: hazard {row.number}, there is no {test.case}")
                elif not says_its_hazard(text, test.case, row.number):
                    found.append(f"{test.source}: {test.case} does not say that it is for hazard {row.number}")
    return found


# ---- a tree to break ----


def is_ours(folder):
    """Not what others built or keep in the source tree."""
    return not (folder / "config.status").exists() and folder.name not in (".git", "autom4te.cache", "__pycache__", "node_modules")


def copy_sources(target):
    """Files that are the same stay as they are, so that a second run builds little."""
    for folder, folders, files in os.walk(SOURCE):
        here = pathlib.Path(folder)
        folders[:] = [name for name in folders if is_ours(here / name) and here / name != target]
        there = target / here.relative_to(SOURCE)
        there.mkdir(parents=True, exist_ok=True)
        for name in files:
            if here == SOURCE and name in ("Makefile", "config.status", "config.h", "config.log", "stamp-h1"):
                continue
            if name.endswith((".o", ".a")):
                continue
            file, copy = here / name, there / name
            if not copy.exists() or file.read_bytes() != copy.read_bytes():
                shutil.copy2(file, copy)
                os.utime(copy)


class Tree:
    def __init__(self, folder):
        self.folder = folder
        self.build = folder / "build"

    def prepare(self):
        copy_sources(self.folder)
        self.build.mkdir(exist_ok=True)
        if not (self.build / "Makefile").exists():
            subprocess.run([self.folder / "configure", "-q", "CFLAGS=-O1 -g -w"], cwd=self.build, check=True, stdin=subprocess.DEVNULL)

    def make(self, targets):
        """Its words when it fails. `all` is a make of its own, which must not meet the others at the same files."""
        for some in ({"all"} & set(targets), set(targets) - {"all"}):
            command = ["make", "-s", f"-j{os.cpu_count()}", *sorted(some)]
            done = subprocess.run(command, cwd=self.build, capture_output=True, text=True, stdin=subprocess.DEVNULL) if some else None
            if done is not None and done.returncode != 0:
                return done.stdout[-1000:] + done.stderr[-2000:]
        return ""

    def edit(self, edits):
        """Gives what it takes to put the files back."""
        before = {}
        for file, old, new in edits:
            path = self.folder / file
            text = path.read_text(encoding="utf-8")
            before.setdefault(path, text)
            assert text.count(old) == 1, f"{file}: the breaking is stale"
            path.write_text(text.replace(old, new), encoding="utf-8")
        return before

    def run(self, test):
        """Whether the test noticed (see Test.noticed), what it said, and how many seconds it took."""
        environment = {**os.environ, "JOBGATE_BUILD": str(self.build), "JOBGATE_CASE": test.case, "PYTHONDONTWRITEBYTECODE": "1"}
        begun = time.monotonic()
        with tempfile.TemporaryFile() as output:
            # Beside each other in a scheduler's eyes, apart for signals: a broken supervisor kills what it finds.
            process = subprocess.Popen(test.command(self.folder, self.build), cwd=self.build, env=environment, stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                status = process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                status = None
            end_children()
            output.seek(0)
            said = output.read().decode(errors="replace")
        return ("hangs" if status is None else test.noticed(status, said)), said, time.monotonic() - begun


def children():
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.append(int(entry))
    return found


def end_children():
    """What a broken program left behind has become our child (we are its subreaper): all of it is ended."""
    while pids := children():
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass


# ---- the run ----


def words_of(result):
    return {True: "fails", False: "passes"}.get(result, result)


def report(number, broken, test, result, wanted, seconds, said):
    good = result in (wanted, SKIPPED)
    print(f"{number:>3}  {'' if good else 'WRONG: '}{words_of(result)} {'broken' if broken else 'unbroken'}  {test.name}  ({seconds:.1f} s)"
          + (f"  {broken}" if broken else ""), flush=True)
    if not good:
        print("".join(f"       | {line}\n" for line in said.splitlines()[-25:]), end="", flush=True)
    return good


def run_unbroken(tree, rows):
    wrong = 0
    tests = {}
    for row in rows:
        for breaking in row.breakings:
            for name in breaking.tests:
                tests.setdefault(name, row.number)
    trouble = tree.make([target for name in tests for target in Test(name).targets()])
    if trouble:
        sys.exit(f"the sources do not build:\n{trouble}")
    for name, number in tests.items():
        result, said, seconds = tree.run(Test(name))
        wrong += not report(number, "", Test(name), result, False, seconds, said)
    return wrong


def run_broken(tree, row, breaking):
    wrong = 0
    before = tree.edit(breaking.edits)
    try:
        tests = [Test(name) for name in breaking.tests]
        trouble = tree.make([target for test in tests for target in test.targets()])
        for test in tests:
            result, said, seconds = ("does not build", trouble, 0) if trouble else tree.run(test)
            wrong += not report(row.number, breaking.words, test, result, True, seconds, said)
    finally:
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")
    return wrong


def main():
    parser = argparse.ArgumentParser(description="Takes each protection out and looks whether its test notices.")
    parser.add_argument("--check", action="store_true", help="only whether the table fits")
    parser.add_argument("--table", action="store_true", help="print it for tests/README.md")
    parser.add_argument("--tree", type=pathlib.Path, help="build here, and keep it")
    parser.add_argument("number", nargs="*", type=int)
    options = parser.parse_args()
    if options.table:
        print(table(), end="")
        return 0
    stale = check()
    print(*stale, sep="\n", end="\n" if stale else "")
    if options.check or stale:
        return 1 if stale else 0
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    folder = options.tree.resolve() if options.tree else pathlib.Path(tempfile.mkdtemp(prefix="jobgate-hazards-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # started by root, the web servers' programs run as somebody else
    rows = [row for row in ROWS if not options.number or row.number in options.number]
    tree = Tree(folder)
    try:
        tree.prepare()
        wrong = run_unbroken(tree, rows)
        wrong += sum(run_broken(tree, row, breaking) for row in rows for breaking in row.breakings)
    finally:
        if not options.tree:
            shutil.rmtree(folder, ignore_errors=True)
    breakings = sum(len(row.breakings) for row in rows)
    print(f"{len(rows)} hazards, {breakings} breakings: {'each noticed by its tests' if wrong == 0 else f'{wrong} WRONG'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
