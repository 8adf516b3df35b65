"""Whole runs of tiny networks: the files they write, and how they stop."""

import contextlib
import errno
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf import load_snapshot
from pgan_tf.config import override, resolve
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.errors import UserError
from pgan_tf.networks import Discriminator, Generator
from pgan_tf.train import train
from pgan_tf.training import feed, grids, loop, reporting, saving
from pgan_tf.training.operations import iteration_operations


def test_a_run_writes_its_files_ticks_and_log(whole, config):
    assert whole.name == "000-tiny"
    names = {p.name for p in whole.iterdir()}
    assert {"config.json", "log.txt", "stats.jsonl", "reals.png", "fakes000000.png"} <= names
    assert any(n.startswith("events.out.tfevents") for n in names)
    assert json.loads((whole / "config.json").read_text())["train"]["total_kimg"] == 0.24

    stats = [json.loads(line) for line in (whole / "stats.jsonl").read_text().splitlines()]
    assert [s["tick"] for s in stats] == [1, 2, 3, 4]
    assert [s["nimg"] for s in stats] == [64, 128, 192, 240]
    assert all(np.isfinite(v) for s in stats for v in s.values())
    # kimg .06 to .12 fades from lod 1 to 0; the schedule is looked up every 24 images.
    assert stats[0]["lod"] == 1.0 and stats[1]["lod"] == 0.0
    log = (whole / "log.txt").read_text()
    for word in ("tick 1 ", "kimg", "lod", "minibatch", "sec/tick", "sec/kimg", "maintenance",
                 "images/s", "D_loss", "left"):  # fmt: skip
        assert word in log

    with Image.open(whole / "fakes000000.png") as picture:
        assert picture.size == (32 * 8, 32 * 8) and picture.mode == "RGB"
        assert np.asarray(picture).std() > 5


def test_reals_grid_shows_images_of_the_data_set(whole, config):
    dataset = Dataset(config.data.path)
    picture = np.asarray(Image.open(whole / "reals.png"))
    cells = picture.reshape(32, 8, 32, 8, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 8, 8, 3)
    images = {image.tobytes() for image in dataset.read(8, np.arange(40))}
    assert {cell.tobytes() for cell in cells} == images


def test_a_trained_snapshot_gives_working_networks(whole, config):
    loaded = load_snapshot(whole)
    assert loaded.nimg == 240 and loaded.lod == 0.0 and loaded.kimg == 0.24
    assert loaded.config == config
    assert loaded.path.name == "network-snapshot-000000-240.npz"
    latents, labels = np.ones([2, 8], np.float32), np.eye(4, dtype=np.float32)[:2]
    images = loaded.Gs(latents, labels)
    assert images.shape == (2, 8, 8, 3)
    scores, logits = loaded.D(images)
    assert scores.shape == (2,) and logits.shape == (2, 4)
    assert np.abs(loaded.Gs(latents, labels) - loaded.G(latents, labels)).max() > 0
    # Gs has the snapshot's own weights, which are not those of G.
    with np.load(loaded.path) as archive:
        weight = archive["Gs/8x8/Conv1/weight"]
        np.testing.assert_array_equal(loaded.Gs.named_variables()["8x8/Conv1/weight"], weight)
        assert np.abs(weight - archive["G/8x8/Conv1/weight"]).max() > 0


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_only_tf32_enables_tensor_float_32(small, tmp_path, precision):
    tensor_float_32 = tf.config.experimental.tensor_float_32_execution_enabled
    before = tensor_float_32()
    try:
        train(
            override(small, {"train.precision": precision, "train.total_kimg": 0.008}),
            str(tmp_path),
        )
        assert tensor_float_32() == (precision == "tf32")
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def test_divergence_stops_with_advice(small, tmp_path):
    options = {
        "schedule.D_lrate_base": 1e30,
        "train.max_skipped": 3,
        "train.network_snapshot_ticks": 1,
    }
    with pytest.raises(
        UserError,
        match=r"diverged at .* updates in a row .* half the learning rates from the start:"
        r" python -m pgan_tf\.train --resume .*000-tiny --from-start --set"
        r" schedule\.G_lrate_base=0\.0005 --set schedule\.D_lrate_base=5e\+29$",
    ):
        train(override(small, options), str(tmp_path))


