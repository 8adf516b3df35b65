"""create_from_images: makes a data set from a user's images, in a directory tree or a zip file."""

import collections
import dataclasses
import os
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from pgan_tf import progress
from pgan_tf.data import storage
from pgan_tf.data.format import writer
from pgan_tf.data.format.names import is_data_set
from pgan_tf.data.labels import (
    CLASSES_FILE,
    classes_text,
    default_names,
    empty_classes_line,
    first_not_one_hot,
)
from pgan_tf.data.making import build, image_labels
from pgan_tf.data.making.image_labels import ImageLabels
from pgan_tf.data.pictures import imagefile, imagetree
from pgan_tf.data.pictures.imagefile import BadImage, Preparation, Report
from pgan_tf.data.pictures.imagetree import Member, Tree
from pgan_tf.errors import UserError

_TABLE_ROWS = 50
_CHECKED_AT_ONCE = 16  # files in one piece of work
_DARK = 4096  # above the largest value of 12-bit data


@dataclasses.dataclass(frozen=True)
class Made:
    """Counts of the files used and left out.

    num_images: number of images in the data set.
    bad: {suffix: number} of the picture files that can't be used and were left out.
    others: {suffix: number} of the files that are not pictures.
    """

    num_images: int
    bad: Mapping[str, int]
    others: Mapping[str, int]

    def left_out(self) -> str:
        """Describes the files left out: "8 .heic, 2 .jpg (can't be used)", or "" if none were."""
        parts = []
        for counts, why in ((self.bad, "can't be used"), (self.others, "not pictures")):
            if counts:
                named = ", ".join(
                    f"{n} {suffix or 'without suffix'}" for suffix, n in counts.items()
                )
                parts.append(f"{named} ({why})")
        return "; ".join(parts)


def _by_suffix(names: Sequence[str]) -> dict[str, int]:
    """Returns {lower-case suffix: number of names with it}, the most frequent first."""
    suffixes = (posixpath.splitext(name)[1].lower() for name in names)
    return dict(collections.Counter(suffixes).most_common())


@dataclasses.dataclass(frozen=True)
class ImagesSource:
    """Reads and prepares the images of a tree; see `build.Source`."""

    root: str
    preparation: Preparation
    num_channels: int
    resolution: int

    def read(self, items: Sequence[Member]) -> np.ndarray:
        """Returns the images of these files: uint8 [n, C, R, R]."""
        out = np.empty((len(items), self.num_channels, self.resolution, self.resolution), np.uint8)
        for image, member in zip(out, items, strict=True):
            try:
                pixels = imagefile.load(imagetree.read_file(self.root, member), self.preparation)
                if pixels.shape != image.shape:
                    raise BadImage("changed after it was checked")
            except BadImage as error:
                raise _UnusableAfterCheck(member.name, str(error)) from None
            image[:] = pixels
        return out


class _UnusableAfterCheck(Exception):  # noqa: N818
    """A file that passed the check can't be used after all; arguments: its name, the reason."""


