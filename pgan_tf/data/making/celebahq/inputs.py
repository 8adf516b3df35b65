"""The files that CelebA-HQ is made from, and whether they are all there (spec section 5)."""

import dataclasses
import math
import re
import zipfile
from collections.abc import Iterable

from pgan_tf.data import storage
from pgan_tf.data.making.celebahq.alignment import ImageError
from pgan_tf.errors import UserError

FULL_SIZE = 30_000  # images of CelebA-HQ
_FIELDS = ("idx", "orig_idx", "orig_file", "proc_md5", "final_md5")
_ZIP_IMAGES = 1000
_MAX_DELTA_BYTES = 16 << 20  # a delta that can't be compressed at all takes 4.3 MB
_MD5 = re.compile(r"[0-9a-f]{32}")
_NAMES_SHOWN = 3

_LAYOUT = """
CelebA-HQ is made from two downloads, which belong here:
  {celeba_dir}: CelebA, from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html
    img_celeba/000001.jpg, ...       the "In-The-Wild Images", img_celeba.7z, unpacked and
                                     otherwise untouched: they are the keys to the deltas
    Anno/list_landmarks_celeba.txt   landmarks of these, not of the aligned images
  {delta_dir}: CelebA-HQ's deltas, linked from
  https://github.com/tkarras/progressive_growing_of_gans
    image_list.txt
    deltas00000.zip, deltas01000.zip, ..., deltas29000.zip   as they come
For other places: python dataset_tool.py create_celebahq OUT CELEBA_DIR DELTA_DIR"""


@dataclasses.dataclass(frozen=True)
class Item:
    """An image of CelebA-HQ: a line of image_list.txt, and the landmarks of its photograph.

    Attributes:
      idx: number of the image and its delta.
      orig_idx: row of the photograph among the landmarks.
      orig_file: name of the photograph.
      proc_md5, final_md5: of the image before and after its delta is added.
      landmarks: x and y of five points in pixels, ten numbers.
    """

    idx: int
    orig_idx: int
    orig_file: str
    proc_md5: str
    final_md5: str
    landmarks: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Where the files are.

    Attributes:
      celeba_dir: holds img_celeba/ and Anno/list_landmarks_celeba.txt.
      delta_dir: holds image_list.txt and deltas*.zip.
    """

    celeba_dir: str
    delta_dir: str

    @property
    def image_list(self) -> str:
        """Path of the list of images."""
        return storage.join(self.delta_dir, "image_list.txt")

    @property
    def landmarks(self) -> str:
        """Path of the landmarks' file."""
        return storage.join(storage.join(self.celeba_dir, "Anno"), "list_landmarks_celeba.txt")

    @property
    def photographs(self) -> str:
        """Path of the directory of photographs."""
        return storage.join(self.celeba_dir, "img_celeba")

    def zip_file(self, idx: int) -> str:
        """Returns the path of the zip file with an image's delta."""
        return storage.join(self.delta_dir, f"deltas{idx - idx % _ZIP_IMAGES:05d}.zip")

    def read_photograph(self, item: Item) -> bytes:
        """Returns the content of an image's JPG. Raises: ImageError."""
        try:
            with storage.open_binary(storage.join(self.photographs, item.orig_file)) as file:
                return file.read()
        except OSError as error:
            raise ImageError(f"{item.orig_file} can't be read: {error.strerror}") from error

    def read_delta(self, item: Item) -> bytes:
        """Returns the content of an image's delta, still encrypted. Raises: ImageError."""
        name, path = _delta_file(item.idx), self.zip_file(item.idx)
        try:
            with storage.open_binary(path) as file, zipfile.ZipFile(file) as archive:
                if archive.getinfo(name).file_size > _MAX_DELTA_BYTES:
                    raise ImageError(f"{name} in {path} is too large for a delta")
                return archive.read(name)
        except ImageError:
            raise
        except Exception as error:  # zipfile raises a dozen kinds
            raise ImageError(f"{name} can't be read from {path}: {error}") from error

    def check(self) -> list[Item]:
        """Returns the images of image_list.txt, in its order, if all they need is there.

        Photographs must exist, zip files be whole and have the deltas, landmarks be there for
        every photograph; what the photographs and deltas contain is seen when they are used.

        Raises: UserError that tells all that is missing and what belongs where.
        """
        problems: list[str] = []
        rows = _attempt(problems, lambda: _image_rows(self.image_list))
        landmarks = _attempt(problems, lambda: _landmark_rows(self.landmarks))
        present = _attempt(problems, lambda: _names(self.photographs))
        if rows is not None:
            if present is not None:
                missing = [row[2] for row in rows if row[2] not in present]
                _add(problems, f"photographs missing in {self.photographs}", missing)
            self._check_zips(problems, sorted(row[0] for row in rows))
        items = []
        if rows is not None and landmarks is not None:
            items = _attempt(problems, lambda: _joined(rows, landmarks, self.landmarks))
        if problems:
            listed = "".join(f"\n  - {problem}" for problem in problems)
            layout = _LAYOUT.format(celeba_dir=self.celeba_dir, delta_dir=self.delta_dir)
            raise UserError(f"CelebA-HQ lacks what it is made from:{listed}{layout}")
        return items

    def _check_zips(self, problems: list[str], indices: list[int]) -> None:
        needed: dict[str, list[int]] = {}
        for idx in indices:
            needed.setdefault(self.zip_file(idx), []).append(idx)
        absent = [path for path in needed if not storage.exists(path)]
        _add(problems, f"zip files missing in {self.delta_dir}", map(_last, absent))
        for path in sorted(needed.keys() - set(absent)):
            try:
                with storage.open_binary(path) as file, zipfile.ZipFile(file) as archive:
                    held = set(archive.namelist())
            except Exception as error:  # zipfile raises a dozen kinds
                problems.append(f"{path} is damaged or cut short ({error}); get it again")
                continue
            missing = [name for name in map(_delta_file, needed[path]) if name not in held]
            _add(problems, f"deltas missing in {path}", missing)


