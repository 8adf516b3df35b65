"""The schedule against the official program's tables."""

import itertools

import pytest

import configs
from pgan_tf import schedule
from pgan_tf.config import resolve
from pgan_tf.errors import UserError
from pgan_tf.presets import compose, options_of


def _config(key):
    if key == "nogrowing-1024":
        return resolve({"schedule.minibatch_base": 4}, {}, without=["growing"]), 1
    name, precision = key.rsplit("-", 1)
    gpus = int(name.split("-")[1].strip("gpus"))
    return compose("syn1024rgb", preset=name, precision=precision), gpus


def test_schedule_equals_the_official_tables(golden):
    data = golden("schedule.json")
    assert data["columns"] == [
        "nimg", "lod", "resolution", "minibatch", "G_lrate", "D_lrate", "tick_kimg",
    ]  # fmt: skip
    rows = 0
    for key, table in data["tables"].items():
        preset, resolution = key.split("@")
        config, gpus = _config(preset)
        for row in table:
            phase = schedule.phase_at(config.schedule, row[0], int(resolution), gpus)
            assert list(phase) == row, key
            rows += 1
    assert rows == 16 * 45


def test_segments_cover_the_run_without_gaps():
    config = resolve(configs.HARDWARE["v2-1gpu"].options)
    stages = list(schedule.segments(config, 1024))
    assert [s.first.resolution for s in stages] == [
        4,
        *[r for k in range(3, 11) for r in [2**k] * 2],
    ]
    assert [s.fading for s in stages] == [False] + [True, False] * 8
    assert stages[0].start_kimg == 0 and stages[-1].end_kimg == 12000
    assert all(a.end_kimg == b.start_kimg for a, b in itertools.pairwise(stages))


def test_rampup_follows_the_formula():
    options = resolve({"schedule.rampup_kimg": 40}).schedule
    assert schedule.phase_at(options, 0, 64).G_lrate == pytest.approx(0.001 * 2.718281828**-5)
    assert schedule.phase_at(options, 20_000, 64).D_lrate == pytest.approx(
        0.001 * 2.718281828**-1.25
    )
    assert schedule.phase_at(options, 40_000, 64).G_lrate == 0.001


@pytest.mark.parametrize(
    ("options", "replicas", "words"),
    [
        ({"schedule.minibatch_base": 4}, 8, "can't be split over 8 replicas"),
        ({"schedule.minibatch_base": 12}, 2, "not a multiple of D.mbstd_group_size=4"),
        ({"schedule.minibatch_dict": {32: 6}}, 1, "schedule.minibatch_dict=32:N"),
        ({"schedule.lod_training_kimg": 0, "schedule.minibatch_dict": {4: 6, 8: 8}}, 1, "dict=4:N"),
        ({"schedule.lod_initial_resolution": 12}, 1, "a power of two"),
        ({"schedule.lod_initial_resolution": 128}, 1, "a power of two"),
        ({"schedule.lod_training_kimg": 0, "schedule.lod_transition_kimg": 0}, 1, "never grow"),
    ],
)
def test_impossible_schedules_are_refused(options, replicas, words):
    with pytest.raises(UserError, match=words):
        schedule.check(resolve({"train.total_kimg": 20000}, options), 64, replicas)


def test_accepts_every_official_preset():
    for name, preset in configs.HARDWARE.items():
        for precision in configs.PRECISION:
            gpus = options_of(preset)["train.gpus"]
            config = compose("syn1024rgb", preset=name, precision=precision)
            schedule.check(config, 1024, gpus)
