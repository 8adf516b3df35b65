"""Each exported file, run by its own runtime, against the exported network."""

import numpy as np
import pytest
from export.runtimes import RUNTIMES, run_onnx_reference, some_inputs

from pgan_tf.export import FORMATS, export
from pgan_tf.inference import synthesize, to_uint8

ENDINGS = {name: f.ending for name, f in FORMATS.items()}


def expected_images(network, inputs, lod):
    return synthesize(network, inputs["latents"], inputs.get("labels"), lod).numpy()


# Converting to these two takes ten seconds each; one fast test still covers every format.
FORMATS = [
    pytest.param(name, marks=[pytest.mark.slow] if name in ("litert", "savedmodel") else [])
    for name in RUNTIMES
]


@pytest.mark.parametrize("lod", [1.0, 0.4])
@pytest.mark.parametrize("format", FORMATS)
def test_exported_generators_give_the_same_images(snapshot, format, lod, tmp_path):
    path = tmp_path / f"Gs{ENDINGS[format]}"
    line = export(snapshot.path, path, format, lod=lod)
    assert f"Gs of network-snapshot-000005.npz at lod {lod:g}" in line
    for n in (1, 3):
        inputs = some_inputs(snapshot.Gs, n)
        images = RUNTIMES[format](path, inputs)["images"]
        expected = expected_images(snapshot.Gs, inputs, lod)
        assert images.dtype == np.float32 and np.abs(expected).max() > 0.5
        np.testing.assert_allclose(images, expected, rtol=0, atol=1e-4)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("format", RUNTIMES)
def test_uint8_and_nchw_at_the_snapshots_lod(labelled, format, tmp_path):
    path = tmp_path / f"G{ENDINGS[format]}"
    export(labelled.path, path, format, network="G", uint8=True, layout="NCHW")
    inputs = some_inputs(labelled.G, 5)
    images = RUNTIMES[format](path, inputs)["images"]
    expected = to_uint8(expected_images(labelled.G, inputs, 0.6)).transpose(0, 3, 1, 2)
    assert images.dtype == np.uint8 and np.ptp(expected) > 100
    assert np.abs(images.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("format", FORMATS)
def test_float16_is_near_float32(labelled, format, tmp_path):
    path = tmp_path / f"Gs{ENDINGS[format]}"
    export(labelled.path, path, format, float16=True)
    inputs = some_inputs(labelled.Gs, 3)
    images = RUNTIMES[format](path, inputs)["images"]
    expected = expected_images(labelled.Gs, inputs, 0.6)
    assert images.dtype == np.float32
    difference = np.abs(images - expected).max() / np.abs(expected).max()
    assert 1e-6 < difference < 0.01  # numbers of eleven bits, through eight layers


@pytest.mark.parametrize("format", FORMATS)
def test_exported_discriminators_give_the_same_scores(snapshot, format, tmp_path):
    path = tmp_path / f"D{ENDINGS[format]}"
    has_labels = bool(snapshot.D.label_size)
    form = {"uint8": True, "layout": "NCHW"} if has_labels else {}
    lod = 1.3 if has_labels else 0.0
    export(snapshot.path, path, format, network="D", lod=lod, **form)
    r = 16 >> int(lod)
    for n in (1, 4):
        shape = (n, r, r, snapshot.D.num_channels)
        pixels = np.random.RandomState(n).randint(0, 256, shape).astype(np.uint8)
        images = (pixels / 127.5 - 1).astype(np.float32)
        given = pixels.transpose(0, 3, 1, 2) if has_labels else images
        outputs = RUNTIMES[format](path, {"images": given})
        scores, logits = snapshot.D(images, lod=lod)
        np.testing.assert_allclose(outputs["scores"], scores, rtol=0, atol=1e-4)
        assert ("logits" in outputs) == has_labels
        if has_labels:
            np.testing.assert_allclose(outputs["logits"], logits, rtol=0, atol=1e-4)


def test_the_reference_evaluator_agrees(snapshot, tmp_path):
    for network, lod in (("Gs", 0.4), ("D", 1.3)):
        path = tmp_path / f"{network}.onnx"
        export(snapshot.path, path, "onnx", network=network, lod=lod)
        if network == "Gs":
            inputs = some_inputs(snapshot.Gs, 2)
            expected = {"images": expected_images(snapshot.Gs, inputs, lod)}
        else:
            inputs = {"images": np.random.RandomState(0).randn(2, 8, 8, snapshot.D.num_channels)}
            inputs = {k: v.astype(np.float32) for k, v in inputs.items()}
            expected = {"scores": snapshot.D(inputs["images"], lod=lod)[0]}
        seen = run_onnx_reference(path, inputs)
        for name, value in expected.items():
            np.testing.assert_allclose(seen[name], value, rtol=0, atol=1e-4)
