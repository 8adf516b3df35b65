"""Damage to bytes: each edit is chosen by three random numbers."""

import random
from typing import NamedTuple

LARGEST = 1 << 32  # the numbers of an edit are below it
MOST_BYTES = 8 << 20  # of the damaged content

_NUMBERS = [0, 1, 2, 3, 7, 16, 100, 127, 128, 255, 256, 1000, 4096, 1 << 15, (1 << 16) - 1]
_NUMBERS += [1 << 16, 1 << 20, 1 << 29, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 40]
_NUMBERS += [(1 << 63) - 1, 1 << 63, (1 << 64) - 1]
_TEXTS = [
    b"[" * 100_000, b'{"a":' * 20_000, b"(" * 5000, b"-" * 5000, b"9" * 5000, b"1e999", b"-1",
    b"NaN", b"-Infinity", b"null", b"true", b'"', b"'", b"\\", b"\n", b"\r\n", b"\0", b"\xff\xfe",
    b"\xed\xa0\x80", b'"\\ud800"', b"../../x", b"/etc/passwd", b"C:\\x", b"%s%n", b"\x1b[31m",
    "é\u202e".encode(), b"0x10", b"1_0", b".", b",", b"[]", b"{}", b"[0, 1]", b"K\x01", b"h\x00",
]  # fmt: skip


class Edit(NamedTuple):
    """A change of bytes: its kind, its place and its details, all from 0 to LARGEST - 1."""

    kind: int
    where: int
    what: int


def draw(generator: random.Random) -> list[Edit]:
    """Draws 1 to 12 edits, mostly few."""
    count = min(1 + int(generator.expovariate(0.7)), 12)
    return [Edit(*(generator.randrange(LARGEST) for _ in range(3))) for _ in range(count)]


def apply(content: bytes, edits: list[Edit], most_bytes: int = MOST_BYTES) -> bytes:
    """Returns the damaged content, cut where it becomes longer than `most_bytes`."""
    out = bytearray(content)
    for edit in edits:
        # Half of all edits change the beginning, where formats have their headers.
        reach = len(out) if edit.where % 2 else min(len(out), 200)
        position = (edit.where >> 1) * reach // (LARGEST >> 1)
        _KINDS[edit.kind % len(_KINDS)](out, position, edit.what)
        del out[most_bytes:]
    return bytes(out)


def _flip(out: bytearray, position: int, what: int) -> None:
    if out:
        out[position] ^= 1 << what % 8


def _set(out: bytearray, position: int, what: int) -> None:
    if out:
        out[position] = what % 256


def _add(out: bytearray, position: int, what: int) -> None:
    if out:
        out[position] = (out[position] + what % 9 - 4) % 256


def _number(out: bytearray, position: int, what: int) -> None:
    """Overwrites bytes with an extreme number of 1 to 8 bytes, in either byte order."""
    what, order = divmod(what, 2)
    what, log2 = divmod(what, 4)
    width = 1 << log2
    number = _NUMBERS[what % len(_NUMBERS)] % (1 << 8 * width)
    out[position : position + width] = number.to_bytes(width, ("little", "big")[order])


def _digits(out: bytearray, position: int, what: int) -> None:
    """Replaces the next digits by another number."""
    start = position
    while start < len(out) and not 48 <= out[start] < 58:
        start += 1
    end = start
    while end < len(out) and 48 <= out[end] < 58:
        end += 1
    out[start:end] = str(_NUMBERS[what % len(_NUMBERS)]).encode()


def _delete(out: bytearray, position: int, what: int) -> None:
    del out[position : position + 1 + what % 64]


def _cut(out: bytearray, position: int, what: int) -> None:
    if what % 2:
        del out[position:]
    else:
        del out[len(out) - 1 - what % 40 :]


def _repeat(out: bytearray, position: int, what: int) -> None:
    """Repeats some bytes, up to 100,000 times."""
    what, length = divmod(what, 64)
    times = [1, 2, 3, 10, 100, 1000, 10_000, 100_000][what % 8]
    out[position:position] = out[position : position + 1 + length] * times


def _copy(out: bytearray, position: int, what: int) -> None:
    """Overwrites some bytes with others of the file."""
    if out:
        source, length = divmod(what, 64)
        source %= len(out)
        out[position : position + length] = out[source : source + length]


def _insert(out: bytearray, position: int, what: int) -> None:
    out[position:position] = random.Random(what).randbytes(1 + what % 16)


def _text(out: bytearray, position: int, what: int) -> None:
    what, replaces = divmod(what, 2)
    text = _TEXTS[what % len(_TEXTS)]
    out[position : position + len(text) * replaces] = text


_KINDS = [
    _flip, _flip, _set, _set, _add, _number, _number, _digits, _delete, _cut, _repeat, _copy,
    _insert, _text,
]  # fmt: skip
