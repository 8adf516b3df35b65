"""Kinds of picture files: which are read, and that no file is left out silently."""

import io
import re

import made_up
import numpy as np
import pytest
from PIL import Image

import dataset_tool
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.pictures import formats, imagefile, survey
from pgan_tf.data.pictures.imagefile import BadImage, Preparation
from pgan_tf.errors import UserError

RANDOM = np.random.RandomState(0)
RGB = RANDOM.randint(0, 256, (16, 16, 3)).astype(np.uint8)


def file_bytes(image, file_format, **options):
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def tool(capsys, *arguments):
    """Runs dataset_tool; returns what it printed."""
    assert not dataset_tool.main([str(argument) for argument in arguments])
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "file_format", ["DDS", "ICO", "IM", "JPEG2000", "PCX", "PPM", "QOI", "SGI", "TGA"]
)
def test_lossless_formats_keep_every_pixel(file_format):
    options = {"sizes": [(16, 16)]} if file_format == "ICO" else {}
    data = file_bytes(Image.fromarray(RGB), file_format, **options)
    found = imagefile.load(data, Preparation())
    np.testing.assert_array_equal(found.transpose(1, 2, 0), RGB)


@pytest.mark.parametrize("file_format", ["GIF", "AVIF", "WEBP", "PNG", "TIFF"])
def test_the_first_of_several_frames_is_taken(file_format):
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "lime", "blue")]
    data = file_bytes(frames[0], file_format, save_all=True, append_images=frames[1:])
    found = imagefile.load(data, Preparation())
    assert (np.abs(found.astype(int) - [[[255]], [[0]], [[0]]]) <= 4).all()


def test_formats_that_could_run_other_programs_are_not_read():
    assert not {"EPS", "PDF", "WMF", "IPTC", "MPEG"} & set(formats.FORMATS)
    assert {".png", ".gif", ".avif", ".tga", ".psd", ".mpo"} <= set(formats.SUFFIXES)
    assert not set(formats.SUFFIXES) & set(formats.UNREAD_SUFFIXES)
    assert {".heic", ".nef", ".eps"} <= set(formats.UNREAD_SUFFIXES)


def test_unread_files_are_refused_or_counted(tmp_path, capsys):
    """Two PNG files among GIF, AVIF, HEIC and others."""
    folder, image = tmp_path / "photos", Image.fromarray(RGB)
    folder.mkdir()
    for i in range(2):
        image.save(folder / f"{i}.png")
        image.save(folder / f"{i}.gif")
        image.save(folder / f"{i}.avif")
    out = tmp_path / "out"
    assert tool(capsys, "create_from_images", out, folder).endswith(f"6 images in {out}\n")
    for name in ("a.HEIC", "b.heic", "c.nef"):
        (folder / name).write_bytes(b"\0\0\0\x18ftypheic")
    (folder / "d.jpg").write_bytes(b"\0\0\0\x18ftypheic")  # some telephones name them so
    (folder / "notes.txt").write_text("no picture")
    with pytest.raises(UserError, match=r"4 of 10 files can't be used .*--skip-bad"):
        dataset_tool.main(["create_from_images", str(out), str(folder), "--force"])
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "HEIC can't be read; save it as PNG or JPEG" in lines["a.HEIC"]
    assert "NEF can't be read" in lines["c.nef"]
    assert "a HEIC picture, which can't be read" in lines["d.jpg"]
    printed = tool(capsys, "create_from_images", out, folder, "--force", "--skip-bad")
    assert printed.splitlines()[-1] == (
        f"6 images in {out}; left out: 2 .heic, 1 .nef, 1 .jpg (can't be used);"
        " 1 .txt (not pictures)"
    )


def test_a_folder_of_unreadable_pictures_is_refused(tmp_path, capsys):
    (tmp_path / "a.heic").write_bytes(b"x")
    with pytest.raises(UserError, match="1 of 1 files can't be used"):
        dataset_tool.main(["create_from_images", str(tmp_path / "out"), str(tmp_path)])


# 16 bits.


def sixteen(values, file_format="PNG"):
    return file_bytes(Image.fromarray(values.astype(np.uint16)), file_format)


@pytest.mark.parametrize("white", [65535, 4095, 1000])
def test_white_option_scales_16_bit_images(white):
    values = RANDOM.randint(0, 5000, (16, 16))
    found = imagefile.load(sixteen(values), Preparation(white=white))[0]
    np.testing.assert_array_equal(found, np.rint(np.minimum(values * 255 / white, 255)))


def pgm(values, most):
    return b"P5 16 16 %d\n" % most + values.astype(">u2").tobytes()


