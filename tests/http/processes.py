"""Who is running, from /proc: the processes of one installation are those that name its folder."""

import os
import signal


class Process:
    def __init__(self, pid, program, command, environment):
        self.pid = pid
        self.program = program  # base name of the executable
        self.command = command
        self.environment = environment

    def __repr__(self):
        return f"<{self.pid} {self.command[:160]}>"

    def kill(self, number=signal.SIGKILL):
        try:
            os.kill(self.pid, number)
            return True
        except ProcessLookupError:
            return False


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:  # it ended in between, or belongs to somebody else
        return b""


def _program(pid, command):
    try:
        target = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        target = command.split("\0", 1)[0]
    return os.path.basename(target.removesuffix(" (deleted)"))


def _parent(pid):
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def is_alive(pid):
    """A zombie does not count: it runs no more."""
    state = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return bool(state) and state[0] not in (b"Z", b"X")


def find(mark, program=None):
    """The living processes whose command line or environment contains `mark`."""
    wanted = mark.encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        command = _read(f"/proc/{entry}/cmdline")
        environment = _read(f"/proc/{entry}/environ")
        if wanted not in command and wanted not in environment:
            continue
        text = command.rstrip(b"\0").decode(errors="replace")
        process = Process(int(entry), _program(entry, text), text.replace("\0", " "), environment)
        if process.program.startswith("jobgate-") and process.program == _program(_parent(entry), ""):
            continue  # between its fork and its exec: about to become another program
        if (program is None or process.program == program) and is_alive(process.pid):
            found.append(process)
    return found
