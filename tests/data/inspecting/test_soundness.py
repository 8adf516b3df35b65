"""The commands info, verify, extract, compare and display."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_up import noise, write_dataset
from PIL import Image

import dataset_tool
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.format import pyramid, records
from pgan_tf.data.inspecting import compare, display, extract, soundness
from pgan_tf.data.labels import CLASSES_FILE, classes_text
from pgan_tf.data.making import images as create
from pgan_tf.errors import UserError

PIXELS = noise(11, 32)
LABELS = np.eye(3)[np.arange(11) % 3]
STORAGE = [{}, {"shards": 3}, {"compress": "png", "shards": 2}]


@pytest.fixture
def made(tmp_path):
    write_dataset(tmp_path / "made", PIXELS, LABELS)
    return tmp_path / "made"


def run(capsys, *arguments):
    """Runs dataset_tool; returns its exit status and what it printed."""
    code = dataset_tool.main([str(argument) for argument in arguments])
    return code or 0, capsys.readouterr().out


@pytest.mark.parametrize("options", STORAGE, ids=str)
def test_info_counts_images_classes_and_bytes(tmp_path, capsys, options):
    write_dataset(tmp_path / "set", PIXELS, LABELS, **options)
    (tmp_path / "set" / "CLASSES.txt").write_text("cat\ndog\ncow\n")
    info = soundness.info(tmp_path / "set")
    assert (info.num_images, info.resolution, info.num_channels) == (11, 32, 3)
    assert info.classes == [("cat", 4), ("dog", 4), ("cow", 3)]
    files = list((tmp_path / "set").glob("*.tfrecords"))
    assert info.num_bytes == sum(file.stat().st_size for file in files)
    _, printed = run(capsys, "info", tmp_path / "set")
    assert re.search(r"images +11\n.*32x32\n.*3\n", printed, re.S)
    assert re.search(r"dog +4", printed)
    if options:
        assert f"{options['shards']} files" in printed


def test_info_without_classes(tmp_path, capsys):
    write_dataset(tmp_path / "a", PIXELS)
    write_dataset(tmp_path / "b", PIXELS, LABELS * 0.5)
    assert "labels     none" in run(capsys, "info", tmp_path / "a")[1]
    assert "3 numbers per image" in run(capsys, "info", tmp_path / "b")[1]


@pytest.mark.parametrize("options", STORAGE, ids=str)
def test_verify_accepts_sound_data_sets(tmp_path, capsys, options):
    write_dataset(tmp_path / "set", PIXELS, LABELS, **options)
    assert soundness.verify(tmp_path / "set") == 0
    assert "is sound" in run(capsys, "verify", tmp_path / "set")[1]


def test_verify_names_the_damaged_file_and_record(made):
    file = made / "made-r04.tfrecords"
    content = bytearray(file.read_bytes())
    content[len(content) // 11 * 6 + 400] ^= 4
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"made-r04.tfrecords: record 6: damaged: wrong checksum"):
        soundness.verify(made)


def _replace_level(path, resolution, pixels):
    file = path / f"made-r{resolution.bit_length() - 1:02d}.tfrecords"
    file.write_bytes(records.layout(3, resolution).encode(pixels).tobytes())


def test_verify_finds_swapped_images_in_a_level(made):
    levels = {level.shape[-1]: level for level in pyramid.levels(PIXELS)}
    swapped = levels[8].copy()
    swapped[[3, 4]] = swapped[[4, 3]]
    _replace_level(made, 8, swapped)  # with right checksums
    Dataset(made, verify="full")
    with pytest.raises(
        UserError, match=r"made-r03.tfrecords: record 3 is not the image of the level above"
    ):
        soundness.verify(made)


def test_verify_accepts_rounding_differences_and_counts_them(made, capsys):
    """Other programs make each level from the rounded level above it."""
    level = PIXELS
    while level.shape[-1] > 4:
        n, c, r, _ = level.shape
        level = np.rint(level.reshape(n, c, r // 2, 2, r // 2, 2).mean((3, 5))).astype(np.uint8)
        _replace_level(made, r // 2, level)
    inexact = soundness.verify(made)
    assert 0 < inexact <= 11
    assert (
        f"{inexact} images have a level that is within rounding" in run(capsys, "verify", made)[1]
    )


@pytest.mark.parametrize("file_format, workers", [("png", 1), ("png", 2), ("webp", 1)])
def test_an_extracted_data_set_can_be_made_again(made, tmp_path, capsys, file_format, workers):
    out = tmp_path / "files"
    run(capsys, "extract", made, out, "--format", file_format, "--workers", workers)
    found = np.asarray(Image.open(out / f"img00000007.{file_format}").convert("RGB"))
    np.testing.assert_array_equal(found, PIXELS[7].transpose(1, 2, 0))
    back = tmp_path / "back"
    run(capsys, "create_from_images", back, out, "--labels", "dataset.json", "--shuffle", 0,
        "--workers", 1)  # fmt: skip
    assert Dataset(back).content_hash() == Dataset(made).content_hash()
    code, printed = run(capsys, "compare", made, back, "--json")
    assert code == 0 and json.loads(printed)["identical"] is True


def test_class_names_survive_extraction(tmp_path):
    write_dataset(tmp_path / "set", PIXELS, np.eye(5, dtype=np.float32)[np.arange(11) % 3])
    names = ["cat", "a dog", "crow", "none", "at all"]
    (tmp_path / "set" / CLASSES_FILE).write_bytes(classes_text(names))
    extract.extract(tmp_path / "set", tmp_path / "files", workers=1)
    create.create(
        tmp_path / "back", tmp_path / "files", labels="dataset.json", shuffle=False, workers=1
    )
    assert soundness.info(tmp_path / "back").classes == soundness.info(tmp_path / "set").classes
    assert Dataset(tmp_path / "back").label_size == 5


@pytest.mark.parametrize("classes", [None, ["a\nb", "c\u2028d", *"efg"]])
def test_labels_survive_extraction_without_or_with_odd_class_names(tmp_path, classes):
    labels = np.eye(5, dtype=np.float32)[np.arange(11) % 3]  # the last two classes are empty
    write_dataset(tmp_path / "set", PIXELS, labels)
    if classes:
        (tmp_path / "set" / CLASSES_FILE).write_bytes(classes_text(classes))
        assert Dataset(tmp_path / "set").class_names == ["a b", "c\u2028d", *"efg"]
    extract.extract(tmp_path / "set", tmp_path / "files", workers=1)
    create.create(
        tmp_path / "back", tmp_path / "files", labels="dataset.json", shuffle=False, workers=1
    )
    np.testing.assert_array_equal(Dataset(tmp_path / "back").labels, labels)
    assert soundness.info(tmp_path / "back").classes == soundness.info(tmp_path / "set").classes


def test_extracts_a_coarser_level_in_gray(tmp_path):
    pixels = noise(3, 16, channels=1)
    write_dataset(tmp_path / "gray", pixels)
    assert extract.extract(tmp_path / "gray", tmp_path / "out", resolution=8, workers=1) == 3
    found = np.asarray(Image.open(tmp_path / "out" / "img00000002.png"))
    np.testing.assert_array_equal(found, list(pyramid.levels(pixels))[1][2, 0])
    assert not (tmp_path / "out" / extract.LABELS_FILE).exists()


def test_extract_follows_no_links_out_of_its_target(made, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    victim = tmp_path / "victim"
    (out / "img00000000.png").symlink_to(victim)
    with pytest.raises(UserError, match="is not an empty directory"):
        extract.extract(made, out)
    write_images = extract._WriteImages(str(made), str(out), "png", 32)
    with pytest.raises(FileExistsError):  # even if the link appears later
        write_images(np.arange(1))
    assert not victim.exists()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="is not an empty directory"):
        extract.extract(made, link)


def test_compare_counts_different_images_and_labels(made, tmp_path, capsys):
    changed = PIXELS.copy()
    changed[[2, 9], 0, 5, 5] ^= 1
    labels = LABELS.copy()
    labels[4] = labels[3]
    other = tmp_path / "other"
    write_dataset(other, changed, labels)
    code, printed = run(capsys, "compare", made, other, "--json")
    assert code == 1
    assert json.loads(printed) == {
        "images_a": 11, "images_b": 11, "shape_a": [3, 32, 32], "shape_b": [3, 32, 32],
        "compared": 11, "identical_images": 9,
        "different_images": 2, "first_different": [2, 9], "different_labels": 1,
        "complete": True, "interrupted": False, "identical": False,
    }  # fmt: skip
    result = json.loads(run(capsys, "compare", made, other, "--ignore_labels", 1, "--json")[1])
    assert result == json.loads(run(capsys, "compare", made, other, "--json", "--ignore_labels")[1])
    assert result["different_labels"] is None
    result = json.loads(run(capsys, "compare", made, other, "--max-different", 1, "--json")[1])
    assert (result["compared"], result["different_images"], result["complete"]) == (3, 1, False)
    assert re.search(r"different_images +2\n", run(capsys, "compare", made, other)[1])


def test_compare_accepts_other_counts_and_resolutions(made, tmp_path):
    write_dataset(tmp_path / "fewer", PIXELS[:5], LABELS[:5])
    with pytest.raises(ValueError, match="max_different=0: at least 1"):
        compare.compare(made, tmp_path / "fewer", max_different=0)
    result = compare.compare(made, tmp_path / "fewer")
    assert result.identical_images == result.compared == 5 and not result.identical
    write_dataset(tmp_path / "smaller", PIXELS[:, :, :16, :16].copy(), LABELS)
    result = compare.compare(made, tmp_path / "smaller")
    assert result.different_images == 11 and not result.different_labels
    assert (result.shape_a, result.shape_b) == ((3, 32, 32), (3, 16, 16))


def test_compare_stops_when_interrupted(made, tmp_path, monkeypatch):
    write_dataset(tmp_path / "same", PIXELS, LABELS)
    monkeypatch.setattr(compare, "_BLOCK_BYTES", 4 * 32 * 32 * 3)
    read, calls = Dataset.read, []

    def interrupted(self, resolution, indices):
        calls.append(indices)
        if len(calls) > 4:
            raise KeyboardInterrupt
        return read(self, resolution, indices)

    monkeypatch.setattr(Dataset, "read", interrupted)
    result = compare.compare(made, tmp_path / "same")
    assert (result.compared, result.complete, result.identical) == (8, False, False)


def test_contact_sheet_places_images_in_a_grid(made, tmp_path, capsys):
    out = tmp_path / "sheet.png"
    run(capsys, "display", made, "--out", out, "--grid", "4x2")
    sheet = np.asarray(Image.open(out))
    assert sheet.shape == (2 * 34, 4 * 34, 3)
    np.testing.assert_array_equal(sheet[34:66, 68:100], PIXELS[6].transpose(1, 2, 0))
    display.contact_sheet(made, out, 16, 9, resolution=4)
    assert Image.open(out).size == (11 * 6, 6)  # a grid too large shows all images in one row


def test_display_writes_a_file_without_a_screen(made, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.chdir(tmp_path)
    if sys.platform != "linux":
        pytest.skip("other systems always have a screen")
    _, printed = run(capsys, "display", made)
    assert "11 images in made.png" in printed and (tmp_path / "made.png").exists()


def test_command_line_reports_mistakes_in_one_line(tmp_path):
    """Each gives a nonzero exit status and one line on the error stream."""
    root = Path(__file__).parents[3]

    def tool(*arguments):
        done = subprocess.run(
            [sys.executable, root / "dataset_tool.py", *arguments],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    code, out, _ = tool("--help")
    commands = (
        "display extract compare create_mnist create_mnistrgb create_cifar10 create_cifar100"
        " create_svhn create_lsun create_celeba create_celebahq create_from_images"
        " create_from_hdf5 create_openmoji info verify"
    )
    assert code == 0 and all(re.search(rf"^ +{name}\b", out, re.M) for name in commands.split())
    code, _, error = tool("verify", "nothing")
    assert code == 1 and error.count("\n") == 1 and "nothing does not exist" in error
    code, _, error = tool("create_minst")
    assert code == 2 and "did you mean 'create_mnist'?" in error and error.count("\n") == 1
    code, _, error = tool("create_openmoji", "x", "--resolutoin", "64")
    assert code == 2 and "--resolution" in error
    for name, wanted in (
        ("mnist", "datasets/raw/mnist/train-images-idx3-ubyte.gz is missing"),
        ("cifar10", "datasets/raw/cifar10/data_batch_1 is missing"),
        ("celeba", "img_align_celeba_png"),
    ):
        code, _, error = tool(f"create_{name}")
        assert code == 1 and wanted in error and "http" in error
    assert list(tmp_path.iterdir()) == []
