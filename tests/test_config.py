"""Options: presets, overrides, saving; and the command line of the training."""

import re

import pytest

import configs
from pgan_tf import config, train
from pgan_tf.config import from_json, override, resolve, to_json
from pgan_tf.errors import UserError


def test_every_preset_the_paper_names_is_there():
    names = {"celebahq", "celeba", "cifar10", "cifar100", "svhn", "mnist", "mnistrgb", "openmoji",
             "openmoji-large", "portraits", "syn1024rgb"}  # fmt: skip
    lsun = {n for n in configs.DATA if n.startswith("lsun-")}
    assert len(lsun) == 30 and {"lsun-churchoutdoor", "lsun-tvmonitor", "lsun-cat"} <= lsun
    assert set(configs.DATA) == names | lsun
    assert set(configs.HARDWARE) == {"v1-1gpu", "v2-1gpu", "v2-2gpus", "v2-4gpus", "v2-8gpus"}
    mirrored = {n for n, p in configs.DATA.items() if p.options.get("data.mirror")}
    assert mirrored == lsun | {"celebahq", "celeba", "openmoji", "openmoji-large", "portraits"}
    for preset in [*configs.DATA.values(), *configs.HARDWARE.values()]:
        assert preset.doc.strip()
        resolve(preset.options)


def test_defaults_are_the_spec():
    c = resolve(configs.HARDWARE["v2-8gpus"].options, configs.PRECISION["fp16"].options, {})
    assert (c.G.fmap_base, c.G.fmap_decay, c.G.fmap_max) == (8192, 1.0, 512)
    assert (c.loss.wgan_lambda, c.loss.wgan_target, c.loss.wgan_epsilon) == (10, 1, 0.001)
    assert (c.optimizer.beta1, c.optimizer.beta2, c.optimizer.epsilon) == (0, 0.99, 1e-8)
    assert c.train.smoothing == 0.999 and c.train.minibatch_repeats == 4
    assert c.G.pixelnorm_epsilon == 1e-4  # float16
    assert resolve({}).G.pixelnorm_epsilon == 1e-8
    assert resolve({}, {"train.precision": "fp16", "G.pixelnorm_epsilon": 1e-3}
                   ).G.pixelnorm_epsilon == 1e-3  # fmt: skip


def test_text_as_typed_becomes_the_type():
    c = override(
        resolve({}),
        {
            "train.total_kimg": "500", "train.xla": "false", "G.latent_size": "128",
            "schedule.minibatch_dict": "4:128, 8:64", "schedule.G_lrate_dict": "1024:.0015",
            "data.path": "x",
        },
    )  # fmt: skip
    assert c.train.total_kimg == 500.0 and c.train.xla is False and c.G.latent_size == 128
    assert c.schedule.minibatch_dict == {4: 128, 8: 64}
    assert c.schedule.G_lrate_dict == {1024: 0.0015}
    assert override(c, {"G.latent_size": "none"}).G.latent_size is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"train.totl_kimg": 1}, r"unknown option 'train.totl_kimg' \(did you mean 'train.total_"),
        ({"total_kimg": 1}, r"did you mean 'train.total_kimg'"),
        ({"G.fmap_bse": 1}, r"did you mean 'G.fmap_base'"),
        ({"train.total_kimg": "many"}, "a number is needed"),
        ({"train.seed": "1.5"}, "a whole number is needed"),
        ({"train.xla": "maybe"}, "true or false is needed"),
        ({"schedule.minibatch_dict": "4=128"}, "resolution:value pairs"),
        ({"schedule.minibatch_dict": "4:x"}, "a whole number is needed"),
        ({"train.precision": "fp61"}, r"not one of fp32, tf32, fp16, bf16 \(did you mean 'fp16'"),
        ({"G": 3}, "unknown option 'G'"),
        ({"train.gpus": -1}, "from 0 to 1024"),
        ({"train.D_repeats": 0}, "from 1 to 1000"),
        ({"train.total_kimg": "inf"}, "from 0 to 1e.09"),
        ({"G.latent_size": 0}, "from 1 to"),
        ({"loss.wgan_target": 0}, "from 1e-09 to"),
        ({"optimizer.beta2": 1}, "from 0 to 0.999999"),
        ({"optimizer.epsilon": 0}, "from 1e-30 to 1"),
        ({"schedule.D_lrate_dict": "4:inf"}, "from 0 to 1e.38"),
        ({"schedule.max_minibatch_per_gpu": {4: 0}}, "from 1 to"),
    ],
)
def test_refuses_with_the_nearest_name(options, words):
    with pytest.raises(UserError, match=words):
        override(resolve({}), options)