def create(
    path: str | os.PathLike,
    image_dir: str | os.PathLike,
    *,
    shuffle: bool = True,
    preparation: Preparation = Preparation(),  # noqa: B008 (frozen)
    labels: str | None = None,
    skip_bad: bool = False,
    **options,
) -> Made:
    """Makes a data set from image files.

    Every file is checked before anything is written; see `imagefile.examine`.

    Args:
      path: the data set's directory.
      image_dir: a directory, which is searched with all its subdirectories, or a zip file.
      shuffle: True for the official tool's shuffled order, False for the order of the names.
      preparation: how each image is cropped, resized and converted.
      labels: "folders" to take each image's topmost folder as its class, not counting folders that
        all images are in; or the name of a file, see `image_labels.read`; or None.
      skip_bad: True to leave out files that can't be used instead of failing.
      options: force, workers, shards, compress; see `build.build`.
    Returns: counts of the files used and left out.
    Raises: UserError. If files can't be used, a table of them is printed first.
    """
    if preparation.crop != "none" and preparation.pad:
        raise UserError("--crop center and --pad exclude each other: take one of them")
    root = os.fspath(image_dir)
    writer.check_target(os.fspath(path), options.get("force", False))
    if preparation.resolution is not None:
        writer.check_size(preparation.resolution, 3)
    options["workers"] = build.num_workers(options.get("workers"), root)
    tree = imagetree.Tree(root)
    names = tree.images
    if is_data_set(root):
        raise UserError(f"{root} is a data set already, not a directory of pictures")
    if not names and not tree.unread:
        raise UserError(f"{root} holds no pictures: no file name ends in .png, .jpg or the like")
    named_labels = None if labels in (None, "folders") else image_labels.read(tree, labels)
    others = [name for name in tree.others if named_labels is None or name != named_labels.file]
    if others:
        print(f"Leaving out {len(others)} file(s) that are not pictures, {others[0]} first")

    unread = {name: _unreadable_kind(name) for name in tree.unread}
    total = len(names) + len(unread)
    shape, bad = _examine_all(tree, preparation, options["workers"])
    if labels == "folders":
        named_labels = image_labels.from_folders([name for name in names if name not in bad])
    if named_labels is not None:
        why = "is in no folder, so it has no class" if labels == "folders" else "has no label"
        unlabelled = Report(None, None, None, False, why)
        bad |= {name: unlabelled for name in names if named_labels.by_name.get(name) is None}
    while True:
        _report_bad(unread | bad, total, skip_bad)
        good = np.array([i for i, name in enumerate(names) if name not in bad])
        good = good[build.shuffled(len(good), shuffle)]
        try:
            source = ImagesSource(root, dataclasses.replace(preparation, channels=shape[0]), *shape)
            count = _build(path, source, _OrderedFiles(tree, good), named_labels, options)
            return Made(count, _by_suffix([*unread, *bad]), _by_suffix(others))
        except _UnusableAfterCheck as error:
            name, reason = error.args
            bad[name] = Report(None, None, None, False, reason)
            # If one file has changed, or is packed wrongly under correct checksums, others may be
            # bad too. All files are decoded to find them before the next attempt.
            shape, more = _examine_all(tree, preparation, options["workers"], decode=True)
            bad |= more


def _unreadable_kind(name: str) -> Report:
    """Returns the report of a picture in a format that can't be read, known by its suffix."""
    kind = posixpath.splitext(name)[1][1:].upper()
    return Report(None, None, None, False, f"{kind} can't be read; save it as PNG or JPEG")


@dataclasses.dataclass(frozen=True, eq=False)
class _OrderedFiles:
    """A tree's image files in a given order. A slice is a list of files."""

    tree: Tree
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, positions: slice) -> list[Member]:
        return self.tree.members(self.indices[positions])


def _build(
    path: str | os.PathLike,
    source: ImagesSource,
    order: _OrderedFiles,
    named_labels: ImageLabels | None,
    options: dict[str, Any],
) -> int:
    """Prints the data set's size, then writes it; returns the number of images."""
    labels, files = None, {}
    if named_labels is not None:
        names = [order.tree.images[i] for i in order.indices]
        values = [named_labels.by_name[name] for name in names]
        labels, classes = image_labels.rows(names, values, named_labels.classes)
        if classes:
            files[CLASSES_FILE] = classes_text(classes)
        _print_empty_classes(labels, classes)
    label_size = 0 if labels is None else labels.shape[1]
    size = writer.size_on_disk(len(order), source.resolution, source.num_channels, label_size)
    print(
        f"{len(order)} images of {source.resolution}x{source.resolution},"
        f" {source.num_channels} channel(s): {storage.readable_size(size)}"
        + (" before compression" if options.get("compress") else "")
    )
    return build.build(path, source, order=order, labels=labels, files=files, **options)


def _print_empty_classes(labels: np.ndarray, classes: Sequence[str]) -> None:
    if first_not_one_hot(labels) is None:
        counts = np.count_nonzero(labels, axis=0).tolist()
        names = classes or default_names(len(counts))
        if line := empty_classes_line(counts, names):
            print(line)


class _Examine:
    """Checks files; can run in any process."""

    def __init__(self, root: str, preparation: Preparation, decode: bool):
        self.root, self.preparation, self.decode = root, preparation, decode

    def __call__(self, members: list[Member]) -> list[Report]:
        return [self._examine(member) for member in members]

    def _examine(self, member: Member) -> Report:
        try:
            data = imagetree.read_file(self.root, member)
            return imagefile.examine(data, self.preparation, self.decode)
        except BadImage as error:
            return Report(None, None, None, False, str(error))


