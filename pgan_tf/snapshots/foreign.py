"""Recognition, by their first bytes, of files that users mistake for networks of this kind."""

import os
from collections.abc import Callable

from pgan_tf.errors import UserError

_TORCH = "is a file of PyTorch, not networks of progressive growing's TensorFlow or Theano version"
_STYLEGAN = "holds networks of StyleGAN or a later program, which are built differently"

KINDS: list[tuple[Callable[[bytes], bool], str]] = [
    (lambda head: head[:2] == b"PK" and b"data.pkl" in head[:256], _TORCH),
    (lambda head: head[:13] == b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P", _TORCH),
    (lambda head: head[:1] == b"\x80" and _names(head, b"dnnlib", b"torch_utils"), _STYLEGAN),
    (lambda head: head[:2] == b"PK" and b"metadata.json" in head[:64], "is a model in Keras's own"
     " format; keras.models.load_model reads it"),
    (lambda head: head[:4] == b"\x89HDF", "is an HDF5 file, not networks"),
    (lambda head: head.lstrip()[:14].lower() in (b"<!doctype html", b"<html><head><"), "is a web"
     " page; download the file that it links to instead"),
]  # fmt: skip
"""Pairs of a test of a file's first bytes and what a file that passes it is, for a message."""


def _names(head: bytes, *modules: bytes) -> bool:
    return any(module in head for module in modules)


def what(head: bytes) -> str | None:
    """Returns the known kind of a file from its first bytes, as the end of a sentence, or None."""
    return next((text for knows, text in KINDS if knows(head)), None)


def refuse_known(path: str | os.PathLike, head: bytes) -> None:
    """Raises UserError if the first bytes are those of a known file of another program."""
    if (text := what(head)) is not None:
        raise UserError(f"{path} {text}")
