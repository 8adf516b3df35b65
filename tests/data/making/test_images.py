"""A user's own images: how they are prepared, and how bad ones are refused."""

import io
import json
import os
import shutil
import struct
import warnings
import zipfile

import made_up
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

import dataset_tool
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.labels import CLASSES_FILE
from pgan_tf.data.making import images
from pgan_tf.data.pictures import imagefile, imagetree
from pgan_tf.data.pictures.imagefile import BadImage, Preparation
from pgan_tf.errors import UserError

RANDOM = np.random.RandomState(0)
RGB = RANDOM.randint(0, 256, (16, 16, 3)).astype(np.uint8)
GRAY = RANDOM.randint(0, 256, (16, 16)).astype(np.uint8)
PLAIN = Preparation()
NAMES = ("cats/0.png", "cats/1.png", "dogs/deep/2.png")


def file_bytes(image, file_format="png", **options):
    out = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        out, file_format, **options
    )
    return out.getvalue()


def load(data, **preparation):
    """Returns the prepared pixels: [H, W, C], or [H, W] if gray."""
    pixels = imagefile.load(data, Preparation(**preparation))
    return pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)


@pytest.mark.parametrize("file_format", ["png", "bmp", "tiff", "webp"])
@pytest.mark.parametrize("pixels", [RGB, GRAY], ids=["rgb", "gray"])
def test_lossless_formats_keep_every_pixel(file_format, pixels):
    options = {"lossless": True} if file_format == "webp" else {}
    found = load(file_bytes(pixels, file_format, **options))
    if file_format == "webp" and pixels.ndim == 2:  # WebP knows no gray
        found = found[..., 0]
    np.testing.assert_array_equal(found, pixels)


def test_jpeg_equals_pillows_decoding():
    data = file_bytes(RGB, "jpeg", quality=90)
    np.testing.assert_array_equal(load(data), np.asarray(Image.open(io.BytesIO(data))))


def test_palette_and_bilevel_equal_pillows_conversion():
    image = Image.fromarray(RGB).quantize(16)
    np.testing.assert_array_equal(load(file_bytes(image)), np.asarray(image.convert("RGB")))
    bits = Image.fromarray(GRAY).convert("1")
    np.testing.assert_array_equal(load(file_bytes(bits)), np.asarray(bits.convert("L")))


@pytest.mark.parametrize("file_format", ["png", "tiff"])
def test_16_bit_gray_is_rounded(file_format):
    values = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    values[0, :3] = (127, 128, 129)  # around half of 257
    found = load(file_bytes(values, file_format))
    np.testing.assert_array_equal(found, np.rint(values / 257))


def test_16_bit_rgb_is_reduced_to_8_bits():
    import struct
    import zlib

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data
            + struct.pack(">I", zlib.crc32(kind + data))
        )  # fmt: skip

    wide = RGB.astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    header = struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
    np.testing.assert_array_equal(load(data + chunk(b"IEND", b"")), RGB)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bit_is_refused(mode):
    with pytest.raises(BadImage, match="32 bits"):
        load(file_bytes(Image.new(mode, (8, 8)), "tiff"))


def _over(alpha, background):
    a = alpha[..., None] / 255
    return RGB * a + np.array(background) * (1 - a)


@pytest.mark.parametrize("color, value", [("white", (255,) * 3), ("#102030", (16, 32, 48))])
def test_transparent_pixels_show_the_background(color, value):
    rgba = np.dstack([RGB, GRAY])
    found = load(file_bytes(rgba), background=color)
    np.testing.assert_allclose(found, _over(GRAY, value), atol=0.51)  # rounding
    for file_format, options in (("webp", {"lossless": True, "exact": True}), ("tiff", {})):
        same = load(file_bytes(rgba, file_format, **options), background=color)
        np.testing.assert_array_equal(same, found)


