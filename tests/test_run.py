"""Reading a run: names, ticks, pictures, metrics; damaged files are refused or ignored."""

import json
import re

import pytest

from pgan_tf import config as config_module
from pgan_tf import run as names
from pgan_tf.config import saved
from pgan_tf.errors import DamagedError, UserError
from pgan_tf.run import Change, DatasetFacts, Run, Tick, runs_in


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "007-mine"
    path.mkdir()
    (path / names.CONFIG).write_text(config_module.to_json(config_module.resolve({})))
    return Run(path)


def tick(nimg, **more):
    return {
        "tick": 1, "nimg": nimg, "kimg": nimg / 1000, "lod": 0.5, "resolution": 8,
        "minibatch": 4, "time": 3, "images_per_sec": 2.5, **more,
    }  # fmt: skip


def test_file_names_hold_the_images_shown():
    assert names.snapshot_name(140_000) == "network-snapshot-000140.npz"
    assert names.snapshot_name(140_016) == "network-snapshot-000140-016.npz"
    assert (
        names.fakes_name(0) == "fakes000000.png" and names.fakes_name(64) == "fakes000000-064.png"
    )
    assert names.state_name(140_016) == "training-state-000000140016.npz"


def test_a_run_lists_snapshots_states_pictures_and_metrics(run):
    assert (run.number, run.name) == (7, "mine")
    for nimg in (3000, 1000, 2048):
        (run.path / names.snapshot_name(nimg)).touch()
        (run.path / names.state_name(nimg)).touch()
        (run.path / names.fakes_name(nimg)).touch()
    (run.path / "set-aside-network-snapshot-000009.npz").touch()
    assert [m.nimg for m in run.snapshots] == [1000, 2048, 3000]
    assert [m.nimg for m in run.states] == [3000, 2048, 1000]
    assert [m.kimg for m in run.pictures] == [1.0, 2.048, 3.0]
    assert run.reals is None and run.best is None and run.dataset is None and run.changes == []
    (run.path / names.metric_name("swd")).write_text('{"value": 3}\n{"val')
    assert run.metrics == {"swd": [{"value": 3}]}
    best = {"snapshot": names.snapshot_name(2048), "column": "FID", "value": 3}
    (run.path / names.BEST).write_text(json.dumps(best))
    assert run.best == (run.path / names.snapshot_name(2048), "FID", 3.0)
    (run.path / names.BEST).write_text(json.dumps({**best, "snapshot": "../x.npz"}))
    assert run.best is None


def test_ticks_are_typed_and_malformed_lines_skipped(run):
    lines = [
        json.dumps(tick(1000, D_loss=2.5, FID=None)), "[" * 100_000, '{"tick": 1}', "3", "",
        json.dumps(tick(1, minibatch="x")), json.dumps(tick(2000, note="text"))[:-1],
        json.dumps(tick(3000)),
    ]  # fmt: skip
    (run.path / names.STATS).write_text("\n".join(lines))
    first, last = run.ticks
    assert (first.nimg, first.kimg, last.nimg, first.resolution) == (1000, 1.0, 3000, 8)
    assert first.values == {"kimg": 1.0, "D_loss": 2.5, "FID": None}
    assert Tick.of({"nimg": 3}) is None


def test_pictures_of_earlier_versions_match_their_ticks(run):
    """They were named by whole thousands, so the last tick of a thousand replaced the others."""
    ticks = [tick(n) for n in (1016, 1600, 2000, 2016)]
    (run.path / names.STATS).write_text("\n".join(map(json.dumps, ticks)))
    for kimg in (0, 1, 2):
        (run.path / f"fakes{kimg:06d}.png").touch()
    assert [m.nimg for m in run.pictures] == [0, 1600, 2000]


def test_options_at_a_moment_follow_the_change_log(run):
    changes = [Change(1000, "train.D_repeats", 1, 2), Change(2000, "train.D_repeats", 2, 3)]
    lines = [json.dumps(vars(c)) for c in changes]
    (run.path / names.CHANGES).write_text("\n".join(lines) + "\n")
    assert run.changes == changes
    assert [run.config_at(n).train.D_repeats for n in (0, 999, 1000, 1999, 2000)] == [1, 1, 2, 2, 3]
    assert run.config.train.D_repeats == 3 and run.first_config.train.D_repeats == 1


@pytest.mark.parametrize("text", ["", "[" * 100_000, "3", '{"train": 3}', b"\xff\xfe"])
def test_damaged_options_are_reported_in_one_line(run, text):
    (run.path / names.CONFIG).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DamagedError, match=r"config\.json is damaged") as error:
        _ = run.config
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_paths_that_are_no_runs_get_advice(run, tmp_path):
    for path, message in (
        (tmp_path / "007-mien", r"did you mean '007-mine'"),
        (tmp_path, r"holds runs; name one of them: .*007-mine"),
        (run.path / names.CONFIG, "it is a file"),
        (tmp_path / "a" / "b", "there is no such directory; train first, for example with"),
    ):
        with pytest.raises(UserError, match=message):
            Run.open(path)
    with pytest.raises(UserError, match=r"007-typo: there is no such .*; there are 007-mine$"):
        names.newest_snapshot(tmp_path / "007-typo")
    with pytest.raises(UserError, match="has not saved one yet"):
        names.newest_snapshot(run.path)
    assert [r.path for r in runs_in(tmp_path)] == [run.path]


def test_missing_results_directories_get_advice(tmp_path):
    (tmp_path / "demo" / "results" / "000-portraits").mkdir(parents=True)
    (tmp_path / "tests").mkdir()  # a similar name without runs, which must not be suggested
    where = re.escape(str(tmp_path / "demo" / "results"))
    with pytest.raises(UserError, match=f"directory, but there are runs in {where}: name it$"):
        names.newest_snapshot(tmp_path / "results")
    with pytest.raises(UserError, match=r"directory \(did you mean 'results'\?\); train first"):
        names.newest_snapshot(tmp_path / "demo" / "resalts")


def test_differences_of_data_sets_are_described():
    a = DatasetFacts("a", 40, 32, 3, 0, "x")
    assert a.differences(DatasetFacts("b", 40, 32, 3, 0, "x")) == []
    assert a.differences(DatasetFacts("b", 50, 64, 3, 0, "y")) == [
        "images: 40 there, 50 here", "resolution: 32 there, 64 here",
    ]  # fmt: skip
    assert "other pixels" in a.differences(DatasetFacts("b", 40, 32, 3, 0, "y"))[0]
    assert str(a) == "40 images of 32x32, 3 channel(s), no labels"


def test_the_change_log_knows_options_by_their_old_names(run, monkeypatch):
    path = run.path / names.CHANGES
    monkeypatch.setitem(saved.RENAMED, "schedule.batch", "schedule.minibatch_base")
    monkeypatch.setattr(saved, "REMOVED", frozenset({"train.mood"}))
    lines = [
        {"nimg": 8, "option": "schedule.batch", "old": 16, "new": 24},
        {"nimg": 8, "option": "train.mood", "old": 0, "new": 1},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run.config.schedule.minibatch_base == 24
    newer = json.dumps({"nimg": 9, "option": "train.colour", "old": 1, "new": 2})
    path.write_text(newer)
    words = r"of a newer version: unknown option 'train.colour'.*--new"
    with pytest.raises(DamagedError, match=words):
        _ = run.config
