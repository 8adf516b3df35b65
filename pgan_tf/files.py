"""Atomic writing of files, and reading of untrusted JSON."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pgan_tf.errors import DamagedError

PARTIAL_SUFFIX = ".partial"


def cache_directory() -> Path:
    """Returns the directory for files that all runs share: downloads, caches, compiled programs."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "pgan-tf"


@contextlib.contextmanager
def named_errors(path: str | os.PathLike) -> Iterator[None]:
    """Adds the path to an OSError that the block raises without one, such as for a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or os.fspath(path)
        raise


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path to write to, and renames it to `path` when the block succeeds.

    The data is flushed to the disk before the rename, so `path` holds either its old content or
    all of the new content. When the block fails, the temporary file is removed.

    Raises: OSError that names `path`, such as for a full disk or a missing directory.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL_SUFFIX}")
    try:
        with named_errors(path):
            yield partial
        fd = os.open(partial, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(partial, path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == os.fspath(partial):
            error.filename = os.fspath(path)
        raise


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes UTF-8 text atomically."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def parse_json(text: str | bytes, path: str | os.PathLike) -> Any:
    """Returns the value of a JSON text.

    Args:
      text: the JSON.
      path: its file, for the error message.
    Raises: DamagedError, one line that names the file, if the text is not JSON.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise DamagedError(f"{os.fspath(path)} is damaged: it is nested too deep") from None
    except ValueError as error:  # invalid JSON or UTF-8
        raise DamagedError(f"{os.fspath(path)} is damaged: {error}") from None


def read_json(path: str | os.PathLike) -> Any:
    """Returns the value of a JSON file.

    Raises: DamagedError if its content is not JSON; OSError if it can't be read.
    """
    return parse_json(Path(path).read_bytes(), path)


def read_json_lines(path: str | os.PathLike) -> list[dict]:
    """Returns the objects of a file with one JSON object per line; [] if the file doesn't exist.

    Skips lines that are not JSON objects, such as a line that a crash cut short.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    records = []
    for line in lines:
        with contextlib.suppress(DamagedError):
            record = parse_json(line, path)
            if isinstance(record, dict):
                records.append(record)
    return records
