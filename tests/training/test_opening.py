"""Opening a run: what is refused changes nothing; a run without a save is told."""

import json
import os
import shlex
import shutil
import signal

import numpy as np
import pytest

from pgan_tf import train as command
from pgan_tf.config import override
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.errors import UserError
from pgan_tf.run import Run
from pgan_tf.train import train
from pgan_tf.training import loop


def content_of(run):
    """Returns name -> content of a run's files, without the lock and the log."""
    return {p.name: p.read_bytes() for p in run.iterdir() if p.name not in (".lock", "log.txt")}


@pytest.fixture
def killed(half, tmp_path):
    """A run that was killed some time after its last save, at 128 images."""
    run = shutil.copytree(half, tmp_path / "results") / "000-tiny"
    tick = json.loads((run / "stats.jsonl").read_text().splitlines()[-1])
    with open(run / "stats.jsonl", "a") as file:
        file.write(json.dumps({**tick, "nimg": 192, "kimg": 0.192}) + "\n")
    shutil.copy(run / "fakes000000.png", run / "fakes000000-192.png")
    return run


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"G.fmap_max": 4}, r"G\.fmap_max=8, and it can't become 4"),
        ({"train.metrics": "swdd"}, "unknown metric 'swdd'"),
        ({"train.metrics": "swd"}, r"train\.metrics=swd: swd: images must be .* these are 4x4"),
        ({"train.gpus": 9}, r"train\.gpus=9, but this machine has 2"),
        ({"data.path": "others"}, r"was trained on other images than others .*images: 40 there, 7"),
    ],
)
def test_a_refused_resume_changes_nothing(killed, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    with DatasetWriter("others", 8, 3) as writer:
        writer.add(np.zeros([7, 3, 8, 8], np.uint8))
        writer.set_labels(np.eye(4, dtype=np.float32)[np.arange(7) % 4])
    before = content_of(killed)
    sets = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
    with pytest.raises(UserError, match=message):
        command.main(["--resume", str(killed), *sets])
    assert content_of(killed) == before


def test_resume_of_a_run_without_a_save_is_refused_and_told_how_to_begin_again(
    killed, tmp_path, capsys
):
    with pytest.raises(UserError, match=r"--from-start: .*000-tiny was saved at 0\.1 kimg; leave"):
        command.main(["--resume", str(killed), "--from-start"])
    for path in [*killed.glob("*.npz")]:
        path.unlink()
    before = content_of(killed)
    with pytest.raises(UserError, match="has no save to continue from") as error:
        command.main(["--resume", str(killed)])
    assert content_of(killed) == before
    printed = shlex.split(str(error.value).partition("from 0 images: ")[2])
    command.main([*printed[3:], "--set", "train.total_kimg=0.064"])
    run = Run(killed)
    assert [t.nimg for t in run.ticks] == [64] == [m.nimg for m in run.snapshots]
    assert (killed / "set-aside-fakes000000-192.png").exists()
    aside = (killed / "set-aside-stats.jsonl").read_text().splitlines()
    assert [json.loads(line)["nimg"] for line in aside] == [64, 128, 192]
    with pytest.raises(UserError, match="name the run with --resume RUN"):
        command.main(["--config", "openmoji", "--from-start"])


@pytest.mark.slow
def test_the_same_command_begins_a_run_without_a_save_again(killed, small, capsys):
    for path in killed.glob("*.npz"):
        path.unlink()
    config = override(small, {"train.keep_snapshots": 1, "train.total_kimg": 0.064})
    assert train(config, killed.parent) == killed
    assert "000-tiny has no save yet: it begins again from 0 images" in capsys.readouterr().out


def test_length_and_saving_are_logged_and_the_first_command_undoes_nothing(half, small, tmp_path):
    run = shutil.copytree(half, tmp_path / "results") / "000-tiny"
    first = (run / "config.json").read_bytes()
    sets = ["--set", "train.total_kimg=0.192", "--set", "train.keep_snapshots=5"]
    command.main(["--resume", str(run), *sets])
    changes = [(c.nimg, c.option, c.old, c.new) for c in Run(run).changes]
    assert changes == [
        (128, "train.total_kimg", 0.128, 0.192), (128, "train.keep_snapshots", 1, 5),
    ]  # fmt: skip
    typed = override(small, {"train.keep_snapshots": 1, "train.total_kimg": 0.128})
    assert train(typed, run.parent) == run
    assert Run(run).config.train.total_kimg == 0.192
    assert [(c.nimg, c.option, c.old, c.new) for c in Run(run).changes] == changes
    assert (run / "config.json").read_bytes() == first


def test_after_new_the_same_command_is_not_said_to_continue(small, tmp_path, monkeypatch):
    iterate = loop.Loop.iterate

    def interrupted(self, iteration, batches):
        iterate(self, iteration, batches)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop.Loop, "iterate", interrupted)
    with pytest.raises(loop.Interrupted) as stop:
        train(small, tmp_path, new=True)
    assert str(stop.value).endswith(
        f"saved in {tmp_path / '000-tiny'}; to continue: python -m pgan_tf.train --resume"
        f" {tmp_path / '000-tiny'}"
    )
