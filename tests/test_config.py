"""Options: descriptions, overrides, saving."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgan_tf import config
from pgan_tf.config import (
    Config,
    flatten,
    from_dict,
    from_json,
    options,
    override,
    resolve,
    saved,
    to_json,
    value_text,
)
from pgan_tf.config.text import dry_run_lines, help_lines
from pgan_tf.errors import UserError

FREE = {"name", "data.path", "data.command", "data.verify", "train.inception"}
ADJUSTABLE = {
    "train.total_kimg", "train.image_grid", "train.image_layout", "train.image_snapshot_ticks",
    "train.network_snapshot_ticks", "train.keep_snapshots", "train.metrics", "train.metric_ticks",
    "train.metric_images", "train.best_metric", "train.max_skipped",
}  # fmt: skip


def test_every_option_is_described_and_has_a_valid_default():
    names = [f"{s.name}.{f.name}" for s in dataclasses.fields(Config)[2:]
             for f in dataclasses.fields(getattr(Config(), s.name))]  # fmt: skip
    assert list(options()) == ["name", "networks", *names]
    for option in options().values():
        assert option.text.endswith(".") and option.text[0].isupper(), option.name
        assert (option.mid_run == "fixed") == bool(option.reason), option.name
        if option.element in (int, float):
            assert option.least < option.greatest, option.name
        assert config.check(option, option.default) == option.default


def test_options_state_whether_they_may_change_in_mid_run():
    kinds = {name: option.mid_run for name, option in options().items()}
    assert {name for name, kind in kinds.items() if kind == "free"} == FREE
    assert {name for name, kind in kinds.items() if kind == "adjustable"} == ADJUSTABLE
    assert {name.split(".")[0] for name, kind in kinds.items() if kind == "logged"} == {
        "data", "G", "loss", "optimizer", "schedule", "train",
    }  # fmt: skip
    fixed = {name for name, kind in kinds.items() if kind == "fixed"}
    assert {"networks", "data.resolution", "data.labels", "train.seed", "D.fmap_max"} <= fixed
    assert {name for name in kinds if name.startswith("G.")} - fixed == {"G.pixelnorm_epsilon"}
    assert config.changeable("train.precision") and not config.changeable("G.fmap_base")
    assert options()["G.fmap_base"].reason == "the shapes of the networks follow from it"


def test_differences_list_old_and_new_values():
    old, new = resolve({}), resolve({"train.gpus": 2, "schedule.minibatch_dict": {4: 8}})
    assert config.differences(old, new) == {
        "schedule.minibatch_dict": ({}, {4: 8}), "train.gpus": (0, 2),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("train.xla", False, "false"),
        ("G.latent_size", None, "none"),
        ("train.total_kimg", 12000.0, "12000"),
        ("optimizer.beta2", 0.123456789, "0.123456789"),
        ("train.seed", 4294967295, "4294967295"),
        ("schedule.D_lrate_dict", {4: 0.0015, 8: 0.001}, "4:0.0015,8:0.001"),
        ("schedule.minibatch_dict", {}, "{}"),
    ],
)
def test_values_round_trip_as_text(name, value, text):
    assert value_text(value) == text
    assert flatten(override(Config(), {name: text}))[name] == value


def test_help_shows_default_unit_range_and_mid_run_rule():
    text = "\n".join(help_lines("minibatch_base"))
    assert "schedule.minibatch_base=16\n    Minibatch over all GPUs. (images; from 1" in text
    assert "may change in mid-run with --resume; the run records it" in " ".join(text.split())
    assert "can't change in mid-run: the shapes" in " ".join("\n".join(help_lines("fmap")).split())
    assert sum(not line.startswith(" ") for line in help_lines()) == len(options())
    with pytest.raises(UserError, match=r"--help-options minibach.*leave it out to see all"):
        list(help_lines("minibach"))


def test_dry_run_marks_what_differs():
    lines = list(dry_run_lines(resolve({"train.total_kimg": 500, "data.path": "x"})))
    assert "* train.total_kimg=500  (default: 12000)" in lines
    assert "* data.path=x  (default: empty)" in lines and "  train.seed=1000" in lines
    assert len(lines) == 1 + len(options()) and sum(line[0] == "*" for line in lines) == 2


def test_typed_text_becomes_the_options_type():
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
        ({"schedule.minibatch_dict": "4:8,4:16"}, "resolution:value pairs"),
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
        ({"schedule.minibatch_dict": {6: 8}}, "powers of two, at least 4"),
        ({"schedule.minibatch_dict": {4.5: 8}}, "resolution:value pairs"),
        ({"schedule.minibatch_dict": {4: [8]}}, r"={4: a list}: a whole number is needed"),
        ({"train.gpus": True}, "a whole number is needed"),
        ({"train.total_kimg": [1]}, "=a list: a number is needed"),
        ({"train.total_kimg": float("nan")}, "a number is needed"),
        ({"train.seed": 10**5000}, "a number of 16610 bits: a whole number is needed"),
        ({"train.xla": 1}, "true or false is needed"),
        ({"data.path": 3}, "one line of text is needed"),
        ({"data.path": "a\nb"}, "one line of text is needed"),
        ({"name": "../x"}, "a letter or digit, then letters"),
        ({"loss.name": ""}, "letters, digits and _"),
        ({"name": "x" * 5000}, "at most 200 in all"),
    ],
)
def test_wrong_options_are_refused_with_the_reason(options, words):
    with pytest.raises(UserError, match=words):
        override(resolve({}), options)


TABLE = json.loads((Path(__file__).parent / "presets.json").read_text())


def test_options_round_trip_as_json():
    c = resolve({"schedule.minibatch_dict": {4: 8}, "G.latent_size": 32}, {"data.mirror": True})
    assert from_json(to_json(c)) == c


def test_reads_options_saved_before_networks_and_loss_names():
    c = from_dict(TABLE["saved"])
    assert (c.networks, c.loss.name, c.name) == ("paper", "wgan_gp", "old")
    assert c.schedule.minibatch_dict == {4: 128, 8: 64} and c.G.latent_size == 64
    now = json.loads(to_json(c))
    assert now.pop("networks") == "paper" and now["loss"].pop("name") == "wgan_gp"
    del now["train"]["init"]  # an option added later
    assert now == TABLE["saved"]


def test_options_of_other_versions_are_renamed_or_skipped(monkeypatch):
    monkeypatch.setattr(saved, "RENAMED", {"train.kimg": "train.total_kimg"})
    monkeypatch.setattr(saved, "REMOVED", frozenset({"train.mood"}))
    text = '{"train": {"kimg": 5, "mood": 1, "colour": 3}, "news": {"x": {}}, "age": [1]}'
    passed_over = []
    assert from_json(text, passed_over).train.total_kimg == 5
    assert passed_over == ["train.colour", "news.x", "age"]
    assert from_json(text) == override(Config(), {"train.total_kimg": 5})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nested too deep"),
        ('{"train":' * 100_000, "nested too deep"),
        ("[]", "not a JSON object"),
        ("3", "not a JSON object"),
        ("null", "not a JSON object"),
        ("", "not valid JSON"),
        ('{"train": {"seed": 1', "not valid JSON"),
        ('{"train": {"seed": ' + "1" * 5000 + "}}", "not valid JSON"),
        ('{"train": 3}', "section train is not a JSON object"),
        ('{"train": {"seed": "x"}}', "train.seed='x': a whole number is needed"),
        ('{"train": {"xla": null}}', "train.xla=None: true or false is needed"),
        ('{"train": {"metrics": {"a": 1}}}', "train.metrics={'a': 1}: one line of text"),
        ('{"name": {"a": 1}}', "option name={'a': 1}: one line of text"),
        ('{"schedule": {"minibatch_dict": {"4": 1e999}}}', "a whole number is needed"),
        ('{"schedule": {"minibatch_dict": [4, 8]}}', "resolution:value pairs"),
        ('{"data": {"path": "a\\u0000b"}}', "one line of text is needed"),
    ],
)
def test_damaged_or_hostile_options_are_refused_in_one_line(text, words):
    with pytest.raises(UserError, match=words) as error:
        from_json(text)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["4:8", "none", "true", "{}", "1e400"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["4", "8", "x", ""]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.dictionaries(st.sampled_from(list(options())), VALUES, min_size=1, max_size=3))
def test_any_value_is_accepted_or_refused_in_one_line(values):
    sections = {}
    for name, value in values.items():
        section, _, key = name.rpartition(".")
        (sections.setdefault(section, {}) if section else sections)[key] = value
    try:
        c = from_json(json.dumps(sections))
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 500
    else:
        assert from_json(to_json(c)) == c


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