def test_gray_with_alpha_stays_gray_on_a_gray_background():
    image = Image.merge("LA", [Image.fromarray(GRAY), Image.fromarray(RGB[..., 0])])
    on_white = load(file_bytes(image))
    a = RGB[..., 0] / 255
    np.testing.assert_allclose(on_white, GRAY * a + 255 * (1 - a), atol=0.51)
    assert load(file_bytes(image), background="red").shape == (16, 16, 3)


def test_transparent_palette_entry_and_color_show_the_background():
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.putpixel((0, 0), 0)
    found = load(file_bytes(image, transparency=0), background="lime")
    assert tuple(found[0, 0]) == (0, 255, 0) and tuple(found[1, 1]) == (10, 20, 30)
    keyed = np.full((8, 8, 3), 9, np.uint8)
    keyed[0, 0] = 77
    found = load(file_bytes(keyed, transparency=(77, 77, 77)), background="lime")
    assert tuple(found[0, 0]) == (0, 255, 0) and tuple(found[1, 1]) == (9, 9, 9)


@pytest.mark.parametrize(
    "orientation, undo",
    [
        (1, lambda x: x),
        (2, np.fliplr),
        (3, lambda x: np.rot90(x, 2)),
        (4, np.flipud),
        (5, lambda x: x.transpose(1, 0, 2)),
        (6, lambda x: np.rot90(x, -1)),
        (7, lambda x: np.rot90(x, 2).transpose(1, 0, 2)),
        (8, np.rot90),
    ],
)
def test_exif_orientation_is_applied(orientation, undo):
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(load(file_bytes(RGB, exif=exif)), undo(RGB))


@pytest.mark.parametrize("entry", [(0x0100, 2, b"a"), (0x011A, 7, b"a"), (0x0131, 11, b"a")])
def test_exif_that_pillow_can_not_rewrite_is_harmless(entry):
    tag, kind, value = entry  # the value does not fit the declared type
    entries = struct.pack(">HHI4s", 0x0112, 3, 1, b"\0\6\0\0")
    entries += struct.pack(">HHI4s", tag, kind, 1, value)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\2" + entries + b"\0\0\0\0"
    image = Image.open(io.BytesIO(file_bytes(RGB, exif=exif)))
    with pytest.raises((struct.error, TypeError, AttributeError)):
        ImageOps.exif_transpose(image)
    np.testing.assert_array_equal(load(file_bytes(RGB, exif=exif)), np.rot90(RGB, -1))


def _profile(gamma, name=b"linear"):
    """Returns a matrix profile with sRGB's primaries and another gamma, made by hand."""

    def s15f16(*values):
        return b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    def xyz(*values):
        return b"XYZ \0\0\0\0" + s15f16(*values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(1 + 4 + 4 + 2 + 1 + 67)
    text += bytes(-len(text) % 4)
    tags = {
        b"desc": text, b"cprt": b"text\0\0\0\0none\0\0\0\0", b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.4361, 0.2225, 0.0139), b"gXYZ": xyz(0.3851, 0.7169, 0.0971),
        b"bXYZ": xyz(0.1431, 0.0606, 0.7141), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data
    kinds = (0x02200000, b"mntr", b"RGB ", b"XYZ ")
    header = struct.pack(">I4sI4s4s4s", offset + len(body), b"none", *kinds)
    header += bytes(12) + b"acsp" + bytes(28) + s15f16(0.9642, 1.0, 0.8249)
    return header + bytes(128 - len(header)) + table + body


def test_color_profile_is_converted():
    """Converting a linear-light profile applies the sRGB transfer function."""
    linear = np.zeros((16, 16, 3), np.uint8) + np.arange(16, dtype=np.uint8)[:, None, None] * 17
    x = linear / 255
    srgb = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055) * 255
    for name in (b"linear", b"GIMP built-in Linear sRGB"):  # the profile's name must not matter
        found = load(file_bytes(linear, icc_profile=_profile(1.0, name)))
        np.testing.assert_allclose(found, srgb, atol=1.5)  # the matrices have four digits
    gray = load(file_bytes(np.ascontiguousarray(linear[..., 0])))
    np.testing.assert_array_equal(gray, linear[..., 0])


