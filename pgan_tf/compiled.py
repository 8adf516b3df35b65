"""A cache of programs that XLA compiled, so that each is compiled once on a machine.

TensorFlow writes each compiled program into a directory and finds it again by a fingerprint of its
source. This module chooses the directory and guards it:

- each processor, GPU driver and TensorFlow version has a directory of its own;
- every file has a checksum, which is compared before any program is run;
- the oldest files are deleted when there are too many;
- a directory that other users may write to is not used.

All programs in the cache were compiled on this machine; the directory may be deleted at any time.
"""

import atexit
import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import stat
import time
from pathlib import Path

import google_crc32c

from pgan_tf.files import atomic_path, cache_directory

VARIABLE = "PGAN_TF_COMPILED"
"""Environment variable that names another directory, or turns the cache `off`."""

MOST_BYTES = 1 << 30
_LEAST_FREE_BYTES = 1 << 30
_FLAG = "--tf_xla_persistent_cache_directory="
_CHECKSUM = ".crc32c"
_DAY = 24 * 60 * 60
_READ_BYTES = 1 << 20  # bytes read at a time
_UNUSABLE = (
    "Serialized cache key does not match",
    "Serialized HLO does not match",
    "Failed to parse serialized",
)
"""TensorFlow's messages about a damaged file or another program's; they don't name the file."""

_NAME = re.compile("[0-9a-f]{24}")  # name of a machine's directory


def keep() -> Path | None:
    """Makes TensorFlow keep compiled programs and reuse them; call before anything is compiled.

    Calling it again changes nothing. It never fails: where programs can't be kept safely, each
    process compiles its own.

    Returns: the directory of this machine's programs; None when no programs are kept.
    """
    if directory := in_use():
        return directory
    if os.environ.get(VARIABLE) == "off":
        return None
    base = Path(os.environ.get(VARIABLE) or cache_directory() / "compiled")
    flags = os.environ.get("TF_XLA_FLAGS", "").strip()
    if flags and not flags.startswith("-"):  # the flags are in a file of this name
        return None
    # Without a known home directory, the default begins with `~`.
    if not base.is_absolute() and not os.environ.get(VARIABLE):
        return None
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        base = base.resolve()
        directory = base / _machine()
        directory.mkdir(mode=0o700, exist_ok=True)
        if not _is_private(base) or not _is_private(directory):
            return None
        if any(_lets_others_rename(parent) for parent in base.parents):
            return None
        delete_damaged(directory)
        os.utime(directory)
        delete_oldest(base)
        if shutil.disk_usage(directory).free < _LEAST_FREE_BYTES:
            return None
    except (OSError, importlib.metadata.PackageNotFoundError):  # TensorFlow under another name
        return None
    if re.search(r"\s", os.fspath(directory)):  # flags are separated by spaces
        return None
    os.environ["TF_XLA_FLAGS"] = f"{flags} {_FLAG}{directory}".strip()
    atexit.register(_seal_quietly, directory)
    return directory


def in_use() -> Path | None:
    """Returns the directory that TensorFlow keeps programs in, or None."""
    flags = os.environ.get("TF_XLA_FLAGS", "").split()
    directories = [flag.removeprefix(_FLAG) for flag in flags if flag.startswith(_FLAG)]
    return Path(directories[-1]) if directories else None


def trouble(error: BaseException) -> str | None:
    """Returns a message for the user if TensorFlow's error is about the kept programs, or None.

    A step fails when the cache's disk is full, or when a file was damaged while this process ran.
    """
    directory = in_use()
    if directory is None:
        return None
    message = (str(error).splitlines() or [""])[0]
    if os.fspath(directory) in str(error):
        wrong, advice = "kept", "make room there, or delete it"
    elif any(text in message for text in _UNUSABLE):
        wrong, advice = "used", "delete it"
    else:
        return None
    reason = message.split("; ")[-1].split(" [Op:")[0].removesuffix(".")
    return (
        f"a compiled program can't be {wrong} in {directory}: {reason}; {advice}, or set"
        f" {VARIABLE}=off, and run the same command again"
    )


