"""create_lsun: makes a data set of one category's photographs, from its LMDB database."""

import contextlib
import dataclasses
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
from PIL import Image

from pgan_tf import progress
from pgan_tf.data import contents
from pgan_tf.data.format import writer
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.data.making import build, lsun_reader, sources
from pgan_tf.data.pictures import imagefile
from pgan_tf.data.pictures.imagefile import BadImage
from pgan_tf.errors import UserError

_ORIGIN = "https://github.com/fyu/lsun"
_ENTRIES_AT_ONCE = 16
_LONGEST_REPLY = 10_000  # bytes in a line
_SHOWN = 20  # undecodable entries to name; more are only counted


Entry = tuple[bytes, bytes]
"""A key and its value, the content of a picture file."""


@contextlib.contextmanager
def reading(directory: str) -> Iterator[tuple[int, Iterator[Entry]]]:
    """Yields the number of a database's entries, and an iterator over them in order of their keys.

    `lsun_reader` reads them in a separate process, which is ended with the block. If that process
    fails or crashes, an error is raised here.

    Raises: UserError or MemoryError, also while the entries are read.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", lsun_reader.__file__, directory],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for this process
    )
    try:
        try:
            reply = json.loads(process.stdout.readline(_LONGEST_REPLY))
        except ValueError:
            raise _reader_error(directory, process) from None
        if "error" in reply:
            raise UserError(f"{reply['error']}; fetch it again")
        yield reply["entries"], _entries(directory, process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _entries(directory: str, process: subprocess.Popen) -> Iterator[Entry]:
    def read(size: int) -> bytes:
        content = process.stdout.read(size)
        if len(content) < size:
            raise _reader_error(directory, process)
        return content

    while True:
        first, second = lsun_reader.HEAD.unpack(read(lsun_reader.HEAD.size))
        if first == lsun_reader.END:
            return
        if first == lsun_reader.ERROR:
            raise UserError(f"{read(second).decode()}; fetch it again")
        yield read(first), read(second)


def _reader_error(directory: str, process: subprocess.Popen) -> UserError:
    """Returns the error for a reader that ended too early. Raises: MemoryError if that was why."""
    try:
        status = process.wait(1)  # it has closed its output, so it should end soon
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    if status == lsun_reader.OUT_OF_MEMORY:
        raise MemoryError(f"while {directory} was read")
    return UserError(
        f"{directory} is damaged, or changed while it was read: the process that read it ended with"
        f" status {status}; fetch it again"
    )


@dataclasses.dataclass(frozen=True)
class _Convert:
    """Encodes entries as records; can run in any process.

    Returns the records, and for each entry that can't be decoded a pair: the number of good
    entries before it, and a message.
    """

    resolution: int
    compress: str | None

    def __call__(self, entries: list[Entry]) -> tuple[list[writer.Records], list[tuple[int, str]]]:
        images, problems = [], []
        for key, value in entries:
            try:
                images.append(centre_square(value, self.resolution))
            except BadImage as error:
                name = key.decode("ascii", "backslashreplace")
                problems.append((len(images), f"{name}: {error}"))
        empty = np.empty((0, 3, self.resolution, self.resolution), np.uint8)
        return writer.encode(np.stack(images) if images else empty, self.compress), problems


def centre_square(data: bytes, resolution: int) -> np.ndarray:
    """Decodes an image, cuts the largest square from its middle and resizes it (Lanczos).

    Returns: uint8 [3, resolution, resolution]. Raises: BadImage.
    """
    with imagefile.open_image(data) as image:
        pixels = imagefile.pixels_of(image)
    height, width = pixels.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[:, top : top + side, left : left + side].transpose(1, 2, 0)
    resized = Image.fromarray(np.ascontiguousarray(square)).resize(
        (resolution, resolution), Image.Resampling.LANCZOS
    )
    return np.asarray(resized).transpose(2, 0, 1)


def create(
    path: str | os.PathLike,
    lmdb_dir: str | os.PathLike,
    resolution: int = 256,
    max_images: int | None = None,
    *,
    workers: int | None = None,
    force: bool = False,
    shards: int = 1,
    compress: str | None = None,
) -> tuple[int, int]:
    """Makes a data set of an LSUN category, in the order of the database.

    Entries that can't be decoded are left out; the first ones are named.

    Args:
      path: the data set's directory.
      lmdb_dir: the category's database, a local directory with data.mdb; or that file, or a
        directory that holds exactly one training database.
      resolution: side of the images in pixels, a power of two.
      max_images: largest number of images to make; None for all.
      workers: number of processes, None for one per processor.
      force, shards, compress: see `DatasetWriter`.
    Returns: the number of images, and the number of entries left out.
    Raises: UserError.
    """
    writer.check_target(os.fspath(path), force)
    if max_images is not None and max_images < 1:
        raise UserError(f"--max_images {max_images}: at least one image is needed")
    source = _find(os.fspath(lmdb_dir))
    written = bad = 0
    with contextlib.ExitStack() as stack:
        count, entries = stack.enter_context(reading(source))
        total = min(count, max_images or count)
        workers = min(build.num_workers(workers), -(-total // _ENTRIES_AT_ONCE))
        target = stack.enter_context(
            DatasetWriter(path, resolution, 3, force=force, shards=shards, compress=compress)
        )
        if not compress:
            writer.check_space(os.fspath(path), writer.size_on_disk(total, resolution, 3))
        bar = stack.enter_context(progress.bar("images"))
        task = bar.add_task(f"Writing {target.name}", total=total)
        converted = build.ordered_map(_Convert(resolution, compress), _batches(entries), workers)
        stack.enter_context(contextlib.closing(converted))
        for levels, problems in converted:
            count = min(len(levels[0]), total - written)
            target.add_encoded([level[:count] for level in levels])
            written += count
            for before, problem in problems:
                if written == total and before >= count:
                    break  # this entry comes after the last image taken
                bad += 1
                if bad <= _SHOWN:
                    bar.console.print(f"left out: {problem}", markup=False, highlight=False)
            bar.update(task, completed=written)
            if written == total:
                break
    return written, bad


def _find(place: str) -> str:
    """Returns the directory of the database. Raises: UserError."""
    if contents.kind_of(contents.head_of(place)) == "a zip file":
        raise UserError(
            f"{place} is a zip file; unpack it with: python -m zipfile -e {shlex.quote(place)}"
            f" {shlex.quote(sources.parent_of(place))}"
        )
    directory = sources.directories(place)[0]
    if _is_database(directory):
        return directory
    names = os.listdir(directory) if os.path.isdir(directory) else []
    below = sorted(n for n in names if _is_database(os.path.join(directory, n)))
    training = [name for name in below if not re.search("val|test", name)] or below
    if len(training) == 1:
        return os.path.join(directory, training[0])
    if training:
        raise UserError(
            f"{directory} holds several databases; name one of them: {', '.join(training)}"
        )
    raise UserError(
        f"{place} is not an LMDB directory: it has no data.mdb; fetch a category's images as"
        f" described at {_ORIGIN}, unpack them, and name OUT and their directory"
    )


def _is_database(directory: str) -> bool:
    return os.path.isfile(os.path.join(directory, "data.mdb"))


def _batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """Yields lists of up to _ENTRIES_AT_ONCE entries."""
    while batch := list(itertools.islice(entries, _ENTRIES_AT_ONCE)):
        yield batch
