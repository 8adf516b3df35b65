"""What labels mean: classes and their names, empty classes, what is one-hot (section 4)."""

import functools
import os
from collections.abc import Sequence

import numpy as np

from pgan_tf.data import storage
from pgan_tf.errors import UserError

CLASSES_FILE = "CLASSES.txt"  # names of the labels' columns, one a line
MANY_CLASSES = 1000  # up to here numbers are taken for classes however few the images
_MAX_NAMES_BYTES = 64 << 20  # of CLASSES_FILE
_SHOWN = 10  # empty classes that are named; of others only the number


class Labelled:
    """Adds what can be said of labels to a class that has them.

    Attributes that the class must have:
      labels: float32 [N, label_size], one row an image, or None.
      label_size: 0 without labels.
      labels_from: what holds the labels, for messages.
    """

    labels: np.ndarray | None
    label_size: int
    labels_from: str

    @functools.cached_property
    def class_names(self) -> list[str] | None:
        """Names of the labels' columns, "0", "1", ... where none are known; None without labels."""
        return None if self.labels is None else default_names(self.label_size)

    @functools.cached_property
    def class_counts(self) -> list[int] | None:
        """Number of images of each class; None unless the labels are one-hot."""
        if self.labels is None or first_not_one_hot(self.labels) is not None:
            return None
        return np.count_nonzero(self.labels, axis=0).tolist()

    @functools.cached_property
    def used_classes(self) -> list[int]:
        """Columns of the labels that are not 0 for at least one image, in order."""
        return [] if self.labels is None else np.flatnonzero(self.labels.any(axis=0)).tolist()

    @functools.cached_property
    def empty_classes(self) -> list[int]:
        """The other columns of the labels, in order: classes without any image."""
        return sorted(set(range(self.label_size)) - set(self.used_classes))

    def require_one_hot(self) -> None:
        """Raises UserError unless there are labels, and each is a single 1 among zeros.

        The label terms of the loss are softmax cross-entropies (section 2), which have no lower
        bound where a label is negative, and no meaning where it is no distribution.
        """
        require_one_hot(self.labels, self.labels_from)


def default_names(label_size: int) -> list[str]:
    """Returns names for classes that have none: "0", "1", ..."""
    return list(map(str, range(label_size)))


def one_hot(classes: Sequence[int] | np.ndarray, label_size: int) -> np.ndarray:
    """Returns labels, float32 [N, label_size], from class numbers."""
    labels = np.zeros((len(classes), label_size), np.float32)
    labels[np.arange(len(classes)), np.asarray(classes)] = 1
    return labels


def first_not_one_hot(labels: np.ndarray) -> int | None:
    """Returns the first of the rows [N, label_size] that is not a single 1 among zeros, or None."""
    good = (np.count_nonzero(labels, axis=1) == 1) & (labels.max(axis=1, initial=0) == 1)
    return None if good.all() else int(np.argmin(good))


def require_one_hot(labels: np.ndarray | None, where: str) -> None:
    """Raises UserError, which names `where` and the record, unless the labels are one-hot.

    Args:
      labels: [N, label_size], or None.
      where: the file that holds them, or the data set that has none.
    """
    remedy = "--set data.labels=false trains without labels"
    if labels is None:
        raise UserError(f"data.labels=true, but {where} has no labels file; {remedy}")
    if (record := first_not_one_hot(labels)) is not None:
        raise UserError(
            f"data.labels=true, but {where} holds no classes: the label of record {record} has"
            f" {_why_not_one_hot(labels[record])} instead of a single 1 among zeros; {remedy}"
        )


def _why_not_one_hot(row: np.ndarray) -> str:
    """Returns what a label has that is not one-hot."""
    if (row < 0).any():
        return f"a negative number ({row.min():g})"
    if (odd := row[(row != 0) & (row != 1)]).size:
        kind = "a fraction" if odd[0] % 1 else "a number above 1"
        return f"{kind} ({odd[0]:g})"
    ones = np.count_nonzero(row)
    return f"several ones ({ones})" if ones else "zeros only"


def describe(data: Labelled) -> str:
    """Returns what the labels are, for people: "3 classes of 4 to 5 images"."""
    if data.labels is None:
        return "none"
    if data.class_counts is None:
        return f"{data.label_size} numbers an image (not one-hot: no classes)"
    counts = [count for count in data.class_counts if count]
    span = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    text = f"{len(counts)} classes of {span} images"
    return text + (f", and {len(data.empty_classes)} empty" if data.empty_classes else "")


def empty_classes_line(counts: Sequence[int], names: Sequence[str]) -> str | None:
    """Returns a line that names the classes without an image; None where each has one."""
    empty = [
        str(i) if names[i] == str(i) else f"{i} ({names[i]})" for i, n in enumerate(counts) if not n
    ]
    if not empty:
        return None
    listed = ", ".join(empty[:_SHOWN]) + (", ..." if len(empty) > _SHOWN else "")
    return (
        f"{len(empty)} of {len(counts)} classes without any image: {listed}"
        + (" (classes are numbered from 0 on)" if not counts[0] else "")
        + "; they are never drawn"
    )


def classes_text(names: Sequence[str]) -> bytes:
    """Returns the contents of CLASSES_FILE; names are one line each, whatever they hold."""
    lines = [name.replace("\n", " ").replace("\r", " ") for name in names]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def read_class_names(directory: str | os.PathLike, label_size: int) -> list[str] | None:
    """Returns the names in a data set's CLASSES_FILE; None where it has none for each column."""
    path = storage.join(directory, CLASSES_FILE)
    if not storage.exists(path):
        return None
    with storage.open_binary(path) as file:
        content = file.read(_MAX_NAMES_BYTES)
    names = content.decode("utf-8", "replace").removesuffix("\n").split("\n")
    return names if len(names) == label_size else None
