"""The command line of training: options, --dry-run, --list, --help-options."""

import re

import pytest

import configs
from pgan_tf import train
from pgan_tf.config import options
from pgan_tf.errors import UserError


def parse(*words):
    return train.resolve(train.parser().parse_args(list(words)))


def test_the_command_line_sets_the_options():
    c = parse("--config", "celebahq", "--preset", "v2-8gpus", "--precision", "fp16",
              "--set", "train.total_kimg=500", "--without", "wscale")  # fmt: skip
    assert c.name == "celebahq-v2-8gpus-fp16-no-wscale"
    assert c.data.mirror and c.data.path == "datasets/celebahq"
    assert c.schedule.minibatch_dict[8] == 256 and c.train.total_kimg == 500
    assert c.schedule.max_minibatch_per_gpu == {512: 16, 1024: 8}
    for directory, name in (
        ("sets/my photos/", "my_photos"),
        (".hidden", "hidden"),
        ("..-", "custom"),
    ):
        assert parse("--data-dir", directory).name == f"{name}-v2-1gpu-fp32"
    c = parse("--data-dir", "mine", "--set", "train.gpus=4", "--set", "name=x")
    assert (c.name, c.data.path) == ("x", "mine")
    assert c.schedule.minibatch_dict[4] == 512  # v2-4gpus


@pytest.mark.parametrize("gpus", [0, 1, 8])
def test_a_presets_own_schedule_is_the_same_on_every_machine(monkeypatch, gpus):
    monkeypatch.setattr(train, "_gpus_here", lambda: gpus)
    c = parse("--config", "openmoji-large")
    assert c.train.gpus == min(gpus, 1) and c.name == "openmoji-large-fp32"
    assert c.schedule.minibatch_dict[4] == 128 and c.schedule.G_lrate_dict == {1024: 0.0015}
    assert parse("--config", "celeba").train.gpus == gpus


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give a data set"),
        (["--config", "lsun-catt"], r"did you mean 'lsun-cat'"),
        (["--config", "celeba", "--preset", "v2-8gpu"], r"did you mean 'v2-8gpus'"),
        (["--config", "celeba", "--set", "train.xla"], "write option=value"),
        (["--config", "celeba", "--set", "train.gpus=abc"], "a whole number is needed"),
        (["--config", "openmoji", "--preset", "v2-2gpus"], "has its own schedule"),
    ],
)
def test_wrong_command_lines_are_refused(words, message):
    with pytest.raises(UserError, match=message):
        parse(*words)


def test_unknown_argument_names_the_nearest(capsys):
    with pytest.raises(SystemExit) as stop:
        parse("--confg", "celeba")
    assert stop.value.code == 2
    assert "did you mean '--config'?" in capsys.readouterr().err


def describe(*argv):
    return "\n".join(train.describe(parse(*argv)))


def test_dry_run_works_without_the_data_set(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    text = describe("--config", "cifar10", "--set", "G.fmap_max=16")
    assert "datasets/cifar10 is missing" in text and "create_cifar10" in text
    assert "16x16 fade       1800 to 2400     128" in text
    assert "  train.total_kimg=12000\n" in text and "parameters" in text
    assert "* G.fmap_max=16  (default: 512)" in text
    assert not list(tmp_path.iterdir())


def test_dry_run_shows_the_data_set():
    text = describe("--config", "syn1024rgb", "--set", "data.synthetic=16x1")
    assert "10000 images, 1 channel(s), 4x4, 8x8, 16x16" in text


@pytest.mark.parametrize(
    "argv", [["--preset", "v2-8gpus"], ["--preset", "v2-8gpus", "--set", "train.gpus=8"]]
)
def test_dry_run_plans_for_another_machine(capsys, argv):
    options = ["--set", "G.fmap_max=4", "--set", "D.fmap_max=4", "--dry-run"]
    train.main(["--config", "celebahq", *argv, *options])
    out = capsys.readouterr().out
    assert "Schedule on 8 replica(s) of another machine" in out
    assert re.search(r"4x4 train +0 to 600 +512 +64 ", out)
    assert re.search(r"1024x1024 train .* 32 +4 +0\.003", out)


def test_dry_run_refuses_an_impossible_schedule(capsys):
    argv = ["--config", "syn1024rgb", "--set", "schedule.minibatch_dict=4:6", "--dry-run"]
    with pytest.raises(UserError, match=r"not a multiple of D\.mbstd_group_size"):
        train.main(argv)
    out = capsys.readouterr().out
    assert "schedule.minibatch_dict=4:6" in out and "Networks" not in out


def test_lists_presets_and_options(capsys):
    train.main(["--list"])
    listed = capsys.readouterr().out
    assert all(name in listed for name in [*configs.DATA, *configs.HARDWARE, *configs.PRECISION])
    train.main(["--help-options"])
    assert re.findall(r"^(\S+)=", capsys.readouterr().out, re.M) == list(options())
    train.main(["--help-options", "fmap_base"])
    assert re.findall(r"^\S+=", capsys.readouterr().out, re.M) == ["G.fmap_base=", "D.fmap_base="]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("loss.name=wgan_pg", r"loss\.name=wgan_pg: .*did you mean 'wgan_gp'"),
        ("train.metrics=swdd", "unknown metric 'swdd'.*did you mean 'swd'"),
        ("train.best_metric=FID", r"train\.metrics names no metric"),
    ],
)
def test_dry_run_refuses_unknown_losses_and_metrics(assignment, message):
    sets = ["G.fmap_max=4", "D.fmap_max=4", assignment]
    words = [word for each in sets for word in ("--set", each)]
    with pytest.raises(UserError, match=message):
        train.main(["--config", "syn1024rgb", *words, "--dry-run"])