def test_operations_equal_a_count_by_hand():
    # 8x8, 512 maps: conv 64*9*512^2, scaling 16*16*512^2, 4x4 conv 16*9*512^2, dense 16*512^2,
    # to or from RGB 64*3*512, twice for multiply and add; G 1+3 times, D 12+2 times. D also has
    # the map of the minibatch stddev, 16*9*512, and its last layer, 512.
    G, D = Generator(8), Discriminator(8)
    one = 2 * (512**2 * (64 * 9 + 16 * 16 + 16 * 9 + 16) + 64 * 3 * 512)
    assert G.operations(3) == one
    assert D.operations(3) == one + 2 * 512 * (16 * 9 + 1)
    assert iteration_operations(G, D, 3) == 4 * G.operations(3) + 14 * D.operations(3)
    assert iteration_operations(G, D, 3, 2) == 5 * G.operations(3) + 26 * D.operations(3)


@pytest.mark.slow
def test_a_measurement_survives_later_failures(tmp_path, monkeypatch, tiny):
    path = tmp_path / "noise"
    with DatasetWriter(path, 16, 3) as writer:
        writer.add(np.random.RandomState(0).randint(0, 256, [40, 3, 16, 16]).astype(np.uint8))
    options = {
        "data.path": str(path), "data.labels": False, "train.metrics": "msssim",
        "train.metric_ticks": 1, "train.metric_images": 20, "train.total_kimg": 0.192,
    }  # fmt: skip
    config = resolve({**tiny, **options})
    save_snapshot, save_fakes = saving.save_snapshot, grids.Grids.save_fakes

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saving, "save_snapshot", full)
    with pytest.raises(UserError, match="can't save"):
        train(config, str(tmp_path / "results"))
    (run,) = (tmp_path / "results").iterdir()

    def lines():
        content = (run / "metric-msssim.jsonl").read_text().splitlines()
        return [(r["kimg"], r["snapshot"]) for r in map(json.loads, content)]

    assert lines() == [(0.064, None)]
    monkeypatch.setattr(saving, "save_snapshot", save_snapshot)

    def fails_at_tick_2(self, nimg, lod):
        if nimg == 128:
            full()
        return save_fakes(self, nimg, lod)

    monkeypatch.setattr(grids.Grids, "save_fakes", fails_at_tick_2)
    with pytest.raises(UserError, match=r"No space left on device; saved at 0\.1 kimg"):
        train(config, str(tmp_path / "results"))
    first = (0.064, "network-snapshot-000000-064.npz")
    assert lines() == [first, (0.128, None)]
    monkeypatch.setattr(grids.Grids, "save_fakes", save_fakes)
    train(config, str(tmp_path / "results"))
    assert lines() == [first, (0.128, None), (0.192, "network-snapshot-000000-192.npz")]


@pytest.mark.slow
def test_metrics_during_training_mark_the_best_snapshot(tmp_path, tiny):
    path = tmp_path / "noise"
    with DatasetWriter(path, 16, 3) as writer:
        writer.add(np.random.RandomState(0).randint(0, 256, [40, 3, 16, 16]).astype(np.uint8))
    options = {
        "data.path": str(path), "data.labels": False, "train.metrics": "swd, msssim",
        "train.metric_ticks": 2, "train.metric_images": 20, "train.best_metric": "SWDx1e3_avg",
        "train.keep_snapshots": 1, "train.total_kimg": 0.32,
    }  # fmt: skip
    run = train(resolve({**tiny, **options}), str(tmp_path / "results"))
    stats = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    measured = [s["SWDx1e3_avg"] for s in stats if "SWDx1e3_avg" in s]
    assert [s["tick"] for s in stats if "MS-SSIM" in s] == [2, 4, 5]
    lines = (run / "metric-swd.jsonl").read_text().splitlines()
    assert [json.loads(line)["value"] for line in lines] == measured
    kept = [json.loads(line)["snapshot"] for line in lines]
    assert kept[-1] == "network-snapshot-000000-320.npz" and (run / kept[-1]).exists()
    best = json.loads((run / "best-snapshot.json").read_text())
    assert best["value"] == min(measured) and (run / best["snapshot"]).exists()
    assert "SWDx1e3_avg" in (run / "log.txt").read_text()
    for wrong, message in (
        ({"train.metrics": "swdd"}, "swdd"),
        ({"train.best_metric": "FID"}, "is not a value of"),
        ({"train.best_metric": "SWDx1e3_32"}, r"did you mean 'SWDx1e3_16'"),
        ({"train.metric_images": 21}, "use a multiple of 2, such as 22"),
        ({"data.resolution": 8}, "16x16 or more"),
    ):
        with pytest.raises(UserError, match=message):
            train(resolve({**tiny, **options}, wrong), str(tmp_path / "other"))
        assert not list((tmp_path / "other").iterdir())


