import base64
import bz2
import hashlib

import celebahq_mini
import numpy as np
import pytest
from cryptography.fernet import Fernet

from pgan_tf.data.making.celebahq import deltas
from pgan_tf.data.making.celebahq.alignment import ImageError


@pytest.mark.parametrize("row", celebahq_mini.rows(), ids=lambda row: row.orig_file)
def test_final_image_is_the_official_one(row):
    final = deltas.add(row.processed(), row.delta())
    assert hashlib.md5(final).hexdigest() == row.final_md5


def lock(content: bytes, jpg: bytes, name: str) -> bytes:
    key = hashlib.pbkdf2_hmac("sha256", jpg, name.encode(), 100_000, 32)
    return Fernet(base64.urlsafe_b64encode(key)).encrypt(content)


def test_unlock_names_what_is_wrong():
    row = celebahq_mini.rows()[0]
    with pytest.raises(ImageError, match=r"can't be decrypted: x\.jpg isn't the original"):
        deltas.unlock(row.token, row.jpg + b"\0", "x.jpg")
    with pytest.raises(ImageError, match="can't be decrypted"):
        deltas.unlock(row.token, row.jpg, "000001.jpg")  # the name is the salt
    with pytest.raises(ImageError, match="can't be decrypted"):
        deltas.unlock(row.token[:-8], row.jpg, row.orig_file)
    jpg, name = b"photo", "a.jpg"
    with pytest.raises(ImageError, match="can't be unpacked"):
        deltas.unlock(lock(b"not bz2", jpg, name), jpg, name)
    for size in (3 << 20) - 1, (3 << 20) + 1, 1 << 28:  # the last is a decompression bomb
        with pytest.raises(ImageError, match="doesn't hold 3145728 bytes"):
            deltas.unlock(lock(bz2.compress(bytes(size)), jpg, name), jpg, name)


def perturbed(image: np.ndarray, amplitude: int, seed: int = 0) -> np.ndarray:
    """Returns the image as decoded with errors of up to `amplitude` levels at each pixel."""
    noise = np.random.RandomState(seed).randint(-amplitude, amplitude + 1, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return abs(a.astype(int) - b)


@pytest.mark.parametrize("amplitude", [1, 2, 3])
def test_a_decoder_off_by_a_few_levels_leaves_no_specks(amplitude):
    """On an image with much black and white, and small differences like CelebA-HQ's."""
    processed = celebahq_mini.rows()[2].processed().astype(int)
    processed = np.clip(1.4 * (processed - 128) + 128, 0, 255).astype(np.uint8)
    difference = np.rint(np.random.RandomState(1).laplace(0, 4, processed.shape))
    final = np.clip(processed + difference, 0, 255).astype(np.uint8)
    assert (final == 0).mean() > 0.02 and (final == 255).mean() > 0.02
    delta = final - processed  # modulo 256
    assert (deltas.add_nearly(processed, delta) == final).all()

    inexact = perturbed(processed, amplitude)
    specks = distance(deltas.add(inexact, delta), final) > amplitude
    assert specks.sum() > 5000  # the sum modulo 256 has specks
    assert distance(deltas.add_nearly(inexact, delta), final).max() <= amplitude


def test_values_near_black_and_white_do_not_wrap_around():
    """Processed and final values of 0..3 and 252..255, off by one each way."""
    gray = np.random.RandomState(0).randint(0, 256, 1 << 20)  # shows which differences are usual
    shift = np.random.RandomState(1).randint(-9, 10, 1 << 20)
    usual = np.clip(gray + shift, 0, 255)
    for ends in (np.arange(4), np.arange(252, 256)):
        for right in ends:
            for final in ends:
                for off in (-1, 0, 1):
                    if not 0 <= right + off <= 255:
                        continue
                    processed = np.uint8(np.append(gray, right + off))
                    delta = np.uint8(np.append(usual - gray, final - right) % 256)
                    result = deltas.add_nearly(processed, delta)
                    assert abs(int(result[-1]) - final) <= 1, (right, final, off)
                    assert (result[:-1] == usual).all()


def test_large_differences_are_kept_where_they_are_common():
    """In the golden deltas' few noisy rows, the sum modulo 256 is the best estimate.

    So exact pixels stay exact, and inexact ones get no more specks than the sum modulo 256 has.
    Where the delta is 0, there are no specks.
    """
    for row in celebahq_mini.rows():
        processed, delta = row.processed(), row.delta()
        final = deltas.add(processed, delta)
        assert (deltas.add_nearly(processed, delta) == final).all()
        inexact = perturbed(processed, 1)
        result = distance(deltas.add_nearly(inexact, delta), final)
        assert (result[delta == 0] <= 1).all()
        modular = distance(deltas.add(inexact, delta), final)
        assert (result > 1).sum() <= (modular > 1).sum() < 100
