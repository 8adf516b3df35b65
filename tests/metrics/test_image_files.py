import zipfile

import numpy as np
import pytest
from PIL import Image

from metrics.image_files import Folder
from pgan_tf.errors import UserError


def all_images(stream, count):
    return np.concatenate(list(stream.blocks(count)))


def noise(n, height, width, seed=0):
    shape = (n, height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def save_images(directory, images, first=0):
    directory.mkdir(exist_ok=True)
    for i, image in enumerate(images, first):
        Image.fromarray(image).save(directory / f"{i:02d}.png")
    return directory


def cut_short(path):
    path.write_bytes(path.read_bytes()[:120])


def test_folder_gives_its_images_sorted(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 14, 3)).astype(np.uint8)
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{i:02d}.png")
    (tmp_path / "notes.txt").write_text("no image")
    folder = Folder(tmp_path)
    assert folder.num_images == 12 and folder.sizes == [(10, 14)]
    np.testing.assert_array_equal(all_images(folder, 12), pixels)
    np.testing.assert_array_equal(all_images(folder, 5), pixels[:5])
    Image.fromarray(pixels[0, ..., 0]).save(tmp_path / "00.png")
    np.testing.assert_array_equal(
        all_images(Folder(tmp_path), 1)[0], pixels[0, ..., :1].repeat(3, axis=2)
    )


def test_folder_converts_images_as_data_sets_do(tmp_path):
    ramp = np.arange(0, 65536, 257, np.uint16).reshape(16, 16)  # 16-bit values of all gray levels
    Image.fromarray(ramp).save(tmp_path / "a.png")
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(
        all_images(Folder(tmp_path), 1)[0], gray[..., None].repeat(3, axis=2)
    )
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(gray).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(all_images(Folder(tmp_path), 1)[0, ..., 0], np.rot90(gray, 2))


def test_missing_empty_and_bad_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match="holds no images"):
        Folder(tmp_path)
    with pytest.raises(UserError, match="does not exist; name a directory or zip file"):
        Folder(tmp_path / "nowhere")
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(
        UserError, match=r"1 of 1 files can't be measured; the first is a\.png: not a picture"
    ):
        Folder(tmp_path, skip_bad=True)


def test_images_of_several_sizes_come_as_lists(tmp_path):
    small, large = noise(3, 10, 14), noise(2, 32, 32)
    save_images(tmp_path, small)
    save_images(tmp_path, large, first=3)
    folder = Folder(tmp_path)
    assert folder.sizes == [(10, 14), (32, 32)] and folder.num_images == 5
    (block,) = folder.blocks(4)
    for found, expected in zip(block, [*small, large[0]], strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_found_before_anything_is_measured(tmp_path, packed):
    images = noise(8, 16, 16)
    root = save_images(tmp_path / "images", images)
    cut_short(root / "03.png")
    (root / "05.png").write_text("no image")
    if packed:
        with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
            for file in root.iterdir():
                archive.write(file, f"folder/{file.name}")
        root = tmp_path / "images.zip"
    with pytest.raises(UserError) as error:
        Folder(root)
    first = r"folder/03.png" if packed else "03.png"
    assert str(error.value).startswith(
        f"{root}: 2 of 8 files can't be measured; the first is {first}: "
    )
    assert str(error.value).endswith(
        "repair them, or leave them out with --skip-bad (from Python: skip_bad=True)"
    )
    assert "\n" not in str(error.value)
    said = []
    folder = Folder(root, skip_bad=True, say=said.append)
    assert len(said) == 1 and said[0].startswith(f"{root}: leaving out 2 of 8 files")
    assert folder.num_images == 6
    np.testing.assert_array_equal(all_images(folder, 6), images[[0, 1, 2, 4, 6, 7]])


def test_only_files_to_be_measured_are_checked(tmp_path):
    images = noise(70, 4, 4)
    save_images(tmp_path, images)
    cut_short(tmp_path / "69.png")
    (tmp_path / "02.png").write_text("no image")
    folder = Folder(tmp_path, max_images=60, skip_bad=True, say=lambda text: None)
    assert folder.num_images == 60
    np.testing.assert_array_equal(all_images(folder, 60), np.delete(images, 2, axis=0)[:60])


def test_files_that_are_no_images_are_reported(tmp_path):
    save_images(tmp_path, noise(2, 8, 8))
    (tmp_path / "notes.txt").write_text("no image")
    said = []
    assert Folder(tmp_path, say=said.append).num_images == 2
    assert said == [
        f"{tmp_path}: leaving out 1 file(s) that are not images; the first is notes.txt"
    ]


def test_unreadable_pictures_are_refused_or_reported(tmp_path):
    save_images(tmp_path, noise(2, 8, 8))
    (tmp_path / "me.heic").write_bytes(b"any")
    with pytest.raises(UserError, match=r"1 of 3 files .*; the first is me\.heic: HEIC"):
        Folder(tmp_path)
    said = []
    assert Folder(tmp_path, skip_bad=True, say=said.append).num_images == 2
    assert len(said) == 1 and "leaving out 1 of 3 files" in said[0]


def test_a_file_that_changes_after_the_check_is_named(tmp_path):
    save_images(tmp_path, noise(3, 8, 8))
    folder = Folder(tmp_path)
    Image.new("RGB", (8, 16)).save(tmp_path / "01.png")
    with pytest.raises(UserError, match=r"01\.png changed its size"):
        all_images(folder, 3)
    (tmp_path / "01.png").write_text("no image")
    with pytest.raises(UserError, match=r"01\.png was damaged .*: not a picture"):
        all_images(folder, 3)
    np.testing.assert_array_equal(all_images(folder, 1).shape, (1, 8, 8, 3))


@pytest.mark.parametrize("side,count,expected", [(64, 3000, 1024), (1024, 70, 32), (4096, 40, 16)])
def test_blocks_have_a_bounded_size(tmp_path, side, count, expected):
    save_images(tmp_path, noise(1, 4, 4))
    folder = Folder(tmp_path)
    folder._pixels = np.full(count, side**2)
    blocks = list(folder._blocks(np.arange(count)))
    np.testing.assert_array_equal(np.concatenate(blocks), np.arange(count))
    assert len(blocks[0]) == expected
