"""Reading and writing the TensorFlow version's files, pickled `tfutil.Network`s (method 7.2).

`network_parts` reads one network's state; `write` writes a file.
"""

import os
import pickle
import re
from dataclasses import asdict, fields
from typing import Any, BinaryIO

import numpy as np

from pgan_tf.config import DiscriminatorOptions, GeneratorOptions
from pgan_tf.errors import UserError
from pgan_tf.files import atomic_path
from pgan_tf.networks import Generator, GrowingNetwork, to_official
from pgan_tf.networks.paper import PAPER
from pgan_tf.snapshots.official_values import arguments, entry, plain, weights
from pgan_tf.snapshots.parts import NetworkParts, Snapshot

VERSION = 2

FUNCTIONS = {"G": "G_paper", "D": "D_paper", "Gs": "G_paper"}
"""Network -> the official function that builds it."""

_PASSED_OVER = ("dtype", "structure", "is_template_graph")  # don't affect the network's function
_ONLY: dict[str, tuple] = {"mbstd_num_features": (1,)}
_NAME = re.compile(r"[\w/]{1,80}", re.ASCII)
_OPTIONS: dict[str, tuple[str, ...]] = {
    "G": (
        "fmap_base", "fmap_decay", "fmap_max", "latent_size", "normalize_latents", "use_wscale",
        "use_pixelnorm", "pixelnorm_epsilon", "use_leakyrelu", "fused_scale",
    ),
    "D": ("fmap_base", "fmap_decay", "fmap_max", "use_wscale", "mbstd_group_size", "fused_scale"),
}  # fmt: skip
"""Arguments of the official functions, besides the shapes."""


def raw_arrays(state: Any) -> list[Any]:
    """Returns the variables of a network's state, unchecked.

    Raises: ValueError or TypeError for a state without variables.
    """
    return [value for _, value in entry(state, "variables", list)]


def network_parts(name: str, state: Any) -> tuple[NetworkParts, float]:
    """Returns the parts of one network, and its lod.

    Args:
      name: "G", "D" or "Gs".
      state: the state of the pickled object.
    Raises: UserError for unsupported networks; ValueError or TypeError for damaged ones.
    """
    version = plain(entry(state, "version", (int, np.generic)))
    if version != VERSION:
        raise UserError(
            f"its networks are of another version of the official program; {VERSION} is needed"
        )
    function = entry(state, "build_func_name", str)
    if function != FUNCTIONS[name]:
        raise UserError(
            f"its {name} was built by {ascii(function)[1:-1][:80]}, not {FUNCTIONS[name]}"
        )
    kind = name[0]  # Gs is a G
    ours = arguments(kind, entry(state, "static_kwargs", dict), _PASSED_OVER, _ONLY)
    arrays: dict[str, np.ndarray] = {}
    for local_name, value in entry(state, "variables", list):
        if not isinstance(local_name, str) or not _NAME.fullmatch(local_name):
            raise ValueError("a variable has no valid name")
        if local_name in arrays:
            raise ValueError(f"two variables are named {local_name}")
        arrays[local_name] = weights(value)
    lod = arrays.pop("lod", np.float32(0.0))
    if lod.size != 1:
        raise ValueError("lod is not a number")
    return NetworkParts(ours, arrays), float(lod.item())


class Network:
    """Stands in for `tfutil.Network` while a pickle is written."""

    def __init__(self, state: dict[str, Any]):
        self.__dict__.update(state)


class _Pickler(pickle._Pickler):
    """A pickler that names modules as the official program's Python and NumPy do.

    It extends the pickler written in Python; the one in C refuses classes of missing modules.
    """

    def __init__(self, file: BinaryIO):
        super().__init__(file, protocol=3)
        self.fast = True  # keeps no second reference to each array's bytes

    def save_global(self, obj, name=None):
        module = getattr(obj, "__module__", None) or "builtins"
        module = "tfutil" if obj is Network else module.replace("numpy._core", "numpy.core")
        self.write(pickle.GLOBAL + f"{module}\n{name or obj.__qualname__}\n".encode("ascii"))


def write(path: str | os.PathLike, snapshot: Snapshot) -> None:
    """Writes networks in the TensorFlow version's format, atomically.

    The Python source in the file is left empty; the official program executes it, so it needs its
    own text there. The format can't hold a run's options, images shown and class names.

    Raises: UserError for networks that the TensorFlow version doesn't have; OSError, which leaves
      the file at `path` as it was.
    """
    networks = {"G": snapshot.G, "D": snapshot.D, "Gs": snapshot.Gs}
    states = {n: _state(n, network, snapshot.lod) for n, network in networks.items()}
    with atomic_path(path) as partial, open(partial, "wb") as file:
        pickler = _Pickler(file)
        pickler.dump(tuple(map(Network, states.values())))


def _state(name: str, network: GrowingNetwork, lod: float) -> dict[str, Any]:
    return {
        "version": VERSION,
        "name": name,
        "static_kwargs": _static_kwargs(network),
        "build_module_src": "",
        "build_func_name": FUNCTIONS[name],
        "variables": [("lod", np.float32(lod)), *to_official(network).items()],
    }


def _static_kwargs(network: GrowingNetwork) -> dict[str, Any]:
    """Returns the arguments of the official function that builds this network.

    Raises: UserError when it can't build such a network.
    """
    if network.networks != PAPER.name:
        raise UserError(
            f"the TensorFlow version's files can't hold networks={network.networks};"
            " write a file that ends in .npz"
        )
    is_generator = isinstance(network, Generator)
    official = _OPTIONS["G" if is_generator else "D"]
    defaults = (GeneratorOptions if is_generator else DiscriminatorOptions)()
    for field in fields(network.options):
        value = getattr(network.options, field.name)
        if field.name not in official and value != getattr(defaults, field.name):
            raise UserError(
                f"the TensorFlow version's files can't hold {field.name}={value}; write a"
                " file that ends in .npz"
            )
    shape = asdict(network.shape)
    return {**shape, **{option: getattr(network.options, option) for option in official}}
