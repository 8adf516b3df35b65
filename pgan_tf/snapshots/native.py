"""This program's own snapshots, `network-snapshot-NNNNNN.npz` (section 7)."""

import json
import os
from collections.abc import Sequence

import pgan_tf
from pgan_tf import config as config_module
from pgan_tf.config import Config
from pgan_tf.errors import DamagedError, UserError, one_line
from pgan_tf.networks import Discriminator, Generator, to_official
from pgan_tf.snapshots.archive import DAMAGE, load_arrays, saving_arrays
from pgan_tf.snapshots.parts import KINDS, NetworkParts, Parts

VERSION = 2  # version 1 had one architecture and no class names
_KIND = "snapshot"


def is_native(head: bytes) -> bool:
    """Returns True if a file with these first bytes may be a snapshot: if it is a zip archive."""
    return head[:2] == b"PK"


def read(path: str | os.PathLike) -> Parts:
    """Reads a snapshot of this version or an earlier one.

    Raises: DamagedError when the file is damaged; UserError when it can't be read.
    """
    arrays, meta = load_arrays(path, _KIND, range(1, VERSION + 1))
    try:
        networks = {}
        for name in KINDS:
            prefix = f"{name}/"
            own = {k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)}
            arguments = dict(meta["networks"][name])
            networks[name] = NetworkParts(arguments, own)
        config = nimg = None
        if meta["config"] is not None or meta["nimg"] is not None:
            nimg = meta["nimg"]
            if type(nimg) is not int or nimg < 0:
                raise ValueError(f"nimg is {nimg!r}")
            config = config_module.from_json(json.dumps(meta["config"]))
        class_names = tuple(map(str, meta.get("class_names", ())))
        empty = tuple(map(int, meta.get("empty_classes", ())))
        return Parts(networks, float(meta["lod"]), config, nimg, class_names, empty)
    except (*DAMAGE, UserError) as error:
        raise DamagedError(f"{path} is not a whole snapshot: {one_line(error)}") from None


def save_snapshot(
    path: str | os.PathLike,
    G: Generator,
    D: Discriminator,
    Gs: Generator,
    config: Config | None,
    nimg: int | None,
    lod: float,
    class_names: Sequence[str] = (),
    empty_classes: Sequence[int] = (),
) -> None:
    """Writes a snapshot atomically.

    Args:
      path: the file to write.
      G, D, Gs: the networks.
      config: the run's options; None, with nimg None, for networks that no run of ours made.
      nimg: images shown.
      lod: level of detail that the networks have been trained to.
      class_names: names of the labels' columns.
      empty_classes: numbers of the classes without images in the training.
    Raises: OSError, which leaves the file at `path` as it was; ValueError when only one of config
      and nimg is None.
    """
    if (config is None) != (nimg is None):
        raise ValueError("config and nimg are both known or both unknown")
    arrays, arguments = {}, {}
    for name, network in (("G", G), ("D", D), ("Gs", Gs)):
        arrays.update({f"{name}/{k}": v for k, v in to_official(network).items()})
        arguments[name] = network.arguments()
    meta = {
        "format": f"pgan_tf {_KIND} {VERSION}",
        "version": pgan_tf.__version__,
        "nimg": nimg,
        "lod": lod,
        "networks": arguments,
        "class_names": list(class_names),
        "empty_classes": list(empty_classes),
        "config": None if config is None else json.loads(config_module.to_json(config)),
    }
    with saving_arrays(path, arrays, meta):
        pass