@pytest.mark.parametrize("most", [65535, 4095])
def test_pgm_white_comes_from_its_header(most):
    values = RANDOM.randint(0, most + 1, (16, 16))
    found = imagefile.load(pgm(values, most), Preparation())[0]
    # Pillow rounds to 16 bits first.
    np.testing.assert_allclose(found, values * 255 / most, atol=0.51)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_12_bit_images_get_advice_that_works(tmp_path, capsys, suffix):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    values = RANDOM.randint(0, 4096, (2, 16, 16))
    values[0, 0, 0] = 4095
    for i, image in enumerate(values):
        image_format = "TIFF" if suffix == "tif" else "PNG"
        (folder / f"{i}.{suffix}").write_bytes(sixteen(image, image_format))
    printed = tool(capsys, "create_from_images", out, folder, "--shuffle", 0)
    option = re.search(
        r"2 image\(s\) of 16 bits have values up to 4095 of 65535 and come out nearly black:"
        r" (--white 4095) makes their largest values white",
        printed,
    )[1]
    assert Dataset(out).read(16, range(2)).max() == 16
    printed = tool(
        capsys, "create_from_images", out, folder, "--shuffle", 0, "--force", *option.split()
    )
    assert "black" not in printed
    read = Dataset(out).read(16, range(2))[..., 0]
    np.testing.assert_array_equal(read, np.rint(values * 255 / 4095))
    # With one image that is bright enough, there is no warning.
    (folder / f"0.{suffix}").write_bytes(sixteen(values[0] * 16, image_format))
    assert "black" not in tool(capsys, "create_from_images", out, folder, "--force")


def png_of_16_bits(values):
    """Returns an RGB PNG of 16 bits, [H, W, 3]."""
    import struct
    import zlib

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_12_bit_colour_images_get_advice(tmp_path, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    values = RANDOM.randint(0, 4096, (16, 16, 3))
    (folder / "0.png").write_bytes(png_of_16_bits(values))
    assert "come out nearly black: multiply their values by 16 and make the data set again" in tool(
        capsys, "create_from_images", out, folder
    )
    (folder / "0.png").write_bytes(png_of_16_bits(values * 16))
    assert "black" not in tool(capsys, "create_from_images", out, folder, "--force")
    with pytest.raises(UserError, match="16 bits per channel, but --white is for gray"):
        dataset_tool.main(
            ["create_from_images", str(out), str(folder), "--force", "--white", "4095"]
        )


# Squares with too many pixels.


@pytest.fixture
def few_pixels(monkeypatch):
    monkeypatch.setattr(imagefile, "MAX_PIXELS", 64 * 64)


def test_padding_never_makes_a_square_that_is_too_large(few_pixels):
    """Padding a picture of 1x40,000 once took 6.3 GB."""
    tall = np.zeros((400, 1, 3), np.uint8) + RANDOM.randint(0, 256, (400, 1, 1)).astype(np.uint8)
    data = file_bytes(Image.fromarray(tall), "PNG")
    with pytest.raises(BadImage, match="--pad would make it 400x400 pixels, which is too many"):
        imagefile.load(data, Preparation(pad=True))
    found = imagefile.load(data, Preparation(pad=True, resolution=16, background="lime"))
    assert found.shape == (3, 16, 16)
    column = np.asarray(Image.fromarray(tall).resize((1, 16), Image.Resampling.LANCZOS))[:, 0]
    np.testing.assert_array_equal(found[:, :, 7].T, column)
    others = np.delete(found, 7, axis=2)
    assert (others == np.array([0, 255, 0])[:, None, None]).all()
    report = imagefile.examine(data, Preparation(pad=True, resolution=16))
    assert report.result == (3, 16) and not report.enlarged


def test_small_images_are_padded_before_resizing():
    wide = RANDOM.randint(0, 256, (16, 32, 3)).astype(np.uint8)
    found = imagefile.load(file_bytes(Image.fromarray(wide), "PNG"), Preparation(8, pad=True))
    square = np.full((32, 32, 3), 255, np.uint8)
    square[8:24] = wide
    expected = Image.fromarray(square).resize((8, 8), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(found.transpose(1, 2, 0), np.asarray(expected))


# Paths that are not a directory of pictures.


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.png", b"x", "is a picture; name the directory that holds it"),
        ("a.tar.gz", b"\x1f\x8b", "unpack it with: python -m tarfile -e .*a.tar.gz .*/a$"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "is a 7z archive, neither .*; unpack it, and name the"),
        ("a.html", b"<html>", "is neither a directory nor a complete zip file"),
    ],
)
def test_a_file_instead_of_a_directory_gets_advice(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        dataset_tool.main(["create_from_images", str(tmp_path / "out"), str(tmp_path / name)])


def test_a_misspelt_directory_or_a_data_set_gets_advice(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(UserError, match=r"does not exist \(did you mean 'photos'\?\)"):
        dataset_tool.main(["create_from_images", str(tmp_path / "x"), str(tmp_path / "fotos")])
    made_up.write_dataset(tmp_path / "set", made_up.noise(2, 8))
    with pytest.raises(UserError, match="is a data set already"):
        dataset_tool.main(["create_from_images", str(tmp_path / "x"), str(tmp_path / "set")])


def test_a_survey_stops_at_its_limit(tmp_path, monkeypatch):
    for i in range(9):
        (tmp_path / f"{i}").mkdir()
        made_up.save_png(tmp_path / f"{i}" / "x.png", np.zeros((20, 30, 3)))
    monkeypatch.setattr(survey, "_MOST_ENTRIES", 12)  # nine folders and three pictures
    found = survey.survey(tmp_path)
    assert (found.num_pictures, found.is_partial, found.sizes) == (3, True, [(30, 20)])
    assert found.options() == ["--resolution 16", "--crop center"]
