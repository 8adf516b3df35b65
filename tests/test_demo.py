"""The demo, with a stand-in for the training that only writes its files."""

import json

import numpy as np
import pytest
from films import decode
from made_up import noise, write_dataset
from PIL import Image

from pgan_tf import demo
from pgan_tf import train as train_command
from pgan_tf.config import to_json
from pgan_tf.data.dataset import Dataset
from pgan_tf.growth import stages_sheet
from pgan_tf.neighbours import neighbours_sheet
from pgan_tf.networks import Discriminator, Generator
from pgan_tf.pictures import enlarge, make_grid, save_png
from pgan_tf.snapshots import save_snapshot
from pgan_tf.training.loop import Interrupted

SHAPE = {"resolution": 8, "fmap_base": 64, "fmap_max": 8}
FAKES = noise(12, 8, seed=9).transpose(0, 2, 3, 1)


def read(path):
    return np.asarray(Image.open(path))


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Replaces the training; lists the configurations that it is given."""
    given = []

    def train(config, results, callbacks):
        given.append(config)
        run = tmp_path / "home" / "results" / "000-portraits"
        run.mkdir(parents=True)
        with open(run / "stats.jsonl", "w") as file:
            for kimg, resolution in ((1, 4), (2, 8)):
                tick = {
                    "tick": kimg, "nimg": 1000 * kimg, "resolution": resolution, "lod": 0.0,
                    "minibatch": 4, "time": 1.0, "images_per_sec": 1.0,
                }  # fmt: skip
                file.write(json.dumps(tick) + "\n")
                step = 8 // resolution
                images = enlarge(FAKES[:, ::step, ::step], 8)
                path = save_png(make_grid(images, 4), run / f"fakes{kimg:06d}.png")
                for callback in callbacks:
                    callback.picture(None, path)
        save_png(make_grid(FAKES, 4), run / "reals.png")
        (run / "config.json").write_text(to_json(config))
        networks = Generator(**SHAPE), Discriminator(**SHAPE), Generator(**SHAPE)
        save_snapshot(run / "network-snapshot-000002.npz", *networks, config, 2000, 0.0)
        return run

    monkeypatch.setattr(train_command, "train", train)
    monkeypatch.setattr(demo, "_FILM_SECONDS", 1.0)
    return given


def test_makes_all_pictures_and_prints_their_names(tmp_path, trained, capsys):
    home, data = tmp_path / "home", tmp_path / "data"
    write_dataset(data, noise(9, 8))
    demo.main([
        "--dir", str(home), "--set", f"data.path={data}", "--set", "data.resolution=8",
        "--set", "train.seed=3",
    ])  # fmt: skip
    out = capsys.readouterr().out
    assert "from 4x4 to 8x8." in out and "Drawing" not in out
    run = home / "results" / "000-portraits"
    np.testing.assert_array_equal(read(home / "growing.png"), read(run / "fakes000002.png"))
    assert read(home / "grid.png").shape == (8 * 128, 16 * 128, 3)
    for name in ("growth.mp4", "walk.mp4"):
        assert len(decode(home / name)[0]) == 30 and f"{home / name}" in out
    np.testing.assert_array_equal(read(home / "stages.png"), stages_sheet(run, 8, 8, zoom=16))
    np.testing.assert_array_equal(
        read(home / "neighbours.png"), neighbours_sheet(FAKES[:8], Dataset(data), zoom=16)
    )
    for name in ("growing", "grid", "stages", "neighbours"):
        lines = [line for line in out.splitlines() if f"{home / name}.png" in line]
        assert len(lines) == 1, name
    (config,) = trained
    assert config.name == "portraits" and config.train.seed == 3 and config.data.mirror


@pytest.mark.slow
def test_portraits_are_drawn_only_once(tmp_path, trained, monkeypatch):
    from pgan_tf.data.making import openmoji

    some = openmoji.select("faces")[:5]
    monkeypatch.setattr(openmoji, "select", lambda subset, _: {"portraits": some}[subset])
    home = tmp_path / "home"
    demo.main(["--dir", str(home), "--set", "data.resolution=8"])
    data = Dataset(home / "openmoji-portraits")
    assert data.num_images == 5 and trained[0].data.path == str(home / "openmoji-portraits")
    list(demo.make_dataset(home / "openmoji-portraits", 8))  # keeps the existing data set
    assert Dataset(home / "openmoji-portraits").content_hash() == data.content_hash()


def test_the_growing_picture_is_replaced(tmp_path):
    callback = demo.newest_picture(tmp_path / "growing.png")
    for seed in range(3):
        image = noise(1, 8, seed=seed)[0].transpose(1, 2, 0)
        save_png(image, tmp_path / "new.png")
        callback.picture(None, tmp_path / "new.png")
        np.testing.assert_array_equal(read(tmp_path / "growing.png"), image)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["growing.png", "new.png"]


def test_an_interruption_is_reported_with_status_130(tmp_path, monkeypatch, capsys):
    def train(*_, **__):
        raise Interrupted("stopped at 3.0 kimg")

    monkeypatch.setattr(train_command, "train", train)
    write_dataset(tmp_path / "data", noise(9, 8))
    with pytest.raises(SystemExit) as stop:
        demo.main(["--dir", str(tmp_path / "home"), "--set", f"data.path={tmp_path / 'data'}"])
    assert stop.value.code == 130 and capsys.readouterr().out.endswith("stopped at 3.0 kimg\n")


def test_help_names_the_config(capsys):
    with pytest.raises(SystemExit) as stop:
        demo.main(["--help"])
    assert stop.value.code == 0 and "option of the config portraits" in " ".join(
        capsys.readouterr().out.split()
    )
