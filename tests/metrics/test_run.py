"""The command line, on small networks and data sets."""

import re
import shlex
import urllib.error

import pytest
from conftest import GOLDEN
from small_run import write_dataset, write_run

from metrics import fid, inception_weights, run
from pgan_tf.convert import convert
from pgan_tf.data.dataset import Dataset
from pgan_tf.errors import UserError
from pgan_tf.run import DatasetFacts
from pgan_tf.training.run_directory import RunDirectory


@pytest.fixture
def world(tmp_path, monkeypatch):
    """The current directory, with two runs in results/ and their data set."""
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
    assert float(rows[-1][-2]) == pytest.approx(last["value"], abs=1e-4)
    assert last["value"] == last["values"]["SWDx1e3_avg"]
    about = {key: last[key] for key in ("snapshot", "lod", "seed", "num_images", "dataset")}
    assert about == {
        "snapshot": "network-snapshot-000002.npz", "lod": 0.0, "seed": 7, "num_images": 20,
        "dataset": "data",
    }  # fmt: skip
    assert last["mirror"] is True and last["dataset_hash"] == Dataset("data").content_hash()
    assert re.match(r"\d+\.\d+", last["version"])
    assert records[0]["value"] < 0.8 * last["value"]  # reals are nearer to reals
    assert len(read_results("results/000-test/metric-msssim.jsonl")) == 4


def test_another_data_set_than_the_trainings_is_told(world, capsys):
    data = Dataset("data")
    facts = DatasetFacts("data", data.num_images, 16, 3, 0, data.content_hash())
    RunDirectory("results/000-test").save_dataset(facts)
    write_dataset(world / "others", n=50)
    line = "others holds other images than data, which network-snapshot-000001.npz was trained on"
    for directory, is_told in (("data", False), ("others", True)):
        assert measure("--snapshot", "results/000-test", "--data-dir", directory) == 0
        assert (line in capsys.readouterr().out.splitlines()) == is_told


@pytest.mark.slow
def test_the_newest_snapshot_is_the_default_and_values_repeat(world, read_results):
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


class Network:
    """Stands in for Inception: the features are the means of the image's channels."""

    weights_hash = "stand-in"
    num_features = 3

    def features(self, images):
        return images.mean((1, 2), "float32") / 255


def test_fid_warns_of_a_small_data_set(world, capsys, monkeypatch, read_results):
    monkeypatch.setattr(inception_weights, "load", lambda *args: Network())
    monkeypatch.setattr(fid, "NUM_FEATURES", 70)  # the data set has 60 images
    options = ["--metrics", "fid,kid", "--cache", "cache", "--real-passes", "0"]
    assert run.main(["--snapshot", *options, "--num-images", "80"]) == 0
    caution = (
        "with fewer than 70 different images or reals the value is too high; here there are 60, so"
        " compare it only with values of the same number of images"
    )
    assert capsys.readouterr().out.splitlines()[0] == f"fid: {caution}"
    (record,) = read_results("results/001-test/metric-fid.jsonl")
    assert (record["num_images"], record["num_reals"]) == (80, 80) and record["notes"] == [caution]
    (record,) = read_results("results/001-test/metric-kid.jsonl")
    assert "notes" not in record
    monkeypatch.setattr(fid, "NUM_FEATURES", 60)
    assert run.main(["--snapshot", *options, "--num-images", "80", "--out", "enough"]) == 0
    assert "fid:" not in capsys.readouterr().out
    assert "notes" not in read_results("enough/metric-fid.jsonl")[0]


def test_misspelt_options_are_named(capsys):
    with pytest.raises(SystemExit):
        run.main(["--snapshot", "--metrcs", "swd"])
    assert "did you mean '--metrics'" in capsys.readouterr().err


def test_wrong_data_sets_are_refused_in_one_line(world):
    for arguments, words in (
        (["--data-dir", write_dataset(world / "gray", 16, 1)], "has 1 channel"),
        (["--data-dir", write_dataset(world / "small", 8)], "8x8, but the networks make 16x16"),
        (["--data-dir", "nowhere"], "nowhere"),
        (["--snapshot", "nothing"], "nothing does not exist"),
        (["--results", "empty"], "no snapshot in empty"),
    ):
        base = [] if "--snapshot" in arguments else ["--snapshot"]
        with pytest.raises(UserError, match=words) as error:
            measure(*base, *arguments)
        assert "\n" not in str(error.value)


def test_advice_for_a_misspelt_data_set_works(world):
    with pytest.raises(UserError) as error:
        measure("--snapshot", "results/001-test", "--metrics", "msssim", "--data-dir", "date")
    command = str(error.value).split("did you mean: ")[1]
    assert command.startswith("python -m metrics.run --snapshot results/001-test/network-snapshot")
    arguments = shlex.split(command)[3:]
    assert measure(*arguments, "--metrics", "msssim", "--real-passes", 0) == 0


def test_missing_data_matters_only_to_metrics_that_compare(world, read_results):
    path = write_run(world / "results", 2, "gone")
    with pytest.raises(UserError, match="the command"):
        measure("--snapshot", path)
    assert measure("--snapshot", path, "--metrics", "msssim") == 0
    (first, _) = read_results(path / "metric-msssim.jsonl")
    assert first["kimg"] == 1.0 and first["dataset"] is None


@pytest.mark.slow
def test_networks_of_the_official_programs_are_measured_on_a_named_data_set(
    world, capsys, read_results
):
    official = GOLDEN / "theano_legacy.pkl"
    convert(official, "official.npz")
    for path in (official, "official.npz"):
        with pytest.raises(UserError, match=r"doesn't say what it was trained on; .*--data-dir"):
            measure("--snapshot", path, "--out", "out")
        assert measure("--snapshot", path, "--data-dir", "data", "--out", "out") == 0
        assert measure("--snapshot", path, "--metrics", "msssim", "--out", "out") == 0
    records = [r for r in read_results("out/metric-swd.jsonl") if "snapshot" in r]
    assert [r["snapshot"] for r in records] == ["theano_legacy.pkl", "official.npz"]
    assert records[0]["values"] == records[1]["values"]
    assert all(r["kimg"] is None and r["mirror"] is False for r in records)
