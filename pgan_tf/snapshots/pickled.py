"""A safe reader of the official programs' pickled networks, which executes nothing (method 7).

Both versions wrote a tuple (G, D, Gs) of objects of a class `Network`, with different modules and
states. `safe_pickle` reads the pickle, with a stand-in for the class that only keeps the state. The
reader of each version then turns the state into arguments and arrays.
"""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from pgan_tf import safe_pickle
from pgan_tf.errors import DamagedError, UserError, one_line
from pgan_tf.snapshots import tensorflow_pickle, theano_pickle
from pgan_tf.snapshots.archive import DAMAGE
from pgan_tf.snapshots.parts import KINDS, Parts

# Protocols 0 and 1 begin with the name of a class or function, perhaps in tuples.
_OLD_PROTOCOLS = re.compile(rb"\(*[ci][A-Za-z_][\w.]{0,100}\r?\n[A-Za-z_][\w.]{0,100}\r?\n")


class _Network:
    """Stands in for the class of the pickled networks: it keeps the state and does nothing else."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class TensorFlowNetwork(_Network):
    """Stands in for `tfutil.Network`."""


class TheanoNetwork(_Network):
    """Stands in for `network.Network`."""


class _Object:
    """Stands in for `object`, which protocols 0 and 1 use to make an instance."""

    __slots__ = ()


def _reconstructor(kind: Any, base: Any = None, state: Any = None) -> _Network:
    """Stands in for the function with which protocols 0 and 1 make an instance."""
    if kind not in (TensorFlowNetwork, TheanoNetwork):
        raise safe_pickle.Refused("an object that is not a network")
    return kind()


_RECONSTRUCTOR = safe_pickle.StandIn(_reconstructor)

STAND_INS = {
    ("tfutil", "Network"): TensorFlowNetwork,
    ("network", "Network"): TheanoNetwork,
    ("collections", "OrderedDict"): safe_pickle.Dictionary,
    ("copy_reg", "_reconstructor"): _RECONSTRUCTOR,
    ("copyreg", "_reconstructor"): _RECONSTRUCTOR,
    ("__builtin__", "object"): _Object,
    ("builtins", "object"): _Object,
}
"""Name that these pickles use, besides those for arrays -> its stand-in."""

_VERSIONS = {TensorFlowNetwork: tensorflow_pickle, TheanoNetwork: theano_pickle}


def is_pickle(head: bytes) -> bool:
    """Returns True if a file with these first bytes may be a pickle of objects."""
    return head[:1] == b"\x80" or _OLD_PROTOCOLS.match(head) is not None


def read(path: str | os.PathLike) -> Parts:
    """Reads a pickle of the TensorFlow version or of the Theano version.

    Raises: UserError, one line, when the file holds other things than these networks, or networks
      that this program can't reproduce; DamagedError when the networks are damaged.
    """
    path = Path(path)
    content = safe_pickle.load(path, STAND_INS)
    networks = list(content) if isinstance(content, list | tuple) else [content]
    kinds = {type(network) for network in networks}
    if not kinds <= _VERSIONS.keys() or len(kinds) != 1:
        raise UserError(f"{path} is not a pickle of networks; a tuple (G, D, Gs) is needed")
    if len(networks) != len(KINDS):
        raise UserError(f"{path} holds {len(networks)} network(s); G, D and Gs together are needed")
    version = _VERSIONS[kinds.pop()]
    parts, lods = {}, {}
    try:
        _refuse_shared([a for network in networks for a in version.raw_arrays(network.state)])
        for name, network in zip(KINDS, networks, strict=True):
            parts[name], lods[name] = version.network_parts(name, network.state)
    except UserError as error:
        raise UserError(f"{path} can't be used: {error}") from None
    except DAMAGE as error:
        raise DamagedError(f"{path} is damaged: {one_line(error)}") from None
    return Parts(parts, lods["Gs"])


def _refuse_shared(values: list[Any]) -> None:
    """Raises ValueError for an array used more than once, which would take more than its file."""
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    if len({id(array) for array in arrays}) < len(arrays):
        raise ValueError("two variables share one array")