def test_srgb_profile_changes_nothing_and_a_broken_one_is_ignored():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"nonsense"):
        np.testing.assert_array_equal(load(file_bytes(RGB, icc_profile=profile)), RGB)


def test_cmyk_becomes_rgb():
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert tuple(load(file_bytes(image, "tiff"))[0, 0]) == (255, 0, 0)


def test_channels_converts_between_gray_and_rgb():
    np.testing.assert_array_equal(load(file_bytes(GRAY), channels=3), np.dstack([GRAY] * 3))
    luma = RGB @ [0.299, 0.587, 0.114]  # ITU-R 601-2, which Pillow computes in 16 bits
    np.testing.assert_allclose(load(file_bytes(RGB), channels=1), luma, atol=1)


def test_crop_pad_and_resize_equal_numpy_and_pillow():
    wide = RANDOM.randint(0, 256, (16, 21, 3)).astype(np.uint8)
    np.testing.assert_array_equal(load(file_bytes(wide), crop="center"), wide[:, 2:18])
    tall = RANDOM.randint(0, 256, (16, 11)).astype(np.uint8)
    padded = load(file_bytes(tall), pad=True, background="#404040")
    np.testing.assert_array_equal(padded[:, 2:13], tall)
    assert (padded[:, :2] == 0x40).all() and (padded[:, 13:] == 0x40).all()
    half = load(file_bytes(RGB), resolution=8, resize="box")
    mean = RGB.reshape(8, 2, 8, 2, 3).astype(float).mean((1, 3))
    np.testing.assert_allclose(half, mean, atol=1)  # Pillow rounds rows, then columns
    lanczos = load(file_bytes(RGB), resolution=8)
    expected = Image.fromarray(RGB).resize((8, 8), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(lanczos, np.asarray(expected))


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "an empty file, not a picture"),
        (b"<html>", "a web page, not a picture"),
        (b"text", "not a picture in any format"),
        (file_bytes(RGB, "eps"), "a PostScript document, not a picture"),
        (b"\0\0\0\x18ftypheic" + bytes(99), "a HEIC picture, which can't be read; save it as"),
        (file_bytes(RGB)[:-40], "damaged"),
        (file_bytes(RGB, "jpeg")[:-40], "damaged"),
        (file_bytes(RGB, "webp")[:-40], "damaged|not a picture"),
        (file_bytes(RGB, "bmp")[:-40], "damaged"),
        (file_bytes(RGB, "tiff")[:-300], "damaged|not a picture"),
        (file_bytes(RGB[:, :8]), "not square: --crop center or --pad makes it square$"),
        (file_bytes(RGB[:, :9]), "not square: --crop center or --pad .*, and --resolution"),
        (
            file_bytes(RGB[:12, :12]),
            "its side 12 is not a power of two of at least 4: --res",
        ),
        (file_bytes(RGB[:2, :2]), "its side 2 is not a power of two"),
    ],
)
def test_bad_files_are_refused_with_the_reason(data, reason):
    with pytest.raises(BadImage, match=reason):
        imagefile.load(data, PLAIN)
    assert imagefile.examine(data, PLAIN).reason


