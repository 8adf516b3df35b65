"""Networks as ONNX models, built from their tables."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper

import pgan_tf
from pgan_tf.export.forward import layers_with_biases, run_discriminator, run_generator
from pgan_tf.export.onnx_graph import Graph, Value, batch_info
from pgan_tf.export.onnx_layers import downscale2d, emit, upscale2d
from pgan_tf.export.request import Request
from pgan_tf.layers import Block

OPSET = 18
_IR_VERSION = 8  # the oldest with this opset, so that older runtimes can read the file


class OnnxBackend:
    """Makes a forward pass of ONNX's operators."""

    def __init__(self, graph: Graph):
        self.graph = graph

    def block(self, name: str, block: Block, x: Value) -> Value:
        """Adds a block's layers; the names of their nodes begin with the block's name."""
        self.graph.scope = f"{name}/"
        for layer, bias in layers_with_biases(block):
            x = emit(self.graph, layer, x, bias)
        self.graph.scope = ""
        return x

    def upscale(self, x: Value) -> Value:
        """[N, C, h, w] -> [N, C, 2h, 2w]."""
        return upscale2d(self.graph, x)

    def downscale(self, x: Value) -> Value:
        """[N, C, h, w] -> [N, C, h/2, w/2]."""
        return downscale2d(self.graph, x)

    def lerp(self, a: Value, b: Value, t: float) -> Value:
        """a + (b - a) * t."""
        part = self.graph.op("Mul", self.graph.op("Sub", b.name, a.name), np.float32([t]))
        return Value(self.graph.op("Add", a.name, part), a.shape)


def make_model(request: Request) -> ModelProto:
    """Returns a network as an ONNX model (opset 18).

    Inputs and outputs are the request's, with any batch size. The model holds constants and
    standard operators only; its metadata include the resolution and the classes' names.

    Raises: UserError for a layer without an ONNX form.
    """
    graph = Graph(request.float16)
    make = _generator if request.is_generator else _discriminator
    make(graph, request)
    description = request.description()

    def infos(shapes: dict[str, tuple]) -> list:
        return [
            batch_info(name, shape, name == "images" and request.uint8)
            for name, shape in shapes.items()
        ]

    model = helper.make_model(
        graph.to_proto(
            request.network.name, infos(request.inputs), infos(request.outputs), description
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
        producer_name="pgan_tf",
        producer_version=pgan_tf.__version__,
        doc_string=description,
    )
    helper.set_model_props(
        model,
        {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in request.metadata().items()
        },
    )
    return model


def write(request: Request, path: Path) -> None:
    """Writes a network as an ONNX file."""
    model = make_model(request)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def _generator(graph: Graph, request: Request) -> None:
    G = request.network
    x = "latents"
    if request.has_labels:
        x = graph.op("Concat", "latents", "labels", axis=1)
    features = Value(x, (None, G.latent_size + G.label_size))
    x = run_generator(G, request.lod, features, OnnxBackend(graph)).name
    if request.uint8:  # the cast rounds down, since all numbers are positive
        x = graph.op("Add", graph.op("Mul", x, np.float32([127.5])), np.float32([128.0]))
        x = graph.op("Clip", x, np.array(0, np.float32), np.array(255, np.float32))
        x = graph.op("Cast", x, to=TensorProto.UINT8)
    if request.layout == "NHWC":
        graph.op("Transpose", x, perm=[0, 2, 3, 1], name="images")
    else:
        graph.op("Identity", x, name="images")


def _discriminator(graph: Graph, request: Request) -> None:
    D, x = request.network, "images"
    if request.uint8:
        x = graph.op("Cast", x, to=TensorProto.FLOAT)
        x = graph.op("Sub", graph.op("Div", x, np.float32([127.5])), np.float32([1.0]))
    if request.layout == "NHWC":
        x = graph.op("Transpose", x, perm=[0, 3, 1, 2])
    r = request.resolution
    images = Value(x, (None, r, r, D.num_channels))
    x = run_discriminator(D, request.lod, images, OnnxBackend(graph)).name
    graph.op("Gather", x, np.array(0, np.int64), axis=1, name="scores")
    if request.has_labels:
        one, end = np.array([1], np.int64), np.array([1 + D.label_size], np.int64)
        graph.op("Slice", x, one, end, one, name="logits")
