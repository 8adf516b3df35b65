"""An ONNX graph under construction."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

BATCH = "N"  # the name of the size that is known only when the model runs


@dataclass(frozen=True)
class Value:
    """A tensor of the graph.

    Attributes:
      name: in the graph.
      shape: as our layers see it, channels last, the batch None; in the graph channels come
        second.
    """

    name: str
    shape: tuple


@dataclass
class Graph:
    """Nodes and constants, added one after the other.

    Attributes:
      float16: weights are kept in half precision and cast to float32, which runtimes do once,
        when they load the model.
      scope: put before the names of what is added.
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
          inputs: names; arrays become constants; "" for one that is left out.
          name: of the output; "" for one made up.
          attributes: the operator's.
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

    def finished(
        self, name: str, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto], text: str
    ) -> GraphProto:
        """Returns the graph."""
        return helper.make_graph(
            self.nodes, name, inputs, outputs, list(self.constants.values()), doc_string=text
        )

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{self.scope}{kind}_{self._count}"


def batch_of(name: str, shape: tuple, uint8: bool = False) -> ValueInfoProto:
    """Describes an input or output, [N, *shape], of float32 or uint8."""
    kind = TensorProto.UINT8 if uint8 else TensorProto.FLOAT
    return helper.make_tensor_value_info(name, kind, [BATCH, *shape])
