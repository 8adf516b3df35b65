"""Snapshots: G, D and Gs in one portable file, without pickle.

A snapshot is a NumPy archive (`np.load(path, allow_pickle=False)` opens it anywhere): arrays
`G/…`, `D/…`, `Gs/…` under the official local names (spec section 7), and `meta`, JSON text with
the networks' arguments, the run's options, the images shown and the lod.
"""

import json
import os
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import pgan_tf
from pgan_tf import config as config_module
from pgan_tf.cli import UserError
from pgan_tf.config import Config
from pgan_tf.files import atomic_path
from pgan_tf.networks import Discriminator, Generator, feature_maps
from pgan_tf.official_names import from_official, to_official

SNAPSHOT_NAME = re.compile(r"network-snapshot-(\d{6,})(?:-(\d{3}))?\.npz")
_FORMAT = "pgan_tf snapshot 1"


@dataclass(frozen=True)
class Snapshot:
    """Networks as they were at one moment of a run.

    Attributes:
      G, D, Gs: in float32 unless loaded otherwise; images for people come from Gs.
      config: the run's options.
      nimg: images shown.
      lod: level of detail they were at: the networks are trained down to it, and run at it
        unless told otherwise.
      path: the file.
    """

    G: Generator
    D: Discriminator
    Gs: Generator
    config: Config
    nimg: int
    lod: float
    path: Path

    @property
    def kimg(self) -> float:
        """Thousands of images shown."""
        return self.nimg / 1000


def file_name(nimg: int) -> str:
    """Returns the name of the snapshot after `nimg` images: thousands, and what is over.

    No two moments of a run have the same name, so that a new snapshot never takes the place of
    one that a training state goes with.
    """
    kimg, rest = divmod(nimg, 1000)
    return f"network-snapshot-{kimg:06d}" + (f"-{rest:03d}" if rest else "") + ".npz"


def save_snapshot(
    path: str | os.PathLike,
    G: Generator,
    D: Discriminator,
    Gs: Generator,
    config: Config,
    nimg: int,
    lod: float,
) -> None:
    """Writes a snapshot atomically.

    Raises: OSError, the file at `path` being what it was before.
    """
    arrays, arguments = {}, {}
    for name, network in (("G", G), ("D", D), ("Gs", Gs)):
        arrays.update({f"{name}/{k}": v for k, v in to_official(network).items()})
        arguments[name] = {k: v for k, v in network.get_config().items() if k != "dtype"}
    meta = {
        "format": _FORMAT,
        "version": pgan_tf.__version__,
        "nimg": nimg,
        "lod": lod,
        "networks": arguments,
        "config": json.loads(config_module.to_json(config)),
    }
    save_arrays(path, arrays, meta)


def load_snapshot(path: str | os.PathLike, dtype: str = "float32") -> Snapshot:
    """Reads a snapshot: a file, or a run's directory, whose newest one is taken.

    Args:
      path: `network-snapshot-NNNNNN.npz`, or `results/NNN-…`.
      dtype: Keras dtype policy of the networks.
    Raises: UserError when there is none, or it is damaged or no snapshot.
    """
    path = Path(path)
    if path.is_dir():
        path = newest_snapshot(path)
    arrays, meta = load_arrays(path, _FORMAT)
    for name, array in arrays.items():
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise UserError(f"{path} holds weights that are no finite numbers ({name})")
    try:
        networks = {}
        for name, kind in (("G", Generator), ("D", Discriminator), ("Gs", Generator)):
            arguments = {**meta["networks"][name], "lod": float(meta["lod"])}
            prefix = f"{name}/"
            own = {k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)}
            _check_size(arguments, own)
            network = kind(**arguments, dtype=dtype)
            from_official(network, own)
            network.check_lod(None)
            networks[name] = network
        config = config_module.from_json(json.dumps(meta["config"]))
        return Snapshot(
            **networks, config=config, nimg=int(meta["nimg"]), lod=float(meta["lod"]), path=path
        )
    except (KeyError, TypeError, ValueError, OverflowError, UserError) as error:
        raise UserError(f"{path} is not a whole snapshot: {error}; take another") from None


def _check_size(arguments: dict, arrays: dict[str, np.ndarray]) -> None:
    """Refuses arguments of networks larger than their weights, before memory is taken for them.

    Raises: ValueError.
    """
    largest = max((max(a.shape, default=1) for a in arrays.values()), default=0)
    stages = int(arguments["resolution"]).bit_length()
    if stages <= len(arrays):
        maps = [arguments[k] for k in ("fmap_base", "fmap_decay", "fmap_max")]
        widths = [feature_maps(stage, *maps) for stage in range(1, stages)]
        names = ("num_channels", "label_size", "latent_size")
        widths += [int(arguments[k]) for k in names if k in arguments]
    if stages > len(arrays) or max(widths) > largest:
        raise ValueError("its networks are larger than its weights")


def save_arrays(path: str | os.PathLike, arrays: dict[str, np.ndarray], meta: dict) -> None:
    """Writes arrays and a JSON header as an uncompressed NumPy archive, atomically."""
    text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    with atomic_path(path) as partial, open(partial, "wb") as file:
        np.savez(file, meta=text, **arrays)


def load_arrays(path: str | os.PathLike, wanted: str) -> tuple[dict[str, np.ndarray], dict]:
    """Reads what `save_arrays` wrote; the archive's checksums are checked.

    Raises: UserError when the file is missing, damaged, or of another format than `wanted`.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        meta = json.loads(arrays.pop("meta").tobytes().decode())
        found = str(meta["format"])
        if found.rstrip("0123456789") == wanted.rstrip("0123456789") and found != wanted:
            raise UserError(
                f"{path} is a {found}, of another version of this program; this one reads {wanted}"
            )
        if found != wanted:
            raise ValueError(found)
    except FileNotFoundError:
        raise UserError(f"no snapshot at {path}") from None
    except (
        OSError, ValueError, KeyError, TypeError, EOFError, AttributeError,
        zipfile.BadZipFile, zlib.error, NotImplementedError,
    ) as error:  # fmt: skip
        # NumPy's own answer to a strange file is the advice to execute it.
        why = "" if "pickle" in str(error) else f" ({error})"
        raise UserError(f"{path} is damaged or no snapshot{why}; take another") from None
    return arrays, meta


def snapshots_of(run: str | os.PathLike) -> list[Path]:
    """Returns a run's snapshots, oldest first."""
    found = [p for p in Path(run).glob("network-snapshot-*.npz") if SNAPSHOT_NAME.fullmatch(p.name)]

    def nimg(path: Path) -> tuple[int, int]:
        kimg, rest = SNAPSHOT_NAME.fullmatch(path.name).groups()
        return int(kimg), int(rest or 0)

    return sorted(found, key=nimg)


def newest_snapshot(where: str | os.PathLike) -> Path:
    """Returns the newest snapshot of a run, or of the newest run in a results directory.

    The newest run is the one with the highest number that has a snapshot.

    Raises: UserError when there is none.
    """
    where = Path(where)
    if found := snapshots_of(where):
        return found[-1]
    runs = [p for p in where.glob("*") if p.is_dir() and re.match(r"\d{3,}-", p.name)]
    for run in sorted(runs, key=lambda p: int(p.name.split("-")[0]), reverse=True):
        if found := snapshots_of(run):
            return found[-1]
    raise UserError(
        f"no snapshot in {where}; train first, for example with"
        " python -m pgan_tf.train --config openmoji"
    )
