"""A Jobgate of its own for one benchmark run: temporary folder, configuration, lighttpd on a free port, and its end.

Whatever was started is ended again by close(): by process id, found by the temporary folder's name, which nobody else has.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from load import HERE, Broken, Client, program

CONF = os.path.join(HERE, "..", "..", "conf")
NOT_A_DISK = ("tmpfs", "ramfs", "overlay", "nfs", "nfs4")


def file_system(path):
    """Type of the file system that `path` is on."""
    found, kind = "", "?"
    path = os.path.realpath(path)
    with open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts:
        for line in mounts:
            _, point, its_kind = line.split()[:3]
            point = point.encode().decode("unicode_escape")
            if (path == point or path.startswith(point.rstrip("/") + "/")) and len(point) >= len(found):
                found, kind = point, its_kind
    return kind


def disk_folder(wanted=None):
    """A folder on a real disk to work in: a sync that costs nothing would flatter every durable row."""
    candidates = [wanted] if wanted else [os.environ.get("TMPDIR", "/tmp"), "/var/tmp", os.getcwd()]
    for candidate in candidates:
        if os.access(candidate, os.W_OK) and file_system(candidate) not in NOT_A_DISK:
            return candidate
    raise Broken(f"no folder on a disk among {', '.join(candidates)}: give one with --dir")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Broken(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def accepts(address):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0


class Installation:
    """The programs of `build`, at work in a folder below `parent`."""

    def __init__(self, build, parent, settings=""):
        self.build = os.path.abspath(build)
        self.supervisor = self.program("jobgate-supervisor")  # before anything is made that would have to go again
        self.folder = tempfile.mkdtemp(prefix="jobgate-bench-", dir=parent)
        self.port = free_port()
        self.settings = settings
        self.started = []
        for name in ("data", "functions"):
            os.mkdir(self.path(name), 0o700)
        for function, source in (("nothing", "nothing"), ("batch", "nothing"), ("paused", "nothing"),
                                 ("first_instruction", "first_instruction")):
            shutil.copy(self.bench_program(source), self.path("functions", function))
            os.chmod(self.path("functions", function), 0o755)
        self.configure()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def bench_program(self, name):
        return os.path.join(self.build, "tests", "bench", name)

    def program(self, name):
        """The path of a program of the product."""
        for folder in ("", "cgi-bin", "worker", "ctl"):
            path = os.path.join(self.build, folder, name)
            if os.access(path, os.X_OK):
                return path
        raise Broken(f"{name} is not built in {self.build}")

    @property
    def configuration(self):
        return self.path("jobgate.conf")

    def configure(self, batch_paused=True, name="jobgate.conf"):
        """Writes the configuration: defaults, but for where things are. The queue may grow, and old jobs stay."""
        text = (f"data_dir = {self.path('data')}\n"
                f"functions_dir = {self.path('functions')}\n"
                f"worker_program = {self.supervisor}\n"
                f"log_file = {self.path('jobgate.log')}\n"
                f"anonymous = all\n"
                f"queue_max = 0\n{self.settings}\n"
                f"[function paused]\nconcurrency = 0\n"
                + ("[function batch]\nconcurrency = 0\n" if batch_paused else ""))
        with open(self.path(name + ".new"), "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.path(name + ".new"), self.path(name))

    def fill(self, template):
        """A file of conf/ with its placeholders filled: the server is configured as it is when deployed."""
        with open(os.path.join(CONF, template), encoding="utf-8") as file:
            return program(os.path.join(CONF, "fill"), f"programs={os.path.dirname(self.program('jobgate-submit'))}",
                           f"configuration={self.configuration}", f"sockets={self.folder}", f"parts={self.folder}",
                           f"www={CONF}/../www", stdin=file)

    def lighttpd_configuration(self):
        """Jobgate as it is deployed, and beside it the bare programs, reached in the same way."""
        return f"""
