"""Whole runs of tiny networks: what they leave, how they continue, how they stop."""

import contextlib
import errno
import json
import os
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pgan_tf import load_snapshot, snapshot
from pgan_tf.config import override, resolve
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.errors import UserError
from pgan_tf.training import feed, loop, reports, run_directory
from pgan_tf.training.loop import Interrupted, train
from pgan_tf.training.operations import iteration_operations

OPTIONS = {
    "name": "tiny",
    "data.mirror": True,
    "data.labels": True,
    "G.fmap_base": 32,
    "G.fmap_max": 8,
    "D.fmap_base": 32,
    "D.fmap_max": 8,
    "schedule.lod_training_kimg": 0.06,
    "schedule.lod_transition_kimg": 0.06,
    "schedule.minibatch_base": 8,
    "schedule.tick_kimg_base": 0.064,
    "schedule.tick_kimg_dict": {},
    "train.total_kimg": 0.24,
    "train.minibatch_repeats": 3,
    "train.network_snapshot_ticks": 1,
    "train.xla": False,
}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "shapes"
    images = np.random.RandomState(0).randint(0, 256, [40, 3, 8, 8]).astype(np.uint8)
    with DatasetWriter(path, 8, 3) as writer:
        writer.add(images)
        writer.set_labels(np.eye(4, dtype=np.float32)[np.arange(40) % 4])
    return resolve({**OPTIONS, "data.path": str(path)})


@pytest.fixture(scope="module")
def exact(config):
    """With XLA, under which the CPU gives the same bits whatever else it is doing."""
    return override(config, {"train.xla": True})


@pytest.fixture(scope="module")
def whole(exact, tmp_path_factory):
    """A run from start to end without interruption."""
    return train(exact, str(tmp_path_factory.mktemp("whole")))


def arrays_of(run):
    return snapshot.load_arrays(snapshot.newest_snapshot(run), "pgan_tf snapshot 1")[0]


def assert_same(a, b):
    assert a.keys() == b.keys() and len(a) > 30
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_leaves_what_it_should(whole, config):
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
    from pgan_tf.data.dataset import Dataset

    dataset = Dataset(config.data.path)
    picture = np.asarray(Image.open(whole / "reals.png"))
    cells = picture.reshape(32, 8, 32, 8, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 8, 8, 3)
    images = {image.tobytes() for image in dataset.read(8, np.arange(40))}
    assert {cell.tobytes() for cell in cells} == images


def test_snapshot_gives_networks_that_run(whole, exact):
    loaded = load_snapshot(whole)
    assert loaded.nimg == 240 and loaded.lod == 0.0 and loaded.kimg == 0.24
    assert loaded.config == exact
    assert loaded.path.name == "network-snapshot-000000-240.npz"
    latents, labels = np.ones([2, 8], np.float32), np.eye(4, dtype=np.float32)[:2]
    images = loaded.Gs(latents, labels)
    assert images.shape == (2, 8, 8, 3)
    scores, logits = loaded.D(images)
    assert scores.shape == (2,) and logits.shape == (2, 4)
    assert np.abs(loaded.Gs(latents, labels) - loaded.G(latents, labels)).max() > 0
    # Gs is the moving average that was trained, not a copy of its start.
    with np.load(loaded.path) as archive:
        weight = archive["Gs/8x8/Conv1/weight"]
        np.testing.assert_array_equal(loaded.Gs.named_layers["8x8/Conv1"].weight, weight)
        assert np.abs(weight - archive["G/8x8/Conv1/weight"]).max() > 0


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_only_tf32_lets_gpus_round_factors(config, tmp_path, precision):
    tensor_float_32 = tf.config.experimental.tensor_float_32_execution_enabled
    before = tensor_float_32()
    try:
        train(
            override(config, {"train.precision": precision, "train.total_kimg": 0.008}),
            str(tmp_path),
        )
        assert tensor_float_32() == (precision == "tf32")
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def test_same_seed_same_bytes(whole, exact, tmp_path):
    again = train(exact, str(tmp_path))
    assert_same(arrays_of(again), arrays_of(whole))
    for name in ("reals.png", "fakes000000.png"):
        assert (again / name).read_bytes() == (whole / name).read_bytes()
    other = train(override(exact, {"train.seed": 7, "train.total_kimg": 0.008}), str(tmp_path))
    assert other.name == "001-tiny"
    a, b = arrays_of(other), arrays_of(whole)
    assert np.abs(a["G/4x4/Conv/weight"] - b["G/4x4/Conv/weight"]).max() > 0.5