def delete_damaged(directory: Path) -> None:
    """Deletes damaged programs and leftover files, and adds missing checksums.

    TensorFlow writes a temporary file and renames it. So a file without a checksum is whole, unless
    the machine has been restarted since it was written.
    """
    now = time.time()
    booted = now - time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
    for path in list(directory.iterdir()):
        try:
            if path.suffix == ".pb":
                checksum = path.with_name(path.name + _CHECKSUM)
                if checksum.exists():
                    whole = checksum.read_text(encoding="ascii", errors="replace") == _sum(path)
                    if not whole:
                        path.unlink()
                        checksum.unlink()
                elif path.stat().st_mtime < booted:
                    path.unlink()
            elif path.suffix == _CHECKSUM:
                if not path.with_name(path.name.removesuffix(_CHECKSUM)).exists():
                    path.unlink()
            elif path.stat().st_mtime < now - _DAY:  # half a file, left by a killed process
                path.unlink()
        except FileNotFoundError:  # another process has deleted it
            continue
    seal(directory)


def seal(directory: Path) -> None:
    """Writes the missing checksums."""
    for path in list(directory.glob("*.pb")):
        checksum = path.with_name(path.name + _CHECKSUM)
        if not checksum.exists():
            try:
                text = _sum(path)
            except FileNotFoundError:
                continue
            with atomic_path(checksum) as partial:
                partial.write_text(text, encoding="ascii")


def delete_oldest(base: Path, most_bytes: int = MOST_BYTES) -> None:
    """Deletes the oldest programs, starting with machines and versions unused for longest.

    Args:
      base: the directory that holds one directory for each machine and version.
      most_bytes: size of the programs to keep, at most.
    """
    programs = []
    for path in base.glob("*/*.pb"):
        if not _NAME.fullmatch(path.parent.name):  # not ours
            continue
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        used = path.parent.stat().st_mtime
        programs.append((used, status.st_mtime, status.st_size, path))
    total = 0
    for *_, size, path in sorted(programs, reverse=True):
        total += size
        if total > most_bytes:
            path.unlink(missing_ok=True)
            path.with_name(path.name + _CHECKSUM).unlink(missing_ok=True)


def _sum(path: Path) -> str:
    value = size = 0
    with open(path, "rb") as file:
        while content := file.read(_READ_BYTES):
            value = google_crc32c.extend(value, content)
            size += len(content)
    return f"{value:08x} {size}"


def _seal_quietly(directory: Path) -> None:
    with contextlib.suppress(OSError):  # the next process does it
        seal(directory)


def _is_private(directory: Path) -> bool:
    """Returns True if only this user can write there; programs found there are run."""
    status = directory.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _lets_others_rename(directory: Path) -> bool:
    """Returns True if every user can replace the directories inside this one."""
    mode = directory.stat().st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def _machine() -> str:
    """Returns a name for everything that a compiled program depends on besides its source."""
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        cpuinfo = platform.processor()
    processor = re.findall(r"^(?:model name|flags|Features|CPU part)\s*:.*", cpuinfo, re.MULTILINE)
    drivers = [Path("/proc/driver/nvidia/version")]
    drivers += sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    gpus = [
        re.findall(r"^(?:NVRM version|Model).*", path.read_text("utf-8"), re.MULTILINE)
        for path in drivers
        if path.is_file()
    ]
    depends_on = [
        importlib.metadata.version("tensorflow"),
        platform.machine(),
        sorted(set(processor)),
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        gpus,
        *(
            os.environ.get(name, "")
            for name in ("TF_NUM_INTRAOP_THREADS", "TF_XLA_FLAGS", "XLA_FLAGS")
        ),
    ]
    return hashlib.sha256(json.dumps(depends_on).encode()).hexdigest()[:24]  # `_NAME`