@pytest.mark.slow
def test_a_failed_measurement_is_logged_and_training_continues(config, tmp_path, monkeypatch):
    from metrics import during_training, swd

    def broken(*_):
        raise MemoryError("none left")

    monkeypatch.setattr(during_training.Evaluator, "measure", broken)
    monkeypatch.setattr(swd, "MIN_RESOLUTION", 8)
    run = train(override(config, {"train.metrics": "swd", "train.metric_ticks": 1}), str(tmp_path))
    assert "could not be measured: MemoryError: none left" in (run / "log.txt").read_text()
    assert load_snapshot(run).nimg == 240


@pytest.mark.parametrize("tick", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_full_disk_for_tensorboard_loses_nothing(small, tmp_path, monkeypatch, tick):
    flush = reporting.Reporter._summaries
    calls = []

    @contextlib.contextmanager
    def full(reporter, nimg):
        with flush(reporter, nimg):
            yield
            calls.append(nimg)
            if len(calls) > 2 * tick:  # two pictures at the start, then two calls a tick
                raise tf.errors.ResourceExhaustedError(None, None, "Failed to write; No space left")

    monkeypatch.setattr(reporting.Reporter, "_summaries", full)
    small = override(small, {"train.network_snapshot_ticks": 100})
    with pytest.raises(
        UserError, match=r"TensorBoard's file .*: No space left; saved at 0\.\d kimg"
    ):
        train(small, str(tmp_path))
    (run,) = tmp_path.iterdir()
    nimg = load_snapshot(run).nimg
    assert nimg == tick * 64
    monkeypatch.setattr(reporting.Reporter, "_summaries", flush)
    train(small, str(tmp_path))
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    assert [line["tick"] for line in lines] == list(range(1, len(lines) + 1))


def test_a_full_program_cache_loses_nothing(small, tmp_path, monkeypatch):
    whole, calls = loop.TrainStep.__call__, []
    monkeypatch.setenv("TF_XLA_FLAGS", f"--tf_xla_persistent_cache_directory={tmp_path}/kept")

    def full(step, *arguments):
        calls.append(1)
        if len(calls) > 2:
            message = f"{tmp_path}/kept/x.pb.tmp; No space left on device"
            raise tf.errors.ResourceExhaustedError(None, None, message)
        return whole(step, *arguments)

    monkeypatch.setattr(loop.TrainStep, "__call__", full)
    results = tmp_path / "results"
    with pytest.raises(
        UserError, match=r"can't be kept in .*: No space left on device; .*; saved at 0\.\d kimg"
    ):
        train(small, str(results))
    assert load_snapshot(results).nimg > 0


def test_out_of_memory_stops_with_advice(small, tmp_path, monkeypatch):
    def exhausted(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(loop.TrainStep, "__call__", exhausted)
    with pytest.raises(
        UserError,
        match=r"out of memory at 4x4 with a minibatch of 8 per replica; from the start: python"
        r" -m pgan_tf\.train --resume .*000-tiny --from-start --set"
        r" schedule\.max_minibatch_per_gpu=4:4$",
    ):
        train(small, str(tmp_path))
    assert "out of memory at 4x4" in (tmp_path / "000-tiny" / "log.txt").read_text()


def test_a_damaged_record_in_mid_run_loses_nothing(small, tmp_path, monkeypatch):
    batches = feed.Feed.batches

    def damaged(self, iteration):
        if iteration.nimg == 88:
            raise UserError("shapes-r03.tfrecords: record 7 is damaged")
        return batches(self, iteration)

    monkeypatch.setattr(feed.Feed, "batches", damaged)
    options = {"train.network_snapshot_ticks": 0, "train.image_snapshot_ticks": 0}
    with pytest.raises(UserError, match=r"record 7 is damaged; saved at 0\.1 kimg"):
        train(override(small, options), str(tmp_path))
    assert load_snapshot(tmp_path / "000-tiny").nimg == 88
