"""Finds, checks and reads the files that CelebA-HQ is made from (section 5)."""

import dataclasses
import functools
import math
import re
from collections.abc import Iterable

from pgan_tf import zip_files
from pgan_tf.data import storage
from pgan_tf.data.making import sources
from pgan_tf.data.making.celebahq.alignment import ImageError
from pgan_tf.errors import UserError

FULL_SIZE = 30_000  # number of images of CelebA-HQ
_FIELDS = ("idx", "orig_idx", "orig_file", "proc_md5", "final_md5")
_ZIP_IMAGES = 1000
_MAX_DELTA_BYTES = 16 << 20  # an incompressible delta takes 4.3 MB
_MD5 = re.compile(r"[0-9a-f]{32}")
_NAMES_SHOWN = 3
_LANDMARKS = "list_landmarks_celeba.txt"

_LAYOUT = """
CelebA-HQ is made from two downloads; put them here:
  {celeba_dir}: CelebA, from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html
    img_celeba/000001.jpg, ...       the "In-The-Wild Images", img_celeba.7z, unpacked and
                                     otherwise untouched: they are the keys to the deltas
    Anno/list_landmarks_celeba.txt   landmarks of these, not of the aligned images
  {delta_dir}: CelebA-HQ's deltas, linked from
  https://github.com/tkarras/progressive_growing_of_gans
    image_list.txt
    deltas00000.zip, deltas01000.zip, ..., deltas29000.zip   not unpacked
To use other directories: python dataset_tool.py create_celebahq OUT CELEBA_DIR DELTA_DIR"""


@dataclasses.dataclass(frozen=True)
class Item:
    """An image of CelebA-HQ: a line of image_list.txt, and the landmarks of its photograph.

    Attributes:
      idx: number of the image and its delta.
      orig_idx: row of the photograph in the file of landmarks, counted from 0.
      orig_file: name of the photograph.
      proc_md5, final_md5: md5 of the image before and after its delta is added.
      landmarks: x and y of five points in pixels, ten numbers; () if they can't be used.
    """

    idx: int
    orig_idx: int
    orig_file: str
    proc_md5: str
    final_md5: str
    landmarks: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The directories of the files that CelebA-HQ is made from.

    Attributes:
      celeba_dir: directory with img_celeba/ and Anno/list_landmarks_celeba.txt.
      delta_dir: directory with image_list.txt and deltas*.zip.
    """

    celeba_dir: str
    delta_dir: str

    @property
    def image_list(self) -> str:
        """Path of the list of images."""
        return storage.join(self.delta_dir, "image_list.txt")

    @functools.cached_property
    def landmarks(self) -> str:
        """Path of the landmarks' file, in Anno or in celeba_dir itself."""
        path = storage.join(storage.join(self.celeba_dir, "Anno"), _LANDMARKS)
        other = storage.join(self.celeba_dir, _LANDMARKS)
        return other if storage.exists(other) and not storage.exists(path) else path

    @functools.cached_property
    def photographs(self) -> str:
        """Path of the photographs' directory: img_celeba, perhaps in Img or doubly nested."""
        folder = "img_celeba"
        below = (f"{folder}/{folder}", f"Img/{folder}/{folder}", folder, f"Img/{folder}")
        found = sources.directories(self.celeba_dir, below)[1:]
        return found[0] if found else storage.join(self.celeba_dir, folder)

    def zip_file(self, idx: int) -> str:
        """Returns the path of the zip file that holds an image's delta."""
        return storage.join(self.delta_dir, f"deltas{idx - idx % _ZIP_IMAGES:05d}.zip")

    def read_photograph(self, item: Item) -> bytes:
        """Returns the content of an image's JPEG file. Raises: ImageError."""
        try:
            with storage.open_binary(storage.join(self.photographs, item.orig_file)) as file:
                return file.read()
        except OSError as error:
            raise ImageError(f"{item.orig_file} can't be read: {error.strerror}") from error

    def read_delta(self, item: Item) -> bytes:
        """Returns the content of an image's delta, still encrypted. Raises: ImageError."""
        name, path = _delta_file(item.idx), self.zip_file(item.idx)
        try:
            with storage.open_binary(path) as file, zip_files.opened(file) as archive:
                if archive.getinfo(name).file_size > _MAX_DELTA_BYTES:
                    raise ImageError(f"{name} in {path} is too large for a delta")
                return archive.read(name)
        except (ImageError, MemoryError):
            raise
        except Exception as error:  # zipfile raises a dozen kinds
            raise ImageError(f"{name} can't be read from {path}: {error}") from error

    def check(self, allow_partial: bool = False) -> "Checked":
        """Reads image_list.txt and checks that each image's files exist.

        The photographs must exist, the zip files must be whole and hold the deltas, and each
        photograph must have landmarks. The content of photographs and deltas is not checked.

        Args:
          allow_partial: True to accept that files of some images are missing, if the list, the
            landmarks' file, the photographs' directory and all files of one image exist.
        Returns: the images, and those that lack something.
        Raises: UserError that names everything that is missing, and where to put it.
        """
        problems: list[str] = []
        missing: dict[int, str] = {}
        rows = _attempt(problems, lambda: _image_rows(self.image_list))
        landmarks = _attempt(problems, lambda: _landmark_rows(self.landmarks))
        present = _attempt(problems, lambda: _names(self.photographs))
        is_fatal = bool(problems)
        if rows is not None:
            if present is not None:
                absent = {row[0]: row[2] for row in rows if row[2] not in present}
                missing |= {idx: f"{name} is missing" for idx, name in absent.items()}
                _add_problem(
                    problems, f"photographs missing in {self.photographs}", absent.values()
                )
            missing |= self._check_zips(problems, sorted(row[0] for row in rows))
        items = []
        if rows is not None and landmarks is not None:
            items, unusable = _joined(rows, landmarks, self.landmarks)
            missing |= unusable
            if unusable:
                more = f" (and {len(unusable) - 1} more such rows)" if len(unusable) > 1 else ""
                problems.append(next(iter(unusable.values())) + more)
        if problems and (not allow_partial or is_fatal or len(missing) == len(items)):
            listed = "".join(f"\n  - {problem}" for problem in problems)
            whole = len(items) - len(missing)
            if whole and not is_fatal:
                listed += (
                    f"\n{whole} of the {len(items)} images can be made; --allow-partial makes these"
                )
            layout = _LAYOUT.format(celeba_dir=self.celeba_dir, delta_dir=self.delta_dir)
            raise UserError(f"CelebA-HQ can't be made, because of these problems:{listed}{layout}")
        return Checked(items, missing, problems)

    def _check_zips(self, problems: list[str], indices: list[int]) -> dict[int, str]:
        """Appends the zip files' problems to `problems`; returns {idx: why it has no delta}."""
        needed: dict[str, list[int]] = {}
        for idx in indices:
            needed.setdefault(self.zip_file(idx), []).append(idx)
        missing: dict[int, str] = {}
        absent = [path for path in needed if not storage.exists(path)]
        _add_problem(problems, f"zip files missing in {self.delta_dir}", map(_file_name, absent))
        for path in absent:
            missing |= dict.fromkeys(needed[path], f"{_file_name(path)} is missing")
        for path in sorted(needed.keys() - set(absent)):
            try:
                with storage.open_binary(path) as file, zip_files.opened(file) as archive:
                    held = set(archive.namelist())
            except MemoryError:
                raise
            except Exception as error:  # zipfile raises a dozen kinds
                problems.append(f"{path} is damaged or cut short ({error}); fetch it again")
                why = f"{_file_name(path)} is damaged or cut short"
                missing |= dict.fromkeys(needed[path], why)
                continue
            lacking = {
                idx: _delta_file(idx) for idx in needed[path] if _delta_file(idx) not in held
            }
            zip_name = _file_name(path)
            missing |= {i: f"{name} is missing in {zip_name}" for i, name in lacking.items()}
            _add_problem(problems, f"deltas missing in {path}", lacking.values())
        return missing


