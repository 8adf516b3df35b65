"""The request for an export: a network and the form of its inputs and outputs."""

import math
import os
from dataclasses import dataclass

from pgan_tf.errors import UserError
from pgan_tf.networks import Generator, GrowingNetwork, Lod
from pgan_tf.snapshots import load_snapshot
from pgan_tf.snapshots.parts import KINDS

LAYOUTS = ("NHWC", "NCHW")


@dataclass(frozen=True)
class Request:
    """A network at a lod, and the form of its images.

    Attributes:
      network: the network, in float32.
      lod: the lod at which it runs.
      uint8: images are uint8, 0..255; else float32, [-1, 1].
      layout: the images' layout, NHWC or NCHW.
      float16: keep the weights in half precision.
      class_names: names of the labels' columns.
      source: the snapshot's name.
    """

    network: GrowingNetwork
    lod: Lod
    uint8: bool = False
    layout: str = "NHWC"
    float16: bool = False
    class_names: tuple[str, ...] = ()
    source: str = ""

    @property
    def is_generator(self) -> bool:
        """True if images are the output, False if they are the input."""
        return isinstance(self.network, Generator)

    @property
    def resolution(self) -> int:
        """Height and width of the images."""
        return self.network.resolution >> self.lod.level

    @property
    def lod_value(self) -> float:
        """The lod as one number."""
        return self.lod.level + float(self.lod.fade or 0.0)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of an image in the requested layout."""
        r, channels = self.resolution, self.network.num_channels
        return (channels, r, r) if self.layout == "NCHW" else (r, r, channels)

    @property
    def inputs(self) -> dict[str, tuple]:
        """Input's name -> shape without the batch: latents and labels, or images."""
        if not self.is_generator:
            return {"images": self.image_shape}
        inputs = {"latents": (self.network.latent_size,)}
        return {**inputs, "labels": (self.network.label_size,)} if self.has_labels else inputs

    @property
    def outputs(self) -> dict[str, tuple]:
        """Output's name -> shape without the batch: images, or scores and logits."""
        if self.is_generator:
            return {"images": self.image_shape}
        return {"scores": (), "logits": (self.network.label_size,)} if self.has_labels else {
            "scores": ()
        }  # fmt: skip

    @property
    def has_labels(self) -> bool:
        """True if the network has classes."""
        return self.network.label_size > 0

    def description(self) -> str:
        """Returns a line that describes the network's inputs and outputs."""

        def tensors(shapes: dict[str, tuple]) -> str:
            return ", ".join(
                f"{name} {self._dtype(name)} [{', '.join(['N', *map(str, shape)])}]"
                for name, shape in shapes.items()
            )

        range_ = "0 to 255" if self.uint8 else "-1 to 1"
        return (
            f"{self.network.name} of {self.source} at lod {self.lod_value:g}:"
            f" {tensors(self.inputs)} -> {tensors(self.outputs)}; images are {range_}"
        )

    def metadata(self) -> dict[str, object]:
        """Returns facts that a program needs to show the images."""
        return {
            "network": self.network.name,
            "resolution": self.resolution,
            "num_channels": self.network.num_channels,
            "lod": self.lod_value,
            "layout": self.layout,
            "range": [0, 255] if self.uint8 else [-1, 1],
            "classes": list(self.class_names),
            "source": self.source,
        }

    def _dtype(self, name: str) -> str:
        return "uint8" if name == "images" and self.uint8 else "float32"


def make_request(
    snapshot: str | os.PathLike,
    network: str = "Gs",
    lod: float | None = None,
    uint8: bool = False,
    layout: str = "NHWC",
    float16: bool = False,
) -> Request:
    """Reads a snapshot for export.

    Args:
      snapshot: a snapshot, a run, or a directory of runs; the newest is taken.
      network: G, D or Gs.
      lod: level of detail, fractional while fading; None for the snapshot's own.
      uint8, layout, float16: see `Request`.
    Raises: UserError for an unknown network or layout, a lod out of range, or a missing snapshot.
    """
    for name, value, known in (("network", network, KINDS), ("layout", layout, LAYOUTS)):
        if value not in known:
            raise UserError(f"{name} {value!r}: choose from {', '.join(known)}")
    loaded = load_snapshot(snapshot)
    chosen = getattr(loaded, network)
    coarsest = chosen.shape.finest - 2
    if lod is not None and not (math.isfinite(lod) and 0 <= lod <= coarsest):
        raise UserError(
            f"lod {lod:g}: choose from 0 ({chosen.resolution}x{chosen.resolution}) to {coarsest}"
            f" (4x4) for {loaded.path}"
        )
    split = chosen.check_lod(lod)
    return Request(chosen, split, uint8, layout, float16, loaded.class_names, loaded.path.name)
