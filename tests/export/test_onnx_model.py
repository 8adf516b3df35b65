"""ONNX files: their content, and that every layer has an ONNX form."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest

from pgan_tf import layers
from pgan_tf.errors import UserError
from pgan_tf.export import onnx as onnx_format
from pgan_tf.export.onnx_graph import Graph, Value, batch_info
from pgan_tf.export.onnx_layers import EMITTERS, emit
from pgan_tf.export.request import make_request


def test_every_layer_has_an_onnx_form():
    kinds = {getattr(layers, name) for name in layers.__all__ if name[0].isupper()}
    assert set(EMITTERS) == kinds - {layers.Block}


def nchw(x):
    return x.transpose(0, 3, 1, 2) if x.ndim == 4 else x


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize(
    "make,shape",
    [
        (lambda: layers.EqualizedConv2D(5, seed=1), (4, 4, 6, 3)),
        (lambda: layers.EqualizedConv2D(5, kernel_size=1, seed=1), (4, 4, 6, 3)),
        (lambda: layers.UpscaleConv2D(5, seed=1), (4, 4, 6, 3)),
        (lambda: layers.DownscaleConv2D(5, seed=1), (4, 4, 6, 3)),
        (lambda: layers.EqualizedDense(5, seed=1), (4, 6)),
    ],
)
def test_layers_with_weights_give_the_same_in_onnx(make, shape, with_bias):
    layer, bias = make(), np.linspace(-1, 1, 5, dtype=np.float32)
    check(layer, shape, bias if with_bias else None)


@pytest.mark.parametrize(
    "layer,shape",
    [
        (layers.Bias(), (4, 4, 6, 3)),
        (layers.Bias(), (4, 3)),
        (layers.LeakyReLU(), (4, 4, 6, 3)),
        (layers.LeakyReLU(slope=0.0), (4, 3)),
        (layers.PixelNorm(1e-4), (4, 4, 6, 3)),
        (layers.PixelNorm(), (4, 3)),
        (layers.ChannelMajorToMaps(2), (4, 12)),
        (layers.MapsToChannelMajor(), (4, 4, 6, 3)),
        (layers.Upscale2D(), (4, 4, 6, 3)),
        (layers.Downscale2D(), (4, 4, 6, 3)),
        (layers.MinibatchStddev(2), (6, 4, 4, 3)),
        (layers.MinibatchStddev(4), (3, 4, 4, 3)),
    ],
)
def test_layers_without_weights_give_the_same_in_onnx(layer, shape):
    check(layer, shape, None)


def check(layer, shape, bias):
    """Asserts that a layer's ONNX nodes compute the layer's output plus the bias."""
    x = np.random.RandomState(0).randn(*shape).astype(np.float32)
    expected = layer(x).numpy() + (0 if bias is None else bias)
    graph = Graph()
    graph_input = batch_info("x", nchw(x).shape[1:])
    y = emit(graph, layer, Value("x", (None, *shape[1:])), bias)
    assert y.shape == (None, *expected.shape[1:])
    graph.op("Identity", y.name, name="y")
    output = batch_info("y", nchw(expected).shape[1:])
    model = onnx.helper.make_model(
        graph.to_proto("layer", [graph_input], [output], ""),
        opset_imports=[onnx.helper.make_opsetid("", onnx_format.OPSET)],
        ir_version=8,
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (seen,) = session.run(None, {"x": nchw(x)})
    np.testing.assert_allclose(seen, nchw(expected), rtol=1e-5, atol=1e-5)


def test_the_file_describes_its_network(labelled):
    request = make_request(labelled.path, layout="NCHW", uint8=True)
    model = onnx_format.make_model(request)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata["classes"]) == ["class 0", "class 1", "class 2"]
    assert (metadata["network"], metadata["resolution"], metadata["lod"]) == ("Gs", "16", "0.6")
    assert json.loads(metadata["range"]) == [0, 255] and metadata["layout"] == "NCHW"
    assert (
        model.doc_string
        == request.description()
        == (
            "Gs of network-snapshot-000005.npz at lod 0.6: latents float32 [N, 8], labels float32"
            " [N, 3] -> images uint8 [N, 3, 16, 16]; images are 0 to 255"
        )
    )
    assert {node.domain for node in model.graph.node} == {""}  # only standard operators
    assert model.opset_import[0].version == 18 and not model.functions


def test_a_layer_without_an_onnx_form_is_named():
    class Unknown(layers.LeakyReLU):
        pass

    with pytest.raises(UserError, match="the layer Unknown has no ONNX form; the formats keras"):
        emit(Graph(), Unknown(), Value("x", (None, 3)), None)
