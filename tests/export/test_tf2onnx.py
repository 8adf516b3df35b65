"""ONNX files against another converter: the TensorFlow graph converted by tf2onnx."""

import numpy as np
import tensorflow as tf
import tf2onnx
from export.runtimes import run_onnx, some_inputs

from pgan_tf.export import export
from pgan_tf.inference import synthesize

LOD = 0.4  # fading in, which uses all operators


def test_images_equal_those_of_the_converted_graph(snapshot, tmp_path):
    Gs = snapshot.Gs
    names = list(some_inputs(Gs, 1))

    def images(*inputs):
        return {"images": synthesize(Gs, *inputs, lod=LOD)}

    signature = [
        tf.TensorSpec([None, size], name=name)
        for name, size in zip(names, (Gs.latent_size, Gs.label_size), strict=False)
    ]
    traced = tf.function(images, autograph=False)
    tf2onnx.convert.from_function(
        traced, signature, opset=18, output_path=str(tmp_path / "converted.onnx")
    )
    export(snapshot.path, tmp_path / "Gs.onnx", "onnx", lod=LOD)
    for n in (1, 3):
        inputs = some_inputs(Gs, n)
        converted = run_onnx(tmp_path / "converted.onnx", inputs)["images"]
        ours = run_onnx(tmp_path / "Gs.onnx", inputs)["images"]
        assert converted.shape == ours.shape and np.abs(converted).max() > 0.5
        np.testing.assert_allclose(ours, converted, rtol=0, atol=1e-4)