def test_same_command_continues_and_a_longer_one_too(whole, exact, tmp_path, capsys):
    short = override(exact, {"train.total_kimg": 0.1})
    first = train(short, str(tmp_path))
    second = train(exact, str(tmp_path))
    assert first == second
    assert_same(arrays_of(second), arrays_of(whole))
    stats = [json.loads(line) for line in (second / "stats.jsonl").read_text().splitlines()]
    assert [s["nimg"] for s in stats] == sorted({s["nimg"] for s in stats})
    assert len(list(second.glob("training-state-*.npz"))) == 2
    capsys.readouterr()
    assert train(exact, str(tmp_path)) == second
    assert "is finished" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_saves_and_continues(whole, exact, tmp_path, monkeypatch, number):
    iterate = loop._Training.iterate

    def interrupted(self, iteration, batches):
        iterate(self, iteration, batches)
        if self.nimg == 88:  # within a fade, between two look-ups of the schedule
            os.kill(os.getpid(), number)

    monkeypatch.setattr(loop._Training, "iterate", interrupted)
    with pytest.raises(Interrupted, match="the same command continues"):
        train(exact, str(tmp_path))
    monkeypatch.undo()
    assert "stopped at 0.1 kimg" in next(tmp_path.glob("*/log.txt")).read_text()
    assert signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL)
    run = train(exact, str(tmp_path))
    assert_same(arrays_of(run), arrays_of(whole))
    # The tick that was interrupted ends where it would have ended, with the means of all of it.
    ticks = [
        [json.loads(line) for line in (path / "stats.jsonl").read_text().splitlines()]
        for path in (run, whole)
    ]
    assert [s["nimg"] for s in ticks[0]] == [64, 128, 192, 240]
    for ours, theirs in zip(*ticks, strict=True):
        for name in ("lod", "D_loss", "G_loss", "gradient_penalty"):
            assert ours[name] == theirs[name]
    assert {p.name for p in run.glob("fakes*")} == {p.name for p in whole.glob("fakes*")}


@pytest.mark.parametrize("part", ["network-snapshot", "training-state"])
def test_full_disk_keeps_the_snapshots_before(config, tmp_path, monkeypatch, part):
    run = train(override(config, {"train.total_kimg": 0.064}), str(tmp_path))
    before = {p.name: p.read_bytes() for p in run.glob("*.npz")}
    real = np.savez

    def full(file, **arrays):
        real(file, **arrays)
        if part in file.name:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(UserError, match=r"can't save .*No space left"):
        train(config, str(tmp_path))
    monkeypatch.undo()
    after = {p.name: p.read_bytes() for p in run.iterdir() if p.suffix == ".npz"}
    assert before.items() <= after.items()
    assert not [p for p in run.iterdir() if p.name.endswith(".partial")]
    assert train(config, str(tmp_path)) == run  # and it goes on
    assert load_snapshot(run).nimg == 240


