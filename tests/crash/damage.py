"""Zeroed and flipped bytes in the log and the tables of a stopped store: it says so, or it has lost nothing. Never does it
give other answers than before, or fewer, without a word."""

import collections
import os
import shutil
import subprocess

import power_control
from faults import Faults
from harness import BUILD
from installation import Installation

JOBS = 300
TIMES = 40
SAYS_SO = ("damaged", "Restore a backup", "recover --accept-loss", "restore", "checksum", "wrong")
# Made anew when they are missing, and nothing of the jobs is in them.
NOT_KEPT = ("__db.", "ballast", "spare", "doorbell", "slots", "meter")


def damage_stores(chance):
    """True when each damage was told, or did no harm."""
    site = Installation(**power_control.SETTINGS)
    try:
        site.start()
        ids = [site.api.submit({"fill": "x" * chance.randrange(2000)}, function="echo") for _ in range(JOBS)]
        for job_id in ids:
            site.api.ended(job_id)  # whoever reads of it has it on disk: what is not there yet may be lost without a word
        site.api.get("/job?limit=1")
        Faults(site, chance).end_all()
        return _damage_copies(site, chance)
    finally:
        site.stop()


def _damage_copies(site, chance):
    configuration = site.folder / "copy.conf"
    copy = site.folder / "copy"
    configuration.write_text(f"data_dir = {copy}\nfunctions_dir = {site.functions}\n")
    seen, wrong = collections.Counter(), []
    _copy(site.store, copy)
    before = _jobs(configuration)
    assert before[0] == 0 and len(before[1]) >= JOBS, f"an undamaged copy: {before[0]}, {before[2]}"
    for _ in range(TIMES):
        _copy(site.store, copy)
        what = _damage(copy, chance)
        after = _jobs(configuration)
        seen[_verdict(configuration, what, before[1], after, wrong)] += 1
    print("damaged stores: " + ", ".join(f"{name} {count}" for name, count in sorted(seen.items())), flush=True)
    for line in wrong:
        print(f"WRONG: {line}")
    return not wrong and seen["told"] > 0


def _copy(store, copy):
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(store, copy, ignore=lambda _, names: [name for name in names if name.startswith(NOT_KEPT)])
    owner = store.stat()
    for path in (copy, *copy.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)


def _damage(copy, chance):
    """64 bytes of one file, zeroed, or one bit of it, where something stands. Gives words for it."""
    files = sorted(file for file in copy.iterdir() if file.suffix == ".db" or file.name.startswith("log."))
    file = chance.choice(files)
    if chance.random() < 0.4:
        file = chance.choice([log for log in files if log.name.startswith("log.")])
    content = bytearray(file.read_bytes())
    at = chance.randrange(len(bytes(content).rstrip(b"\0")) or 1)
    if chance.random() < 0.5:
        content[at : at + 64] = bytes(len(content[at : at + 64]))
        how = "64 bytes zeroed"
    else:
        content[at] ^= 1 << chance.randrange(8)
        how = "a bit flipped"
    file.write_bytes(content)
    return f"{how} at {at} of {file.name}"


def _control(configuration, *words):
    command = [BUILD / "ctl" / "jobgatectl", "--config", configuration, *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def _jobs(configuration):
    """All of them with event and result, as export writes them, in any order."""
    status, out, said = _control(configuration, "export")
    return status, sorted(out.splitlines()), said


def _verdict(configuration, what, before, after, wrong):
    status, jobs, said = after
    if status == 0 and jobs == before:
        return "no harm"
    if status == 0:
        status, out, said = _control(configuration, "verify", "--pages")
        said += out
    if status != 0 and any(words in said for words in SAYS_SO):
        return "told"
    missing = len(set(before) - set(jobs))
    wrong.append(f"{what}: status {status}, {missing} jobs missing or changed, said {said[:300]!r}")
    return "not told"
