"""`metrics.measure`, the function for Python programs."""

import functools

import numpy as np
import pytest
from PIL import Image
from small_run import write_dataset, write_run

import metrics
from metrics import MetricError, fid, inputs, run
from pgan_tf.data.dataset import Dataset
from pgan_tf.errors import UserError
from pgan_tf.snapshots import load_snapshot


class Network:
    """Stands in for Inception: the features are the image's 2x2 block means."""

    weights_hash = "stand-in"
    num_features = 12

    def features(self, images):
        n, height, width, _ = images.shape
        means = images.reshape(n, 2, height // 2, 2, width // 2, 3).mean((2, 4))
        return (means.reshape(n, -1) / 255).astype(np.float32)

    def logits(self, features):
        return features * 10


def noise(n, seed=0, resolution=16, channels=3):
    shape = (n, resolution, resolution, channels)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


@pytest.fixture
def measure(tmp_path):
    def call(images, names, reals=None, **options):
        options = {"cache": tmp_path / "cache", "inception": Network(), **options}
        return metrics.measure(images, names, reals, say=lambda text: None, **options)

    return call


@pytest.mark.slow
def test_a_snapshot_gives_the_values_of_the_command(measure, tmp_path, monkeypatch, read_results):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inputs, "Fakes", functools.partial(inputs.Fakes, xla=False))  # quicker
    write_dataset(tmp_path / "data")
    path = write_run(tmp_path / "results", 0, tmp_path / "data", ((2000, 0.0),))
    names = ["swd", "msssim"]
    values = measure(path, names, num_images=20, seed=3)
    assert list(values) == ["SWDx1e3_16", "SWDx1e3_avg", "MS-SSIM"]
    options = ["--num-images", "20", "--seed", "3", "--real-passes", "0", "--cache", "other"]
    assert run.main(["--snapshot", str(path), *options]) == 0
    (record,) = read_results(path / "metric-swd.jsonl")
    assert record["values"] == {k: v for k, v in values.items() if "SWD" in k}
    loaded = load_snapshot(path)
    for reals in ("data", Dataset("data")):  # a path or a data set, like the training's own
        assert measure(loaded, "swd,msssim", reals, num_images=20, seed=3) == values
    (file,) = path.glob("*.npz")
    folder = tmp_path / "images"
    folder.mkdir()
    for i, image in enumerate(noise(20)):
        Image.fromarray(image).save(folder / f"{i:02d}.png")
    other = measure(file, names, folder, num_images=20, seed=3)
    assert other["MS-SSIM"] == values["MS-SSIM"]
    assert other == measure(loaded, names, noise(20), num_images=20, seed=3)
    assert other["SWDx1e3_avg"] != values["SWDx1e3_avg"]


def test_arrays_folders_data_sets_and_statistics_give_the_same(measure, tmp_path):
    reals, fakes = noise(30), noise(25, seed=1)
    a, b = (fid.statistics(Network().features(x)) for x in (reals, fakes))
    expected = {"FID": pytest.approx(fid.frechet_distance(a, b))}
    assert measure(fakes, "fid", reals) == expected
    (tmp_path / "folder").mkdir()
    for i, image in enumerate(reals):
        Image.fromarray(image).save(tmp_path / "folder" / f"{i:02d}.png")
    assert measure(fakes, ["fid"], str(tmp_path / "folder")) == expected
    data = write_dataset(tmp_path / "data")
    assert measure(data, "fid", Dataset(data)) == {"FID": pytest.approx(0, abs=1e-9)}
    assert measure(noise(24, channels=1), "msssim") == measure(
        noise(24, channels=1).repeat(3, axis=3), "msssim"
    )


def test_impossible_metrics_are_refused_before_any_work(measure):
    class Untouched(Network):
        def features(self, images):
            raise AssertionError("measured")

    images = noise(5, resolution=12)
    with pytest.raises(MetricError, match=r"^swd, msssim: images must be .* 12x12$") as error:
        measure(images, "swd,fid,msssim", images, inception=Untouched())
    assert error.value.values == {}
    with pytest.raises(MetricError, match="swd: there are no reals to compare with"):
        measure(noise(4), "swd")
    with pytest.raises(UserError, match="did you mean 'swd'"):
        measure(noise(4), "sdw")
    with pytest.raises(MetricError, match=r"modes: MNIST's .gz files are needed; .*mnist_dir=DIR"):
        measure(noise(10, resolution=32), "modes")


def test_the_error_holds_the_values_that_were_measured(measure):
    class Broken(Network):
        def features(self, images):
            raise RuntimeError("none left")

    with pytest.raises(MetricError, match=r"^fid: RuntimeError: none left$") as error:
        measure(noise(4), ["fid", "msssim"], noise(4), inception=Broken())
    assert set(error.value.values) == {"MS-SSIM"}


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 16, 16), np.uint8), np.zeros((4, 3, 16, 16), np.uint8),
        np.zeros((4, 16, 16, 3)), np.zeros((4, 16, 16, 4), np.uint8),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)  # fmt: skip
def test_other_arrays_are_refused(measure, array):
    with pytest.raises(UserError, match=r"must be an array of uint8 "):
        measure(array, "msssim")


def test_notes_on_the_values_are_printed(tmp_path):
    said = []
    options = {"cache": tmp_path, "inception": Network(), "say": said.append}
    metrics.measure(noise(5), "fid,msssim", noise(5), **options)
    assert [text.split(":")[0] for text in said] == ["fid", "msssim"]


def test_the_package_exports_its_metrics():
    assert set(metrics.METRICS) >= {"swd", "msssim", "fid", "is", "kid", "modes"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        metrics.nothing  # noqa: B018
