"""OpenMoji as a data set: which drawings it has, and how they look."""

import re

import numpy as np
import pytest

import dataset_tool
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.making import openmoji
from pgan_tf.data.making.emoji_groups import GROUPS


@pytest.fixture(scope="module")
def chosen():
    return [openmoji.emojis()[i] for i in openmoji.select()]


@pytest.fixture(scope="module")
def portraits():
    return openmoji.select("portraits")


def _index(sequence):
    return [emoji.sequence for emoji in openmoji.emojis()].index(sequence)


def test_groups_hold_all_of_unicodes_emoji():
    counts = {g: sum(len(s.split()) for s in sub.values()) for g, sub in GROUPS.items()}
    # The fully-qualified emoji of Unicode 17's emoji-test.txt, without skin tones; people and
    # hands include pairs that it lists with skin tones only.
    assert counts["smileys"] == 171 and counts["flags"] == 270 and counts["animals"] == 160
    everything = " ".join(s for sub in GROUPS.values() for s in sub.values()).split()
    assert len(everything) == len(set(everything))
    assert len(openmoji.emojis()) > 4000


def test_select_leaves_out_tones_text_and_duplicates(chosen):
    sequences = {emoji.sequence for emoji in chosen}
    assert 2000 < len(chosen) == len(sequences) < 2500
    assert not any(re.search("1F3F[B-F]", s) for s in sequences)  # skin tones
    for text in ("0031-FE0F-20E3", "1F1E6", "2117", "00A9", "1F170", "E0A2", "203C"):
        assert text not in sequences, text
    for plain_flag in ("1F3F3", "1F3F4", "1F3F3-FE0F-200D-1F7E5", "1F3F4-FE0F-200D-1F7EB", "1F6A9"):
        assert plain_flag not in sequences, plain_flag
    # Duplicates: Clipperton and Saint Martin have the flag of France, and a man with curly hair is
    # drawn like a person with curly hair.
    assert len(sequences & {"1F1EB-1F1F7", "1F1E8-1F1F5", "1F1F2-1F1EB"}) == 1
    assert len(sequences & {"1F468-200D-1F9B1", "1F9D1-200D-1F9B1"}) == 1
    for kept in ("1F600", "1F431", "1F34E", "1F1EF-1F1F5", "1F3F4-200D-2620-FE0F", "E000"):
        assert kept in sequences, kept


def test_no_two_look_the_same(chosen):
    images = np.stack([openmoji.render(_index(e.sequence), 16) for e in chosen[::3]])
    flat = images.reshape(len(images), -1)
    assert len(np.unique(flat, axis=0)) == len(flat)


def test_subsets_keep_to_their_groups():
    faces = [openmoji.emojis()[i] for i in openmoji.select("faces")]
    assert 100 < len(faces) < 171 and {e.group for e in faces} == {"smileys"}
    assert all("face" in e.subgroup for e in faces)
    animals = [openmoji.emojis()[i] for i in openmoji.select("animals")]
    assert {e.group for e in animals} == {"animals"} and len(animals) > 150
    toned = openmoji.select("people", skin_tones=True)
    assert len(toned) > 4 * len(openmoji.select("people"))


def _plain(emoji):
    """Returns a sequence without variation selectors, skin tones and sexes."""
    return re.sub("-FE0F|-1F3F[B-F]|-200D-264[02]", "", emoji.sequence)


def test_portraits_are_people_with_head_and_shoulders(portraits):
    portraits = [openmoji.emojis()[i] for i in portraits]
    assert len(portraits) == 778
    assert {e.subgroup for e in portraits} == {
        "person", "person-gesture", "person-role", "person-fantasy",
    }  # fmt: skip
    drawn = {_plain(e) for e in portraits}
    # A man, old people, a doctor, a chef, a frowning person, an astronaut, Santa Claus, an elf.
    # With hands beside a whole face: OK, at an information desk, asking, shrugging, deaf.
    for kept in (
        "1F468", "1F474", "1F475", "1F9D1-200D-2695", "1F469-200D-1F373", "1F64D",
        "1F9D1-200D-1F680", "1F385", "1F9DD", "1F646", "1F481", "1F64B", "1F937", "1F9CF",
    ):  # fmt: skip
        assert kept in drawn, kept
    # A merman, a ninja, pregnant people, a parent with a baby, a head alone, arms or a hand before
    # the face, a bowed head.
    for left_out in (
        "1F9DC", "1F977", "1F930", "1FAC3", "1F931", "1F468-200D-1F37C", "1F472", "1F645",
        "1F926", "1F647",
    ):  # fmt: skip
        assert left_out not in drawn, left_out
    tones = [re.search("1F3F[B-F]|$", e.sequence)[0] for e in portraits]
    assert min(tones.count(tone) for tone in ("", *(f"1F3F{i}" for i in "BCDEF"))) > 100