@dataclasses.dataclass(frozen=True)
class Checked:
    """Result of `Inputs.check`.

    items: all images, in the order of image_list.txt.
    missing: {idx: what the image lacks} of the images that can't be made.
    problems: descriptions of everything that is missing, a few lines.
    """

    items: list[Item]
    missing: dict[int, str]
    problems: list[str]


class _InputError(Exception):
    """A file is missing or can't be used."""


def _attempt(problems: list[str], function):
    """Returns the function's result; if it raises _InputError, notes the problem."""
    try:
        return function()
    except _InputError as problem:
        problems.append(str(problem))


def _add_problem(problems: list[str], what: str, names: Iterable[str]) -> None:
    """Appends a line with the number of names and the first names, unless there are none."""
    names = list(names)
    if names:
        more = ", ..." if len(names) > _NAMES_SHOWN else ""
        problems.append(f"{len(names)} {what}: {', '.join(names[:_NAMES_SHOWN])}{more}")


def _file_name(path: str) -> str:
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
            raise _InputError(f"{path} is not a text file") from error


def _image_rows(path: str) -> list[tuple[int, int, str, str, str]]:
    """Returns (idx, orig_idx, orig_file, proc_md5, final_md5) of each line after the header."""
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
            and re.fullmatch(r"\w[\w.-]{0,99}", orig_file)  # a name, not a path
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
    """Returns the landmarks file's lines after the first two; the first gives their number."""
    lines = _lines(path)
    expected = lines[0].strip() if lines else ""
    if not re.fullmatch(r"\d{1,9}", expected) or int(expected) != len(lines) - 2:
        raise _InputError(
            f"{path} is cut short or not a file of landmarks: its first line says"
            f" {expected[:20]!r}, but"
            f" {max(len(lines) - 2, 0)} rows of landmarks follow the second"
        )
    return lines[2:]


def _joined(
    rows: list[tuple], landmarks: list[str], path: str
) -> tuple[list[Item], dict[int, str]]:
    """Joins rows and landmarks; returns all images, and {idx: problem} of unusable landmarks."""
    items, problems = [], {}
    for idx, orig_idx, orig_file, proc_md5, final_md5 in rows:
        points: tuple[float, ...] = ()
        try:
            points = _points(orig_idx, orig_file, landmarks, path)
        except _InputError as problem:
            problems[idx] = str(problem)
        items.append(Item(idx, orig_idx, orig_file, proc_md5, final_md5, points))
    return items, problems


def _points(orig_idx: int, orig_file: str, landmarks: list[str], path: str) -> tuple[float, ...]:
    """Returns the landmarks of a photograph."""
    if orig_idx >= len(landmarks):
        raise _InputError(
            f"{path} has {len(landmarks)} rows, but {orig_file} should be in row {orig_idx}"
            " (counted from 0)"
        )
    name, *numbers = landmarks[orig_idx].split() or [""]
    if name != orig_file:
        raise _InputError(
            f"{path} line {orig_idx + 3} is for {name[:100]!r} instead of {orig_file}"
        )
    try:
        points = tuple(map(float, numbers))
    except ValueError:
        points = ()
    if len(points) != 10 or not all(map(math.isfinite, points)):
        raise _InputError(f"{path} line {orig_idx + 3} does not hold ten numbers after the name")
    return points
