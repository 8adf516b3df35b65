"""create_from_images: a user's own images, from a directory tree or a zip file."""

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
_CHECKED_AT_ONCE = 16  # files a piece of work
_DARK = 4096  # what no value of 16 bits reaches that holds 12


@dataclasses.dataclass(frozen=True)
class Made:
    """What became of the files.

    num_images: in the data set.
    bad: number of picture files that were left out because they can't be used, by suffix.
    others: number of other files, by suffix.
    """

    num_images: int
    bad: Mapping[str, int]
    others: Mapping[str, int]

    def left_out(self) -> str:
        """Returns what was left out, for people: "8 .heic, 2 .jpg (can't be used)"; or ""."""
        parts = []
        for counts, why in ((self.bad, "can't be used"), (self.others, "no pictures")):
            if counts:
                named = ", ".join(
                    f"{n} {suffix or 'without suffix'}" for suffix, n in counts.items()
                )
                parts.append(f"{named} ({why})")
        return "; ".join(parts)


def _by_suffix(names: Sequence[str]) -> dict[str, int]:
    """Returns {lower-case suffix: number of names that have it}, the most frequent first."""
    suffixes = (posixpath.splitext(name)[1].lower() for name in names)
    return dict(collections.Counter(suffixes).most_common())


@dataclasses.dataclass(frozen=True)
class ImagesSource:
    """Prepared images of a tree as a source; see `build.Source`."""

    root: str
    preparation: Preparation
    num_channels: int
    resolution: int

    def read(self, items: Sequence[Member]) -> np.ndarray:
        """Returns images by file: uint8 [n, C, R, R]."""
        out = np.empty((len(items), self.num_channels, self.resolution, self.resolution), np.uint8)
        for image, member in zip(out, items, strict=True):
            try:
                pixels = imagefile.load(imagetree.read_file(self.root, member), self.preparation)
                if pixels.shape != image.shape:
                    raise BadImage("changed after it was checked")
            except BadImage as error:
                raise _FoundLate(member.name, str(error)) from None
            image[:] = pixels
        return out


class _FoundLate(Exception):  # noqa: N818
    """A file passed the check and yet can't be used; arguments: its name, the reason."""


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
    """Makes a data set of image files.

    Every file is checked before anything is written; see `imagefile.examine`.

    Args:
      path: the data set's directory.
      image_dir: a directory, searched with all below it, or a zip file.
      shuffle: whether the records are in the official tool's shuffled order, or sorted by name.
      preparation: what is done to each image.
      labels: "folders": the topmost folder of each image is its class, not counting folders that
        all images are below; or the name of a file, see `image_labels.read`; or None.
      skip_bad: leaves out files that can't be used instead of failing.
      options: force, workers, shards, compress; see `build.build`.
    Returns: what became of the files.
    Raises: UserError; for files that can't be used after printing a table of them.
    """
    if preparation.crop != "none" and preparation.pad:
        raise UserError("--crop center cuts and --pad extends: take one of them")
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
        raise UserError(f"{root} holds no pictures: nothing that ends in .png, .jpg or the like")
    found = None if labels in (None, "folders") else image_labels.read(tree, labels)
    others = [name for name in tree.others if found is None or name != found.file]
    if others:
        print(f"Leaving out what is no image: {len(others)} file(s), {others[0]} first")

    unread = {name: _unread(name) for name in tree.unread}
    total = len(names) + len(unread)
    shape, bad = _examine_all(tree, preparation, options["workers"])
    if labels == "folders":
        found = image_labels.from_folders([name for name in names if name not in bad])
    if found is not None:
        why = "is in no folder, which would be its class" if labels == "folders" else "has no label"
        unlabelled = Report(None, None, None, False, why)
        bad |= {name: unlabelled for name in names if found.of.get(name) is None}
    while True:
        _answer_bad(unread | bad, total, skip_bad)
        good = np.array([i for i, name in enumerate(names) if name not in bad])
        good = good[build.shuffled(len(good), shuffle)]
        try:
            source = ImagesSource(root, dataclasses.replace(preparation, channels=shape[0]), *shape)
            count = _build(path, source, _Order(tree, good), found, options)
            return Made(count, _by_suffix([*unread, *bad]), _by_suffix(others))
        except _FoundLate as late:
            name, reason = late.args
            bad[name] = Report(None, None, None, False, reason)
            # Where one went bad, or was packed wrongly under right checksums, others may be: all
            # are looked for, by decoding, before the next attempt.
            shape, more = _examine_all(tree, preparation, options["workers"], decode=True)
            bad |= more


