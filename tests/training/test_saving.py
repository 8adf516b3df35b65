"""What a run saves, and how it continues from it."""

import errno
import json
import os
import shutil
import signal

import numpy as np
import pytest
from run_files import STATE, arrays_of, assert_same, damage, rewrite

from pgan_tf import load_snapshot
from pgan_tf.config import override
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.errors import UserError
from pgan_tf.run import Run, snapshot_name, state_name
from pgan_tf.snapshots.archive import load_arrays
from pgan_tf.train import train
from pgan_tf.training import loop
from pgan_tf.training.loop import Interrupted
from pgan_tf.training.run_directory import RunDirectory


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(whole, config, tmp_path):
    again = train(config, str(tmp_path))
    assert_same(arrays_of(again), arrays_of(whole))
    for name in ("reals.png", "fakes000000.png"):
        assert (again / name).read_bytes() == (whole / name).read_bytes()
    other = train(override(config, {"train.seed": 7, "train.total_kimg": 0.008}), str(tmp_path))
    assert other.name == "001-tiny"
    a, b = arrays_of(other), arrays_of(whole)
    assert np.abs(a["G/4x4/Conv/weight"] - b["G/4x4/Conv/weight"]).max() > 0.5


@pytest.mark.slow
def test_the_same_or_a_longer_command_continues(whole, config, tmp_path, capsys):
    short = override(config, {"train.total_kimg": 0.1})
    first = train(short, str(tmp_path))
    second = train(config, str(tmp_path))
    assert first == second
    assert_same(arrays_of(second), arrays_of(whole))
    stats = [json.loads(line) for line in (second / "stats.jsonl").read_text().splitlines()]
    assert [s["nimg"] for s in stats] == sorted({s["nimg"] for s in stats})
    assert len(list(second.glob("training-state-*.npz"))) == 2
    capsys.readouterr()
    assert train(config, str(tmp_path)) == second
    assert "is finished" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_saves_and_continues(whole, config, tmp_path, monkeypatch, number):
    iterate = loop.Loop.iterate

    def interrupted(self, iteration, batches):
        iterate(self, iteration, batches)
        if self.position.nimg == 88:  # during a fade, between two lookups of the schedule
            os.kill(os.getpid(), number)

    monkeypatch.setattr(loop.Loop, "iterate", interrupted)
    with pytest.raises(Interrupted, match="the same command continues"):
        train(config, str(tmp_path))
    monkeypatch.undo()
    assert "stopped at 0.1 kimg" in next(tmp_path.glob("*/log.txt")).read_text()
    assert signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL)
    run = train(config, str(tmp_path))
    assert_same(arrays_of(run), arrays_of(whole))
    # The interrupted tick ends where it would have ended, with means over the whole tick.
    ticks = [
        [json.loads(line) for line in (path / "stats.jsonl").read_text().splitlines()]
        for path in (run, whole)
    ]
    assert [s["nimg"] for s in ticks[0]] == [64, 128, 192, 240]
    for ours, theirs in zip(*ticks, strict=True):
        for name in ("lod", "D_loss", "G_loss", "gradient_penalty"):
            assert ours[name] == theirs[name]
    assert {p.name for p in run.glob("fakes*")} == {p.name for p in whole.glob("fakes*")}


def test_an_interruption_before_the_first_step_saves_nothing(config, tmp_path, monkeypatch):
    begin = loop.prefetch

    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return begin(*arguments)

    monkeypatch.setattr(loop, "prefetch", interrupted)
    monkeypatch.setattr(loop.Loop, "iterate", None)
    with pytest.raises(Interrupted, match="before the first step; the same command begins again"):
        train(config, str(tmp_path))
    (run,) = tmp_path.iterdir()
    assert not list(run.glob("*.npz"))


@pytest.mark.slow
@pytest.mark.parametrize("part", ["network-snapshot", "training-state"])
def test_a_full_disk_keeps_earlier_snapshots(small, tmp_path, monkeypatch, part):
    run = train(override(small, {"train.total_kimg": 0.064}), str(tmp_path))
    before = {p.name: p.read_bytes() for p in run.glob("*.npz")}
    real = np.savez

    def full(file, **arrays):
        real(file, **arrays)
        if part in file.name:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(UserError, match=r"can't save .*No space left"):
        train(small, str(tmp_path))
    monkeypatch.undo()
    after = {p.name: p.read_bytes() for p in run.iterdir() if p.suffix == ".npz"}
    assert before.items() <= after.items()
    assert not [p for p in run.iterdir() if p.name.endswith(".partial")]
    assert train(small, str(tmp_path)) == run  # it continues
    assert load_snapshot(run).nimg == 240


