"""The power goes: what the last syncs have made certain stays, and of what was written since, whatever the kernel liked
to write back (shadow.h tells what is certain)."""

import os
import subprocess

BLOCK = 4096  # what a disk writes as a whole


def cut(data, shadow, chance=None):
    """Puts the data folder to what a power cut leaves of it. Nothing may run. By the toss of a coin each block is the
    certain one or the one written since; without `chance`, all are the certain ones."""
    certain = _certain_names(shadow)
    present = _inodes(data)
    left = {}
    for name, inode in certain.items():
        written = data / name if present.get(name) == inode else None
        left[name] = _mixed(shadow / inode, written, chance)
    owner = data.stat()
    for name in present:
        (data / name).unlink()
    for file in shadow.iterdir():
        file.unlink()
    _write_back(data, shadow, left, owner)


def _certain_names(shadow):
    try:
        lines = (shadow / "names").read_text().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.rsplit(" ", 1) for line in lines)


def _inodes(folder):
    """Of the files in it, as shadow.c names them: number and birth."""
    names = [entry.name for entry in folder.iterdir() if entry.is_file()]
    if not names:
        return {}
    command = ["stat", "--printf", "%n %i-%.9W\\n", "--", *names]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    return dict(line.rsplit(" ", 1) for line in told.splitlines())


def _read(path):
    try:
        return path.read_bytes() if path is not None else None
    except FileNotFoundError:
        return None


def _mixed(certain_path, written_path, chance):
    certain, written = _read(certain_path) or b"", _read(written_path)
    if chance is None or written is None or written == certain:
        return certain
    size = len(chance.choice((certain, written)))
    blocks = []
    for start in range(0, size, BLOCK):
        old, new = certain[start : start + BLOCK], written[start : start + BLOCK]
        blocks.append((old if old == new else chance.choice((old, new))).ljust(BLOCK, b"\0"))
    return b"".join(blocks)[:size]


def _write_back(data, shadow, left, owner):
    """What is there after the boot is certain: the shadow begins anew with it."""
    names = []
    for name, content in left.items():
        (data / name).write_bytes(content)
        (data / name).chmod(0o600)
        os.chown(data / name, owner.st_uid, owner.st_gid)
    for name, inode in _inodes(data).items():
        (shadow / inode).write_bytes(left[name])
        (shadow / inode).chmod(0o666)
        names.append(f"{name} {inode}\n")
    (shadow / "names").write_text("".join(names))
    (shadow / "names").chmod(0o666)
