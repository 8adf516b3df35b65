"""Serves a snapshot's explorer page until Ctrl-C."""

import os
import secrets
import webbrowser
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf import latents
from pgan_tf.errors import UserError
from pgan_tf.explore.listening import Listening
from pgan_tf.explore.painting import Painter
from pgan_tf.explore.server import make_app, make_server
from pgan_tf.pages import explorer
from pgan_tf.pages.explorer.facts import centres_of, facts_of, float32_text
from pgan_tf.snapshots import Snapshot, load_snapshot
from pgan_tf.truncation import CANDIDATES, affordable_lod

_MOST_OPERATIONS = 4e11  # to find all centres on a CPU: a few seconds on two cores


def serve(
    snapshot: str | os.PathLike,
    listening: Listening,
    latent_files: Sequence[str | os.PathLike] = (),
    open_browser: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Serves the page until Ctrl-C, with a token if other machines can reach it.

    Args:
      snapshot: a snapshot, a run, or a directory of runs; the newest snapshot is used.
      listening: the socket from `listening.listen`; closed at the end.
      latent_files: `.npy` files with latents that the page shows first.
      open_browser: True to open the page in the browser, too.
      say: prints one line: what is served, where, and that the server has stopped.
    Raises: UserError if no snapshot is found, or the latents can't be read or are too many.
    """
    with listening.socket:
        loaded = load_snapshot(snapshot)
        painter = Painter(loaded)
        first = latents.read_all(latent_files, loaded.Gs.latent_size)
        if len(first) > painter.limits.most:
            raise UserError(
                f"--latent: the files hold {len(first)} latents, and the page shows at most"
                f" {painter.limits.most} at first; name fewer files, or shorten them"
            )
        r = loaded.Gs.resolution
        say(f"Gs of {loaded.path}, {r}x{r}, on {device()}; preparing the page")
        facts = facts_for(loaded, painter.limits.most, first)
        token = None if listening.is_private else secrets.token_urlsafe(16)
        address = listening.address(token)
        if token:
            say("Anyone with this address can use the page; the connection is not encrypted:")
        say(f"{address}  (Ctrl-C stops)")
        if open_browser:
            webbrowser.open(address)
        try:
            make_server(make_app(painter, facts, explorer.served_page(), token)).run(
                [listening.socket]
            )
        except KeyboardInterrupt:
            say("stopped")
        finally:
            painter.close()


def facts_for(loaded: Snapshot, most: int, first: np.ndarray) -> dict[str, Any]:
    """Returns the answer of api/info: facts about Gs and the server that the page needs.

    Args:
      loaded: the networks.
      most: maximum number of images in a request.
      first: latents [n, latent_size] that the page shows first; key `start`, float32 in base64.
    """
    centres = centres_of(loaded) if _finds_centres_soon(loaded) else {}
    return {
        **facts_of(loaded, most, centres),
        "engine": "server",
        "device": device(),
        "start": float32_text(first),
    }


def _finds_centres_soon(loaded: Snapshot) -> bool:
    """Returns whether the centres of all classes can be found in a few seconds, or on a GPU."""
    Gs = loaded.Gs
    stage = Gs.shape.finest - int(affordable_lod(Gs, CANDIDATES))
    operations = CANDIDATES * Gs.operations(stage) * max(len(loaded.used_classes), 1)
    return operations <= _MOST_OPERATIONS or bool(tf.config.list_physical_devices("GPU"))


def device() -> str:
    """Returns the name of the device that TensorFlow computes on."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return f"CPU ({os.cpu_count()} cores)"
    return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
