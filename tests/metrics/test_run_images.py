"""`metrics.run --images`, on folders of image files."""

import numpy as np
import pytest
from PIL import Image

from metrics import fid, inception_weights, ms_ssim, run, statistics_file
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.errors import UserError


class Network:
    """Stands in for Inception: the features are mean and deviation of the image's channels."""

    weights_hash = "stand-in"
    num_features = 6

    def features(self, images):
        pairs = [(image.mean((0, 1)), image.std((0, 1))) for image in images]
        return np.array(pairs, np.float32).reshape(len(images), 6) / 255

    def logits(self, features):
        return features * 10


def noise(n, height=32, width=32, seed=0, contrast=1.0):
    images = np.random.default_rng(seed).integers(-128, 128, (n, height, width, 3))
    return (128 + contrast * images).astype(np.uint8)


def save_images(directory, images, first=0):
    directory.mkdir(exist_ok=True)
    for i, image in enumerate(images, first):
        Image.fromarray(image).save(directory / f"{i:02d}.png")


@pytest.fixture
def world(tmp_path, monkeypatch):
    """The current directory, with folders `reals` and `fakes` of 24 images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inception_weights, "load", lambda *args: Network())
    monkeypatch.setattr(statistics_file, "NUM_FEATURES", 6)
    monkeypatch.setattr(statistics_file, "_SHAPES", {"mu": (6,), "sigma": (6, 6)})
    save_images(tmp_path / "reals", noise(24))
    save_images(tmp_path / "fakes", noise(24, seed=1, contrast=0.5))
    return tmp_path


def measure(reals, fakes, *options, metrics="swd,msssim"):
    return run.main(
        ["--images", reals, fakes, "--metrics", metrics, "--out", "out", "--cache", "cache",
         *map(str, options)]
    )  # fmt: skip


def test_folders_are_compared_beside_halves_of_the_reals(world, capsys, read_results):
    assert measure("reals", "fakes") == 0
    header, row, floor = capsys.readouterr().out.splitlines()
    assert header.split()[1] == "SWDx1e3_32" and row.split()[0] == "fakes"
    assert floor.startswith("reals, halves of 12  ")
    record, floor = read_results("out/metric-swd.jsonl")
    assert (record["images"], record["reals"], record["num_images"]) == ("fakes", "reals", 24)
    assert (record["resolution"], record["mirror"]) == (32, False)
    assert (floor["reals_pass"], floor["reals"], floor["num_images"]) == (1, "reals", 12)
    assert "images" not in floor and floor["value"] > 0
    assert measure("reals", "fakes", "--real-passes", 0) == 0
    header, again = capsys.readouterr().out.splitlines()
    assert again.split()[-3:] == row.split()[-3:]
    with pytest.raises(UserError, match="fakes has 24 images, fewer than the 25"):
        measure("reals", "fakes", "--num-images", 25)
    assert measure("reals", "fakes", "--num-images", 20, "--real-passes", 2) == 0
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[1:]] == [
        "fakes", "reals, halves of 12", "reals, halves of 12",
    ]  # fmt: skip


def test_mixed_sizes_are_measured_only_by_fid_kid_and_is(world, capsys, read_results):
    small = noise(6, 20, 28, seed=2)
    save_images(world / "fakes", small, first=24)
    assert measure("reals", "fakes", "--real-passes", 0, metrics="swd,fid,kid,is,msssim") == 1
    out = capsys.readouterr().out.splitlines()
    needed = "images must be square and of one size, a power of two, 16x16 or more; these are"
    assert out[0] == f"swd, msssim: {needed} 32x32 and 28x20"
    assert out[1].startswith("fid: with fewer than 2,048 different images")
    assert out[2].split()[1:] == [
        "FID", "KIDx1e3_mean", "KIDx1e3_std", "IS_mean", "IS_std", "MS-SSIM",
    ]  # fmt: skip
    assert len(out) == 4 and out[3].split().count("-") == 1
    (record,) = read_results("out/metric-fid.jsonl")
    assert record["num_images"] == 30 and record["resolution"] is None
    features = [
        Network().features(x) for x in (noise(24), [*noise(24, seed=1, contrast=0.5), *small])
    ]
    expected = fid.frechet_distance(*map(fid.statistics, features))
    assert record["value"] == pytest.approx(expected)
    assert not (world / "out/metric-swd.jsonl").exists()


def test_a_damaged_file_is_refused_or_skipped(world, capsys, read_results):
    (world / "fakes/07.png").write_bytes((world / "fakes/07.png").read_bytes()[:99])
    with pytest.raises(UserError, match=r"^fakes: 1 of 24 files .*; the first is 07\.png: "):
        measure("reals", "fakes")
    assert capsys.readouterr().out == "" and not list((world / "out").iterdir())
    assert measure("reals", "fakes", "--skip-bad", "--real-passes", 0) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("fakes: leaving out 1 of 24 files that can't be measured; the first")
    assert out[1] == "msssim: images are compared in pairs; of the 23 images the last is left out"
    (swd,), (similarity,) = (read_results(f"out/metric-{n}.jsonl") for n in ("swd", "msssim"))
    assert (swd["num_images"], similarity["num_images"]) == (23, 22)
    kept = np.delete(noise(24, seed=1, contrast=0.5), 7, axis=0)[:22]
    assert similarity["value"] == pytest.approx(ms_ssim.pair_similarities(kept).mean())


def test_ms_ssim_leaves_out_the_last_of_an_odd_number(world, capsys, read_results):
    (world / "fakes/23.png").unlink()
    assert measure("reals", "fakes", "--real-passes", 0, metrics="msssim") == 0
    note, _, row = capsys.readouterr().out.splitlines()
    assert note == "msssim: images are compared in pairs; of the 23 images the last is left out"
    (record,) = read_results("out/metric-msssim.jsonl")
    assert record["num_images"] == 22
    expected = ms_ssim.pair_similarities(noise(24, seed=1, contrast=0.5)[:22]).mean()
    assert record["value"] == pytest.approx(expected)
    assert float(row.split()[-1]) == pytest.approx(expected, abs=1e-4)


def test_a_data_set_equals_its_folder(world, capsys, read_results):
    with DatasetWriter(world / "set", 32, 3) as target:
        target.add(noise(24).transpose(0, 3, 1, 2))
    assert measure("set", "fakes", metrics="fid,swd") == 0
    (floor_of_set,) = [line for line in capsys.readouterr().out.splitlines() if "halves" in line]
    assert floor_of_set.startswith("reals, halves of 12")
    assert measure("reals", "fakes", "--real-passes", 0, metrics="fid,swd") == 0
    of_set, floor, of_folder = read_results("out/metric-fid.jsonl")
    assert floor["value"] < 0.2 * of_set["value"]
    assert of_set["value"] == pytest.approx(of_folder["value"])
    assert (of_set["reals"], of_set["num_reals"]) == ("set", 24)
    assert measure("reals", "set", metrics="fid") == 0  # the same images in another order
    assert read_results("out/metric-fid.jsonl")[-2]["value"] == pytest.approx(0, abs=1e-9)


def test_statistics_files_give_the_same_fid(world, capsys, read_results):
    gaussian = fid.statistics(Network().features(noise(24)))
    np.savez("reals.npz", mu=gaussian.mean, sigma=gaussian.covariance)
    gaussian = fid.statistics(Network().features(noise(24, seed=1, contrast=0.5)))
    np.savez("fakes.npz", mu=gaussian.mean, sigma=gaussian.covariance)
    assert measure("reals", "fakes", "--real-passes", 0, metrics="fid") == 0
    capsys.readouterr()
    for reals, fakes in (
        ("reals.npz", "fakes"),
        ("reals", "fakes.npz"),
        ("reals.npz", "fakes.npz"),
    ):
        assert measure(reals, fakes, "--real-passes", 0, metrics="fid") == 0
    expected, *found = read_results("out/metric-fid.jsonl")
    assert [r["value"] for r in found] == [pytest.approx(expected["value"])] * 3
    assert [r["reals"] for r in found] == ["reals.npz", "reals", "reals.npz"]
    assert [r["num_images"] for r in found] == [24, None, None]
    assert [r.get("num_reals") for r in found] == [None, 24, None]
    assert [r.get("inception_sha256") for r in found] == ["stand-in", "stand-in", None]
    capsys.readouterr()
    assert measure("reals.npz", "fakes", metrics="kid,fid,is") == 1
    out = capsys.readouterr().out
    assert "kid: needs images; reals.npz holds only the mean and covariance" in out
    assert [line.split()[0] for line in out.splitlines()] == ["kid:", "fid:", "time", "fakes"]
    np.savez("other.npz", features=np.zeros((3, 6)))
    with pytest.raises(UserError, match=r"other\.npz holds no usable statistics: mu is missing"):
        measure("other.npz", "fakes", metrics="fid")


def test_paths_without_images_are_refused_in_one_line(world):
    (world / "empty").mkdir()
    (world / "results/000-new").mkdir(parents=True)
    (world / "results/000-new/config.json").write_text("{}")
    save_images(world / "results/000-new", noise(2))
    for reals, words in (
        ("nowhere", "nowhere does not exist; name a directory or zip file"),
        ("nowhere.npz", "nowhere.npz does not exist"),
        ("empty", "empty holds no images"),
        ("results/000-new", "000-new: the run has not saved one yet"),
        ("reals/00.png", "00.png is a picture; name the directory that holds it, or a zip file"),
    ):
        with pytest.raises(UserError, match=words) as error:
            measure(reals, "fakes")
        assert "\n" not in str(error.value)


def test_metrics_are_listed(capsys):
    assert run.main(["--list"]) == 0
    rows = [line.split(None, 1) for line in capsys.readouterr().out.splitlines()]
    assert {name for name, _ in rows} == {"swd", "msssim", "fid", "is", "kid", "modes"}
    assert dict(rows)["is"] == "Inception score; 50000 images; IS_mean, IS_std"
