"""Snapshots: G, D and Gs in one portable file, without pickle.

A snapshot is a NumPy archive (`np.load(path, allow_pickle=False)` opens it anywhere): arrays
`G/…`, `D/…`, `Gs/…` under the official local names (spec section 7), and `meta`, JSON text with
the networks' arguments, the run's options, the images shown and the lod.
"""

import contextlib
import io
import json
import math
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import pgan_tf
from pgan_tf import config as config_module
from pgan_tf.config import Config
from pgan_tf.errors import DamagedError, UserError, one_line
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
    with saving_arrays(path, arrays, meta):
        pass


def load_snapshot(path: str | os.PathLike, dtype: str = "float32") -> Snapshot:
    """Reads a snapshot: a file, or a run's directory, whose newest one is taken.

    Args:
      path: `network-snapshot-NNNNNN.npz`, or `results/NNN-…`.
      dtype: Keras dtype policy of the networks.
    Raises: UserError when there is none, or it can't be read; DamagedError when it is not whole.
    """
    path = Path(path)
    if not path.is_file() and path.suffix != ".npz":
        path = newest_snapshot(path)
    arrays, meta = load_arrays(path, _FORMAT)
    try:
        networks = {}
        for name, kind in (("G", Generator), ("D", Discriminator), ("Gs", Generator)):
            arguments = {**meta["networks"][name], "lod": float(meta["lod"])}
            prefix = f"{name}/"
            own = {k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)}
            for local_name, array in own.items():
                if not is_finite(array):
                    raise ValueError(f"weights that are no finite numbers ({prefix}{local_name})")
            _check_size(arguments, own)
            network = kind(**arguments, dtype=dtype)
            from_official(network, own)
            network.check_lod(None)
            networks[name] = network
        if type(meta["nimg"]) is not int or meta["nimg"] < 0:
            raise ValueError(f"nimg is {meta['nimg']!r}")
        config = config_module.from_json(json.dumps(meta["config"]))
        return Snapshot(
            **networks, config=config, nimg=meta["nimg"], lod=float(meta["lod"]), path=path
        )
    except Exception as error:  # a header can hold anything
        raise DamagedError(f"{path} is not a whole snapshot: {one_line(error)}") from None


def _check_size(arguments: dict, arrays: dict[str, np.ndarray]) -> None:
    """Refuses arguments of networks larger than their weights, before memory is taken for them.

    Raises: ValueError.
    """
    held = sum(array.size for array in arrays.values())
    finest = int(arguments["resolution"]).bit_length() - 1
    needed = math.inf
    if finest <= len(arrays):
        options = [arguments[k] for k in ("fmap_base", "fmap_decay", "fmap_max")]
        maps = [feature_maps(stage, *options) for stage in range(1, finest)]
        width = int(arguments["label_size"]) + int(arguments.get("latent_size") or 0)
        needed = sum(9 * m**2 for m in maps) + width + int(arguments["num_channels"])
    if needed > held:
        raise ValueError("its networks are larger than its weights")


def is_finite(array: np.ndarray) -> bool:
    """Returns whether the array holds numbers, all of them finite in float32."""
    with np.errstate(over="ignore"):
        return array.dtype.kind == "f" and bool(
            np.isfinite(array.astype(np.float32, copy=False)).all()
        )


@contextlib.contextmanager
def saving_arrays(
    path: str | os.PathLike, arrays: dict[str, np.ndarray], meta: dict
) -> Iterator[None]:
    """Writes arrays and a JSON header as an uncompressed NumPy archive, atomically.

    The file has its name when the block has succeeded; it is on the disk before.
    """
    text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    with atomic_path(path) as partial:
        with open(partial, "wb") as file:
            np.savez(file, meta=text, **arrays)
        yield


def load_arrays(path: str | os.PathLike, wanted: str) -> tuple[dict[str, np.ndarray], dict]:
    """Reads what `save_arrays` wrote; the archive's checksums are checked.

    Raises:
      DamagedError: the file is missing, damaged, or something else.
      UserError: it can't be read, or is of another version of the format `wanted`.
    """
    kind = wanted.removeprefix("pgan_tf ").rstrip(" 0123456789")
    try:
        arrays = {}
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > os.path.getsize(path):
                raise ValueError("it declares more than it holds")  # a bomb: ours aren't packed
            for name in archive.namelist():
                # Whole files, so that all checksums are met: np.load stops where an array seems to.
                content = io.BytesIO(archive.read(name))
                array = np.lib.format.read_array(content, allow_pickle=False)
                arrays[name.removesuffix(".npy")] = array
        meta = json.loads(arrays.pop("meta").tobytes().decode())
        found = str(meta["format"])
    except FileNotFoundError:
        raise DamagedError(f"no snapshot at {path}") from None
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or one_line(error)}") from None
    except Exception as error:  # NumPy and zipfile raise two dozen kinds
        # NumPy's own answer to a strange file is the advice to execute it.
        why = "" if "pickle" in str(error) else f" ({one_line(error)})"
        raise DamagedError(f"{path} is damaged or no {kind}{why}") from None
    if found != wanted:
        if found.startswith(f"pgan_tf {kind} ") and len(found) < 2 * len(wanted):
            raise UserError(
                f"{path} is of another version of this program, as {found!r}; this one reads"
                f" {wanted!r}; use that version, or train anew"
            )
        raise DamagedError(f"{path} is damaged or no {kind}")
    return arrays, meta


def nimg_of(path: Path) -> int:
    """Returns the images shown when a snapshot of this name was saved."""
    kimg, rest = SNAPSHOT_NAME.fullmatch(path.name).groups()
    return 1000 * int(kimg) + int(rest or 0)


def snapshots_of(run: str | os.PathLike) -> list[Path]:
    """Returns a run's snapshots, oldest first."""
    found = [p for p in Path(run).glob("network-snapshot-*.npz") if SNAPSHOT_NAME.fullmatch(p.name)]
    return sorted(found, key=nimg_of)


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
        " python -m pgan_tf.train --config openmoji, or name a run or another --results"
    )
