"""What a page may ask for: a request's JSON, checked before anything is computed."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pgan_tf.errors import UserError
from pgan_tf.files import parse_json
from pgan_tf.latents import LARGEST

_BYTES_OF_A_NUMBER = 32  # of JSON; JavaScript writes 25 at most
_BYTES_OF_THE_REST = 1024


class RefusedError(UserError):
    """A request that is not served.

    Attributes:
      status: HTTP's.
      retry_seconds: after which it may be served; None for never.
    """

    def __init__(self, status: int, message: str, retry_seconds: int | None = None):
        super().__init__(message)
        self.status = status
        self.retry_seconds = retry_seconds


@dataclass(frozen=True)
class Limits:
    """What a generator can be asked for.

    Attributes:
      latent_size: numbers in a latent.
      classes: how many; 0 without labels.
      lods: levels of detail, the finest first.
      most: images in a request.
    """

    latent_size: int
    classes: int
    lods: tuple[float, ...]
    most: int

    @property
    def body(self) -> int:
        """The most bytes that a request for images takes."""
        return self.most * self.latent_size * _BYTES_OF_A_NUMBER + _BYTES_OF_THE_REST


@dataclass(frozen=True)
class Asked:
    """A request for images.

    Attributes:
      latents: float32 [n, latent_size], finite.
      label: class of all images; None for none.
      lod: one of the limits'.
    """

    latents: np.ndarray
    label: int | None
    lod: float


def parse(body: bytes, limits: Limits) -> Asked:
    """Reads {"latents": [[...], ...], "label": number or null, "lod": number}.

    Raises: RefusedError (400), one line, for anything else, or what the generator can't make.
    """
    try:
        said = parse_json(body, "the request")
    except UserError as error:
        raise RefusedError(400, str(error)) from None
    if not isinstance(said, dict):
        raise _bad('send an object: {"latents": [[...]], "label": null, "lod": 0}')
    if unknown := [key for key in said if key not in ("latents", "label", "lod")]:
        raise _bad(f"{unknown[0][:40]!r} is unknown; there are latents, label and lod")
    latents = _latents(said.get("latents"), limits)
    return Asked(latents, _label(said.get("label"), limits), _lod(said.get("lod"), limits))


def _latents(rows: Any, limits: Limits) -> np.ndarray:
    if not isinstance(rows, list) or not 1 <= len(rows) <= limits.most:
        raise _bad(f"latents: send a list of 1 to {limits.most} latents")
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != limits.latent_size:
            raise _bad(f"latents: number {i} is no list of {limits.latent_size} numbers")
        # NaN compares as false; an integer of any length can be compared.
        if not all(type(x) in (int, float) and -LARGEST <= x <= LARGEST for x in row):
            raise _bad(f"latents: number {i} holds something else than numbers up to {LARGEST:g}")
    return np.array(rows, np.float32)


def _label(label: Any, limits: Limits) -> int | None:
    if label is None:
        return None
    if not limits.classes:
        raise _bad("label: the network has no classes; send null")
    if type(label) is not int or not 0 <= label < limits.classes:
        raise _bad(f"label: send a class from 0 to {limits.classes - 1}, or null")
    return label


def _lod(lod: Any, limits: Limits) -> float:
    if type(lod) not in (int, float) or lod not in limits.lods:
        known = ", ".join(f"{known:g}" for known in limits.lods)
        raise _bad(f"lod: send one of {known}")
    return float(lod)


def _bad(message: str) -> RefusedError:
    return RefusedError(400, message)