server.modules = ("mod_cgi", "mod_alias", "mod_setenv")
server.port = {self.port}
server.bind = "127.0.0.1"
server.document-root = "{self.path('data')}/none"
server.errorlog = "{self.path('lighttpd.log')}"
server.pid-file = "{self.path('lighttpd.pid')}"
include "{self.path('part.conf')}"
$HTTP["url"] == "/bare" {{
    fastcgi.server = ("/" => (("socket" => "{self.path('bare.socket')}", "check-local" => "disable")))
}}
$HTTP["url"] =~ "^/cgi/" {{
    setenv.add-environment = ("JOBGATE_CONFIG" => "{self.configuration}",
                              "BARE_CGI_ANSWER" => "{self.path('get.answer')}")
    alias.url = ("/cgi/job" => "{self.program('jobgate-status')}", "/cgi/bare" => "{self.bench_program('bare_cgi')}")
    cgi.assign = ("jobgate-status" => "", "bare_cgi" => "")
}}
"""

    def start(self):
        with open(self.path("part.conf"), "w", encoding="utf-8") as file:
            file.write(self.fill("lighttpd.conf.in"))
        with open(self.path("lighttpd.conf"), "w", encoding="utf-8") as file:
            file.write(self.lighttpd_configuration())
        self.spawn("lighttpd", "-D", "-f", self.path("lighttpd.conf"))
        wait_until(lambda: accepts(("127.0.0.1", self.port)), "lighttpd answers")
        return self

    def spawn(self, *command):
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self.started.append(server)
        return server

    def start_bare(self, threads=8):
        """Captures what Jobgate answers and has the bare programs answer the same."""
        client = Client(self.port)
        job_id = client.submit("nothing")
        self.capture("post.answer", client.request("POST", "/job?function=paused", "{}"))
        try:
            client.wait(job_id, seconds=10)
        finally:
            self.capture("get.answer", client.request("GET", f"/job/{job_id}"))
        self.spawn(self.bench_program("bare_fastcgi"), self.path("bare.socket"), str(threads),
                   self.path("get.answer"), self.path("post.answer"))
        wait_until(lambda: os.path.exists(self.path("bare.socket")) and accepts(self.path("bare.socket")),
                   "bare_fastcgi answers")
        self.compare(client, f"/job/{job_id}", "/bare")
        return job_id

    def capture(self, name, answer):
        status, headers, body = answer
        of_the_server = ("date", "server", "connection", "keep-alive", "transfer-encoding")
        with open(self.path(name), "wb") as file:
            file.write(f"Status: {status}\r\n".encode())
            for key, value in headers:
                if key.lower() not in of_the_server:
                    file.write(f"{key}: {value}\r\n".encode("latin-1"))
            file.write(b"\r\n" + body)

    @staticmethod
    def compare(client, ours, theirs):
        """The two sides must send the same bytes, else the comparison says nothing."""
        def bytes_of(path):
            status, headers, body = client.request("GET", path)
            return status, sorted((k.lower(), v) for k, v in headers if k.lower() != "date"), body
        if bytes_of(ours) != bytes_of(theirs):
            raise Broken(f"{ours} and {theirs} differ: {bytes_of(ours)} {bytes_of(theirs)}")

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def processes(self):
        """{pid: program's name} of everything that works for this installation: the folder's name is in the command
        line or the environment of each."""
        mark = self.folder.encode()
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    told = file.read()
                with open(f"/proc/{pid}/environ", "rb") as file:
                    told += file.read()
                if mark in told and int(pid) != os.getpid():
                    found[int(pid)] = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
            except OSError:
                continue
        return found

    def close(self, keep=False):
        for server in reversed(self.started):
            server.terminate()
        for server in self.started:
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        end = time.monotonic() + 5
        while self.processes() and time.monotonic() < end:
            for pid in self.processes():
                self.signal(pid, signal.SIGTERM)
            time.sleep(0.1)
        for pid in self.processes():
            self.signal(pid, signal.SIGKILL)
        if keep:
            print(f"bench: left in {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def signal(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def private_kib(pid):
    """Memory that belongs to this process alone, in KiB; 0 when it has gone. Shared mappings are left out even where just one
    process has touched a page: that is the store's cache, which is there once for all."""
    total, shared = 0, False
    try:
        with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as file:
            for line in file:
                words = line.split()
                if "-" in words[0]:
                    shared = words[1].endswith("s")
                elif not shared and words[0] in ("Private_Clean:", "Private_Dirty:"):
                    total += int(words[1])
    except OSError:
        return 0
    return total
