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

_MOST_OPERATIONS = 4e11  # for all centres, on a CPU: some seconds on two cores


def serve(
    snapshot: str | os.PathLike,
    listening: Listening,
    latent_files: Sequence[str | os.PathLike] = (),
    open_browser: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Serves the page until Ctrl-C, with a token unless only this machine reaches it.

    Args:
      snapshot: a snapshot, a run, or a directory of runs; the newest is taken.
      listening: of `listening.listen`; closed at the end.
      latent_files: `.npy` files of the latents that the page begins with.
      open_browser: opens the page, too.
      say: is told what is served, where, and when it stops.
    Raises: UserError when there is no snapshot, or latents can't be read.
    """
    with listening.socket:
        loaded = load_snapshot(snapshot)
        painter = Painter(loaded)
        first = latents.read_all(latent_files, loaded.Gs.latent_size)
        if len(first) > painter.limits.most:
            raise UserError(
                f"--latent: {len(first)} latents, and the page begins with"
                f" {painter.limits.most} at most"
            )
        r = loaded.Gs.resolution
        say(f"Gs of {loaded.path}, {r}x{r}, on {device()}; preparing the page")
        facts = facts_for(loaded, painter.limits.most, first)
        token = None if listening.is_private else secrets.token_urlsafe(16)
        address = listening.address(token)
        if token:
            say("Whoever has this address can use it; it is not encrypted on its way:")
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
    """Returns what api/info answers: what the page has to know of Gs, and of the server.

    Args:
      loaded: the networks.
      most: images in a request.
      first: latents [n, latent_size] that the page begins with; `start` holds them, as float32 in
        base64.
    """
    centres = centres_of(loaded) if _finds_centres_soon(loaded) else {}
    return {
        **facts_of(loaded, most, centres),
        "engine": "server",
        "device": device(),
        "start": float32_text(first),
    }


def _finds_centres_soon(loaded: Snapshot) -> bool:
    """Returns whether the centres of all classes are found in some seconds."""
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
