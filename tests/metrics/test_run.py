"""The command line, on small networks and data sets."""

import json
import re
import urllib.error

import numpy as np
import pytest
from pgan_tf.snapshot import load_snapshot, save_snapshot
from PIL import Image

from metrics import run
from metrics.during_training import training_metrics
from pgan_tf import config as config_module
from pgan_tf.config import Config
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.errors import UserError
from pgan_tf.networks import Discriminator, Generator


def write_dataset(path, resolution=16, channels=3, n=60):
    shape = (n, channels, resolution, resolution)
    with DatasetWriter(path, resolution, channels) as target:
        target.add(np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8))
    return path


def write_run(results, number, data, snapshots=((1000, 1.0), (2000, 0.0)), mirror=True):
    path = results / f"{number:03d}-test"
    path.mkdir(parents=True)
    shape = {"resolution": 16, "num_channels": 3, "fmap_base": 64, "fmap_max": 16}
    config = config_module.override(
        Config(), {"data.path": str(data), "data.mirror": mirror, "data.command": "the command"}
    )
    for nimg, lod in snapshots:
        networks = [kind(**shape, seed=nimg) for kind in (Generator, Discriminator, Generator)]
        save_snapshot(
            path / f"network-snapshot-{nimg // 1000:06d}.npz", *networks, config, nimg, lod
        )
    return path


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A results directory with two runs, and their data set; commands run in it."""
    monkeypatch.chdir(tmp_path)
    data = write_dataset(tmp_path / "data")
    write_run(tmp_path / "results", 0, data)
    write_run(tmp_path / "results", 1, data)
    return tmp_path


def measure(*arguments):
    return run.main([*map(str, arguments), "--cache", "cache", "--num-images", "20"])


def test_a_run_is_measured_snapshot_by_snapshot(world, capsys, read_results):
    assert measure("--snapshot", "results/000-test", "--real-passes", 2, "--seed", 7) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["time", "SWDx1e3_16", "SWDx1e3_avg", "MS-SSIM"]
    assert [row[0] for row in rows[1:]] == ["reals,", "reals,", "network-snapshot-000001",
                                           "network-snapshot-000002"]  # fmt: skip
    records = read_results("results/000-test/metric-swd.jsonl")
    assert [r.get("reals_pass") for r in records] == [1, 2, None, None]
    assert [r.get("kimg") for r in records] == [None, None, 1.0, 2.0]
    last = records[-1]
    assert float(rows[-1][3]) == pytest.approx(last["value"], abs=1e-4)
    assert last["value"] == last["values"]["SWDx1e3_avg"]
    about = {key: last[key] for key in ("snapshot", "lod", "seed", "num_images", "dataset")}
    assert about == {
        "snapshot": "network-snapshot-000002.npz", "lod": 0.0, "seed": 7, "num_images": 20,
        "dataset": "data",
    }  # fmt: skip
    assert last["mirror"] is True and last["dataset_hash"] == Dataset("data").content_hash()
    assert re.match(r"\d+\.\d+", last["version"])
    assert records[0]["value"] < 0.8 * last["value"]  # noise is nearer to noise
    assert len(read_results("results/000-test/metric-msssim.jsonl")) == 4


def test_no_value_means_the_newest_and_numbers_repeat(world, read_results):
    assert measure("--snapshot") == 0
    newest = world / "results/001-test"
    first = read_results(newest / "metric-swd.jsonl")
    assert [r.get("snapshot") for r in first] == [None, "network-snapshot-000002.npz"]
    assert not list((world / "results/000-test").glob("metric-*"))
    assert measure("--snapshot", newest / "network-snapshot-000002.npz", "--out", "elsewhere") == 0
    again = read_results(world / "elsewhere/metric-swd.jsonl")
    assert [r["values"] for r in again] == [r["values"] for r in first]
    assert measure("--snapshot", "--seed", 1, "--out", "third") == 0
    assert read_results("third/metric-swd.jsonl")[-1]["value"] != first[-1]["value"]


def test_a_damaged_snapshot_leaves_the_others(world, capsys):
    damaged = world / "results/000-test/network-snapshot-000001.npz"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    assert measure("--snapshot", "results/000-test", "--metrics", "msssim") == 1
    lines = capsys.readouterr().out.splitlines()
    assert "network-snapshot-000001.npz" in lines[0] and "damaged" in lines[0]
    assert lines[-1].startswith("network-snapshot-000002 ")


def test_fid_without_weights_says_how_to_get_them(world, capsys, monkeypatch, read_results):
    def no_network(*args, **kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    assert measure("--snapshot", "--metrics", "fid,swd,is", "--real-passes", 0) == 1
    out = capsys.readouterr().out
    assert "fid, is: can't download" in out and "--inception PATH" in out
    assert out.count("https://") == 1
    assert read_results("results/001-test/metric-swd.jsonl")
    assert not list((world / "results/001-test").glob("metric-fid*"))


def test_misspelt_options_are_named(capsys):
    with pytest.raises(SystemExit):
        run.main(["--snapshot", "--metrcs", "swd"])
    assert "did you mean '--metrics'" in capsys.readouterr().err


def test_wrong_data_sets_are_refused_in_one_line(world):
    for arguments, words in (
        (["--data-dir", write_dataset(world / "gray", 16, 1)], "has 1 channel"),
        (["--data-dir", write_dataset(world / "small", 8)], "8x8, but the networks make 16x16"),
        (["--data-dir", "nowhere"], "nowhere"),
        (["--snapshot", "nothing"], "nothing is not there"),
        (["--results", "empty"], "no snapshot in empty"),
    ):
        base = [] if "--snapshot" in arguments else ["--snapshot"]
        with pytest.raises(UserError, match=words) as error:
            measure(*base, *arguments)
        assert "\n" not in str(error.value)


def test_missing_data_matters_only_to_metrics_that_compare(world, read_results):
    path = write_run(world / "results", 2, "gone")
    with pytest.raises(UserError, match="the command"):
        measure("--snapshot", path)
    assert measure("--snapshot", path, "--metrics", "msssim") == 0
    (first, _) = read_results(path / "metric-msssim.jsonl")
    assert first["kimg"] == 1.0 and first["dataset"] is None


def test_folders_of_images(world, capsys, read_results):
    rng = np.random.default_rng(0)
    for name, contrast in (("reals", 1.0), ("fakes", 0.5)):
        (world / name).mkdir()
        for i in range(24):
            image = 128 + contrast * rng.integers(-128, 128, (32, 32, 3))
            Image.fromarray(image.astype(np.uint8)).save(world / name / f"{i}.png")
    assert run.main(["--images", "reals", "fakes", "--out", "out", "--cache", "cache"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split()[1] == "SWDx1e3_32" and row.split()[0] == "fakes"
    (record,) = read_results("out/metric-swd.jsonl")
    assert (record["images"], record["reals"], record["num_images"]) == ("fakes", "reals", 24)
    with pytest.raises(UserError, match="fakes has 24 images, fewer than the 25"):
        run.main(["--images", "reals", "fakes", "--num-images", "25", "--cache", "cache"])


def test_the_training_loops_function_agrees_with_the_command(world, monkeypatch, read_results):
    monkeypatch.setenv("XDG_CACHE_HOME", str(world / "xdg"))
    assert measure("--snapshot", "--real-passes", 0, "--out", "command") == 0
    snapshot = load_snapshot("results/001-test")
    said = []
    function = training_metrics(
        ["swd", "msssim", "fid"], snapshot.Gs, Dataset("data"), 16, True, world, 20,
        inception="nowhere.pth", say=said.append,
    )  # fmt: skip
    values, append = function(snapshot.lod, 2000)
    append("network-snapshot-000002.npz")
    (command,) = read_results("command/metric-swd.jsonl")
    assert values["SWDx1e3_avg"] == command["value"]
    assert set(values) == {"SWDx1e3_16", "SWDx1e3_avg", "MS-SSIM"}
    assert len(said) == 1 and said[0].startswith("fid: can't read the Inception weights")
    other, append = function(1.0, 3000)
    assert other != values
    append(None)
    lines = map(json.loads, (world / "metric-swd.jsonl").read_text().splitlines())
    assert [(line["kimg"], line["snapshot"], line["training"]) for line in lines] == [
        (2.0, "network-snapshot-000002.npz", True), (3.0, None, True)
    ]  # fmt: skip
    for names, words in ((["modes"], "modes can't"), (["sdw"], "unknown metric")):
        with pytest.raises(UserError, match=words):
            training_metrics(names, snapshot.Gs, Dataset("data"), 16, True, world)
