import dataclasses
import json

import pytest
from small_run import write_dataset, write_run

from metrics import run
from metrics.during_training import TrainingMetrics
from pgan_tf.config import TrainOptions
from pgan_tf.data.dataset import Dataset
from pgan_tf.errors import UserError
from pgan_tf.networks import Generator
from pgan_tf.snapshots import load_snapshot


@pytest.mark.slow
def test_values_equal_those_of_the_command(tmp_path, monkeypatch, read_results):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    path = write_run(tmp_path, 1, write_dataset(tmp_path / "data"), ((2000, 0.0),))
    options = ["--real-passes", "0", "--out", "command", "--cache", "cache", "--num-images", "20"]
    assert run.main(["--snapshot", str(path), *options]) == 0
    snapshot = load_snapshot(path)
    said = []
    options = options_of(metrics="swd,msssim,fid", seed=0, inception="nowhere.pth")
    metrics = TrainingMetrics(
        options, snapshot.Gs, Dataset("data"), 16, True, None, tmp_path, said.append
    )
    values, append = metrics(snapshot.lod, 2000)
    append("network-snapshot-000002.npz")
    (command,) = read_results("command/metric-swd.jsonl")
    assert values["SWDx1e3_avg"] == command["value"]
    assert set(values) == {"SWDx1e3_16", "SWDx1e3_avg", "MS-SSIM"}
    assert len(said) == 1 and said[0].startswith("fid: can't read the Inception weights")
    other, append = metrics(1.0, 3000)
    assert other != values and len(said) == 1
    append(None)
    lines = map(json.loads, (tmp_path / "metric-swd.jsonl").read_text().splitlines())
    assert [(line["kimg"], line["snapshot"], line["training"]) for line in lines] == [
        (2.0, "network-snapshot-000002.npz", True), (3.0, None, True)
    ]  # fmt: skip
    (first, _) = read_results(tmp_path / "metric-swd.jsonl")
    same = ("num_images", "num_reals", "seed", "resolution", "mirror", "dataset", "dataset_hash")
    assert {k: first[k] for k in same} == {k: command[k] for k in same}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The positional arguments of TrainingMetrics after its options: Gs, a data set and so on."""
    Gs = Generator(resolution=16, num_channels=3, fmap_base=64, fmap_max=16, seed=1)
    data = Dataset(write_dataset(tmp_path_factory.mktemp("data") / "data"))
    return Gs, data, 16, False, None


def options_of(**options):
    return dataclasses.replace(TrainOptions(metrics="msssim", metric_images=20), **options)


def test_the_best_snapshot_is_marked(parts, tmp_path):
    metrics = TrainingMetrics(options_of(best_metric="MS-SSIM", xla=False), *parts, tmp_path)
    assert metrics.best_snapshot is None
    values, append = metrics(0.0, 1000)
    assert set(values) == {"MS-SSIM"} and metrics.is_best(values)
    snapshot = tmp_path / "network-snapshot-000001.npz"
    snapshot.touch()
    metrics.mark_best(values, snapshot)
    append(snapshot.name)
    assert metrics.best_snapshot == snapshot and not metrics.is_best(values)
    assert metrics.is_best({"MS-SSIM": values["MS-SSIM"] - 0.01})
    unmarked = TrainingMetrics(options_of(), *parts, tmp_path)
    assert unmarked.best_snapshot is None and not unmarked.is_best({"MS-SSIM": 0.0})


@pytest.mark.parametrize(
    "options,words",
    [
        ({"metrics": "modes"}, "modes can't be measured during training; use python -m metrics"),
        ({"metrics": "sdw"}, "unknown metric 'sdw' .did you mean 'swd'"),
        ({"metrics": "", "best_metric": "FID"}, "train.metrics names no metric"),
        ({"best_metric": "FID"}, "train.best_metric=FID is not a value of .*=msssim"),
        ({"best_metric": "MSSSIM"}, "did you mean 'MS-SSIM'"),
        ({"metric_images": 21}, "=21: with msssim images are compared in pairs; .* such as 22"),
    ],
)
def test_impossible_metric_options_are_refused_at_once(parts, tmp_path, options, words):
    with pytest.raises(UserError, match=words) as error:
        TrainingMetrics(dataclasses.replace(options_of(), **options), *parts, tmp_path)
    assert "\n" not in str(error.value)


def test_images_that_are_too_small_are_refused_at_once(tmp_path):
    Gs = Generator(resolution=8, num_channels=3, fmap_base=64, fmap_max=16)
    with pytest.raises(UserError, match=r"metrics=msssim: msssim: .* 16x16 or more; these are 8x8"):
        TrainingMetrics(options_of(), Gs, None, 8, False, None, tmp_path)