def _unread(name: str) -> Report:
    """Returns the report of a picture of a kind that can't be read."""
    kind = posixpath.splitext(name)[1][1:].upper()
    return Report(None, None, None, False, f"{kind} can't be read; save it as PNG or JPEG")


@dataclasses.dataclass(frozen=True, eq=False)
class _Order:
    """A tree's image files in some order; slices of it are lists of files."""

    tree: Tree
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, which: slice) -> list[Member]:
        return self.tree.members(self.indices[which])


def _build(
    path: str | os.PathLike,
    source: ImagesSource,
    order: _Order,
    found: ImageLabels | None,
    options: dict[str, Any],
) -> int:
    """Writes the data set of the images, in this order, after printing its size."""
    labels, files = None, {}
    if found is not None:
        names = [order.tree.images[i] for i in order.indices]
        labels, classes = image_labels.rows(names, [found.of[n] for n in names], found.classes)
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
    """Checks files; sent to other processes."""

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
    """Returns (channels, resolution) of most good files, and reports of all others by name."""
    names = tree.images
    pieces = [
        range(i, min(i + _CHECKED_AT_ONCE, len(names)))
        for i in range(0, len(names), _CHECKED_AT_ONCE)
    ]
    workers = min(workers, len(pieces))
    bad: dict[str, Report] = {}
    good: dict[tuple[int, int], list[str]] = collections.defaultdict(list)  # names by shape
    enlarged = 0
    peaks: dict[bool, list[int]] = {True: [], False: []}  # of images of 16 bits, gray or not
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
        print(f"{count} gray image(s) among the others become RGB; --channels 1 makes all gray")
        for _, side in grays:
            good[3, side] += good.pop((1, side))
    if enlarged:
        print(f"{enlarged} images are smaller than the resolution and get enlarged")
    if preparation.white == imagefile.WHITE:
        _print_if_dark(peaks)
    usual = max(good, key=lambda shape: len(good[shape]), default=(0, 0))
    for shape, unusual in good.items():
        if shape != usual:
            bad |= dict.fromkeys(unusual, _unlike(shape, usual))
    return usual, bad


def _print_if_dark(peaks: Mapping[bool, Sequence[int]]) -> None:
    """Says so if all images of 16 bits come out nearly black, as 12 bits of data in 16 do.

    Args:
      peaks: `Report.peak` of the images of 16 bits, by whether they are gray.
    """
    found = [peak for kind in peaks.values() for peak in kind]
    if not found or not 0 < max(found) < _DARK:
        return
    white = next(white for white in (255, 1023, 4095) if max(found) <= white)
    if peaks[False]:
        remedy = (
            f"multiply their values by {(imagefile.WHITE + 1) // (white + 1)}, and make it anew"
        )
    else:
        remedy = f"--white {white} makes their largest values white"
    print(
        f"{len(found)} image(s) of 16 bits have values up to {max(found)} of {imagefile.WHITE} and"
        f" come out nearly black: {remedy}"
    )


def _unlike(shape: tuple[int, int], usual: tuple[int, int]) -> Report:
    """Returns the report of an image that does not go together with most others."""
    (channels, side), (usual_channels, usual_side) = shape, usual
    mode = {1: "gray", 3: "RGB"}
    if side != usual_side:
        reason = f"unlike most, which have {usual_side}x{usual_side}: --resolution makes them alike"
    else:
        reason = f"unlike most, which are {mode[usual_channels]}: --channels makes them alike"
    return Report((side, side), mode[channels], shape, False, reason)


def _answer_bad(bad: dict[str, Report], total: int, skip_bad: bool) -> None:
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
            + ("" if len(bad) == total else "; put them right, or leave them out by --skip-bad")
        )
    print(f"Leaving out {len(bad)} of {total} files")
