"""An ONNX graph under construction."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

BATCH = "N"  # name of the batch size, which is known only when the model runs


@dataclass(frozen=True)
class Value:
    """A tensor of the graph.

    Attributes:
      name: its name in the graph.
      shape: its shape in our layers' layout, channels last, with None for the batch; in the graph
        channels come second.
    """

    name: str
    shape: tuple


@dataclass
class Graph:
    """Nodes and constants, added one after the other.

    Attributes:
      float16: keep weights in half precision and cast them to float32; runtimes do this once,
        when they load the model.
      scope: prefix for the names of new nodes and constants.
    """

    float16: bool = False
    scope: str = ""
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, TensorProto] = field(default_factory=dict)
    _count: int = 0

    def op(self, kind: str, *inputs: str | np.ndarray, name: str = "", **attributes: Any) -> str:
        """Adds a node and returns its output's name.

        Args:
          kind: ONNX's name of the operator.
          inputs: names of values, or arrays, which become constants; "" omits an optional input.
          name: the output's name; "" to generate one.
          attributes: the operator's attributes.
        """
        names = [self.constant(i) if isinstance(i, np.ndarray) else i for i in inputs]
        output = name or self._name(kind)
        self.nodes.append(helper.make_node(kind, names, [output], name=output, **attributes))
        return output

    def weight(self, array: np.ndarray) -> str:
        """Adds the weight of a convolution or a dense layer and returns its name."""
        array = np.ascontiguousarray(array)
        if not self.float16:
            return self.constant(array, "weight")
        half = self.constant(array.astype(np.float16), "weight")
        return self.op("Cast", half, to=TensorProto.FLOAT)

    def constant(self, array: np.ndarray, kind: str = "constant") -> str:
        """Adds a constant and returns its name."""
        name = self._name(kind)
        self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def to_proto(
        self, name: str, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto], text: str
    ) -> GraphProto:
        """Returns the graph as ONNX's message, with `text` as its description."""
        return helper.make_graph(
            self.nodes, name, inputs, outputs, list(self.constants.values()), doc_string=text
        )

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{self.scope}{kind}_{self._count}"


def batch_info(name: str, shape: tuple, uint8: bool = False) -> ValueInfoProto:
    """Returns the description of an input or output, [N, *shape], float32 or uint8."""
    kind = TensorProto.UINT8 if uint8 else TensorProto.FLOAT
    return helper.make_tensor_value_info(name, kind, [BATCH, *shape])
