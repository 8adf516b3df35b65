"""Requests for images: their JSON is checked before anything is computed."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pgan_tf.errors import UserError
from pgan_tf.files import parse_json
from pgan_tf.latents import LARGEST

_BYTES_OF_A_NUMBER = 32  # in JSON; JavaScript writes 25 at most
_BYTES_OF_THE_REST = 1024  # everything in a request except the latents' numbers


class RefusedError(UserError):
    """Raised for a request that the server refuses.

    Attributes:
      status: HTTP status of the answer.
      retry_seconds: seconds after which the client may try again; None if it should not.
    """

    def __init__(self, status: int, message: str, retry_seconds: int | None = None):
        super().__init__(message)
        self.status = status
        self.retry_seconds = retry_seconds


@dataclass(frozen=True)
class Limits:
    """What a request for images may contain.

    Attributes:
      latent_size: numbers in a latent.
      classes: number of classes; 0 without labels.
      lods: allowed levels of detail, the finest first.
      most: maximum number of images in a request.
    """

    latent_size: int
    classes: int
    lods: tuple[float, ...]
    most: int

    @property
    def body(self) -> int:
        """Maximum size of a request for images, in bytes."""
        return self.most * self.latent_size * _BYTES_OF_A_NUMBER + _BYTES_OF_THE_REST


@dataclass(frozen=True)
class ImageRequest:
    """A checked request for images.

    Attributes:
      latents: float32 [n, latent_size], finite.
      label: class of all images; None for a label of zeros.
      lod: one of `Limits.lods`.
    """

    latents: np.ndarray
    label: int | None
    lod: float


def parse(body: bytes, limits: Limits) -> ImageRequest:
    """Reads {"latents": [[...], ...], "label": number or null, "lod": number}.

    Raises: RefusedError (400), one line, for other JSON or for values outside the limits.
    """
    try:
        content = parse_json(body, "the request")
    except UserError as error:
        raise RefusedError(400, str(error)) from None
    if not isinstance(content, dict):
        raise _bad_request('send an object: {"latents": [[...]], "label": null, "lod": 0}')
    if unknown := [key for key in content if key not in ("latents", "label", "lod")]:
        raise _bad_request(f"unknown key {unknown[0][:40]!r}; send latents, label and lod")
    latents = _latents(content.get("latents"), limits)
    label, lod = _label(content.get("label"), limits), _lod(content.get("lod"), limits)
    return ImageRequest(latents, label, lod)


def _latents(rows: Any, limits: Limits) -> np.ndarray:
    if not isinstance(rows, list) or not 1 <= len(rows) <= limits.most:
        raise _bad_request(f"latents: send a list of 1 to {limits.most} latents")
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != limits.latent_size:
            raise _bad_request(f"latents: number {i} is not a list of {limits.latent_size} numbers")
        # Comparing NaN gives False, and integers of any length can be compared.
        if not all(type(x) in (int, float) and -LARGEST <= x <= LARGEST for x in row):
            raise _bad_request(
                f"latents: number {i} must hold numbers from {-LARGEST:g} to {LARGEST:g}"
            )
    return np.array(rows, np.float32)


def _label(label: Any, limits: Limits) -> int | None:
    if label is None:
        return None
    if not limits.classes:
        raise _bad_request("label: the network has no classes; send null")
    if type(label) is not int or not 0 <= label < limits.classes:
        raise _bad_request(f"label: send a class from 0 to {limits.classes - 1}, or null")
    return label


def _lod(lod: Any, limits: Limits) -> float:
    if type(lod) not in (int, float) or lod not in limits.lods:
        allowed = ", ".join(f"{allowed:g}" for allowed in limits.lods)
        raise _bad_request(f"lod: send one of {allowed}")
    return float(lod)


def _bad_request(message: str) -> RefusedError:
    return RefusedError(400, message)
