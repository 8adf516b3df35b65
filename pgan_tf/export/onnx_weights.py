"""Weights of several ONNX models, kept once, outside of the models."""

import hashlib

from onnx import ModelProto, TensorProto

_SMALLEST = 1024  # bytes; smaller constants stay in the model
_ALIGNMENT = 64


class SharedWeights:
    """Constants that several models of one network have in common.

    Attributes:
      location: name by which the models say where their constants are.
    """

    def __init__(self, location: str):
        self.location = location
        self._content = bytearray()
        self._offsets: dict[bytes, int] = {}

    def take_from(self, model: ModelProto) -> None:
        """Moves a model's large constants here; what is here already is not kept twice."""
        for tensor in model.graph.initializer:
            if len(tensor.raw_data) >= _SMALLEST:
                self._take(tensor)

    def content(self) -> bytes:
        """Returns the bytes that belong at the location."""
        return bytes(self._content)

    def _take(self, tensor: TensorProto) -> None:
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
