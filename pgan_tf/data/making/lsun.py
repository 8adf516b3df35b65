"""create_lsun: photographs of one category, from its LMDB database."""

import contextlib
import dataclasses
import functools
import itertools
import os
import re
import shlex
from collections.abc import Iterator

import lmdb
import numpy as np
from PIL import Image

from pgan_tf import progress
from pgan_tf.data import contents
from pgan_tf.data.format import writer
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.data.making import build, sources
from pgan_tf.data.pictures import imagefile
from pgan_tf.data.pictures.imagefile import BadImage
from pgan_tf.errors import UserError

_ORIGIN = "https://github.com/fyu/lsun"
_KEYS_AT_ONCE = 16
_SHOWN = 20  # undecodable entries that are named; the rest are only counted


@functools.lru_cache(maxsize=1)
def _open(path: str) -> lmdb.Environment:
    return lmdb.open(path, readonly=True, lock=False, readahead=False)


@contextlib.contextmanager
def _damage_told(path: str) -> Iterator[None]:
    """Turns what LMDB raises on a damaged database into UserError."""
    try:
        yield
    except lmdb.Error as error:
        raise UserError(f"{path} can't be read ({error}); fetch it again") from None


@dataclasses.dataclass(frozen=True)
class _Convert:
    """Makes the records of some entries, in whatever process it is called.

    Returns them, and what is wrong with entries that can't be decoded: (number of those before it
    that can, message).
    """

    path: str
    resolution: int
    compress: str | None

    def __call__(self, keys: list[bytes]) -> tuple[list[writer.Records], list[tuple[int, str]]]:
        images, problems = [], []
        with _damage_told(self.path), _open(self.path).begin(buffers=False) as transaction:
            for key in keys:
                try:
                    images.append(centre_square(transaction.get(key), self.resolution))
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

    Entries that can't be decoded are named, counted and left out.

    Args:
      path: the data set's directory.
      lmdb_dir: the category's database, a local directory with data.mdb; or that file, or a
        directory that holds one such database for training.
      resolution: power of two.
      max_images: how many to take at most.
      workers: processes; None: one a processor.
      force, shards, compress: see `DatasetWriter`.
    Returns: numbers of images and of entries left out.
    Raises: UserError.
    """
    writer.check_target(os.fspath(path), force)
    if max_images is not None and max_images < 1:
        raise UserError(f"--max_images {max_images}: at least one image is needed")
    source = _find(os.fspath(lmdb_dir))
    with _damage_told(source):
        environment = _open(source)
        entries = environment.stat()["entries"]
        size = os.path.getsize(os.path.join(source, "data.mdb"))
        needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    if size < needed:  # reading what isn't there would end the process without a word
        raise UserError(
            f"{source}/data.mdb is cut short ({size} of {needed} bytes); fetch it again"
        )
    total = min(entries, max_images or entries)
    workers = min(build.num_workers(workers), -(-total // _KEYS_AT_ONCE))
    written = bad = 0
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(
            DatasetWriter(path, resolution, 3, force=force, shards=shards, compress=compress)
        )
        if not compress:
            writer.check_space(os.fspath(path), writer.size_on_disk(total, resolution, 3))
        bar = stack.enter_context(progress.bar("images"))
        task = bar.add_task(f"Writing {target.name}", total=total)
        converted = build.ordered_map(
            _Convert(source, resolution, compress), _batches(source), workers
        )
        stack.enter_context(contextlib.closing(converted))
        for levels, problems in converted:
            count = min(len(levels[0]), total - written)
            target.add_encoded([level[:count] for level in levels])
            written += count
            for before, problem in problems:
                if written == total and before >= count:
                    break  # behind the last image wanted
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
            f"{place} is a zip file, which can't be read as it is; unpack it with: python -m"
            f" zipfile -e {shlex.quote(place)} {shlex.quote(sources.parent_of(place))}"
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
        f"{place} is no LMDB directory: it has no data.mdb; fetch a category's images as"
        f" {_ORIGIN} says, unpack them, and name OUT and their directory"
    )


def _is_database(directory: str) -> bool:
    return os.path.isfile(os.path.join(directory, "data.mdb"))


def _batches(path: str) -> Iterator[list[bytes]]:
    """Yields the database's keys, some at a time."""
    with _damage_told(path), _open(path).begin() as transaction:
        keys = transaction.cursor().iternext(keys=True, values=False)
        while batch := list(itertools.islice(keys, _KEYS_AT_ONCE)):
            yield batch