def _examine_all(
    tree: Tree, preparation: Preparation, workers: int, decode: bool = False
) -> tuple[tuple[int, int], dict[str, Report]]:
    """Checks all image files of a tree.

    Returns: the (channels, resolution) that most usable files have, and {name: report} of all
      other files.
    """
    names = tree.images
    pieces = [
        range(i, min(i + _CHECKED_AT_ONCE, len(names)))
        for i in range(0, len(names), _CHECKED_AT_ONCE)
    ]
    workers = min(workers, len(pieces))
    bad: dict[str, Report] = {}
    good: dict[tuple[int, int], list[str]] = collections.defaultdict(list)  # names by shape
    enlarged = 0
    peaks: dict[bool, list[int]] = {True: [], False: []}  # `Report.peak`s of gray, colour images
    with progress.bar("files") as bar:
        task = bar.add_task("Checking", total=len(names))
        examine = _Examine(tree.root, preparation, decode)
        reports = build.ordered_map(examine, map(tree.members, pieces), workers)
        for piece, piece_reports in zip(pieces, reports, strict=True):
            for name, report in zip((names[i] for i in piece), piece_reports, strict=True):
                if report.reason:
                    bad[name] = report
                else:
                    good[report.result].append(name)
                    enlarged += report.enlarged
                if report.peak is not None:
                    peaks[report.mode.startswith("I")].append(report.peak)
            bar.advance(task, len(piece))
    grays = [shape for shape in good if shape[0] == 1]
    if preparation.channels is None and len(grays) not in (0, len(good)):
        count = sum(len(good[shape]) for shape in grays)
        print(f"{count} gray image(s) become RGB like the others; --channels 1 makes all gray")
        for _, side in grays:
            good[3, side] += good.pop((1, side))
    if enlarged:
        print(f"{enlarged} images are smaller than the resolution and will be enlarged")
    if preparation.white == imagefile.WHITE:
        _print_if_dark(peaks)
    usual = max(good, key=lambda shape: len(good[shape]), default=(0, 0))
    for shape, unusual in good.items():
        if shape != usual:
            bad |= dict.fromkeys(unusual, _mismatch(shape, usual))
    return usual, bad


def _print_if_dark(peaks: Mapping[bool, Sequence[int]]) -> None:
    """Prints a warning if all 16-bit images come out nearly black, as 12-bit data in them do.

    Args:
      peaks: `Report.peak` of each 16-bit image, of gray ones under True, others under False.
    """
    all_peaks = [peak for kind in peaks.values() for peak in kind]
    if not all_peaks or not 0 < max(all_peaks) < _DARK:
        return
    white = next(white for white in (255, 1023, 4095) if max(all_peaks) <= white)
    if peaks[False]:
        remedy = (
            f"multiply their values by {(imagefile.WHITE + 1) // (white + 1)} and make the data set"
            " again"
        )
    else:
        remedy = f"--white {white} makes their largest values white"
    print(
        f"{len(all_peaks)} image(s) of 16 bits have values up to {max(all_peaks)} of"
        f" {imagefile.WHITE} and come out nearly black: {remedy}"
    )


def _mismatch(shape: tuple[int, int], usual: tuple[int, int]) -> Report:
    """Returns the report of an image whose (channels, side) differs from the usual one."""
    (channels, side), (usual_channels, usual_side) = shape, usual
    mode = {1: "gray", 3: "RGB"}
    if side != usual_side:
        reason = f"not {usual_side}x{usual_side} like most; --resolution gives all the same size"
    else:
        reason = f"not {mode[usual_channels]} like most; --channels converts all to the same"
    return Report((side, side), mode[channels], shape, False, reason)


def _report_bad(bad: dict[str, Report], total: int, skip_bad: bool) -> None:
    """Prints a table of the bad files. Raises: UserError unless they can be left out."""
    if not bad:
        return
    table = Table("path", "size", "mode", "reason", box=None, pad_edge=False)
    for name, report in list(bad.items())[:_TABLE_ROWS]:
        size = "x".join(map(str, report.size)) if report.size else "-"
        table.add_row(name, size, report.mode or "-", report.reason, style=None)
    console = Console(highlight=False, markup=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = 200
    console.print(table)
    if len(bad) > _TABLE_ROWS:
        print(f"... and {len(bad) - _TABLE_ROWS} more")
    if len(bad) == total or not skip_bad:
        kinds = collections.Counter(report.reason for report in bad.values())
        raise UserError(
            f"{len(bad)} of {total} files can't be used (most often: {kinds.most_common(1)[0][0]})"
            + ("" if len(bad) == total else "; put them right, or leave them out with --skip-bad")
        )
    print(f"Leaving out {len(bad)} of {total} files")
