"""Presets: kinds, bases, combinations."""

import json
from pathlib import Path

import pytest

import configs
from pgan_tf.config import KINDS, Config, flatten, options, override
from pgan_tf.errors import UserError
from pgan_tf.networks import Discriminator, Generator
from pgan_tf.presets import compose, compose_over, look_up, options_of, preset_for
from pgan_tf.snapshots import save_snapshot

ALL = [*configs.DATA.values(), *configs.HARDWARE.values(), *configs.PRECISION.values()]
TABLE = json.loads((Path(__file__).parent / "presets.json").read_text())


def test_every_preset_of_the_paper_exists():
    names = {"celebahq", "celeba", "cifar10", "cifar100", "svhn", "mnist", "mnistrgb", "openmoji",
             "openmoji-large", "portraits", "syn1024rgb"}  # fmt: skip
    lsun = {n for n in configs.DATA if n.startswith("lsun-")}
    assert len(lsun) == 30 and {"lsun-churchoutdoor", "lsun-tvmonitor", "lsun-cat"} <= lsun
    assert names | lsun <= set(configs.DATA)
    assert {"v1-1gpu", "v2-1gpu", "v2-2gpus", "v2-4gpus", "v2-8gpus"} <= set(configs.HARDWARE)
    mirrored = {n for n, p in configs.DATA.items() if options_of(p).get("data.mirror")}
    emoji = {
        "emoji-32", "emoji-128", "openmoji", "openmoji-large", "portraits-32", "portraits",
    }  # fmt: skip
    assert mirrored == lsun | {"celebahq", "celeba"} | emoji


@pytest.mark.parametrize("preset", ALL, ids=lambda preset: preset.name)
def test_a_preset_sets_only_options_of_its_kind(preset):
    assert preset.kind in KINDS and preset.doc.strip()
    assert [p.name for p in ALL].count(preset.name) == 1
    assert not preset.base or preset.base in {p.name for p in ALL}
    override(Config(), options_of(preset))
    for name, value in {**preset.options, **preset.caps}.items():
        # An empty mapping may clear a default, but never another preset's value.
        assert value != {} or options()[name].default != {} or preset.kind == "hardware"
        assert {
            "data": name.startswith("data."),
            "recipe": not name.startswith("data."),
            "hardware": name == "train.gpus" or "minibatch" in name or name.endswith("_lrate_dict")
            or name == "D.mbstd_group_size",
            "precision": name in ("train.precision", "schedule.max_minibatch_per_gpu"),
        }[preset.kind]  # fmt: skip


def test_defaults_are_the_papers():
    c = compose("syn1024rgb", preset="v2-8gpus", precision="fp16")
    assert (c.G.fmap_base, c.G.fmap_decay, c.G.fmap_max) == (8192, 1.0, 512)
    assert (c.loss.wgan_lambda, c.loss.wgan_target, c.loss.wgan_epsilon) == (10, 1, 0.001)
    assert (c.optimizer.beta1, c.optimizer.beta2, c.optimizer.epsilon) == (0, 0.99, 1e-8)
    assert c.train.smoothing == 0.999 and c.train.minibatch_repeats == 4
    assert c.G.pixelnorm_epsilon == 1e-4  # float16
    assert compose("syn1024rgb").G.pixelnorm_epsilon == 1e-8
    chosen = compose("syn1024rgb", precision="fp16", options={"G.pixelnorm_epsilon": 1e-3})
    assert chosen.G.pixelnorm_epsilon == 1e-3


def test_combinations_equal_the_recorded_table():
    facts, defaults = TABLE["facts"], json.loads(json.dumps(flatten(Config())))
    for key, expected in TABLE["combinations"].items():
        config, preset, precision, gpus = key.split()
        choice = {"data_dir": "sets/mine"} if config == "--data-dir" else {"config": config}
        choice |= {"preset": "" if preset == "None" else preset, "precision": precision}
        if expected is None:
            with pytest.raises(UserError, match="has its own schedule"):
                compose(**choice, gpus=int(gpus))
            continue
        flat = json.loads(json.dumps(flatten(compose(**choice, gpus=int(gpus)))))
        changed = {name: value for name, value in flat.items() if value != defaults[name]}
        assert changed == dict(facts[i] for i in expected), key
    assert len(TABLE["combinations"]) == 936


def test_a_presets_options_override_its_bases():
    v1 = configs.HARDWARE["v1-1gpu"]
    assert v1.kind == "recipe" and configs.HARDWARE[v1.base].kind == "hardware"
    assert options_of(v1) == {**configs.HARDWARE[v1.base].options, **v1.options}
    assert options_of(v1)["train.gpus"] == 1 and "train.gpus" not in v1.options


def test_preset_for_takes_the_largest_that_the_gpus_allow():
    chosen = [preset_for(n) for n in (0, 1, 2, 3, 4, 7, 8, 9)]
    assert [int(name[3]) for name in chosen] == [1, 1, 2, 2, 4, 4, 8, 8]


def test_typed_options_override_presets():
    c = compose("openmoji", without=["smoothing"], options={"train.total_kimg": "5"}, gpus=2)
    assert c.name == "openmoji-fp32-no-smoothing" and c.train.total_kimg == 5
    assert c.train.smoothing_half_life_kimg == 0 and c.train.gpus == 1
    assert compose("openmoji", options={"name": "mine", "train.gpus": 2}, gpus=2).train.gpus == 2


def test_unknown_names_are_refused():
    for choice, words in (
        ({"config": "openmojo"}, "--config openmojo: .*did you mean 'openmoji'"),
        ({"config": "celeba", "preset": "v3"}, "--preset v3"),
        ({"config": "celeba", "precision": "fp61"}, "--precision fp61.*did you mean 'fp16'"),
        ({"config": "celeba", "without": ["growin"]}, "did you mean 'growing'"),
        ({}, "give a data set"),
    ):
        with pytest.raises(UserError, match=words):
            compose(**choice)
    assert look_up("--config", "celeba").kind == "data"


def test_a_continued_runs_precision_brings_its_epsilon_and_caps():
    """The same as a new run has; an epsilon of the user's own stays."""
    for name in ("celebahq", "openmoji"):
        run = compose(name)
        changed = compose_over(run, precision="fp16")
        new = override(compose(name, precision="fp16"), {"name": run.name})
        assert changed == new and changed.G.pixelnorm_epsilon == 1e-4, name
        assert compose_over(changed, precision="fp32") == run, name
    own = compose("celebahq", options={"G.pixelnorm_epsilon": 1e-6})
    assert compose_over(own, precision="fp16").G.pixelnorm_epsilon == 1e-6


def test_growing_starts_at_the_resolution_of_the_networks_of_init(tmp_path):
    shape = {"fmap_base": 32, "fmap_max": 8}
    networks = Generator(16, **shape), Discriminator(16, **shape), Generator(16, **shape)
    path = tmp_path / "x.npz"
    save_snapshot(path, *networks, None, None, 1.0)
    options = {"train.init": str(path)}
    assert compose("celebahq", options=options).schedule.lod_initial_resolution == 8
    options["data.resolution"] = 4
    assert compose("celebahq", options=options).schedule.lod_initial_resolution == 4
    options["schedule.lod_initial_resolution"] = 16
    assert compose("celebahq", options=options).schedule.lod_initial_resolution == 16
