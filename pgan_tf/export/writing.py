"""Writes exported files and directories: complete or not at all, never replaced by accident."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from pgan_tf.errors import UserError
from pgan_tf.files import named_errors

_SAVED_MODEL = (
    "saved_model.pb", "variables", "assets", "assets.extra", "fingerprint.pb", "keras_metadata.pb",
)  # fmt: skip


def check_target(
    out: str | os.PathLike, ending: str, force: bool = False, parts: Sequence[str] = _SAVED_MODEL
) -> Path:
    """Returns the path of an export, after checking that it may be written.

    Args:
      ending: required ending of the file's name, such as `.onnx`; empty for a directory.
      force: replace an earlier export.
      parts: names in an exported directory. A directory is replaced only if it is empty, or if it
        holds the first of these names and no others.
    Raises: UserError for another ending, or when the path exists and may not be replaced.
    """
    out = Path(out)
    if ending and out.suffix.lower() != ending:
        raise UserError(f"{out}: the name must end in {ending}, such as {out.stem or 'Gs'}{ending}")
    if not ending and out.suffix.lower() in (".onnx", ".tflite", ".keras", ".pb", ".npz"):
        raise UserError(f"{out}: this export is a directory; leave out {out.suffix}")
    if not ending and out.name in ("", ".."):
        raise UserError(f"{out}: name a directory to make, such as {out / 'Gs'}")
    if not os.path.lexists(out):
        return out
    if ending and out.is_dir():
        raise UserError(f"{out} is a directory; name a file, such as {out / ('Gs' + ending)}")
    if not ending and not out.is_dir():
        raise UserError(f"{out} is a file, but the export is a directory; choose another name")
    if not ending and out.is_symlink():
        raise UserError(f"{out} is a link; name the directory that it points to")
    names = [] if ending else os.listdir(out)
    if names and (parts[0] not in names or set(names) - set(parts)):
        raise UserError(f"{out} holds other files; choose another directory")
    if not force:
        raise UserError(f"{out} exists; add --force to replace it, or choose another name")
    return out


@contextlib.contextmanager
def atomic_output(out: Path) -> Iterator[Path]:
    """Yields a path to write a file or directory to; renames it to `out` when the block succeeds.

    The path has the same name, since writers look at the ending, in a hidden directory beside
    `out`. When the block fails, that directory is removed and `out` stays as it was.

    Raises: OSError as the file system reports it.
    """
    with named_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
    try:
        partial = beside / "new" / out.name
        partial.parent.mkdir()
        with named_errors(out):
            yield partial
            _flush(partial)
            old = beside / "old"
            try:
                if out.is_dir() and not out.is_symlink():
                    os.rename(out, old)
                os.replace(partial, out)
            except BaseException:
                if old.exists() and not os.path.lexists(out):
                    os.rename(old, out)
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def size_of(path: Path) -> int:
    """Returns the size in bytes of a file, or of all files in a directory."""
    return sum(file.stat().st_size for file in _files(path))


def _files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]


def _flush(path: Path) -> None:
    """Flushes the data to the disk, so that the name never appears before the data."""
    for file in _files(path):
        fd = os.open(file, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