def test_saved_options_come_back():
    c = resolve(configs.HARDWARE["v2-4gpus"].options, configs.DATA["lsun-cat"].options)
    assert from_json(to_json(c)) == c
    with pytest.raises(UserError, match="unknown option"):
        from_json('{"train": {"colour": 3}}')


@pytest.mark.parametrize(
    ("feature", "option", "value"),
    [
        ("growing", "schedule.lod_initial_resolution", 0),
        ("pixelnorm", "G.use_pixelnorm", False),
        ("wscale", "D.use_wscale", False),
        ("leakyrelu", "G.use_leakyrelu", False),
        ("smoothing", "train.smoothing", 0.0),
        ("repeats", "train.minibatch_repeats", 1),
        ("reset", "train.reset_optimizer", False),
        ("fused", "D.fused_scale", False),
        ("stddev", "D.mbstd_group_size", 0),
    ],
)
def test_features_can_be_turned_off(feature, option, value):
    assert config.flatten(resolve({}))[option] != value
    assert config.flatten(resolve({}, without=[feature]))[option] == value
    assert feature in config.FEATURES
    with pytest.raises(UserError, match=r"--without wscael.*did you mean 'wscale'"):
        resolve({}, without=["wscael"])


def parse(*words):
    return train.resolve(train.parser().parse_args(list(words)))


def test_command_line_makes_the_options():
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
def test_a_schedule_of_its_own_is_the_same_on_every_machine(monkeypatch, gpus):
    monkeypatch.setattr(train, "_gpus_here", lambda: gpus)
    c = parse("--config", "openmoji-large")
    assert c.train.gpus == min(gpus, 1) and c.name == "openmoji-large-fp32"
    assert c.schedule.minibatch_dict[4] == 128 and c.schedule.G_lrate_dict == {1024: 0.0015}
    assert parse("--config", "celeba").train.gpus == gpus


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say what to train"),
        (["--config", "lsun-catt"], r"did you mean 'lsun-cat'"),
        (["--config", "celeba", "--preset", "v2-8gpu"], r"did you mean 'v2-8gpus'"),
        (["--config", "celeba", "--set", "train.xla"], "write option=value"),
        (["--config", "celeba", "--set", "train.gpus=abc"], "a whole number is needed"),
        (["--config", "openmoji", "--preset", "v2-2gpus"], "has a schedule of its own"),
    ],
)
def test_command_line_refuses(words, message):
    with pytest.raises(UserError, match=message):
        parse(*words)


def test_unknown_argument_names_the_nearest(capsys):
    with pytest.raises(SystemExit) as stop:
        parse("--confg", "celeba")
    assert stop.value.code == 2
    assert "did you mean '--config'?" in capsys.readouterr().err


def describe(*argv):
    return "\n".join(train.describe(parse(*argv)))


def test_dry_run_of_a_missing_data_set(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    text = describe("--config", "cifar10", "--set", "G.fmap_max=16")
    assert "datasets/cifar10 is missing" in text and "create_cifar10" in text
    assert "16x16 fade       1800 to 2400     128" in text
    assert "train.total_kimg=12000.0" in text and "parameters" in text
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


def test_dry_run_of_what_cannot_be_run_fails(capsys):
    argv = ["--config", "syn1024rgb", "--set", "schedule.minibatch_dict=4:6", "--dry-run"]
    with pytest.raises(UserError, match=r"not a multiple of D\.mbstd_group_size"):
        train.main(argv)
    out = capsys.readouterr().out
    assert "schedule.minibatch_dict=4:6" in out and "Networks" not in out
