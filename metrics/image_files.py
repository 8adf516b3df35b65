"""A stream of the images in a folder or zip file, all checked before any is measured."""

import collections
import os
import posixpath
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from metrics.collector import Images, Size
from metrics.streams import IndexedStream
from pgan_tf.data.pictures import imagefile, imagetree
from pgan_tf.data.pictures.formats import BadImage
from pgan_tf.errors import UserError

_BLOCK_PIXELS, _MOST_BLOCK_PIXELS = 1 << 25, 1 << 28
_BLOCK_IMAGES, _LEAST_BLOCK_IMAGES = 1024, 32  # Inception processes 32 at a time
_CHECKED_AT_ONCE = 64


class Folder(IndexedStream):
    """The image files below a directory or in a zip file, sorted by name.

    Every file is decoded once when the stream is made, so that damaged files are found before
    the measurement and not during it.

    Args:
      path: the directory or zip file.
      max_images: number of good images to stop at; None: use all.
      skip_bad: leave out files that can't be used instead of failing.
      say: called with a line about the files that are left out.
      progress: called with (current step, files checked, files in all).
    Raises: UserError when there are no images, or, without skip_bad, files that can't be used.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        max_images: int | None = None,
        skip_bad: bool = False,
        say: Callable[[str], None] = print,
        progress: Callable[[str, int, int], None] = lambda name, done, total: None,
    ):
        self.name = self._path = os.fspath(path)
        self._tree = imagetree.Tree(self._path)
        total = len(self._tree.images)
        if not total and not self._tree.unread:
            raise UserError(f"{self._path} holds no images: no file ends in .png, .jpg or the like")
        if others := self._tree.others:
            say(
                f"{self._path}: leaving out {len(others)} file(s) that are not images; the first"
                f" is {others[0]}"
            )
        good, shapes, bad = self._check(min(total, max_images or total), progress)
        bad |= {name: _unread(name) for name in self._tree.unread}
        if bad:
            count = f"{len(bad)} of {len(good) + len(bad)} files"
            first = "the first is {}: {}".format(*next(iter(bad.items())))
            if not good:
                raise UserError(f"{self._path}: {count} can't be measured; {first}")
            if not skip_bad:
                raise UserError(
                    f"{self._path}: {count} can't be measured; {first}; repair them, or leave"
                    " them out with --skip-bad (from Python: skip_bad=True)"
                )
            say(f"{self._path}: leaving out {count} that can't be measured; {first}")
        self.num_images = len(good)
        self.sizes = [size for size, _ in collections.Counter(shapes).most_common()]
        self._indices = np.array(good)
        self._pixels = np.array([height * width for height, width in shapes])

    def blocks_at(self, positions: np.ndarray) -> Iterator[Images]:
        """Yields the images at these positions; as lists if the folder has several sizes."""
        with _threads() as pool:
            for block in self._blocks(positions):
                members = self._tree.members(self._indices[block].tolist())
                images = list(pool.map(self._read, members))
                yield images if len(self.sizes) > 1 else np.stack(images)

    def _blocks(self, positions: np.ndarray) -> Iterator[np.ndarray]:
        """Yields the positions in blocks of some 32 million pixels, or 32 images if that is more.

        A block has at most 1024 images and 256 million pixels, but at least one image.
        """
        start = 0
        while start < len(positions):
            area = np.cumsum(self._pixels[positions[start : start + _BLOCK_IMAGES]])
            usual, most = np.searchsorted(area, [_BLOCK_PIXELS, _MOST_BLOCK_PIXELS], side="right")
            count = usual // _LEAST_BLOCK_IMAGES * _LEAST_BLOCK_IMAGES
            count = count or max(min(_LEAST_BLOCK_IMAGES, most), 1)
            yield positions[start : start + count]
            start += int(count)

    def _read(self, member: imagetree.Member) -> np.ndarray:
        try:
            pixels = self._decode(member)
        except BadImage as error:
            raise UserError(
                f"{self._path}: {member.name} was damaged after it was checked: {error}"
            ) from None
        if len(self.sizes) == 1 and pixels.shape[:2] != self.sizes[0]:
            raise UserError(f"{self._path}: {member.name} changed its size after it was checked")
        return pixels

    def _decode(self, member: imagetree.Member) -> np.ndarray:
        """Returns an image file's pixels, uint8 [H, W, 3]. Raises: BadImage."""
        with imagefile.open_image(imagetree.read_file(self._path, member)) as image:
            return imagefile.plain_pixels_of(image)

    def _check(
        self, max_images: int, progress: Callable[[str, int, int], None]
    ) -> tuple[list[int], list[Size], dict[str, str]]:
        """Decodes files until `max_images` good ones are found.

        Returns: indices of the good files, their (height, width), and {name: reason} of the bad
          files.
        """
        good, shapes, bad = [], [], {}
        names = self._tree.images

        def examine(member: imagetree.Member) -> Size | str:
            try:
                return self._decode(member).shape[:2]
            except BadImage as error:
                return str(error)

        with _threads() as pool:
            for start in range(0, len(names), _CHECKED_AT_ONCE):
                indices = range(start, min(start + _CHECKED_AT_ONCE, len(names)))
                outcomes = pool.map(examine, self._tree.members(indices))
                for index, outcome in zip(indices, outcomes, strict=True):
                    if isinstance(outcome, str):
                        bad[names[index]] = outcome
                    elif len(good) < max_images:
                        good.append(index)
                        shapes.append(outcome)
                checked = min(len(good) + len(bad), max_images)
                progress(f"checking {self.name}", checked, max_images)
                if len(good) == max_images:
                    break
        return good, shapes, bad


def _unread(name: str) -> str:
    """Returns the reason to refuse a picture of a format that can't be read."""
    kind = posixpath.splitext(name)[1][1:].upper()
    return f"{kind} can't be read; save it as PNG or JPEG"


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "decode")