def test_a_run_without_a_whole_save_is_refused(small, tmp_path):
    run = train(override(small, {"train.total_kimg": 0.016}), str(tmp_path))
    state, network = next(run.glob("training-state*")), next(run.glob("network-snapshot*"))
    whole_file = network.read_bytes()
    network.write_bytes(whole_file[: len(whole_file) // 2])
    with pytest.raises(UserError, match=r"network-snapshot-000000-016\.npz is damaged.*--new"):
        train(small, str(tmp_path))
    damage(network)
    with pytest.raises(UserError, match="is damaged"):
        load_snapshot(network)
    network.write_bytes(whole_file)
    state.write_bytes(b"PK")
    with pytest.raises(UserError, match=r"training-state.*--new"):
        train(small, str(tmp_path))
    state.unlink()
    shutil.copy(network, run / "network-snapshot-000000-008.npz")
    with pytest.raises(UserError, match=r"no training state beside it.*--new"):
        train(small, str(tmp_path))
    network.unlink()
    (run / "network-snapshot-000000-008.npz").unlink()
    with pytest.raises(UserError, match="no snapshot in"):
        load_snapshot(run)


@pytest.mark.parametrize("what", ["network-snapshot-000000-128", "training-state-000000000128"])
@pytest.mark.parametrize("how", ["damaged", pytest.param("gone", marks=pytest.mark.slow)])
def test_continues_from_the_save_before_a_damaged_one(half, small, tmp_path, what, how):
    results = shutil.copytree(half, tmp_path / "results")
    run = results / "000-tiny"
    assert len(list(run.glob("network-snapshot*"))) == len(list(run.glob("training-state*"))) == 2
    newest = run / f"{what}.npz"
    if how == "damaged":
        damage(newest)
    else:
        newest.unlink()
    assert train(override(small, {"train.keep_snapshots": 1}), str(results)) == run
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


def test_a_state_that_does_not_fit_is_refused(small, tmp_path):
    run = train(override(small, {"train.total_kimg": 0.016}), str(tmp_path))
    path = next(run.glob("training-state*"))
    arrays, meta = load_arrays(path, *STATE)
    fewer = dict(list(arrays.items())[1:])
    not_numbers = {name: array * np.nan for name, array in arrays.items()}
    texts = {name: array.astype("U5") for name, array in arrays.items()}
    for change, kept, message in (
        ({"format": "pgan_tf training state 1"}, arrays, r"from another version of this program"),
        ({"format": "something"}, arrays, r"damaged or not a training state; .*--new"),
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
            train(small, str(tmp_path))


@pytest.mark.slow
def test_any_flipped_bit_of_a_state_is_found_or_harmless(small, tmp_path):
    run = train(override(small, {"train.total_kimg": 0.008}), str(tmp_path))
    path = next(run.glob("training-state*"))
    content = path.read_bytes()
    rs = np.random.RandomState(0)
    header, refused = content.index(b"\x93NUMPY"), 0
    for position in [*range(header, header + 128), *rs.randint(0, len(content), 200)]:
        damaged = bytearray(content)
        damaged[position] ^= 1 << rs.randint(8)
        path.write_bytes(damaged)
        try:
            arrays, _ = load_arrays(path, *STATE)
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
        else:  # the bit is unused, or hides arrays, whose absence is noticed later
            path.write_bytes(content)
            whole, _ = load_arrays(path, *STATE)
            for name in arrays:
                np.testing.assert_array_equal(arrays[name], whole[name], err_msg=name)
    assert refused > 300  # of 328


def test_old_snapshots_are_removed_but_not_those_to_continue_from(config, tmp_path):
    directory = RunDirectory.create(tmp_path, config)
    for nimg in (1000, 2000, 3000, 4000, 5000, 6000):
        (directory.path / snapshot_name(nimg)).touch()
    for nimg in (1000, 2000, 4000):
        (directory.path / state_name(nimg)).touch()
    best = {"snapshot": snapshot_name(3000), "column": "FID", "value": 3.5}
    (directory.path / "best-snapshot.json").write_text(json.dumps(best))
    directory.remove_old_states()
    directory.remove_old_snapshots(0)
    assert len(directory.snapshots) == 6
    directory.remove_old_snapshots(1)
    assert [moment.nimg for moment in directory.snapshots] == [2000, 3000, 4000, 6000]
    assert [moment.nimg for moment in directory.states] == [4000, 2000]


def test_continuing_drops_lines_written_after_the_save(config, tmp_path):
    directory = RunDirectory.create(tmp_path, config)
    directory.append("stats.jsonl", '{"nimg": 1000, "kimg": 1.0}')
    directory.append("stats.jsonl", '{"nimg": 2000, "kimg": 2.0}')
    directory.append("metric-swd.jsonl", '{"kimg": 1.0, "value": 3}')
    directory.append("metric-swd.jsonl", '{"kimg": 2.0, "value": 4}')
    directory.append("metric-swd.jsonl", '{"kimg": 2.0, "snapshot": "of the command"}')
    directory.append("metric-swd.jsonl", '{"reals_pass": 1}')
    directory.append("metric-swd.jsonl", '{"kimg": 0.5, "val')
    directory.go_back_to(1500)
    assert len((directory.path / "stats.jsonl").read_text().splitlines()) == 1
    kept = (directory.path / "metric-swd.jsonl").read_text().splitlines()
    assert [json.loads(line).get("value") for line in kept] == [3, None, None]


@pytest.mark.slow
def test_another_data_set_under_the_same_name_is_refused(config, tmp_path):
    def make(resolution, channels, seed):
        pixels = np.random.RandomState(seed).randint(0, 256, [8, channels, resolution, resolution])
        with DatasetWriter(tmp_path / "set", resolution, channels, force=True) as writer:
            writer.add(pixels.astype(np.uint8))

    options = {"data.path": str(tmp_path / "set"), "data.labels": False, "train.total_kimg": 0.016}
    make(8, 3, 0)
    train(override(config, options), str(tmp_path / "results"))
    for other in ((16, 3, 0), (8, 1, 0), (8, 3, 1)):
        make(*other)
        with pytest.raises(UserError, match=r"was trained on other images .*--new"):
            train(override(config, {**options, "train.total_kimg": 0.1}), str(tmp_path / "results"))
    make(8, 3, 0)
    train(override(config, {**options, "train.total_kimg": 0.1}), str(tmp_path / "results"))


@pytest.mark.slow
def test_two_devices_train_and_continue(small, tmp_path):
    # Groups of the minibatch stddev hold other samples than on one device, so the weights differ.
    options = {"train.gpus": 2, "train.total_kimg": 0.1, "schedule.minibatch_base": 16}
    run = train(override(small, options), str(tmp_path))
    first = load_snapshot(run).nimg
    assert train(override(small, {**options, "train.total_kimg": 0.2}), str(tmp_path)) == run
    assert load_snapshot(run).nimg > first >= 100
    assert "on 2 CPUs" in (run / "log.txt").read_text()
    with pytest.raises(UserError, match=r"train.gpus=3, but this machine has 2 CPU"):
        train(override(small, {**options, "train.gpus": 3}), str(tmp_path))


@pytest.mark.slow
def test_a_first_save_that_was_cut_short_loses_nothing(small, tmp_path):
    """As if the run was killed between the renames of its first snapshot and its state."""
    config = override(small, {"train.total_kimg": 0.064, "train.network_snapshot_ticks": 0})
    run = train(config, str(tmp_path))
    expected = arrays_of(run)
    next(run.glob("training-state-*")).unlink()
    assert train(config, str(tmp_path)) == run
    assert_same(arrays_of(run), expected)
    assert (run / "set-aside-network-snapshot-000000-064.npz").exists()


def test_saves_left_behind_by_a_kill_are_removed(small, tmp_path):
    options = {"train.total_kimg": 0.192, "train.keep_snapshots": 1}
    run = train(override(small, options), str(tmp_path))
    states, snapshots = Run(run).states, Run(run).snapshots
    assert len(states) == len(snapshots) == 2
    for nimg in (8, 16):
        shutil.copy(states[0].path, run / state_name(nimg))
        shutil.copy(snapshots[0].path, run / snapshot_name(nimg))
    train(override(small, options), str(tmp_path))  # it is finished
    assert (Run(run).states, Run(run).snapshots) == (states, snapshots)


def test_every_tick_has_its_own_picture(whole):
    run = Run(whole)
    assert [m.nimg for m in run.pictures] == [0, *(tick.nimg for tick in run.ticks)]
    assert run.reals == whole / "reals.png" and run.dataset.num_images == 40
    assert run.dataset.class_names == ("0", "1", "2", "3")


def test_going_back_sets_aside_later_files(config, tmp_path):
    directory = RunDirectory.create(tmp_path, config)
    for nimg in (0, 1000, 1500, 2000):
        (directory.path / f"fakes{nimg // 1000:06d}{'-500' * (nimg == 1500)}.png").touch()
        (directory.path / snapshot_name(nimg)).touch()
    directory.go_back_to(1000)
    assert [m.nimg for m in directory.pictures] == [0, 1000]
    assert [m.nimg for m in directory.snapshots] == [0, 1000]
    aside = {p.name for p in directory.path.glob("set-aside-*")}
    assert {"set-aside-fakes000001-500.png", "set-aside-network-snapshot-000002.npz"} <= aside