class _InputError(Exception):
    """A file that can't be used, or isn't there."""


def _attempt(problems: list[str], function):
    """Returns the function's result, or None after noting why there is none."""
    try:
        return function()
    except _InputError as problem:
        problems.append(str(problem))


def _add(problems: list[str], what: str, names: Iterable[str]) -> None:
    names = list(names)
    if names:
        more = ", ..." if len(names) > _NAMES_SHOWN else ""
        problems.append(f"{len(names)} {what}: {', '.join(names[:_NAMES_SHOWN])}{more}")


def _last(path: str) -> str:
    return storage.split(path)[1]


def _delta_file(idx: int) -> str:
    return f"delta{idx:05d}.dat"


def _names(directory: str) -> set[str]:
    if not storage.is_dir(directory):
        raise _InputError(f"{directory}: no such directory")
    return set(storage.names(directory))


def _lines(path: str) -> list[str]:
    if not storage.exists(path) or storage.is_dir(path):
        raise _InputError(f"{path}: no such file")
    with storage.open_binary(path) as file:
        try:
            return file.read().decode("utf-8-sig").rstrip().splitlines()
        except UnicodeDecodeError as error:
            raise _InputError(f"{path} is no text file") from error


def _image_rows(path: str) -> list[tuple[int, int, str, str, str]]:
    """Returns (idx, orig_idx, orig_file, proc_md5, final_md5) of each line but the header."""
    lines = _lines(path)
    header = lines[0].split() if lines else []
    if not set(_FIELDS) <= set(header):
        raise _InputError(f"{path} does not start with a line {' '.join(_FIELDS)!r}")
    columns = [header.index(field) for field in _FIELDS]
    rows, seen = [], set()
    for number, line in enumerate(lines[1:], 2):
        fields = line.split()
        if len(fields) != len(header):
            raise _InputError(f"{path} line {number} has {len(fields)} fields, not {len(header)}")
        idx, orig_idx, orig_file, *md5s = (fields[column] for column in columns)
        well_formed = (
            re.fullmatch(r"\d{1,5}", idx)
            and re.fullmatch(r"\d{1,9}", orig_idx)
            and re.fullmatch(r"\w[\w.-]*", orig_file)  # a name, no path
            and all(map(_MD5.fullmatch, md5s))
        )
        if not well_formed or int(idx) in seen:
            what = "repeats an idx" if well_formed else "is malformed"
            raise _InputError(f"{path} line {number} {what}: {line[:100]!r}")
        seen.add(int(idx))
        rows.append((int(idx), int(orig_idx), orig_file, *md5s))
    if not rows:
        raise _InputError(f"{path} lists no images")
    return rows


def _landmark_rows(path: str) -> list[str]:
    """Returns the lines after the first two; the first line is their number."""
    lines = _lines(path)
    expected = lines[0].strip() if lines else ""
    if not re.fullmatch(r"\d{1,9}", expected) or int(expected) != len(lines) - 2:
        raise _InputError(
            f"{path} is cut short or no such file: its first line says {expected[:20]!r}, but"
            f" {max(len(lines) - 2, 0)} rows of landmarks follow the second"
        )
    return lines[2:]


def _joined(rows: list[tuple], landmarks: list[str], path: str) -> list[Item]:
    items = []
    for idx, orig_idx, orig_file, proc_md5, final_md5 in rows:
        if orig_idx >= len(landmarks):
            raise _InputError(
                f"{path} has {len(landmarks)} rows, but {orig_file} should be in row {orig_idx}"
                " (counted from 0)"
            )
        name, *numbers = landmarks[orig_idx].split() or [""]
        if name != orig_file:
            raise _InputError(f"{path} line {orig_idx + 3} is of {name!r} instead of {orig_file}")
        try:
            points = tuple(map(float, numbers))
        except ValueError:
            points = ()
        if len(points) != 10 or not all(map(math.isfinite, points)):
            raise _InputError(
                f"{path} line {orig_idx + 3} does not hold ten numbers after the name"
            )
        items.append(Item(idx, orig_idx, orig_file, proc_md5, final_md5, points))
    return items