def test_every_exception_would_pass_the_shape_rule():
    people = [
        (e.sequence.split("-")[0], max(size) / min(size))
        for i, e in enumerate(openmoji.emojis())
        if e.subgroup in openmoji._PORTRAIT_SUBGROUPS
        for size in [openmoji._draw(i, 64).size]
    ]
    for point in openmoji._NO_PORTRAIT:
        assert min(ratio for first, ratio in people if first == point) < 1.5, point


@pytest.mark.parametrize("resolution", [32, 64])
def test_portraits_are_aligned(portraits, resolution):
    """Nearly all have white corners, clothes at the lower edge and a chin in the same rows."""
    images = [openmoji.render_portrait(i, resolution) for i in portraits[::12]]
    images = np.stack(images).astype(int)
    assert images.shape[1:] == (resolution, resolution, 3)
    one = resolution // 16
    assert np.mean((images[:, :one, :one] == 255).all((1, 2, 3))) > 0.95
    assert np.mean((images[:, -1, 7 * one : 9 * one] < 255).any((1, 2))) > 0.9
    # The outline of the chin is in the same rows: dark in the middle, between face and clothes.
    chins = images[:, 9 * one : 12 * one, 7 * one : 9 * one].sum(3).min((1, 2))
    assert np.mean(chins < 250) > 0.9


@pytest.mark.parametrize("resolution", [32, 64, 200])
def test_drawings_are_centred_and_whole(chosen, resolution):
    for emoji in chosen[::40]:
        image = openmoji.render(_index(emoji.sequence), resolution).astype(int)
        assert image.shape == (resolution, resolution, 3)
        edges = np.concatenate([image[[0, -1]].reshape(-1, 3), image[:, [0, -1]].reshape(-1, 3)])
        assert (edges == 255).all(), emoji
        # The box around visible pixels is centred within a pixel, and keeps the margin.
        ys, xs = np.nonzero((255 - image).max(2) > 24)
        for positions in (ys, xs):
            middle = (positions.min() + positions.max()) / 2
            assert abs(middle - (resolution - 1) / 2) <= 1, emoji
        side = max(np.ptp(ys), np.ptp(xs)) + 1
        assert side <= resolution * (1 - 2 * openmoji.MARGIN) + 2, emoji


@pytest.mark.parametrize(
    "sequence, color",
    [
        ("1F600", (252, 234, 43)),  # a face is OpenMoji's yellow
        ("2764", (210, 47, 39)),  # a heart is red
        ("1F7E6", (146, 211, 245)),  # a blue square
    ],
)
def test_the_most_common_color_is_openmojis(sequence, color):
    sequence = next(
        e.sequence for e in openmoji.emojis() if e.sequence.replace("-FE0F", "") == sequence
    )
    pixels = openmoji.render(_index(sequence), 64).reshape(-1, 3)
    colors, counts = np.unique(pixels, axis=0, return_counts=True)
    colors, counts = colors[(colors != 255).any(1)], counts[(colors != 255).any(1)]
    np.testing.assert_array_equal(colors[counts.argmax()], color)


def test_create_writes_shuffled_drawings_and_credits(tmp_path):
    out = tmp_path / "flags"
    options = ["--resolution", "16", "--subset", "faces", "--workers", "1"]
    dataset_tool.main(["create_openmoji", str(out), *options])
    data = Dataset(out)
    chosen = np.array(openmoji.select("faces"))
    np.random.RandomState(123).shuffle(chosen)
    assert data.num_images == len(chosen) and data.labels is None
    for record in (0, 50):
        expected = openmoji.render(chosen[record], 16)
        np.testing.assert_array_equal(data.read(16, [record])[0], expected)
    assert "CC BY-SA 4.0" in (out / "CREDITS.txt").read_text()
    assert "ShareAlike" in (out / "LICENSE.txt").read_text()


def test_create_writes_portraits(tmp_path, portraits, monkeypatch):
    some = portraits[::100]
    monkeypatch.setattr(openmoji, "select", lambda *_: some)
    out = str(tmp_path / "portraits")
    options = ["--resolution", "32", "--subset", "portraits", "--workers", "1"]
    dataset_tool.main(["create_openmoji", out, *options])
    data = Dataset(out)
    np.random.RandomState(123).shuffle(some)
    expected = np.stack([openmoji.render_portrait(i, 32) for i in some])
    np.testing.assert_array_equal(data.read(32, np.arange(len(some))), expected)
    assert data.labels is None and (tmp_path / "portraits" / "CREDITS.txt").exists()


def test_labels_are_the_groups(tmp_path, monkeypatch):
    some = openmoji.select("faces")[:4] + openmoji.select("food")[:3]
    monkeypatch.setattr(openmoji, "select", lambda *_: some)
    assert openmoji.create(tmp_path / "some", 8, workers=1) == 7
    order = np.arange(7)
    np.random.RandomState(123).shuffle(order)
    np.testing.assert_array_equal(
        Dataset(tmp_path / "some").labels, np.eye(2)[(order >= 4).astype(int)]
    )
    assert (tmp_path / "some" / "CLASSES.txt").read_text() == "smileys\nfood\n"
