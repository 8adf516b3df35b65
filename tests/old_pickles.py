"""Pickles like those of the official programs, made by Python's pickler or byte by byte."""

import contextlib
import pickle
import pickletools
import sys
import types
from unittest import mock

import numpy as np
from made_up import python2_pickle


class Network:
    """A pickled network: its attributes are the state."""

    def __init__(self, **state):
        self.__dict__.update(state)


@contextlib.contextmanager
def module_of_networks(name):
    """Makes `Network` importable from a module of this name, as in the official programs."""
    module = types.ModuleType(name)
    module.Network = Network
    with (
        mock.patch.dict(sys.modules, {name: module}),
        mock.patch.object(Network, "__module__", name),
    ):
        yield


def dump(path, states, protocol, module="tfutil"):
    """Writes a tuple of networks with Python's own pickler."""
    with module_of_networks(module):
        path.write_bytes(pickle.dumps(tuple(Network(**state) for state in states), protocol))
    return path


def load(path, module="tfutil"):
    """Returns the states of a tuple of networks, read with Python's own unpickler."""
    with module_of_networks(module):
        return [vars(network) for network in pickle.loads(path.read_bytes(), encoding="latin1")]


def dump_python2(path, states, module):
    """Writes a tuple of networks as Python 2 did: protocol 2, with byte strings."""
    networks = b""
    for state in states:
        python2_pickle(path, _arrays(state))
        body = path.read_bytes()[2:-1]  # without the protocol and the stop
        networks += b"c" + module.encode() + b"\nNetwork\n)\x81" + body + b"b"
    path.write_bytes(b"\x80\x02(" + networks + b"t.")
    return path


def _arrays(value):
    """Turns NumPy scalars into 0-dimensional arrays, also in lists, tuples and dictionaries."""
    if isinstance(value, dict):
        return {k: _arrays(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_arrays, value))
    if isinstance(value, np.generic | np.ndarray):
        return np.ascontiguousarray(value).reshape(np.shape(value))
    return value


def structure(content):
    """Returns the positions of a pickle's bytes outside the data of its arrays."""
    positions, previous = [], 0
    for _, _, position in pickletools.genops(content):
        positions.append(position)
        if position - previous < 120:  # the previous operation had a short argument
            positions.extend(range(previous + 1, position))
        previous = position
    return positions
