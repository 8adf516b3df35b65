"""Weights that several ONNX models share, stored once, outside the models."""

import hashlib

from onnx import ModelProto, TensorProto

_SMALLEST = 1024  # bytes; smaller constants stay in the model
_ALIGNMENT = 64


class SharedWeights:
    """Constants that several models of one network share.

    Attributes:
      location: file name under which the models refer to the constants.
    """

    def __init__(self, location: str):
        self.location = location
        self._content = bytearray()
        self._offsets: dict[bytes, int] = {}

    def move_from(self, model: ModelProto) -> None:
        """Moves a model's large constants here; equal constants are stored once."""
        for tensor in model.graph.initializer:
            if len(tensor.raw_data) >= _SMALLEST:
                self._move(tensor)

    def content(self) -> bytes:
        """Returns the content of the file named `location`."""
        return bytes(self._content)

    def _move(self, tensor: TensorProto) -> None:
        raw = tensor.raw_data
        key = hashlib.sha256(raw).digest()
        if key not in self._offsets:
            self._content += bytes(-len(self._content) % _ALIGNMENT)
            self._offsets[key] = len(self._content)
            self._content += raw
        place = {"location": self.location, "offset": self._offsets[key], "length": len(raw)}
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for name, value in place.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = name, str(value)