def damage(path):
    """Flips a bit in the middle of the file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_nothing_whole_to_continue_from_is_told(config, tmp_path):
    run = train(override(config, {"train.total_kimg": 0.016}), str(tmp_path))
    state, network = next(run.glob("training-state*")), next(run.glob("network-snapshot*"))
    whole_file = network.read_bytes()
    network.write_bytes(whole_file[: len(whole_file) // 2])
    with pytest.raises(UserError, match=r"network-snapshot-000000-016\.npz is damaged.*--new"):
        train(config, str(tmp_path))
    damage(network)
    with pytest.raises(UserError, match="is damaged"):
        load_snapshot(network)
    network.write_bytes(whole_file)
    state.write_bytes(b"PK")
    with pytest.raises(UserError, match=r"training-state.*--new"):
        train(config, str(tmp_path))
    state.unlink()
    with pytest.raises(UserError, match=r"no training state beside it.*--new"):
        train(config, str(tmp_path))
    network.unlink()
    with pytest.raises(UserError, match="no snapshot in"):
        load_snapshot(run)


@pytest.fixture(scope="module")
def half(config, tmp_path_factory):
    """The results of a run that can go on."""
    results = tmp_path_factory.mktemp("half")
    options = {"train.keep_snapshots": 1, "train.total_kimg": 0.128}
    train(override(config, options), str(results))
    return results


@pytest.mark.parametrize("what", ["network-snapshot-000000-128", "training-state-000000000128"])
@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_the_save_before_is_taken_where_the_newest_is_damaged(half, config, tmp_path, what, how):
    results = shutil.copytree(half, tmp_path / "results")
    run = results / "000-tiny"
    assert len(list(run.glob("network-snapshot*"))) == len(list(run.glob("training-state*"))) == 2
    newest = run / f"{what}.npz"
    if how == "damaged":
        damage(newest)
    else:
        newest.unlink()
    assert train(override(config, {"train.keep_snapshots": 1}), str(results)) == run
    assert load_snapshot(run).nimg == 240
    log = (run / "log.txt").read_text()
    assert "going back to 0.1 kimg" in log
    if how == "damaged":
        assert f"{what}.npz is damaged" in log
        assert (run / f"set-aside-{what}.npz").exists()
    for kind in ("network-snapshot", "training-state"):
        assert len(list(run.glob(f"{kind}*"))) == 2
    stats = [json.loads(line)["nimg"] for line in (run / "stats.jsonl").read_text().splitlines()]
    assert stats == [64, 128, 192, 240]


def rewrite(path, arrays, meta):
    with snapshot.saving_arrays(path, arrays, meta):
        pass


def test_a_state_that_does_not_fit_is_told(config, tmp_path):
    run = train(override(config, {"train.total_kimg": 0.016}), str(tmp_path))
    path = next(run.glob("training-state*"))
    arrays, meta = snapshot.load_arrays(path, run_directory._STATE_FORMAT)
    fewer = dict(list(arrays.items())[1:])
    not_numbers = {name: array * np.nan for name, array in arrays.items()}
    texts = {name: array.astype("U5") for name, array in arrays.items()}
    for change, kept, message in (
        ({"format": "pgan_tf training state 1"}, arrays, r"of another version of this program"),
        ({"format": "something"}, arrays, r"damaged or no training state; .*--new"),
        ({"snapshot": "../network-snapshot-000000-016.npz"}, arrays, "no snapshot of its moment"),
        ({"nimg": None}, arrays, "no whole training state"),
        ({"time": float("nan")}, arrays, "no whole training state"),
        ({"phase_nimg": -5}, arrays, "no whole training state"),
        ({"nimg": 17}, arrays, "no snapshot of its moment"),
        ({}, fewer, r"is of other networks.*--new"),
        ({}, not_numbers, r"numbers that are not finite.*--new"),
        ({}, texts, r"numbers that are not finite.*--new"),
    ):
        rewrite(path, kept, {**meta, **change})
        with pytest.raises(UserError, match=message):
            train(config, str(tmp_path))


def test_a_state_of_one_flipped_bit_is_told_whichever(config, tmp_path):
    run = train(override(config, {"train.total_kimg": 0.008}), str(tmp_path))
    path = next(run.glob("training-state*"))
    content = path.read_bytes()
    rs = np.random.RandomState(0)
    where, told = content.index(b"\x93NUMPY"), 0
    for position in [*range(where, where + 128), *rs.randint(0, len(content), 200)]:
        damaged = bytearray(content)
        damaged[position] ^= 1 << rs.randint(8)
        path.write_bytes(damaged)
        try:
            arrays, _ = snapshot.load_arrays(path, run_directory._STATE_FORMAT)
        except UserError as error:
            assert "\n" not in str(error)
            told += 1
        else:  # a place that means nothing, or hides arrays, which is told when they are missed
            path.write_bytes(content)
            whole, _ = snapshot.load_arrays(path, run_directory._STATE_FORMAT)
            for name in arrays:
                np.testing.assert_array_equal(arrays[name], whole[name], err_msg=name)
    assert told > 300  # of 328


def test_snapshots_to_continue_from_stay(config, tmp_path):
    directory = run_directory.RunDirectory.create(tmp_path, config)
    for nimg in (1000, 2000, 3000, 4000, 5000, 6000):
        directory.snapshot_path(nimg).touch()
    for nimg in (2000, 4000):
        (directory.path / f"training-state-{nimg:012d}.npz").touch()
    directory.remove_old_snapshots(0)
    assert len(list(directory.path.glob("network*"))) == 6
    directory.remove_old_snapshots(1, directory.snapshot_path(3000))
    left = [snapshot.nimg_of(path) for path in snapshot.snapshots_of(directory.path)]
    assert left == [2000, 3000, 4000, 6000]


def test_networks_larger_than_their_weights_take_no_memory(whole, tmp_path):
    arrays, meta = snapshot.load_arrays(snapshot.newest_snapshot(whole), "pgan_tf snapshot 1")
    for change in (
        {"fmap_base": 2**40, "fmap_max": 2**30}, {"latent_size": 2**40}, {"resolution": 2**60},
        {"label_size": 2**30},
    ):  # fmt: skip
        networks = {**meta["networks"], "G": {**meta["networks"]["G"], **change}}
        rewrite(tmp_path / "x.npz", arrays, {**meta, "networks": networks})
        with pytest.raises(UserError, match=r"x\.npz .*larger than its weights"):
            load_snapshot(tmp_path / "x.npz")
    config = {**meta["config"], "train": {**meta["config"]["train"], "seed": "x"}}
    rewrite(tmp_path / "x.npz", arrays, {**meta, "config": config})
    with pytest.raises(UserError, match=r"x\.npz .*train\.seed='x'"):
        load_snapshot(tmp_path / "x.npz")
    for change in ({"config": None}, {"nimg": -1}, {"nimg": True}, {"lod": "x"}, {"networks": []}):
        rewrite(tmp_path / "x.npz", arrays, {**meta, **change})
        with pytest.raises(UserError, match=r"x\.npz is not a whole snapshot: .*"):
            load_snapshot(tmp_path / "x.npz")
    huge = {name: array * 1e300 for name, array in ((k, v.astype("f8")) for k, v in arrays.items())}
    rewrite(tmp_path / "x.npz", huge, meta)
    with pytest.raises(UserError, match="no finite numbers"):
        load_snapshot(tmp_path / "x.npz")
    np.savez_compressed(tmp_path / "y.npz", **arrays, big=np.zeros(2**24))
    with pytest.raises(UserError, match="declares more than it holds"):
        load_snapshot(tmp_path / "y.npz")


def test_divergence_stops_with_one_line(config, tmp_path):
    options = {
        "schedule.D_lrate_base": 1e30,
        "train.max_skipped": 3,
        "train.network_snapshot_ticks": 1,
    }
    with pytest.raises(
        UserError, match=r"diverged at .* updates in a row .*; no snapshot yet; try lower"
    ):
        train(override(config, options), str(tmp_path))


def test_order_is_whole_epochs_and_a_function_of_position():
    from pgan_tf.data.order import ImageOrder

    order = ImageOrder(10, seed=3)
    stream = order.indices(0, 50)
    for epoch in range(5):
        assert sorted(stream[epoch * 10 : epoch * 10 + 10]) == list(range(10))
    assert len({tuple(stream[e * 10 : e * 10 + 10]) for e in range(5)}) == 5
    np.testing.assert_array_equal(ImageOrder(10, seed=3).indices(17, 26), stream[17:43])
    assert (ImageOrder(10, seed=4).indices(0, 10) != stream[:10]).any()


def test_batches_are_a_function_of_images_shown(config):
    from pgan_tf.data.dataset import Dataset

    dataset = Dataset(config.data.path)
    makers = [feed.Feed(dataset, config, 8) for _ in range(2)]
    plan = list(feed.iterations(config, 8, 1, 0, 0))
    made = [makers[0].batches(i) for i in plan]
    for i in reversed(range(len(plan))):
        for a, b in zip(
            tf.nest.flatten(made[i]), tf.nest.flatten(makers[1].batches(plan[i])), strict=True
        ):
            np.testing.assert_array_equal(a, b)
    d, g = made[0][0][0], made[0][1]
    assert np.abs(d.latents - g.latents).max() > 0.1
    np.testing.assert_array_equal(d.reals, dataset.read(4, makers[0]._order.indices(0, 8)))
    flips = np.concatenate([b[0][0].flips for b in made])
    assert 0.3 < flips.mean() < 0.7
    latents = np.concatenate([b[1].latents.ravel() for b in made])
    assert abs(latents.mean()) < 0.1 and abs(latents.std() - 1) < 0.1


def test_iterations_go_on_between_two_look_ups(config):
    plan = list(feed.iterations(config, 8, 1, 0, 0))
    assert [i.phase.nimg for i in plan[:7]] == [0, 0, 0, 24, 24, 24, 48]
    assert list(feed.iterations(config, 8, 1, 32, 24)) == plan[4:]


def test_row_per_class(config):
    from pgan_tf.data.dataset import Dataset

    dataset = Dataset(config.data.path)
    maker = feed.Feed(dataset, override(config, {"train.image_layout": "row_per_class"}), 8)
    indices, _, labels = maker.grid(5, 6)
    classes = labels.argmax(axis=1).reshape(6, 5)
    assert (classes == np.array([0, 1, 2, 3, 0, 1])[:, None]).all()
    np.testing.assert_array_equal(dataset.labels[indices], labels)


def test_operations_match_a_count_by_hand():
    # 8x8, 512 maps: conv 64*9*512^2, scaling 16*16*512^2, 4x4 conv 16*9*512^2, dense 16*512^2,
    # to or from RGB 64*3*512, twice for multiply and add; G 1+3 times, D 12+2 times.
    one = 2 * (512**2 * (64 * 9 + 16 * 16 + 16 * 9 + 16) + 64 * 3 * 512)
    assert iteration_operations(resolve({}), 3) == pytest.approx(18 * one)


def test_finds_the_run_of_the_same_options(config, tmp_path):
    a = run_directory.RunDirectory.create(tmp_path, config)
    b = run_directory.RunDirectory.create(tmp_path, override(config, {"train.seed": 1}))
    assert (a.path.name, b.path.name) == ("000-tiny", "001-tiny")
    (tmp_path / "002-broken").mkdir()
    (tmp_path / "notes").mkdir()
    find = run_directory.RunDirectory.find
    assert find(tmp_path, override(config, {"train.total_kimg": 99})).path == a.path
    assert find(tmp_path, override(config, {"train.seed": 1})).path == b.path
    assert find(tmp_path, override(config, {"train.seed": 2})) is None
    (b.path / "config.json").write_text('{"data": ')
    assert find(tmp_path, config).path == a.path  # it has nothing to continue from
    (b.path / "network-snapshot-000001.npz").touch()
    with pytest.raises(UserError, match=r"001-tiny/config\.json, .* can't be read; .* --new"):
        find(tmp_path, config)
    c = run_directory.RunDirectory.create(tmp_path, config)
    assert find(tmp_path, config).path == c.path


def test_a_measurement_outlives_what_fails_after_it(tmp_path, monkeypatch):
    path = tmp_path / "noise"
    with DatasetWriter(path, 16, 3) as writer:
        writer.add(np.random.RandomState(0).randint(0, 256, [40, 3, 16, 16]).astype(np.uint8))
    options = {
        "data.path": str(path), "data.labels": False, "train.metrics": "msssim",
        "train.metric_ticks": 1, "train.metric_images": 20, "train.total_kimg": 0.192,
    }  # fmt: skip
    config = resolve({**OPTIONS, **options})
    save_snapshot, save_fakes = loop.save_snapshot, loop._Training.save_fakes

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(loop, "save_snapshot", full)
    with pytest.raises(UserError, match="can't save"):
        train(config, str(tmp_path / "results"))
    (run,) = (tmp_path / "results").iterdir()

    def lines():
        content = (run / "metric-msssim.jsonl").read_text().splitlines()
        return [(r["kimg"], r["snapshot"]) for r in map(json.loads, content)]

    assert lines() == [(0.064, None)]
    monkeypatch.setattr(loop, "save_snapshot", save_snapshot)

    def fails_at_tick_2(self, lod):
        if self.tick == 2:
            full()
        save_fakes(self, lod)

    monkeypatch.setattr(loop._Training, "save_fakes", fails_at_tick_2)
    with pytest.raises(UserError, match=r"No space left on device; saved at 0\.1 kimg"):
        train(config, str(tmp_path / "results"))
    first = (0.064, "network-snapshot-000000-064.npz")
    assert lines() == [first, (0.128, None)]
    monkeypatch.setattr(loop._Training, "save_fakes", save_fakes)
    train(config, str(tmp_path / "results"))
    assert lines() == [first, (0.128, None), (0.192, "network-snapshot-000000-192.npz")]


def test_metrics_while_training_mark_the_best_snapshot(tmp_path):
    path = tmp_path / "noise"
    with DatasetWriter(path, 16, 3) as writer:
        writer.add(np.random.RandomState(0).randint(0, 256, [40, 3, 16, 16]).astype(np.uint8))
    options = {
        "data.path": str(path), "data.labels": False, "train.metrics": "swd, msssim",
        "train.metric_ticks": 2, "train.metric_images": 20, "train.best_metric": "SWDx1e3_avg",
        "train.keep_snapshots": 1, "train.total_kimg": 0.32,
    }  # fmt: skip
    run = train(resolve({**OPTIONS, **options}), str(tmp_path / "results"))
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
        ({"train.best_metric": "FID"}, "none of the values"),
        ({"train.best_metric": "SWDx1e3_32"}, r"did you mean 'SWDx1e3_16'"),
        ({"train.metric_images": 21}, "take an even one"),
        ({"data.resolution": 8}, "16x16 or more"),
    ):
        with pytest.raises(UserError, match=message):
            train(resolve({**OPTIONS, **options}, wrong), str(tmp_path / "other"))
        assert not list((tmp_path / "other").iterdir())


def test_a_measurement_that_fails_is_said_and_the_training_goes_on(config, tmp_path, monkeypatch):
    from metrics import during_training, swd

    def broken(*_):
        raise MemoryError("none left")

    monkeypatch.setattr(during_training.Evaluator, "measure", broken)
    monkeypatch.setattr(swd, "MIN_RESOLUTION", 8)
    run = train(override(config, {"train.metrics": "swd", "train.metric_ticks": 1}), str(tmp_path))
    assert "not measured: MemoryError: none left" in (run / "log.txt").read_text()
    assert load_snapshot(run).nimg == 240


def test_continuing_drops_what_was_written_after_the_save(config, tmp_path):
    directory = run_directory.RunDirectory.create(tmp_path, config)
    directory.append("stats.jsonl", '{"nimg": 1000, "kimg": 1.0}')
    directory.append("stats.jsonl", '{"nimg": 2000, "kimg": 2.0}')
    directory.append("metric-swd.jsonl", '{"kimg": 1.0, "value": 3}')
    directory.append("metric-swd.jsonl", '{"kimg": 2.0, "value": 4}')
    directory.append("metric-swd.jsonl", '{"kimg": 2.0, "snapshot": "of the command"}')
    directory.append("metric-swd.jsonl", '{"reals_pass": 1}')
    directory.append("metric-swd.jsonl", '{"kimg": 0.5, "val')
    directory.rewind(1500)
    assert len((directory.path / "stats.jsonl").read_text().splitlines()) == 1
    kept = (directory.path / "metric-swd.jsonl").read_text().splitlines()
    assert [json.loads(line).get("value") for line in kept] == [3, None, None]


def test_another_data_set_under_the_same_name_is_told(config, tmp_path):
    def make(resolution, channels, seed):
        pixels = np.random.RandomState(seed).randint(0, 256, [8, channels, resolution, resolution])
        with DatasetWriter(tmp_path / "set", resolution, channels, force=True) as writer:
            writer.add(pixels.astype(np.uint8))

    options = {"data.path": str(tmp_path / "set"), "data.labels": False, "train.total_kimg": 0.016}
    make(8, 3, 0)
    train(override(config, options), str(tmp_path / "results"))
    for other in ((16, 3, 0), (8, 1, 0), (8, 3, 1)):
        make(*other)
        with pytest.raises(UserError, match=r"was trained on other images .* with --new"):
            train(override(config, {**options, "train.total_kimg": 0.1}), str(tmp_path / "results"))
    make(8, 3, 0)
    train(override(config, {**options, "train.total_kimg": 0.1}), str(tmp_path / "results"))


@pytest.mark.parametrize("tick", [1, 3])
def test_a_full_disk_for_tensorboard_loses_nothing(config, tmp_path, monkeypatch, tick):
    flush = reports.Reporter._summaries
    calls = []

    @contextlib.contextmanager
    def full(reporter, nimg):
        with flush(reporter, nimg):
            yield
            calls.append(nimg)
            if len(calls) > 2 * tick:  # two pictures at the start, then scalars and a picture
                raise tf.errors.ResourceExhaustedError(None, None, "Failed to write; No space left")

    monkeypatch.setattr(reports.Reporter, "_summaries", full)
    config = override(config, {"train.network_snapshot_ticks": 100})
    with pytest.raises(
        UserError, match=r"TensorBoard's file .*: No space left; saved at 0\.\d kimg"
    ):
        train(config, str(tmp_path))
    (run,) = tmp_path.iterdir()
    nimg = load_snapshot(run).nimg
    assert nimg == tick * 64
    monkeypatch.setattr(reports.Reporter, "_summaries", flush)
    train(config, str(tmp_path))
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    assert [line["tick"] for line in lines] == list(range(1, len(lines) + 1))


def test_out_of_memory_is_one_line(config, tmp_path, monkeypatch):
    def exhausted(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(loop.TrainStep, "__call__", exhausted)
    with pytest.raises(UserError, match=r"out of memory at 4x4 with a minibatch of 8 per replica"):
        train(config, str(tmp_path))


def test_two_devices_train_and_continue(config, tmp_path):
    # Labels with one group of four per replica; the statistics are those of other samples than
    # on one device, so only the run as such is looked at.
    options = {"train.gpus": 2, "train.total_kimg": 0.1, "schedule.minibatch_base": 16}
    run = train(override(config, options), str(tmp_path))
    first = load_snapshot(run).nimg
    assert train(override(config, {**options, "train.total_kimg": 0.2}), str(tmp_path)) == run
    assert load_snapshot(run).nimg > first >= 100
    assert "on 2 CPUs" in (run / "log.txt").read_text()
    with pytest.raises(UserError, match=r"train.gpus=3, but this machine has 2 CPU"):
        train(override(config, {**options, "train.gpus": 3}), str(tmp_path))


def test_one_process_a_run(config, tmp_path):
    directory = run_directory.RunDirectory.create(tmp_path, config)
    with directory.locked(), pytest.raises(UserError, match="by another process"):
        train(config, str(tmp_path))


def test_a_damaged_record_in_mid_run_loses_nothing(config, tmp_path, monkeypatch):
    batches = feed.Feed.batches

    def damaged(self, iteration):
        if iteration.nimg == 88:
            raise UserError("shapes-r03.tfrecords: record 7 is damaged")
        return batches(self, iteration)

    monkeypatch.setattr(feed.Feed, "batches", damaged)
    options = {"train.network_snapshot_ticks": 0, "train.image_snapshot_ticks": 0}
    with pytest.raises(UserError, match=r"record 7 is damaged; saved at 0\.1 kimg"):
        train(override(config, options), str(tmp_path))
    assert load_snapshot(tmp_path / "000-tiny").nimg == 88
