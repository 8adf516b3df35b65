"""Keeps finished images of CelebA-HQ on the disk until all of them are made."""

import contextlib
import dataclasses
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pgan_tf import files
from pgan_tf.data import storage
from pgan_tf.data.making.celebahq.alignment import RESOLUTION
from pgan_tf.data.making.celebahq.inputs import Item
from pgan_tf.errors import UserError

IMAGE_BYTES = 2_000_000  # approximate size of a losslessly compressed image

EXACT, NEAR, FAILED, MISSING = "exact", "near", "failed", "missing"

_KEY_FILE = "made-by.txt"
_LOCK_FILE = "lock"
_FILE = re.compile(r"(?P<idx>\d{5})-(?P<source>[0-9a-f]{8})-(?P<md5>[0-9a-f]{32})\.webp")


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of making an image.

    Attributes:
      item: the image's number, photograph and landmarks.
      status: EXACT if its md5 is the official one, NEAR if it is another, FAILED if the image could
        not be made, MISSING if files that it is made from are missing.
      md5: md5 of the image; "" if it was not made.
      reason: why it was not made; "" if it was.
    """

    item: Item
    status: str
    md5: str = ""
    reason: str = ""


def _finished(item: Item, md5: str) -> Result:
    """Returns the result of an image that was made, EXACT or NEAR by its md5."""
    return Result(item, EXACT if md5 == item.final_md5 else NEAR, md5)


def md5_of(image: np.ndarray) -> str:
    """Returns the md5 of an image's bytes in channel-major order, as official md5s are."""
    return hashlib.md5(image, usedforsecurity=False).hexdigest()


def _short_hash(item: Item) -> str:
    """Returns a hash of an image's line in image_list.txt and its landmarks."""
    return hashlib.sha256(repr(dataclasses.astuple(item)).encode()).hexdigest()[:8]


@dataclasses.dataclass(frozen=True)
class WorkDir:
    """A directory of finished images, each in a file named by its number, item hash and md5.

    An image is made again if its landmarks or its line in image_list.txt change. A file appears
    only when it is complete, so a job can be killed at any time and continued.
    """

    path: Path

    @classmethod
    def beside(cls, data_set: str) -> "WorkDir":
        """Returns a data set's work directory, `.<name>.work`.

        It is beside the data set, or in the current directory if the data set is remote.
        """
        parent, name = storage.split(data_set)
        return cls(Path("." if storage.is_remote(data_set) else parent, f".{name}.work"))

    @contextlib.contextmanager
    def claimed(self, key: str) -> Iterator[None]:
        """Creates or reuses the directory, and locks it while the block runs.

        Args:
          key: a text that describes how images are decoded. It is kept in the directory.
        Raises: UserError if another process uses the directory, or its images have another key.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / _LOCK_FILE, "w") as lock:
            try:
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{self.path} is in use: the same job is already running") from None
            except (ImportError, OSError):
                pass  # no locks here; two jobs at once only do the same work twice
            key_file = self.path / _KEY_FILE
            if key_file.exists() and key_file.read_text(encoding="utf-8") != key:
                raise UserError(
                    f"{self.path} holds images made by another Pillow or libjpeg; remove"
                    " that directory to start from the beginning"
                )
            files.write_text(key_file, key)
            try:
                yield
            except KeyboardInterrupt:
                print(f"Finished images are in {self.path}; the same command continues with them")
                raise

    def num_bytes(self) -> int:
        """Returns the size of the directory's files in bytes."""
        return sum(entry.stat().st_size for entry in self._entries())

    def results(self, items: Iterable[Item]) -> dict[int, Result]:
        """Returns {idx: result} of the finished images; deletes partial and outdated files."""
        by_idx = {item.idx: item for item in items}
        found = {}
        for entry in self._entries():
            if entry.name.endswith(files.PARTIAL_SUFFIX):
                os.unlink(entry)
            elif match := _FILE.fullmatch(entry.name):
                item = by_idx.get(int(match["idx"]))
                if item is not None and match["source"] == _short_hash(item):
                    found[item.idx] = _finished(item, match["md5"])
                else:  # made from another list or other landmarks
                    os.unlink(entry)
        return found

    def save(self, item: Item, image: np.ndarray) -> Result:
        """Saves an image, uint8 [3, 1024, 1024], in the directory; returns its result."""
        result = _finished(item, md5_of(image))
        pixels = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
        with files.atomic_path(self.file(result)) as partial:
            # This lossless setting is four times as fast as PNG, and no larger.
            pixels.save(partial, "WEBP", lossless=True, quality=0, method=0)
        return result

    def file(self, result: Result) -> Path:
        """Returns the path of a finished image."""
        item = result.item
        return self.path / f"{item.idx:05d}-{_short_hash(item)}-{result.md5}.webp"

    def remove(self) -> None:
        """Deletes the directory."""
        storage.remove_tree(str(self.path))

    def _entries(self) -> list[os.DirEntry]:
        return list(os.scandir(self.path)) if self.path.is_dir() else []


class FinishedImages:
    """Reads finished images; see `build.Source`."""

    resolution = RESOLUTION
    num_channels = 3

    def read(self, paths: Sequence[Path]) -> np.ndarray:
        """Returns the images in these files: uint8 [n, 3, 1024, 1024]."""
        return np.stack([_read(path) for path in paths])


def _read(path: Path) -> np.ndarray:
    """Returns the image in a file, uint8 [3, 1024, 1024]; deletes a damaged file.

    Raises: UserError.
    """
    try:
        with Image.open(path, formats=["WEBP"]) as image:
            pixels = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
        if md5_of(pixels) == _FILE.fullmatch(path.name)["md5"]:
            return pixels
    except (OSError, ValueError):
        pass
    path.unlink(missing_ok=True)  # so that it is made again
    raise UserError(f"{path} was damaged on the disk and has been removed; start the job again")
