"""Reads the weights of the 2015-12-05 Inception network out of its frozen TensorFlow graph.

Only the graph's constants are looked at; the graph is not run.
"""

import gzip
import io
import math
import tarfile
import zlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

GRAPH_FILE = "classify_image_graph_def.pb"
_MAX_BYTES = 1 << 30  # of the unpacked archive; the real one has 96 million
_MAX_NUMBERS = 1 << 24  # in a constant; the largest has two million


def _scopes() -> dict[str, str]:
    """Returns {name in the PyTorch weights file: the convolution's scope in the graph}."""
    stem = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
    scopes = {name: _conv(i) for i, name in enumerate(stem)}
    mixed_35 = {
        "branch1x1": "conv",
        **{f"branch5x5_{i + 1}": f"tower/{_conv(i)}" for i in range(2)},
        **{f"branch3x3dbl_{i + 1}": f"tower_1/{_conv(i)}" for i in range(3)},
        "branch_pool": "tower_2/conv",
    }
    reduce_35 = {
        "branch3x3": "conv",
        **{f"branch3x3dbl_{i + 1}": f"tower/{_conv(i)}" for i in range(3)},
    }
    mixed_17 = {
        "branch1x1": "conv",
        **{f"branch7x7_{i + 1}": f"tower/{_conv(i)}" for i in range(3)},
        **{f"branch7x7dbl_{i + 1}": f"tower_1/{_conv(i)}" for i in range(5)},
        "branch_pool": "tower_2/conv",
    }
    reduce_17 = {
        **{f"branch3x3_{i + 1}": f"tower/{_conv(i)}" for i in range(2)},
        **{f"branch7x7x3_{i + 1}": f"tower_1/{_conv(i)}" for i in range(4)},
    }
    mixed_8 = {
        "branch1x1": "conv",
        "branch3x3_1": "tower/conv",
        "branch3x3_2a": "tower/mixed/conv",
        "branch3x3_2b": "tower/mixed/conv_1",
        "branch3x3dbl_1": "tower_1/conv",
        "branch3x3dbl_2": "tower_1/conv_1",
        "branch3x3dbl_3a": "tower_1/mixed/conv",
        "branch3x3dbl_3b": "tower_1/mixed/conv_1",
        "branch_pool": "tower_2/conv",
    }
    blocks = (
        *(("Mixed_5" + c, mixed_35) for c in "bcd"),
        ("Mixed_6a", reduce_35),
        *(("Mixed_6" + c, mixed_17) for c in "bcde"),
        ("Mixed_7a", reduce_17),
        *(("Mixed_7" + c, mixed_8) for c in "bc"),
    )
    for i, (block, branches) in enumerate(blocks):
        scope = f"mixed_{i}" if i else "mixed"
        scopes.update({f"{block}.{name}": f"{scope}/{path}" for name, path in branches.items()})
    return scopes


def _conv(i: int) -> str:
    return f"conv_{i}" if i else "conv"


SCOPES = _scopes()


def read_tensors(data: bytes) -> dict[str, np.ndarray]:
    """Returns the weights under the names and in the layouts of the PyTorch weights file.

    Args:
      data: contents of `classify_image_graph_def.pb`, or of a .tgz that holds it.
    Raises: ValueError when it is something else or damaged; its text completes "the file ...".
    """
    if data[:2] == b"\x1f\x8b":
        data = _from_archive(data)
    try:
        graph = tf.compat.v1.GraphDef.FromString(data)
    except DecodeError:
        raise ValueError("is not a TensorFlow graph, or is damaged") from None
    nodes = {node.name: node for node in graph.node}
    parameters = {
        "fc.weight": _constant(nodes, "softmax/weights").T,
        "fc.bias": _constant(nodes, "softmax/biases"),
    }
    for name, scope in SCOPES.items():
        kernel = _constant(nodes, f"{scope}/conv2d_params")
        parameters[f"{name}.conv.weight"] = kernel.transpose(3, 2, 0, 1)
        for ours, theirs in {
            "weight": "gamma", "bias": "beta",
            "running_mean": "moving_mean", "running_var": "moving_variance",
        }.items():  # fmt: skip
            parameters[f"{name}.bn.{ours}"] = _constant(nodes, f"{scope}/batchnorm/{theirs}")
        norm = nodes.get(f"{scope}/batchnorm")
        if norm is not None and not norm.attr["scale_after_normalization"].b:
            parameters[f"{name}.bn.weight"] = np.ones_like(parameters[f"{name}.bn.weight"])
    return parameters


def _from_archive(data: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            content = stream.read(_MAX_BYTES)  # to its end, where the checksum is
            if stream.read(1):
                raise OSError(f"more than {_MAX_BYTES} bytes")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                if member.isfile() and member.name.split("/")[-1] == GRAPH_FILE:
                    return archive.extractfile(member).read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"is a damaged archive ({error})") from None
    raise ValueError(f"is an archive without {GRAPH_FILE}")


def _constant(nodes: Mapping[str, tf.compat.v1.NodeDef], name: str) -> np.ndarray:
    if name not in nodes or nodes[name].op != "Const":
        raise ValueError(f"is another graph than {GRAPH_FILE}: it has no constant {name}")
    tensor = nodes[name].attr["value"].tensor
    try:
        if math.prod(dim.size for dim in tensor.tensor_shape.dim) > _MAX_NUMBERS:
            raise ValueError("its size")
        return tf.make_ndarray(tensor)
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise ValueError(f"is damaged in its constant {name} ({error})") from None
