"""Reads the weights of the 2015-12-05 Inception network from its frozen TensorFlow graph.

Only the graph's constants are read, directly from the file's bytes; nothing is run. TensorFlow's
own reader is not used, because a small file can make it take much memory: it needs a hundred bytes
for a message of two, and expands a constant stored as one number to its full shape.
"""

import gzip
import io
import math
import tarfile
import zlib
from collections.abc import Iterator

import numpy as np

from pgan_tf.data.format import protobuf
from pgan_tf.errors import one_line

GRAPH_FILE = "classify_image_graph_def.pb"
_MOST_MEMBERS = 1000  # files searched in the archive; the real one has six
_MOST_NODES = 20_000  # nodes in the graph; the real one has a thousand
_CHUNK_BYTES = 1 << 20  # bytes read at a time
_MOST_FIELDS = 64  # fields in any other message
_MOST_NUMBERS = 1 << 25  # numbers in all constants together; the real graph has 24 million

# Field numbers in TensorFlow's graph.proto, node_def.proto, attr_value.proto, tensor.proto,
# tensor_shape.proto.
_GRAPH_NODE = 1
_NODE_NAME, _NODE_OP, _NODE_ATTR = 1, 2, 5
_MAP_KEY, _MAP_VALUE = 1, 2
_ATTR_BOOL, _ATTR_TENSOR = 5, 8
_TENSOR_DTYPE, _TENSOR_SHAPE, _TENSOR_CONTENT, _TENSOR_FLOATS = 1, 2, 4, 5
_SHAPE_DIM, _DIM_SIZE = 2, 1
_DT_FLOAT = 1
_LONGEST_NAME = 200  # bytes of a node's or attribute's name that are read


def _scopes() -> dict[str, str]:
    """Returns {convolution's name in the PyTorch weights file: its scope in the graph}."""
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


def read_tensors(data: bytes, most_bytes: int) -> dict[str, np.ndarray]:
    """Returns {name: array} of the weights, with the PyTorch file's names and layouts.

    Args:
      data: contents of `classify_image_graph_def.pb`, or of a .tgz that holds it.
      most_bytes: largest size of the unpacked archive; the real one has 100 million bytes.
    Raises: ValueError when the file is damaged or another one; its message continues "the file
      ...".
    """
    if data[:2] == b"\x1f\x8b":
        data = _from_archive(data, most_bytes)
    graph = _Graph(data)
    parameters = {
        "fc.weight": graph.constant("softmax/weights").T,
        "fc.bias": graph.constant("softmax/biases"),
    }
    for name, scope in SCOPES.items():
        kernel = graph.constant(f"{scope}/conv2d_params")
        if kernel.ndim != 4:
            raise ValueError(f"holds {scope}/conv2d_params of shape {list(kernel.shape)}")
        parameters[f"{name}.conv.weight"] = kernel.transpose(3, 2, 0, 1)
        for ours, theirs in {
            "weight": "gamma", "bias": "beta",
            "running_mean": "moving_mean", "running_var": "moving_variance",
        }.items():  # fmt: skip
            parameters[f"{name}.bn.{ours}"] = graph.constant(f"{scope}/batchnorm/{theirs}")
        if graph.is_false(f"{scope}/batchnorm", "scale_after_normalization"):
            parameters[f"{name}.bn.weight"] = np.ones_like(parameters[f"{name}.bn.weight"])
    return parameters


