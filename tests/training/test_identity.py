"""Which run a command continues, and which options may change in it."""

import json
import os
import re
import shlex
import shutil

import numpy as np
import pytest
from run_files import arrays_of, assert_same

from pgan_tf import presets
from pgan_tf import train as command
from pgan_tf.config import override
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.errors import UserError
from pgan_tf.run import Run
from pgan_tf.train import train
from pgan_tf.training import advice, identity
from pgan_tf.training.run_directory import RunDirectory


def facts(config):
    return identity.facts_of(Dataset(config.data.path))


def find(results, config):
    return identity.find(results, config, facts(config))


def test_finds_the_run_of_the_same_options(config, tmp_path):
    here = facts(config)
    a = RunDirectory.create(tmp_path, config, here)
    b = RunDirectory.create(tmp_path, override(config, {"train.seed": 1}), here)
    assert (a.path.name, b.path.name) == ("000-tiny", "001-tiny")
    (tmp_path / "002-broken").mkdir()
    (tmp_path / "notes").mkdir()
    for free in (
        {"train.total_kimg": 99}, {"train.image_grid": "4k"}, {"train.gpus": 1},
        {"data.verify": "off"}, {"train.xla": True},
    ):  # fmt: skip
        assert find(tmp_path, override(config, free))[0].path == a.path, free
    assert find(tmp_path, override(config, {"train.seed": 1}))[0].path == b.path
    run, lines = find(tmp_path, override(config, {"train.seed": 2}))
    assert run is None and len(lines) == 2
    assert "001-tiny is on the same data with other options (train.seed=2)" in lines[0]
    assert lines[0].endswith(f"python -m pgan_tf.train --resume {b.path}")
    (b.path / "config.json").write_text('{"data": ')
    assert find(tmp_path, config)[0].path == a.path  # b has no snapshot to continue from
    (b.path / "network-snapshot-000001.npz").touch()
    for text in ('{"data": ', "[" * 100_000):
        (b.path / "config.json").write_text(text)
        with pytest.raises(UserError, match=r"001-tiny/config\.json .* --new") as error:
            find(tmp_path, config)
        assert "\n" not in str(error.value)
    c = RunDirectory.create(tmp_path, config, here)
    assert find(tmp_path, config)[0].path == c.path


def test_data_sets_are_matched_by_content(config, tmp_path, monkeypatch):
    run = RunDirectory.create(tmp_path / "results", config, facts(config))
    moved = tmp_path / "elsewhere" / "shapes"
    moved.parent.mkdir()
    os.symlink(config.data.path, moved)
    monkeypatch.chdir(moved.parent)
    for path in (f"{config.data.path}/", "shapes", "./shapes", "../elsewhere/shapes/", str(moved)):
        found, _ = find(tmp_path / "results", override(config, {"data.path": path}))
        assert found is not None and found.path == run.path, path
    with DatasetWriter(tmp_path / "others", 8, 3) as writer:
        writer.add(np.zeros([7, 3, 8, 8], np.uint8))
    other = override(config, {"data.path": str(tmp_path / "others")})
    found, lines = find(tmp_path / "results", other)
    assert found is None
    assert lines == [
        f"{run.path} has the same options, but was trained on other images: images: 40 there,"
        " 7 here, classes: 4 there, 0 here"
    ]


