"""The load client: wrk, and a small client of our own for requests that are looked at one by one."""

import http.client
import json
import os
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class Broken(Exception):
    """A measurement that is worth nothing: an error answer, a program that failed, a job that never ended."""


def program(*arguments, **options):
    """Runs a comparison program, returns what it printed."""
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode != 0:
        raise Broken(f"{os.path.basename(arguments[0])} ended with {done.returncode}")
    return done.stdout


def wrk(url, seconds, connections, body=None, paths=None):
    """Loads `url` for that long: {"rate", "p50_us", "p99_us"}. With `body`, by POST; with `paths`, the lines of that file in
    turn. Any answer that is an error makes it Broken."""
    command = ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "-s", os.path.join(HERE, "load.lua"), url, "--"]
    if body is not None:
        command += ["POST", body]
    elif paths is not None:
        command += ["PATHS", paths]
    figures = json.loads(program(*command).strip().splitlines()[-1])
    if figures["bad_status"] or figures["broken"] or not figures["requests"]:
        raise Broken(f"{url}: {figures['bad_status']} error answers, {figures['broken']} broken connections "
                     f"among {figures['requests']} requests")
    figures["rate"] = figures["requests"] / figures["seconds"]
    return figures


class Client:
    """One kept-open connection."""

    def __init__(self, port):
        self.address = ("127.0.0.1", port)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.connection.connect()

    def request(self, method, path, body=None):
        """(status, headers as a list of pairs, body as bytes)"""
        headers = {} if body is None else {"Content-Type": "application/json"}
        for last_try in (False, True):
            try:
                self.connection.request(method, path, body=body, headers=headers)
                answer = self.connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                # The server ends a kept-open connection after so many requests.
                if last_try:
                    raise
                self.connection.close()
        raise AssertionError

    def submit(self, function, body="{}"):
        """The new job's id."""
        status, _, answer = self.request("POST", f"/job?function={function}", body)
        if status != 202:
            raise Broken(f"POST /job?function={function}: {status} {answer[:200]!r}")
        return json.loads(answer)["jobId"]

    def submit_and_tell_when(self, function):
        """(id, time.monotonic_ns() right before the request was handed to the kernel)"""
        request = (f"POST /job?function={function} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                   "Content-Length: 2\r\nConnection: close\r\n\r\n{}").encode()
        with socket.create_connection(self.address) as connection:
            time.sleep(0.005)  # the server has accepted, and is idle again
            sent = time.monotonic_ns()
            connection.sendall(request)
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        if not answer.startswith(b"HTTP/1.1 202 "):
            raise Broken(f"POST /job?function={function}: {answer[:200]!r}")
        return json.loads(answer[answer.index(b"\r\n\r\n"):])["jobId"], sent

    def job(self, job_id):
        status, _, answer = self.request("GET", f"/job/{job_id}")
        if status != 200:
            raise Broken(f"GET /job/{job_id}: {status} {answer[:200]!r}")
        return json.loads(answer)

    def wait(self, job_id, seconds=60, pause=0.005):
        """The record, once the job has SUCCEEDED."""
        end = time.monotonic() + seconds
        while True:
            record = self.job(job_id)
            if record["status"] == "SUCCEEDED":
                return record
            if record["status"] not in ("QUEUED", "RUNNING") or time.monotonic() > end:
                raise Broken(f"job {job_id} is {record['status']} after {seconds} s: {record.get('error')}")
            time.sleep(pause)
