"""Advice for a path that should hold a data set, but holds none or a damaged one.

The proposed commands work as printed, in the directory where they are printed.
"""

import dataclasses
import difflib
import os
import posixpath
import re
import shlex
from collections.abc import Iterable

from pgan_tf import zip_files
from pgan_tf.data import contents, storage
from pgan_tf.data.format import writer
from pgan_tf.data.format.names import LEVEL_FILE, is_data_set
from pgan_tf.errors import UserError

TOOL = "python dataset_tool.py"
_KNOWN = (
    "mnistrgb", "mnist", "cifar100", "cifar10", "svhn", "lsun", "celebahq", "celeba", "openmoji",
)  # fmt: skip
_NAMES_SHOWN = 3
_NAME_ONE = "name a data set's directory"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What is at a path, and how to get a data set from it.

    Attributes:
      what: the predicate of a sentence about the path: "holds 12 pictures".
      command: the command that makes a data set from it, as it must be typed; or None.
      lead: the words before the command.
      dataset: the directory of the data set, which exists or which the command makes; or None.
      advice: what to do if there is neither a command nor a data set.
    """

    what: str
    command: str | None = None
    lead: str = "make a data set from it with"
    dataset: str | None = None
    advice: str = _NAME_ONE

    def sentence(self, use: str | None = None) -> str:
        """Returns the whole finding as one line.

        Args:
          use: a command that uses a data set, with {} for its directory; or None.
        """
        named = shlex.quote(self.dataset) if self.dataset else ""
        if self.command:
            then = f"; then: {use.format(named)}" if use and named else ""
            return f"{self.what}; {self.lead}: {self.command}{then}"
        if self.dataset:
            return f"{self.what}; did you mean{f': {use.format(named)}' if use else f' {named}?'}"
        return f"{self.what}; {self.advice}"


def remedy(path: str, command: str | None = None) -> str:
    """Returns advice for a data set that is missing or damaged.

    Args:
      path: its directory, which need not exist.
      command: the command that makes it; None: chosen by the directory's name.
    """
    if command is None:
        name, target = storage.split(path)[1], shlex.quote(path)
        known = next((known for known in _KNOWN if name.startswith(known)), None)
        command = f"{TOOL} create_{known or 'from_images'} {target}"
        if known is None:
            command += " IMAGES"
        elif known == "lsun" and "bedroom" not in name:
            command += " LMDB_DIR"
    if not storage.exists(path) or (storage.is_dir(path) and not storage.names(path)):
        return f"make it with: {command}"
    try:
        writer.check_target(path, force=True)
    except UserError:  # it also holds other files, which must not be lost
        return f"make it with: {command} --force (first move away all other files)"
    return f"make it with: {command} --force"


def look(path: str) -> Finding:
    """Returns what is at a path that is not a data set. Reads little and changes nothing."""
    if not storage.exists(path):
        return _look_for_missing(path)
    if storage.is_dir(path):
        return _look_at_directory(path)
    return _look_at_file(path)


def _look_for_missing(path: str) -> Finding:
    parent, name = storage.split(path)
    found = None
    if is_data_set(parent):
        found = parent
    elif name not in _KNOWN:  # for a known name, its command is proposed
        found = (
            _most_similar(parent, name)
            or _most_similar(storage.join(parent, "datasets"), name)
            or _in_similar_parent(parent, name)
        )
    if found is None:
        return Finding("does not exist", advice=remedy(path))
    return Finding("does not exist", dataset=_as_typed(found, path))


def _as_typed(found: str, typed: str) -> str:
    """Returns a path as the user would write it: relative if theirs is."""
    is_relative = not storage.is_remote(typed) and not os.path.isabs(typed)
    return os.path.relpath(found) if is_relative else found


def _most_similar(directory: str, name: str) -> str | None:
    """Returns the data set in a directory with the most similar name; None if none is similar."""
    for other in _similar_names(name, _visible(directory)):
        candidate = storage.join(directory, other)
        if is_data_set(candidate):
            return candidate
    return None


def _in_similar_parent(parent: str, name: str) -> str | None:
    """Returns the data set of this name in a directory named similarly to the missing parent."""
    if storage.is_remote(parent) or os.path.isdir(parent):
        return None
    above, missing = os.path.split(parent)
    for other in _similar_names(missing, _visible(above)):
        candidate = os.path.join(above, other, name)
        if is_data_set(candidate):
            return candidate
    return None


def _similar_names(name: str, names: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name, list(names), n=5, cutoff=0.6)


def _visible(directory: str) -> list[str]:
    if not storage.is_dir(directory):
        return []
    return [name for name in storage.names(directory) if not name.startswith(".")]


# Paths that are files.


def _look_at_file(path: str) -> Finding:
    name = storage.split(path)[1]
    if not storage.is_remote(path) and not os.path.exists(path):
        return Finding("is a broken link")
    directory = storage.split(path)[0] if storage.is_remote(path) else os.path.dirname(path) or "."
    if is_data_set(directory) and re.search(r"\.(tfrecords|index|labels|txt)$", name):
        return Finding("is a file of a data set, not its directory", dataset=directory)
    kind = contents.kind_of(contents.head_of(path)) or "a file"
    what = f"is {kind}, not a directory"
    if found := _known_source_finding(path, f"is {kind} of"):
        return found
    if kind == "an HDF5 file":
        return _command_finding("create_from_hdf5", path, _stem(path), what)
    if kind == "a zip file":
        return _look_at_zip(path)
    if contents.is_tar(path):
        command = f"python -m tarfile -e {shlex.quote(path)} {shlex.quote(_stem(path))}"
        return Finding(what, command, "unpack it with", advice="")
    if _suffix(name) in _picture_suffixes():
        found = _look_at_directory(directory)
        return dataclasses.replace(found, what=f"is a picture; {directory} {found.what}")
    return Finding(what)


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()


def _picture_suffixes() -> tuple[str, ...]:
    from pgan_tf.data.pictures.formats import SUFFIXES, UNREAD_SUFFIXES

    return SUFFIXES + UNREAD_SUFFIXES


def _stem(path: str) -> str:
    """Returns the path without the suffix of an archive or HDF5 file."""
    return re.sub(r"\.(zip|tar|tgz|tar\.gz|h5|hdf5)$", "", path, flags=re.I)


def _look_at_zip(path: str) -> Finding:
    try:
        with (
            storage.open_binary(path) as file,
            zip_files.opened(file, zip_files.MOST_PICTURES_LIST_BYTES) as archive,
        ):
            names = archive.namelist()
    except (OSError, *zip_files.DAMAGE):
        return Finding("is a damaged zip file", advice="fetch it again or pack it again")
    for name in names:
        folder, last = posixpath.split(name)
        if LEVEL_FILE.fullmatch(last):
            target = (os.path.dirname(path) or ".") if folder else _stem(path)
            command = f"python -m zipfile -e {shlex.quote(path)} {shlex.quote(target)}"
            dataset = os.path.normpath(os.path.join(target, folder))
            return Finding("is a zip file of a data set", command, "unpack it with", dataset)
    return _pictures_finding(path, "is a zip file with") or Finding(
        "is a zip file without pictures"
    )


# Paths that are directories.


def _look_at_directory(path: str) -> Finding:
    names = _visible(path)
    parent, _ = storage.split(path)
    what = "holds no *-rNN.tfrecords files"
    if is_data_set(parent):
        return Finding(f"{what}, but is inside a data set", dataset=_as_typed(parent, path))
    if not names:
        return Finding("is empty", advice=remedy(path))
    below = [n for n in names if is_data_set(storage.join(path, n))]
    if len(below) == 1:
        return Finding(
            f"{what}, but a data set one level below", dataset=storage.join(path, below[0])
        )
    if below:
        shown = ", ".join(shlex.quote(storage.join(path, n)) for n in below[:_NAMES_SHOWN])
        more = ", ..." if len(below) > _NAMES_SHOWN else ""
        return Finding(f"{what}, but {len(below)} data sets", advice=f"name one: {shown}{more}")
    found = _known_source_finding(path, f"{what}, but the files of") or _pictures_finding(
        path, f"{what}, but"
    )
    return found or Finding(f"{what} and no pictures")


def _known_source_finding(path: str, what: str) -> Finding | None:
    """Returns how to make a well-known data set whose files the path holds, or is one of."""
    from pgan_tf.data.making import cifar, mnist, sources, svhn

    is_file, is_tar = not storage.is_dir(path), contents.is_tar(path)
    name = storage.split(path)[1]

    def is_one_of(*files: str) -> bool:
        """Returns whether the path has the name of one of these files, or is a directory."""
        return not is_file or name in [storage.split(file)[1] for file in files]

    try:
        partial = mnist.declared_count(path) < mnist.NUM_IMAGES
        if is_one_of(mnist.find(path, "images"), mnist.find(path, "labels")):
            return _command_finding("create_mnist", path, "mnist", f"{what} MNIST", partial)
    except UserError:
        pass
    for version, dataset in ((cifar.CIFAR10, "cifar10"), (cifar.CIFAR100, "cifar100")):
        files = cifar.num_files(path, version)
        if files and (is_tar or is_one_of(*version.files, version.names_file)):
            partial = files < len(version.files)
            return _command_finding(
                f"create_{dataset}", path, dataset, f"{what} {dataset.upper()}", partial
            )
    if not is_tar and (found := svhn.find(path)) and is_one_of(found, *svhn.PICKLES):
        return _command_finding("create_svhn", path, "svhn", f"{what} SVHN")
    directory = sources.directories(path)[0]
    if storage.exists(storage.join(directory, "data.mdb")) and is_one_of("data.mdb"):
        scene = storage.split(directory)[1].removesuffix("_lmdb").removesuffix("_train")
        return _command_finding("create_lsun", path, f"lsun-{scene}", f"{what} an LMDB database")
    return None


def _command_finding(
    tool_command: str, path: str, name: str, what: str, partial: bool = False, options: str = ""
) -> Finding:
    """Returns the finding for a path that a command of the tool makes a data set from.

    If that data set exists already, the finding names it instead of the command.

    Args:
      tool_command: the command of the tool, such as "create_mnist".
      path: the command's input.
      name: the data set's name, or a path that ends in it.
      what: `Finding.what`.
      partial: adds --allow-partial.
      options: further options, each with a space before it.
    """
    dataset = _target(storage.split(name)[1])
    if is_data_set(dataset):
        return Finding(what, dataset=dataset)
    command = f"{TOOL} {tool_command} {shlex.quote(dataset)} {shlex.quote(path)}"
    command += " --allow-partial" if partial else ""
    return Finding(what, command + options, dataset=dataset)


def _target(name: str) -> str:
    """Returns datasets/NAME, or a free datasets/NAME-N if something but a data set is there."""
    name = re.sub(r"[^\w.-]+", "_", name).lstrip(".-_")[:80] or "mine"
    number = 1
    while True:
        dataset = os.path.join("datasets", name if number == 1 else f"{name}-{number}")
        is_free = not storage.exists(dataset) or (
            storage.is_dir(dataset) and not storage.names(dataset)
        )
        if is_free or (is_data_set(dataset) and number == 1):
            return dataset
        number += 1


def _pictures_finding(path: str, what: str) -> Finding | None:
    """Returns how to make a data set from the pictures in a directory or zip file, if any."""
    from pgan_tf.data.pictures import survey

    found = survey.survey(path)
    if not found.num_pictures:
        return None
    count = f"{'over ' if found.is_partial else ''}{found.num_pictures:,}"
    what = f"{what} {count} picture{'s' if found.num_pictures > 1 else ''}"
    if found.readable == 0:
        return Finding(f"{what} that can't be read", advice="save them as PNG or JPEG")
    options = "".join(f" {option}" for option in found.options())
    return _command_finding("create_from_images", path, _stem(path), what, options=options)
