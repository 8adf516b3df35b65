"""Finished images of CelebA-HQ, waiting on the disk for the rest."""

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

IMAGE_BYTES = 2_000_000  # about what an image takes; packed without loss, so it varies

EXACT, NEAR, FAILED, MISSING = "exact", "near", "failed", "missing"

_KEY_FILE = "made-by.txt"
_LOCK_FILE = "lock"
_FILE = re.compile(r"(?P<idx>\d{5})-(?P<source>[0-9a-f]{8})-(?P<md5>[0-9a-f]{32})\.webp")


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of an image.

    Attributes:
      item: which image.
      status: EXACT, if its md5 is the official one; NEAR, if it is another; FAILED, if it could
        not be made; MISSING, if what it is made from is not there.
      md5: of the image; "" if there is none.
      reason: why there is none.
    """

    item: Item
    status: str
    md5: str = ""
    reason: str = ""


def made(item: Item, md5: str) -> Result:
    """Returns the result of an image that could be made."""
    return Result(item, EXACT if md5 == item.final_md5 else NEAR, md5)


def md5_of(image: np.ndarray) -> str:
    """Returns the md5 of an image's bytes as they stand, channel-major."""
    return hashlib.md5(image, usedforsecurity=False).hexdigest()


def _short_hash(item: Item) -> str:
    """Returns a text that differs for items that give different images."""
    return hashlib.sha256(repr(dataclasses.astuple(item)).encode()).hexdigest()[:8]


@dataclasses.dataclass(frozen=True)
class WorkDir:
    """A directory of finished images, each in a file named by its number, item and md5.

    An image whose landmarks or line in image_list.txt change is made anew. Images appear whole or
    not at all, so that a job may be killed at any time and go on from what it finds.
    """

    path: Path

    @classmethod
    def beside(cls, data_set: str) -> "WorkDir":
        """Returns the one of a data set: `.<name>.work` beside it; of a remote one, here."""
        parent, name = storage.split(data_set)
        return cls(Path("." if storage.is_remote(data_set) else parent, f".{name}.work"))

    @contextlib.contextmanager
    def claimed(self, key: str) -> Iterator[None]:
        """Makes the directory, or takes over an earlier one; while the block runs, for it alone.

        Args:
          key: a text that tells what the images are made by. It is kept in the directory.
        Raises: UserError if another process has it, or its images are made by something else.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / _LOCK_FILE, "w") as lock:
            try:
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{self.path} is in use: the same job runs already") from None
            except (ImportError, OSError):
                pass  # no locks here; two jobs at once do the same work twice, no more
            key_file = self.path / _KEY_FILE
            if key_file.exists() and key_file.read_text(encoding="utf-8") != key:
                raise UserError(
                    f"{self.path} holds images made by another Pillow or libjpeg; remove"
                    " that directory to begin anew"
                )
            files.write_text(key_file, key)
            try:
                yield
            except KeyboardInterrupt:
                print(f"Finished images wait in {self.path}; the same command goes on with them")
                raise

    def num_bytes(self) -> int:
        """Returns what the directory holds, in bytes."""
        return sum(entry.stat().st_size for entry in self._entries())

    def results(self, items: Iterable[Item]) -> dict[int, Result]:
        """Returns {idx: result} of the images that are there; clears away what is half written."""
        by_idx = {item.idx: item for item in items}
        found = {}
        for entry in self._entries():
            if entry.name.endswith(files.PARTIAL_SUFFIX):
                os.unlink(entry)
            elif match := _FILE.fullmatch(entry.name):
                item = by_idx.get(int(match["idx"]))
                if item is not None and match["source"] == _short_hash(item):
                    found[item.idx] = made(item, match["md5"])
                else:  # of another list or other landmarks
                    os.unlink(entry)
        return found

    def save(self, item: Item, image: np.ndarray) -> Result:
        """Puts an image, uint8 [3, 1024, 1024], into the directory."""
        result = made(item, md5_of(image))
        pixels = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
        with files.atomic_path(self.file(result)) as partial:
            # Lossless; four times as fast as PNG, and no larger.
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
    """Finished images as a source; see `build.Source`."""

    resolution = RESOLUTION
    num_channels = 3

    def read(self, paths: Sequence[Path]) -> np.ndarray:
        """Returns the images of files: uint8 [n, 3, 1024, 1024]."""
        return np.stack([_read(path) for path in paths])


def _read(path: Path) -> np.ndarray:
    """Returns the image of a file, uint8 [3, 1024, 1024]. Raises: UserError."""
    try:
        with Image.open(path, formats=["WEBP"]) as image:
            pixels = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
        if md5_of(pixels) == _FILE.fullmatch(path.name)["md5"]:
            return pixels
    except (OSError, ValueError):
        pass
    path.unlink(missing_ok=True)  # so that it is made again
    raise UserError(f"{path} was damaged on the disk and is removed; start the job again")
