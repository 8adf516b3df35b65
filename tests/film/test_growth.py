"""Films of a run's growth."""

import shlex

import numpy as np
import pytest
from films import decode, frames_before_coding
from PIL import Image
from small_run import write_dataset, write_run

from pgan_tf import video
from pgan_tf.config import to_json
from pgan_tf.data.opening import open_dataset
from pgan_tf.errors import UserError
from pgan_tf.film import growth as growth_module
from pgan_tf.film.growth import growth
from pgan_tf.generate import generate
from pgan_tf.run import CONFIG, Run
from pgan_tf.snapshots import load_snapshot
from pgan_tf.training.feed import Feed
from pgan_tf.training.grids import Grids


class NoReporter:
    def image(self, *_):
        pass


def test_pictures_follow_one_another_and_captions_count_up(run, tmp_path, monkeypatch):
    captions = []

    def remember(frame, lines):
        captions.append(lines)
        return frame

    monkeypatch.setattr(growth_module, "write_caption", remember)
    film = growth(run, tmp_path / "growth.mp4", duration=8, fps=10, reals=True, grid=(3, 2))
    frames, fps = decode(film)
    assert len(frames) == len(captions) == 80 and fps == 10
    assert frames[0].shape == (512, 768, 3)
    means = np.array([frame.mean(axis=(0, 1)) for frame in frames])
    np.testing.assert_allclose(means[0], [200, 0, 0], atol=4)
    assert captions[0] == ["Real images"]
    grown = means[15:]  # after a second of reals and a fade of half a second
    np.testing.assert_allclose(grown[0], [10] * 3, atol=6)
    np.testing.assert_allclose(grown[-1], [250] * 3, atol=4)
    assert (np.diff(grown.mean(axis=1)) > -1).all()  # each shade fades into the next
    for shade in (90, 170):
        assert np.abs(grown - shade).max(axis=1).min() < 4
    shown = [int(lines[-1].split()[-1].replace(",", "")) for lines in captions[15:]]
    assert shown[0] == 0 and shown[-1] == 8000 and (np.diff(shown) >= 0).all()
    sizes = [int(lines[0].split()[-1]) for lines in captions[15:]]
    assert sizes[0] == 4 and sizes[-1] == 16 and set(sizes) == {4, 8, 16}
    assert (np.diff(sizes) >= 0).all()
    assert captions[-1][1] == "Training time 4h 26m"


def test_the_caption_is_drawn_into_the_frames(run, tmp_path):
    frames, _ = decode(growth(run, tmp_path / "growth.gif", duration=2, fps=5, size=(240, 180)))
    assert len(frames) == 10
    corner, rest = frames[-1][-30:, :60], frames[-1][:90, 150:]
    assert (corner < 100).any() and (rest > 240).all()


def test_a_run_with_one_picture_and_no_ticks_can_be_filmed(run, tmp_path):
    for path in sorted(run.glob("fakes*"))[1:]:
        path.unlink()
    (run / "stats.jsonl").unlink()
    frames, _ = decode(growth(run, tmp_path / "growth.webp", duration=1, fps=4))
    assert len(frames) >= 1 and np.abs(frames[-1][:20].astype(float) - 10).max() < 5


@pytest.mark.slow
def test_a_rendered_film_shows_the_latents_of_the_pictures(tmp_path, monkeypatch):
    data = write_dataset(tmp_path / "data")
    path = write_run(tmp_path / "results", 3, data)
    loaded = load_snapshot(path)
    (path / CONFIG).write_text(to_json(loaded.config))
    dataset = open_dataset(loaded.config.data)
    feed = Feed(dataset, loaded.config, loaded.Gs.latent_size)
    # The advice for a run without pictures works as printed.
    with pytest.raises(UserError, match="has no pictures; to make them from its snap") as error:
        growth(path, tmp_path / "growth.mp4")
    command = str(error.value).split("from its snapshots: ")[1]
    out = tmp_path / "rendered.mp4"
    short = ["--duration", "1", "--fps", "8", "--size", "512x256", "--out", str(out)]
    video.main([*shlex.split(command)[3:], *short])
    grids = Grids(loaded.config, path, loaded.Gs, dataset, feed, NoReporter())
    grids.save_fakes(1_000_000, 1.0)
    grids.save_fakes(2_000_000, 0.0)
    assert len(decode(out)[0]) == 8
    rendered = frames_before_coding(monkeypatch, video.main, [*shlex.split(command)[3:], *short])
    form = {"duration": 1, "fps": 8, "size": (512, 256)}
    taken = frames_before_coding(monkeypatch, growth, path, tmp_path / "growth.mp4", **form)
    # Only the last frames are compared: earlier ones come from other networks.
    assert np.abs(rendered[-1].astype(float) - taken[-1]).mean() < 1
    assert rendered[0].shape == (256, 512, 3)
    assert np.abs(rendered[-1].astype(float) - rendered[0]).mean() > 10

    (tmp_path / "data").rename(tmp_path / "moved")
    with pytest.raises(UserError, match="can't be opened; to use other latents") as error:
        growth(path, tmp_path / "growth.mp4", render=True)
    command = str(error.value).split("to use other latents: ")[1]
    short[5] = "384x256"
    video.main([*shlex.split(command)[3:], *short])
    (single,) = generate(path, tmp_path, range(6), grid=(3, 2), zoom=8)
    difference = decode(out)[0][-1][:160].astype(float) - np.asarray(Image.open(single))[:160]
    assert np.abs(difference).mean() < 6  # lossy coding


def test_runs_that_can_not_be_shown_are_refused_in_one_line(run, tmp_path):
    out = tmp_path / "growth.mp4"

    def refused(message, where=run, **options):
        with pytest.raises(UserError, match=message) as error:
            growth(where, out, **options)
        assert "\n" not in str(error.value) and not out.exists()
        return str(error.value)

    refused("gone is no run: there is no such directory", tmp_path / "gone")
    refused("holds runs; name one of them: .*004-shades", run.parent)
    refused("--seeds: a run's pictures are made from its own latents; add --render", seeds=[1])
    refused("--grid 5x1: .* hold only 4x3 images", grid=(5, 1))
    command = refused("no snapshot to render from", render=True).split("to show its pictures: ")[1]
    short = ["--duration", "0.2", "--fps", "5", "--out", str(out)]
    video.main([*shlex.split(command)[3:], *short])
    assert out.exists()
    out.unlink()
    last = Run(run).pictures[-1].path
    last.write_bytes(last.read_bytes()[:60])
    refused("fakes000008.png can't be read")
    (run / "reals.png").unlink()
    refused("no picture of reals; leave out --reals", reals=True)
    for path in run.glob("fakes*"):
        path.unlink()
    refused("has no pictures and no snapshots yet; train on, or name another run")
