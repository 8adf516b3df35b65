import json
import zlib
from pathlib import Path

import numpy as np
import pytest

from metrics.inception import Inception


def _made_up(name, shape):
    """Returns a made-up weight of golden/inception.npz, by the rules of its README."""
    rs = np.random.RandomState(zlib.crc32(name.encode()))
    if name.endswith("conv.weight"):
        return rs.randn(*shape) * np.sqrt(2 / np.prod(shape[1:]))
    if name.endswith("bn.weight"):
        return 1 + 0.1 * rs.randn(*shape)
    if name.endswith("bn.running_var"):
        return rs.uniform(0.5, 1.5, shape)
    if name == "fc.weight":
        return rs.randn(*shape) / np.sqrt(2048)
    return 0.1 * rs.randn(*shape) if shape else np.zeros(())


@pytest.fixture(scope="session")
def inception_parameters(golden):
    """Made-up weights: {name in the PyTorch weights file: array}."""
    names = golden("inception_names.json")
    return {name: _made_up(name, tuple(shape)).astype(np.float32) for name, shape in names.items()}


@pytest.fixture(scope="session")
def inception(inception_parameters):
    """The Inception network with made-up weights."""
    return Inception(inception_parameters, "made-up")


@pytest.fixture(scope="session")
def read_results():
    """Returns a function that reads the results of a metric-*.jsonl file, except cut lines."""

    def read(path):
        results = []
        for line in Path(path).read_text().splitlines():
            try:
                results.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return results

    return read