def _bomb(width, height):
    """Returns a small PNG file that declares a huge size."""
    data = bytearray(file_bytes(RGB))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize("size", [(12_000, 12_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_image_bombs_are_refused(size):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BadImage, match="declares"):
            imagefile.load(_bomb(*size), PLAIN)


@pytest.fixture
def tree(tmp_path):
    """A directory with the images NAMES, and files that do not count."""
    root = tmp_path / "tree"
    for i, name in enumerate(NAMES):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        made_up.save_png(root / name, np.full((8, 8, 3), i))
    (root / "cats" / "Thumbs.db").write_text("")
    (root / ".hidden.png").write_text("")
    (root / ".git").mkdir()
    (root / ".git" / "x.png").write_text("")
    return root


def _zip(tree, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(tree.rglob("*")):
            archive.write(file, file.relative_to(tree))
    return path


@pytest.mark.parametrize("zipped", [False, True])
def test_folders_become_classes(tree, tmp_path, zipped, capsys):
    source = _zip(tree, tmp_path / "tree.zip") if zipped else tree
    out = tmp_path / "out"
    assert images.create(out, source, shuffle=False, labels="folders", workers=1).num_images == 3
    data = Dataset(out)
    assert data.read(4, range(3))[:, 0, 0, 0].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(data.labels, [[1, 0], [1, 0], [0, 1]])
    assert (out / CLASSES_FILE).read_text() == "cats\ndogs\n"
    printed = capsys.readouterr().out
    assert "1 file(s) that are not pictures, cats/Thumbs.db first" in printed
    assert "3 images of 8x8, 3 channel(s): 1.19 kB" in printed


def test_a_folder_around_all_images_is_no_class(tree, tmp_path, capsys):
    (tree / "dataset.json").write_text(json.dumps({"labels": [[name, 3] for name in NAMES]}))
    tree.rename(tmp_path / "photos")
    around = tmp_path / "around"
    around.mkdir()
    (tmp_path / "photos").rename(around / "photos")
    out = tmp_path / "out"
    images.create(out, around, labels="folders", workers=1)
    assert (out / CLASSES_FILE).read_text() == "cats\ndogs\n"
    (around / "README").write_text("no image")
    images.create(out, around, labels="folders", skip_bad=True, force=True, workers=1)
    assert (out / CLASSES_FILE).read_text() == "cats\ndogs\n"
    (around / "README").unlink()
    images.create(out, around, labels="dataset.json", force=True, workers=1)
    np.testing.assert_array_equal(Dataset(out).labels, [[0, 0, 0, 1]] * 3)
    capsys.readouterr()
    images.create(out, around / "photos" / "cats", skip_bad=True, force=True, workers=1)
    assert "of one class" not in capsys.readouterr().out
    shutil.rmtree(around / "photos" / "dogs")
    images.create(out, around, labels="folders", force=True, workers=1)
    assert "All images are of one class, cats" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["", "a", "a/b"])
@pytest.mark.parametrize("from_root", [False, True])
def test_a_label_file_is_found_in_any_folder_around_all_images(tmp_path, place, from_root):
    root = tmp_path / "root"
    (root / "a/b").mkdir(parents=True)
    content = []
    for i in range(3):
        file = root / "a/b" / f"{i}.png"
        made_up.save_png(file, np.full((8, 8, 3), i))
        content.append([str(file.relative_to(root if from_root else root / place)), i])
    (root / place / "labels.json").write_text(json.dumps({"labels": content}))
    images.create(tmp_path / "out", root, labels="labels.json", shuffle=False, workers=1)
    np.testing.assert_array_equal(Dataset(tmp_path / "out").labels, np.eye(3))


def test_label_file_gives_classes_or_vectors(tree, tmp_path):
    labels = {"labels": [["cats/0.png", 2], ["cats/1.png", 0], ["dogs/deep/2.png", 1]]}
    (tree / "dataset.json").write_text(json.dumps(labels))
    out = tmp_path / "out"
    images.create(out, tree, labels="dataset.json", workers=1, shuffle=True)
    order = np.arange(3)
    np.random.RandomState(123).shuffle(order)
    np.testing.assert_array_equal(Dataset(out).labels, np.eye(3)[np.array([2, 0, 1])[order]])
    vectors = {"labels": [[name, [i, 0.5]] for i, (name, _) in enumerate(labels["labels"])]}
    elsewhere = tmp_path / "mine.json"
    elsewhere.write_text(json.dumps(vectors))
    images.create(out, tree, labels=str(elsewhere), workers=1, shuffle=False, force=True)
    np.testing.assert_array_equal(Dataset(out).labels, [[0, 0.5], [1, 0.5], [2, 0.5]])


@pytest.mark.parametrize(
    "text, message",
    [
        ("[]", "not of the form"),
        ("{", "line 1, column 2: Expecting property name"),
        ('{"labels": 3}', "not of the form"),
        ('{"labels": [], "classes": [1]}', "not of the form"),
        ('{"labels": [], "classes": "ab"}', "not of the form"),
        (json.dumps({"labels": [[n, 1] for n in NAMES], "classes": ["one"]}), "of the 1 classes"),
        (json.dumps({"labels": [[NAMES[0], 1], [NAMES[0], 2]]}), "two labels: 1 and 2"),
        (json.dumps({"labels": list(zip(NAMES, [1, [2], 0], strict=True))}), "must"),
        (json.dumps({"labels": list(zip(NAMES, [1, -1, 0], strict=True))}), "must"),
        ('{"labels": [["cats/0.png", 1], ["cats/1.png", 0]]}', "has no label"),
    ],
)
def test_bad_label_files_are_refused(tree, tmp_path, text, message, capsys):
    (tree / "dataset.json").write_text(text)
    with pytest.raises(UserError, match=message):
        images.create(tmp_path / "out", tree, labels="dataset.json", workers=1)
    assert not (tmp_path / "out").exists()


def test_links_and_pipes_are_listed_as_bad(tree, tmp_path, capsys):
    (tree / "dangling.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tree / "pipe.png")
    with pytest.raises(UserError, match="2 of 5 files can't be used"):
        images.create(tmp_path / "out", tree, workers=1)
    assert capsys.readouterr().out.count("not a regular file") == 2
    assert images.create(tmp_path / "out", tree, skip_bad=True, workers=1).num_images == 3


def test_a_zip_with_a_repeated_name_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            archive.writestr("1.png", file_bytes(RGB))
    with pytest.raises(UserError, match=r"'1\.png' more than once"):
        images.create(tmp_path / "out", path, workers=1)


def test_a_missing_label_file_is_refused(tree, tmp_path):
    with pytest.raises(UserError, match="neither in"):
        images.create(tmp_path / "out", tree, labels="none.json", workers=1)


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_files_are_listed_in_a_table(tree, tmp_path, capsys, workers):
    made_up.save_png(tree / "large.png", np.zeros((16, 16, 3)))
    made_up.save_png(tree / "wide.png", np.zeros((8, 12, 3)))
    (tree / "text.jpg").write_text("no image")
    (tree / "cut.png").write_bytes(file_bytes(RGB)[:200])
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"4 of 7 files can't be used .*--skip-bad"):
        images.create(out, tree, workers=workers)
    assert not out.exists()
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "16x16" in lines["large.png"] and "8x8 like most; --resolution" in lines["large.png"]
    assert "12x8" in lines["wide.png"] and "not square" in lines["wide.png"]
    assert "not a picture" in lines["text.jpg"]
    assert (
        "16x16" in lines["cut.png"] and "RGB" in lines["cut.png"] and "damaged" in lines["cut.png"]
    )
    assert images.create(out, tree, skip_bad=True, workers=workers).num_images == 3
    assert Dataset(out).num_images == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_damage_under_right_checksums_is_found(tree, tmp_path, capsys, workers):
    """A PNG with right checksums whose packed pixels are nonsense."""
    import zlib

    whole = file_bytes(np.zeros((8, 8, 3), np.uint8))
    start = whole.index(b"IDAT")
    chunk = b"IDAT" + b"nonsense" * 9
    chunk = (72).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    for name in ("evil.png", "worse.png"):
        (tree / name).write_bytes(whole[: start - 4] + chunk + whole[-12:])
    out = tmp_path / "out"
    with pytest.raises(UserError, match="2 of 5 files can't be used"):
        images.create(out, tree, workers=workers)
    printed = capsys.readouterr().out
    assert "evil.png" in printed and "worse.png" in printed and not out.exists()
    assert images.create(out, tree, skip_bad=True, workers=workers).num_images == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "tree"]


def test_the_most_common_size_is_used(tmp_path, capsys):
    made_up.save_png(tmp_path / "0.png", np.zeros((16, 16, 3)))
    for i in range(1, 4):
        made_up.save_png(tmp_path / f"{i}.png", np.zeros((8, 8, 3)))
    assert images.create(tmp_path / "out", tmp_path, skip_bad=True, workers=1).num_images == 3
    assert Dataset(tmp_path / "out").resolution == 8


@pytest.mark.parametrize("rgb", [1, 3])
def test_gray_images_among_others_become_rgb(tmp_path, capsys, rgb):
    for i in range(4):
        made_up.save_png(tmp_path / f"{i}.png", RGB if i < rgb else GRAY)
    assert images.create(tmp_path / "out", tmp_path, shuffle=False, workers=1).num_images == 4
    assert f"{4 - rgb} gray image" in capsys.readouterr().out
    read = Dataset(tmp_path / "out").read(16, range(4))
    np.testing.assert_array_equal(read[0], RGB)
    np.testing.assert_array_equal(read[3], GRAY[..., None].repeat(3, axis=2))
    shutil.rmtree(tmp_path / "out")
    images.create(tmp_path / "out", tmp_path, preparation=Preparation(channels=1), workers=1)
    assert Dataset(tmp_path / "out").num_channels == 1


def test_refuses_inputs_without_usable_pictures(tmp_path, capsys):
    (tmp_path / "a.png").write_text("")
    with pytest.raises(UserError, match="1 of 1 files can't be used"):
        images.create(tmp_path / "out", tmp_path, skip_bad=True, workers=1)
    with pytest.raises(UserError, match="does not exist"):
        images.create(tmp_path / "out", tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no pictures"):
        images.create(tmp_path / "out", tmp_path / "empty")


def test_enlarged_images_are_counted(tree, tmp_path, capsys):
    options = Preparation(resolution=16)
    images.create(tmp_path / "out", tree, preparation=options, workers=1)
    assert "3 images are smaller than the resolution" in capsys.readouterr().out
    assert Dataset(tmp_path / "out").resolution == 16


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_zips_are_read_in_every_packing_but_lzma(tree, tmp_path, method, capsys):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in NAMES:
            entry = zipfile.ZipInfo("x")
            entry.filename, entry.compress_type = name.replace("/", "\\"), method
            entry.extra = bytes.fromhex("fecaaaaa") + bytes(0xAAAA)  # an unknown extra field
            archive.writestr(entry, (tree / name).read_bytes())
    if method == zipfile.ZIP_LZMA:
        with pytest.raises(UserError, match="3 of 3 files can't be used"):
            images.create(tmp_path / "out", path, workers=1)
        assert "packed by method 14" in capsys.readouterr().out
        return
    images.create(tmp_path / "out", path, labels="folders", workers=1)
    images.create(tmp_path / "same", tree, labels="folders", workers=1)
    assert Dataset(tmp_path / "out").content_hash() == Dataset(tmp_path / "same").content_hash()


def test_crop_and_pad_together_are_refused(tree, tmp_path):
    with pytest.raises(UserError, match="take one of them"):
        dataset_tool.main(
            ["create_from_images", str(tmp_path / "out"), str(tree), "--crop", "center", "--pad"]
        )


def test_a_zip_without_its_beginning_is_refused(tree, tmp_path):
    path = tmp_path / "tree.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tree / NAMES[0], NAMES[0])
    path.write_bytes(path.read_bytes()[10:])
    with pytest.raises(UserError, match="not a complete zip file"):
        images.create(tmp_path / "out", path, workers=1)


def test_a_zip_that_replaces_another_is_read_anew(tree, tmp_path):
    path = _zip(tree, tmp_path / "tree.zip")
    images.create(tmp_path / "a", path, workers=1)
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as archive:
        archive.writestr("./b/other.png", file_bytes(RGB[::-1]))
        archive.writestr("b/./another.png", file_bytes(RGB))
    os.replace(tmp_path / "new.zip", path)
    assert images.create(tmp_path / "b", path, workers=1).num_images == 2


def test_files_damaged_during_the_work_are_found_together(tree, tmp_path, monkeypatch, capsys):
    build_all, attempts = images.build.build, []

    def late(*args, **options):
        if not attempts:
            for name in NAMES[:2]:
                (tree / name).write_bytes(b"gone bad")
        attempts.append(args)
        return build_all(*args, **options)

    monkeypatch.setattr(images.build, "build", late)
    assert images.create(tmp_path / "out", tree, skip_bad=True, workers=1).num_images == 1
    assert len(attempts) == 2
    with pytest.raises(UserError, match="2 of 3 files can't be used"):
        images.create(tmp_path / "out", tree, force=True, workers=1)


def test_labels_of_missing_files_are_reported(tree, tmp_path, capsys):
    labels = {"labels": [[name, 0] for name in (*NAMES, "gone.png", "also.png")]}
    (tree / "dataset.json").write_text(json.dumps(labels))
    images.create(tmp_path / "out", tree, labels="dataset.json", workers=1)
    assert "labels of 2 file(s) that aren't there, also.png first" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["C:/evil.png", "../evil.png", "/evil.png", "a/../../evil.png", "a\\..\\evil.png"]
)
def test_zip_that_leads_outside_is_refused(tmp_path, name):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.png", file_bytes(RGB))
        entry = zipfile.ZipInfo("x")
        entry.filename = name
        archive.writestr(entry, file_bytes(RGB))
    with pytest.raises(UserError, match=r"bad\.zip holds .*evil"):
        imagetree.Tree(path)


def test_damaged_zips_are_refused(tree, tmp_path):
    path = _zip(tree, tmp_path / "tree.zip")
    content = path.read_bytes()
    path.write_bytes(content[:-30])
    with pytest.raises(UserError, match="nor a complete zip file"):
        images.create(tmp_path / "out", path)
    other = tmp_path / "other.zip"  # another name, because opened archives are cached
    start = content.index(b"IDAT")
    other.write_bytes(content[: start + 6] + b"????" + content[start + 10 :])
    with pytest.raises(UserError, match="1 of 3 files can't be used"):
        images.create(tmp_path / "out", other, workers=1)


def test_a_zip_entry_that_declares_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(imagetree, "_MAX_FILE_BYTES", 1000)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(10_000))
    with pytest.raises(BadImage, match="declares 10000 bytes"):
        imagetree.read_file(str(path), *imagetree.Tree(path).members([0]))


