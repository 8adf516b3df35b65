"""`Parts`, which every reader returns, and `build`, which makes networks from them."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from pgan_tf.config import Config, current_name
from pgan_tf.errors import DamagedError, UserError, nearest, one_line
from pgan_tf.networks import Discriminator, Generator, GrowingNetwork, from_official
from pgan_tf.networks import table as tables
from pgan_tf.networks.registry import architecture
from pgan_tf.networks.table import Shape
from pgan_tf.snapshots.archive import DAMAGE, is_finite

KINDS: dict[str, type[GrowingNetwork]] = {"G": Generator, "D": Discriminator, "Gs": Generator}
"""Name of each network in a snapshot -> its class."""

_COMMON = {*(f.name for f in fields(Shape)), "networks", "seed", "lod", "name"}
"""Arguments of networks that are not options of them."""


@dataclass(frozen=True)
class NetworkParts:
    """The arguments and weights of a network that is not built yet.

    Attributes:
      arguments: of `Generator` or `Discriminator`, among them `networks`, the architecture.
      arrays: official local name -> weights, in the official layout.
    """

    arguments: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Parts:
    """The content of a file of networks, in any format.

    Attributes:
      networks: "G", "D", "Gs" -> parts.
      lod: level of detail that the networks have been trained to.
      config: the run's options; None if the file has none.
      nimg: images shown; None if the file doesn't say.
      class_names: names of the labels' columns; empty if the file has none.
      empty_classes: numbers of the classes without images in the training.
    """

    networks: Mapping[str, NetworkParts]
    lod: float
    config: Config | None = None
    nimg: int | None = None
    class_names: tuple[str, ...] = ()
    empty_classes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """The networks at one moment of a run.

    Attributes:
      G, D, Gs: the networks, in float32 by default; use Gs for images that people see.
      config: the run's options; None if the file has none.
      nimg: images shown; None if the file doesn't say.
      lod: level of detail that the networks have been trained to, and at which they run by default.
      class_names: names of the labels' columns; "0", "1", ... if the file has none.
      used_classes: numbers of the classes with images in the training.
      path: the file.
    """

    G: Generator
    D: Discriminator
    Gs: Generator
    config: Config | None
    nimg: int | None
    lod: float
    class_names: tuple[str, ...]
    used_classes: tuple[int, ...]
    path: Path

    @property
    def kimg(self) -> float | None:
        """Thousands of images shown."""
        return None if self.nimg is None else self.nimg / 1000

    def classes(self, numbers: Iterable[int], name: int | str | None = None) -> list[int]:
        """Returns the number of a class for each number, such as a seed.

        Args:
          numbers: the numbers, from 0.
          name: name or number of the class to return for all; None: number n has the class
            used_classes[n modulo their count], or 0 for networks without labels.
        Raises: UserError when there is no class of this name or number.
        """
        chosen = None if name is None else self.class_index(name)
        used = self.used_classes or (0,)
        return [used[n % len(used)] if chosen is None else chosen for n in numbers]

    def class_index(self, name: int | str) -> int:
        """Returns the number of a class from its name or its number.

        Raises: UserError when there is no such class, suggesting the nearest.
        """
        if not self.class_names:
            raise UserError(f"--class {name}: this network was trained without classes")
        if str(name) in self.class_names:
            return self.class_names.index(str(name))
        if str(name).isdecimal() and int(name) < len(self.class_names):
            return int(name)
        known = ", ".join(self.class_names[:20]) + (", ..." if len(self.class_names) > 20 else "")
        raise UserError(
            f"--class {name}: the network's classes are 0 to {len(self.class_names) - 1}: {known}"
            f"{nearest(str(name), self.class_names)}"
        )


def build(parts: Parts, path: str | os.PathLike, dtype: str = "float32") -> Snapshot:
    """Builds the networks of a file.

    Args:
      parts: the file's content, from a reader.
      path: the file, for error messages.
      dtype: Keras dtype policy of the networks.
    Raises: DamagedError when arguments and arrays don't fit together.
    """
    networks = {}
    try:
        for name, kind in KINDS.items():
            own = parts.networks[name]
            for local_name, array in own.arrays.items():
                if not is_finite(array):
                    raise ValueError(f"weights {name}/{local_name} are not all finite numbers")
            arguments = {**migrated(kind, own.arguments), "lod": parts.lod, "name": name}
            _check_size(kind, arguments, own.arrays)
            network = kind(**arguments, dtype=dtype)
            from_official(network, own.arrays)
            network.check_lod(None)
            networks[name] = network
    except DAMAGE as error:
        raise DamagedError(f"{path} is not a whole snapshot: {one_line(error)}") from None
    label_size = networks["Gs"].label_size
    names = parts.class_names
    if len(names) != label_size:
        names = tuple(map(str, range(label_size)))
    used = tuple(i for i in range(label_size) if i not in parts.empty_classes)
    return Snapshot(
        **networks, config=parts.config, nimg=parts.nimg, lod=parts.lod, class_names=names,
        used_classes=used, path=Path(path),
    )  # fmt: skip


def migrated(kind: type[GrowingNetwork], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a network's arguments with their names in this version.

    Raises: ValueError for arguments that this version doesn't know.
    """
    section = "D" if kind is Discriminator else "G"
    known = {f.name for f in fields(kind._OPTIONS)} | _COMMON
    result, unknown = {}, []
    for old, value in arguments.items():
        name = current_name(f"{section}.{old}")
        if name is None:
            continue
        name = name.removeprefix(f"{section}.")
        if name not in known:
            unknown.append(old)
        result[name] = value
    if unknown:
        raise ValueError(
            f"its networks have options that this version doesn't know: {', '.join(unknown)}; it"
            " may be of a newer version"
        )
    return result


def _check_size(
    kind: type[GrowingNetwork], arguments: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Checks, before memory is taken for a network, that it isn't larger than its weights.

    Raises: ValueError.
    """
    shape = Shape(*(arguments[f.name] for f in fields(Shape)))
    if shape.finest > len(arrays):
        raise ValueError("its networks are larger than its weights")
    networks = architecture(arguments.get("networks", "paper"))
    known = {f.name for f in fields(kind._OPTIONS)}
    options = kind._OPTIONS(**{k: v for k, v in arguments.items() if k in known})
    is_generator = kind is Generator
    table = (networks.generator if is_generator else networks.discriminator)(shape, options)
    held = sum(array.size for array in arrays.values())
    if tables.count_parameters(table, shape, is_generator) > held:
        raise ValueError("its networks are larger than its weights")