def test_a_renamed_data_set_continues_the_same_run(config, tiny, tmp_path, monkeypatch):
    """A run's default name follows from the data directory, so a new name may mean the same run."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(config.data.path, "shapes")
    sets = {name: value for name, value in tiny.items() if name != "name"}
    typed = presets.compose("", data_dir="shapes", preset="v2-1gpu", options=sets)
    run = RunDirectory.create("results", typed, facts(typed))
    assert run.path.name == "000-shapes-v2-1gpu-fp32"
    os.rename("shapes", "forms")
    for name, found in ((None, True), ("mine", False), ("shapes-v2-1gpu-fp32", True)):
        options = {**sets, "name": name} if name else sets
        moved = presets.compose("", data_dir="forms", preset="v2-1gpu", options=options)
        there, lines = find("results", moved)
        assert (there is not None) == found, name
        assert found or "with other options (name=mine)" in lines[0]
    fp16 = presets.compose("", data_dir="forms", preset="v2-1gpu", precision="fp16", options=sets)
    assert find("results", fp16)[0] is None


def test_a_second_process_on_the_same_run_is_refused(config, tmp_path):
    directory = RunDirectory.create(tmp_path, config)
    with directory.locked(), pytest.raises(UserError, match="by another process"):
        train(config, str(tmp_path))


CHANGES = {
    "schedule.minibatch_base": "16", "schedule.G_lrate_base": "0.0005", "train.D_repeats": "2",
    "loss.wgan_epsilon": "0.01", "train.total_kimg": "0.24",
}  # fmt: skip


@pytest.fixture(scope="module")
def changed(config, tmp_path_factory):
    """A run whose options were changed at 0.1 kimg by a second command."""
    results = tmp_path_factory.mktemp("changed")
    run = train(override(config, {"train.total_kimg": 0.1}), results)
    sets = [word for name, value in CHANGES.items() for word in ("--set", f"{name}={value}")]
    command.main(["--resume", str(run), *sets])
    return run


@pytest.mark.slow
def test_changed_options_count_from_the_last_save_on(changed, config, whole):
    run = Run(changed)
    assert {c.option: str(c.new) for c in run.changes} == CHANGES
    assert all(c.nimg == run.changes[0].nimg >= 100 for c in run.changes)
    here = run.changes[0].nimg
    assert run.config_at(here - 1).schedule == config.schedule
    assert run.config_at(here).schedule.minibatch_base == 16 and run.config.train.D_repeats == 2
    assert run.first_config == override(config, {"train.total_kimg": 0.1})
    assert "schedule.minibatch_base=16 (before: 8)" in (changed / "log.txt").read_text()
    assert np.abs(arrays_of(changed)["G/4x4/Conv/bias"] - arrays_of(whole)["G/4x4/Conv/bias"]).max()
    assert {t.minibatch for t in run.ticks if t.nimg <= here} == {8}
    assert run.ticks[-1].minibatch == 16


@pytest.mark.slow
def test_a_run_with_changes_is_repeatable_bit_by_bit(changed, config, tmp_path):
    """Continued from an earlier save, the options change again where the log says."""
    again = train(override(config, {"train.total_kimg": 0.064}), tmp_path)
    RunDirectory(again).save_changes(Run(changed).changes)
    RunDirectory(again).save_config(Run(changed).first_config)
    assert train(Run(changed).first_config, tmp_path) == again  # the first command
    assert_same(arrays_of(again), arrays_of(changed))
    assert [t.nimg for t in Run(again).ticks] == [t.nimg for t in Run(changed).ticks]
    assert Run(again).changes == Run(changed).changes


def test_a_change_drops_later_entries_of_the_log(config, tmp_path):
    run = RunDirectory.create(tmp_path, config, facts(config))
    line = {"nimg": 500, "option": "schedule.minibatch_base", "old": 8, "new": 32}
    (run.path / "changes.jsonl").write_text(json.dumps(line) + "\n")
    wanted = override(run.config, {"schedule.minibatch_base": 16})
    log, _ = identity.changed(run, wanted, 100)
    assert [(c.nimg, c.option, c.old, c.new) for c in log] == [
        (100, "schedule.minibatch_base", 8, 16)
    ]
    length = override(run.config, {"train.total_kimg": 7, "data.path": "elsewhere"})
    log, first = identity.changed(run, length, 100)  # what other options do later stays
    assert [(c.nimg, c.option, c.old, c.new) for c in log] == [
        (100, "train.total_kimg", 0.24, 7),
        (500, "schedule.minibatch_base", 8, 32),
    ]
    assert first == override(config, {"data.path": "elsewhere"})
    (run.path / "changes.jsonl").write_text('{"nimg": 500')
    with pytest.raises(UserError, match=r"changes\.jsonl is damaged"):
        _ = run.changes


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("G.fmap_max", 4, "the shapes of the networks follow from it"),
        ("data.labels", False, "the shapes of the networks follow from it"),
        ("data.resolution", 4, "the shapes of the networks follow from it"),
        ("networks", "other", "layers"),
        ("train.seed", 7, "initial weights"),
        ("optimizer.beta1", 0.5, "the optimizer's state follows from it"),
    ],
)
def test_changing_fixed_options_is_refused_with_the_reason(config, tmp_path, option, value, reason):
    run = RunDirectory.create(tmp_path, config, facts(config))
    message = rf"{option}=.* can't become .* in mid-run: .*{reason}.*--new \(without --resume\)"
    with pytest.raises(UserError, match=message):
        identity.changed(run, override(config, {option: value}), 0)


def test_resume_refuses_paths_that_are_no_runs(config, tmp_path):
    run = RunDirectory.create(tmp_path / "results", config)
    for path, message in (
        (tmp_path / "results" / "000-tyni", r"did you mean '000-tiny'"),
        (tmp_path / "results", r"holds runs; name one of them: .*000-tiny"),
        (tmp_path, r"it has no config\.json"),
    ):
        with pytest.raises(UserError, match=message):
            command.main(["--resume", str(path)])
    with pytest.raises(UserError, match="give only one of them"):
        command.main(["--resume", str(run.path), "--new"])


def test_advice_for_a_finished_run_makes_it_longer(config, tmp_path, capsys):
    """Even if the last minibatch went far beyond its length."""
    run = RunDirectory.create(tmp_path, config, facts(config))
    for kimg, nimg in ((0.1, 128), (0.1, 400), (20_000, 20_000_000)):
        ended = override(config, {"train.total_kimg": kimg})
        printed = shlex.split(advice.longer(run, ended, nimg))
        assert printed[:5] == ["python", "-m", "pgan_tf.train", "--resume", str(run.path)]
        command.main([*printed[3:], "--dry-run"])
        (longer,) = re.findall(r"train\.total_kimg=([\d.]+)", capsys.readouterr().out)
        assert float(longer) == pytest.approx(1.5 * max(kimg, nimg / 1000)), printed


@pytest.mark.slow
def test_advice_after_a_divergence_continues_the_run(small, tmp_path):
    """The printed command is run as it is printed."""
    good = override(small, {"train.total_kimg": 0.064})
    run = train(good, tmp_path / "a b")
    wild = {"schedule.D_lrate_base": "1e30", "train.max_skipped": "3", "train.total_kimg": "0.24"}
    sets = [word for name, value in wild.items() for word in ("--set", f"{name}={value}")]
    with pytest.raises(UserError, match=r"half the learning rates from the last save") as error:
        command.main(["--resume", str(run), *sets])
    printed = shlex.split(str(error.value).rpartition(": ")[2])
    assert printed[:5] == ["python", "-m", "pgan_tf.train", "--resume", str(run)]
    command.main([*printed[3:], "--set", "schedule.D_lrate_base=0.001"])
    assert Run(run).ticks[-1].nimg >= 240
    assert [c.option for c in Run(run).changes].count("schedule.D_lrate_base") == 0
    assert Run(run).config.schedule.G_lrate_base == 0.0005