def test_command_line_options_reach_the_data_set(tree, tmp_path):
    out = tmp_path / "out"
    arguments = (
        "--resolution 4 --crop center --resize box --channels 1 --labels folders --shuffle 0"
        " --background black --shards 2 --compress png --workers 1"
    )
    dataset_tool.main(["create_from_images", str(out), str(tree), *arguments.split()])
    data = Dataset(out)
    assert (data.resolution, data.num_channels, data.label_size) == (4, 1, 2)
    assert data.read(4, range(3))[:, 0, 0, 0].tolist() == [0, 1, 2]
    with pytest.raises(SystemExit):
        dataset_tool.main(["create_from_images", str(out), str(tree), "--background", "nocolor"])
    with pytest.raises(UserError, match="resolution 48"):
        dataset_tool.main(["create_from_images", f"{out}2", str(tree), "--resolution", "48"])


def test_reads_and_writes_through_gfile(tree):
    import tensorflow as tf

    for file in tree.rglob("*.png"):
        target = f"ram://tree/{file.relative_to(tree)}"
        tf.io.gfile.makedirs(target.rsplit("/", 1)[0])
        with tf.io.gfile.GFile(target, "wb") as copy:
            copy.write(file.read_bytes())
    tf.io.gfile.makedirs("ram://treecats")
    with tf.io.gfile.GFile("ram://treecats/x.png", "wb") as copy:
        copy.write(b"x")
    for name in ("output", "out", "out"):  # TensorFlow lists "output" inside "out"
        options = {"shuffle": False, "force": True}
        assert images.create(f"ram://trees/{name}", "ram://tree", **options).num_images == 3
        pixels = Dataset(f"ram://trees/{name}").read(4, range(3))
        assert pixels[:, 0, 0, 0].tolist() == [0, 1, 2]
