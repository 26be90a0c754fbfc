"""The campaign's end of shim.so: what a running process is told to do next (shim.h has the same in C)."""

import array
import ctypes
import errno
import mmap
import os
import time

PROGRAMS = ("jobgate-submit", "jobgate-status", "jobgate-worker", "jobgate-supervisor", "jobgate-deliver", "jobgatectl")
CALLS = ("write", "read", "sync", "open", "name", "size", "lock", "map", "start", "memory")
FILE_CALLS = ("write", "read", "sync", "open", "name", "size", "lock", "map")
FAIL, KILL, STOP = range(3)


class _Orders(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char * 256), ("clock_ms", ctypes.c_int64), ("syncs_lie", ctypes.c_uint32),
                ("armed", ctypes.c_uint32), ("programs", ctypes.c_uint32), ("calls", ctypes.c_uint32),
                ("action", ctypes.c_uint32), ("errno_value", ctypes.c_uint32), ("wait", ctypes.c_int32),
                ("times", ctypes.c_int32), ("struck", ctypes.c_uint32), ("victim", ctypes.c_int32),
                ("file", ctypes.c_char * 32)]


class Shim:
    """`folder` is where shim.so and what belongs to it lie; everybody's, since the programs run as another user."""

    def __init__(self, folder, data):
        self.folder = folder
        self.shadow = folder / "shadow"
        for made in (folder, self.shadow):
            made.mkdir()
            made.chmod(0o777)
        file = folder / "orders"
        file.write_bytes(bytes(ctypes.sizeof(_Orders)))
        file.chmod(0o666)
        with open(file, "r+b") as opened:
            self.orders = _Orders.from_buffer(mmap.mmap(opened.fileno(), 0))
        self.orders.data = os.fsencode(data)
        self.boots = 0
        self.boot()

    def boot(self):
        """Another boot id for who looks from now on."""
        self.boots += 1
        (self.folder / "boot_id").write_text(f"boot-{self.boots}\n")

    def nobody_writes(self):
        """All processes are dead: writes that are noted as under way (shadow.h) are not."""
        file = self.shadow / "changed"
        if file.exists():
            with open(file, "r+b") as opened:
                files = array.array("Q", opened.read())
                files[2::3] = array.array("Q", bytes(len(files) // 3 * 8))  # struct shadow_file: inode, blocks, writing
                opened.seek(0)
                opened.write(files)

    def order(self, action, calls, wait=1, times=1, programs=PROGRAMS, file="", fails_with=0):
        """The `wait`th of these calls in these programs, and `times` - 1 after it. `file`: how its name begins or
        ends."""
        orders = self.orders
        orders.armed = 0
        orders.programs = sum(1 << PROGRAMS.index(name) for name in programs)
        orders.calls = sum(1 << CALLS.index(name) for name in calls)
        orders.action, orders.errno_value = action, fails_with
        orders.wait, orders.times, orders.struck, orders.victim = wait, times, 0, 0
        orders.file = file.encode()
        orders.armed = 1

    def struck(self, within):
        """Waits until the order has struck. Gives the last victim's process id, or 0."""
        end = time.monotonic() + within
        while not self.orders.struck and time.monotonic() < end:
            time.sleep(0.002)
        return self.orders.victim

    def withdraw(self):
        self.orders.armed = 0

    def environment(self):
        return {"LD_PRELOAD": str(self.folder / "shim.so"), "JOBGATE_SHIM": str(self.folder)}

    def wrapped(self, program):
        """A script in the program's stead, for what is started with an environment of its own."""
        environment = " ".join(f"{name}='{value}'" for name, value in self.environment().items())
        file = self.folder / program.name
        file.write_text(f'#!/bin/sh\n{environment} exec {program} "$@"\n')
        file.chmod(0o755)
        return file

    @staticmethod
    def words(number):
        return errno.errorcode.get(number, str(number))
