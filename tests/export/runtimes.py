"""Runs exported files by their own runtimes: (path, {name: input}) -> {name: output}."""

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from onnx.reference import ReferenceEvaluator


def run_onnx(path, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def run_onnx_reference(path, inputs):
    model = ReferenceEvaluator(onnx.load(path))
    return dict(zip(model.output_names, model.run(None, inputs), strict=True))


def run_litert(path, inputs):
    interpreter = Interpreter(str(path))
    (signature,) = interpreter.get_signature_list()
    return interpreter.get_signature_runner(signature)(**inputs)


def run_keras(path, inputs):
    model = keras.saving.load_model(path)
    return {name: value.numpy() for name, value in model(inputs).items()}


def run_savedmodel(path, inputs):
    serve = tf.saved_model.load(path).signatures["serving_default"]
    outputs = serve(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in outputs.items()}


RUNTIMES = {
    "onnx": run_onnx,
    "litert": run_litert,
    "keras": run_keras,
    "savedmodel": run_savedmodel,
}


def some_inputs(network, n):
    """Returns random latents and one-hot labels."""
    random = np.random.RandomState(n)
    inputs = {"latents": random.randn(n, network.latent_size).astype(np.float32)}
    if network.label_size:
        classes = random.randint(network.label_size, size=n)
        inputs["labels"] = np.eye(network.label_size, dtype=np.float32)[classes]
    return inputs
