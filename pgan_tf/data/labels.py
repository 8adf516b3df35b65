"""Labels: classes and their names, empty classes, the check for one-hot labels (section 4)."""

import functools
import os
from collections.abc import Sequence

import numpy as np

from pgan_tf.data import storage
from pgan_tf.errors import UserError

CLASSES_FILE = "CLASSES.txt"  # names of the label columns, one per line
MANY_CLASSES = 1000  # up to this many classes, numbers are classes however few images there are
_MAX_NAMES_BYTES = 64 << 20  # read of CLASSES_FILE
_SHOWN = 10  # number of empty classes that a message lists


class Labelled:
    """Mixin that derives classes and their counts from an object's labels.

    Attributes that the class must have:
      labels: float32 [N, label_size], one row per image, or None.
      label_size: 0 without labels.
      labels_from: the file or data set that holds the labels, for messages.
    """

    labels: np.ndarray | None
    label_size: int
    labels_from: str

    @functools.cached_property
    def class_names(self) -> list[str] | None:
        """Names of the label columns, by default "0", "1", ...; None without labels."""
        return None if self.labels is None else default_names(self.label_size)

    @functools.cached_property
    def class_counts(self) -> list[int] | None:
        """Number of images of each class; None unless the labels are one-hot."""
        if self.labels is None or first_not_one_hot(self.labels) is not None:
            return None
        return np.count_nonzero(self.labels, axis=0).tolist()

    @functools.cached_property
    def used_classes(self) -> list[int]:
        """Label columns that are nonzero for at least one image, in order."""
        return [] if self.labels is None else np.flatnonzero(self.labels.any(axis=0)).tolist()

    @functools.cached_property
    def empty_classes(self) -> list[int]:
        """Label columns that are 0 for all images, in order: classes without images."""
        return sorted(set(range(self.label_size)) - set(self.used_classes))

    def require_one_hot(self) -> None:
        """Raises UserError unless there are labels, and each is a single 1 among zeros.

        The label terms of the loss are softmax cross-entropies (section 2). They have no lower
        bound if a label is negative, and no meaning if it is not a distribution.
        """
        require_one_hot(self.labels, self.labels_from)


def default_names(label_size: int) -> list[str]:
    """Returns the names of unnamed classes: "0", "1", ..."""
    return list(map(str, range(label_size)))


def one_hot(classes: Sequence[int] | np.ndarray, label_size: int) -> np.ndarray:
    """Returns one-hot labels, float32 [N, label_size], from class numbers."""
    labels = np.zeros((len(classes), label_size), np.float32)
    labels[np.arange(len(classes)), np.asarray(classes)] = 1
    return labels


def first_not_one_hot(labels: np.ndarray) -> int | None:
    """Returns the index of the first row of [N, label_size] that is not one-hot, or None."""
    good = (np.count_nonzero(labels, axis=1) == 1) & (labels.max(axis=1, initial=0) == 1)
    return None if good.all() else int(np.argmin(good))


def require_one_hot(labels: np.ndarray | None, where: str) -> None:
    """Raises UserError, which names `where` and the record, unless the labels are one-hot.

    Args:
      labels: [N, label_size], or None.
      where: the file that holds the labels, or the data set that has none.
    """
    remedy = "--set data.labels=false trains without labels"
    if labels is None:
        raise UserError(f"data.labels=true, but {where} has no labels file; {remedy}")
    if (record := first_not_one_hot(labels)) is not None:
        raise UserError(
            f"data.labels=true, but {where} does not hold classes: the label of record {record} has"
            f" {_why_not_one_hot(labels[record])} instead of a single 1 among zeros; {remedy}"
        )


def _why_not_one_hot(row: np.ndarray) -> str:
    """Returns what keeps a label from being one-hot: "several ones (2)"."""
    if (row < 0).any():
        return f"a negative number ({row.min():g})"
    if (odd := row[(row != 0) & (row != 1)]).size:
        kind = "a fraction" if odd[0] % 1 else "a number above 1"
        return f"{kind} ({odd[0]:g})"
    ones = np.count_nonzero(row)
    return f"several ones ({ones})" if ones else "zeros only"


def describe(data: Labelled) -> str:
    """Returns a description of the labels for people: "3 classes of 4 to 5 images"."""
    if data.labels is None:
        return "none"
    if data.class_counts is None:
        return f"{data.label_size} numbers per image (not one-hot: no classes)"
    counts = [count for count in data.class_counts if count]
    span = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    text = f"{len(counts)} classes of {span} images"
    return text + (f", and {len(data.empty_classes)} empty" if data.empty_classes else "")


def empty_classes_line(counts: Sequence[int], names: Sequence[str]) -> str | None:
    """Returns a line that lists the classes without images; None if each has one."""
    empty = [
        str(i) if names[i] == str(i) else f"{i} ({names[i]})" for i, n in enumerate(counts) if not n
    ]
    if not empty:
        return None
    listed = ", ".join(empty[:_SHOWN]) + (", ..." if len(empty) > _SHOWN else "")
    return (
        f"{len(empty)} of {len(counts)} classes have no images: {listed}"
        + (" (classes are numbered from 0)" if not counts[0] else "")
        + "; they are never drawn"
    )


def classes_text(names: Sequence[str]) -> bytes:
    """Returns the contents of CLASSES_FILE; line breaks in names become spaces."""
    lines = [name.replace("\n", " ").replace("\r", " ") for name in names]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def read_class_names(directory: str | os.PathLike, label_size: int) -> list[str] | None:
    """Returns the names in a data set's CLASSES_FILE; None unless it has one for each column."""
    path = storage.join(directory, CLASSES_FILE)
    if not storage.exists(path):
        return None
    with storage.open_binary(path) as file:
        content = file.read(_MAX_NAMES_BYTES)
    names = content.decode("utf-8", "replace").removesuffix("\n").split("\n")
    return names if len(names) == label_size else None
