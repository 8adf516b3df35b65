import json
import math

import pytest
from made_up_run import add_measurement, add_tick, write_run

from pgan_tf.errors import UserError
from pgan_tf.pages.embedding import Embedder
from pgan_tf.pages.run_summary import summarize
from pgan_tf.run import Run


def summary(path, most=60, say=print):
    return summarize(Run(path), most, Embedder(1280, 75), say)


def chart(found, title):
    (one,) = [c for c in found["charts"] if c["title"] == title]
    return one["kimg"], {s["label"]: s["values"] for s in one["series"]}


def test_pictures_have_resolution_time_and_images_shown(tmp_path):
    found = summary(write_run(tmp_path / "000-a"))
    assert found["reals"].startswith("data:image/")
    assert [(p["kimg"], p["resolution"], p["time"]) for p in found["pictures"][:6]] == [
        (0, 4, "0s"), (0.5, 4, "5s"), (1, 8, "10s"), (1.5, 8, "15s"), (2, 8, "20s"),
        (2.5, 8, "25s"),
    ]  # fmt: skip
    assert len({p["src"] for p in found["pictures"]}) == 9
    assert [p["kimg"] for p in summary(tmp_path / "000-a", 3)["pictures"]] == [0, 1, 4]
    assert summary(tmp_path / "000-a", 0)["pictures"] == []


def test_curves_and_throughput_follow_the_ticks(tmp_path):
    found = summary(write_run(tmp_path / "000-a"))
    kimg, losses = chart(found, "Losses")
    assert kimg == [0.5 * i for i in range(1, 9)]
    assert losses == {"D_loss": [9, 8, 7, 6, 5, 4, 3, 2]}  # all values of G_loss are unknown
    assert chart(found, "Minibatch")[1] == {"minibatch": [16] * 8}
    assert "Skipped updates" not in [c["title"] for c in found["charts"]]
    assert [list(row.values()) for row in found["throughput"]] == [
        ["4x4", "0 to 1", "16", "10s", 100.0],
        ["8x8 fading in", "1 to 2", "16", "10s", 100.0],
        ["8x8", "2 to 4", "16", "20s", 100.0],
    ]


def test_a_tick_over_several_segments_counts_for_all_of_them(tmp_path):
    path = write_run(tmp_path / "000-a", ticks=1)
    add_tick(path, 5)
    rows = [(row["segment"], row["kimg"], row["seconds"]) for row in summary(path)["throughput"]]
    assert rows == [("4x4", "0 to 1", "5s"), ("4x4 to 8x8", "0 to 2.5", "20s")]


def test_each_number_of_images_has_its_own_metric_curve(tmp_path):
    run = write_run(tmp_path / "000-a")
    add_measurement(run, "swd", 2.0, low=5.0, high=math.nan)
    add_measurement(run, "swd", 1.0, low=6.0, high=7.0)
    add_measurement(run, "swd", 2.0, num_images=9, low=8.0)
    (run / "metric-swd.jsonl").open("a").write('{"values": {"low": 1}, "reals_pass": 1}\n{"val')
    assert chart(summary(run), "Metric swd") == (
        [1, 2],
        {
            "low, 100 images": [6, 5],
            "high, 100 images": [7, None],
            "low, 9 images": [None, 8],
        },
    )


def test_changed_options_come_first_and_the_change_log_is_shown(tmp_path):
    run = write_run(tmp_path / "000-a", options={"train.seed": 7})
    change = {"nimg": 1500, "option": "train.D_repeats", "old": 1, "new": 2}
    (run / "changes.jsonl").write_text(json.dumps(change) + "\n")
    found = summary(run)
    names = [o["option"] for o in found["options"] if o["differs"]]
    assert names == [o["option"] for o in found["options"][: len(names)]]
    assert {"train.seed", "train.D_repeats", "data.resolution"} < set(names)
    (seed,) = [o for o in found["options"] if o["option"] == "train.seed"]
    assert (seed["value"], seed["default"]) == ("7", "1000")
    assert found["changes"] == [{"kimg": 1.5, "option": "train.D_repeats", "old": "1", "new": "2"}]


def test_an_empty_run_is_refused_in_one_line(tmp_path):
    run = write_run(tmp_path / "000-a", ticks=0, pictures=False)
    with pytest.raises(UserError, match="no ticks and no pictures yet") as error:
        summary(run)
    assert "\n" not in str(error.value)


def test_pictures_or_ticks_alone_are_summarized(tmp_path):
    alone = write_run(tmp_path / "000-a", ticks=0)
    assert len(summary(alone)["pictures"]) == 1 and summary(alone)["charts"] == []
    blind = summary(write_run(tmp_path / "001-b", pictures=False))
    assert blind["pictures"] == [] and blind["reals"] is None and blind["charts"]


def test_a_damaged_picture_is_left_out_and_named(tmp_path):
    run = write_run(tmp_path / "000-a")
    (run / "fakes000001.png").write_bytes(b"no picture")
    said = []
    assert len(summary(run, say=said.append)["pictures"]) == 8
    assert len(said) == 1 and "fakes000001.png is damaged or not a PNG" in said[0]