def _read_all(stream: gzip.GzipFile, most_bytes: int) -> bytes:
    """Returns a stream's content, read to the end, which checks the checksum.

    It takes memory for what the stream holds, not for `most_bytes`. Raises: OSError for more.
    """
    chunks, left = [], most_bytes
    while chunk := stream.read(_CHUNK_BYTES):
        left -= len(chunk)
        if left < 0:
            raise OSError(f"more than {most_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _from_archive(data: bytes, most_bytes: int) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            content = _read_all(stream, most_bytes)
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for number, member in enumerate(archive):
                if number == _MOST_MEMBERS:
                    break
                if not member.isfile() or member.name.split("/")[-1] != GRAPH_FILE:
                    continue
                if member.issparse() or member.size > len(content):
                    raise OSError(f"{GRAPH_FILE} is larger than the archive")
                return archive.extractfile(member).read()
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise ValueError(f"is a damaged archive ({one_line(error)})") from None
    raise ValueError(f"is an archive without {GRAPH_FILE}")


class _Graph:
    """A serialized GraphDef; finds nodes by name and reads their content on demand.

    Raises: ValueError when the data is not a GraphDef or is damaged; for its message see
      `read_tensors`.
    """

    def __init__(self, data: bytes):
        self._view = memoryview(data)
        self._left = _MOST_NUMBERS
        self._nodes: dict[str, tuple[int, int]] = {}  # start, end
        try:
            for node in self._children(0, len(data), _GRAPH_NODE, most=_MOST_NODES):
                name = self._first(*node, _NODE_NAME)
                self._nodes[self._text(name)] = node
        except ValueError as error:
            raise ValueError(f"is not a TensorFlow graph, or is damaged ({error})") from None

    def constant(self, name: str) -> np.ndarray:
        """Returns the float32 array of a constant, if possible as a view of the file."""
        node = self._nodes.get(name)
        if node is None or self._text(self._first(*node, _NODE_OP)) != "Const":
            raise ValueError(f"is not {GRAPH_FILE}: it has no constant {name}")
        try:
            return self._tensor(*self._first(*self._attribute(node, "value"), _ATTR_TENSOR))
        except ValueError as error:
            raise ValueError(f"is damaged in its constant {name} ({error})") from None

    def is_false(self, name: str, attribute: str) -> bool:
        """Returns True if the node exists and its attribute is false or missing."""
        if name not in self._nodes:
            return False
        start, end = self._attribute(self._nodes[name], attribute)
        return not self._number(start, end, _ATTR_BOOL)

    def _tensor(self, start: int, end: int) -> np.ndarray:
        if self._number(start, end, _TENSOR_DTYPE) != _DT_FLOAT:
            raise ValueError("no float32 numbers")
        dims = self._children(*self._first(start, end, _TENSOR_SHAPE), _SHAPE_DIM)
        shape = [self._number(*dim, _DIM_SIZE) for dim in dims]
        if len(shape) > 4:
            raise ValueError(f"{len(shape)} dimensions")
        count = math.prod(shape)  # exact and fast: at most four numbers below 2^64
        self._left -= count
        if self._left < 0:
            raise ValueError(f"a shape {shape} that is too large")
        a, b = self._first(start, end, _TENSOR_CONTENT)
        if a == b:  # the numbers are in a field of their own; a single one fills the whole shape
            parts = list(self._children(start, end, _TENSOR_FLOATS))
            a, b = parts[0] if len(parts) == 1 else (0, 0)
            if b - a == 4 < 4 * count:
                return np.full(shape, np.frombuffer(self._view[a:b], "<f4")[0])
        if b - a != 4 * count:
            raise ValueError(f"{b - a} bytes instead of {4 * count} for shape {shape}")
        return np.frombuffer(self._view[a:b], "<f4").reshape(shape)

    def _attribute(self, node: tuple[int, int], name: str) -> tuple[int, int]:
        """Returns the range of a node's attribute value; an empty one if it has none."""
        for entry in self._children(*node, _NODE_ATTR):
            if self._text(self._first(*entry, _MAP_KEY)) == name:
                return self._first(*entry, _MAP_VALUE)
        return 0, 0

    def _children(
        self, start: int, end: int, number: int, most: int = _MOST_FIELDS
    ) -> Iterator[tuple[int, int]]:
        """Yields the range (start, end) of each field with this number in a message."""
        for field in protobuf.fields(self._view, start, end, most):
            if field.number == number and field.wire != protobuf.VARINT:
                yield field.start, field.end

    def _first(self, start: int, end: int, number: int) -> tuple[int, int]:
        """Returns the range of the first field with this number; an empty one if there is none."""
        return next(self._children(start, end, number), (0, 0))

    def _number(self, start: int, end: int, number: int) -> int:
        """Returns the value of a varint field; 0, the default, if it is missing."""
        fields = protobuf.fields(self._view, start, end, _MOST_FIELDS)
        return next((f.value for f in fields if f.number == number), 0)

    def _text(self, content: tuple[int, int]) -> str:
        return bytes(self._view[slice(*content)][:_LONGEST_NAME]).decode("utf-8", "replace")
