"""Named sets of options, and the order in which they are put together."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pgan_tf.config.options import Config
from pgan_tf.config.values import override
from pgan_tf.errors import UserError, nearest

KINDS = ("data", "recipe", "hardware", "precision")


@dataclass(frozen=True)
class Preset:
    """A named set of options that differ from the defaults.

    Attributes:
      name: what the user types.
      kind: "data": a data set and how to process it; "recipe": networks, schedule and length that
        someone chose; "hardware": what follows from the number and kind of GPUs; "precision":
        the arithmetic, and what memory it needs.
      doc: source, hardware, time and expected result, and which of these were measured here.
      options: dotted option name -> value.
      base: name of the preset whose options come first; empty: none.
      hardware: of a recipe: name of the hardware preset that it was made for; empty: it has
        minibatches of its own; None: it goes with any.
      caps: of a precision: options that go with a hardware preset only.
    """

    name: str
    kind: str
    doc: str
    options: Mapping[str, Any] = field(default_factory=dict)
    base: str = ""
    hardware: str | None = None
    caps: Mapping[str, Any] = field(default_factory=dict)


FEATURES: Mapping[str, Mapping[str, Any]] = {
    "growing": {"schedule.lod_training_kimg": 0, "schedule.lod_transition_kimg": 0,
                "schedule.lod_initial_resolution": 0},
    "pixelnorm": {"G.use_pixelnorm": False},
    "wscale": {"G.use_wscale": False, "D.use_wscale": False},
    "leakyrelu": {"G.use_leakyrelu": False},
    "smoothing": {"train.smoothing": 0.0, "train.smoothing_half_life_kimg": 0.0},
    "repeats": {"train.minibatch_repeats": 1},
    "reset": {"train.reset_optimizer": False},
    "fused": {"G.fused_scale": False, "D.fused_scale": False},
    "stddev": {"D.mbstd_group_size": 0},
}  # fmt: skip
"""Features that can be turned off for study (section 3), as options."""


def resolve(*layers: Mapping[str, Any], without: Iterable[str] | None = None) -> Config:
    """Returns the default options with each layer of options put over it in turn.

    Args:
      layers: dotted option name -> value; the last one is what the user typed.
      without: features of `FEATURES` to turn off, before the last layer.
    An fp16 run gets the pixel-norm epsilon of section 3 unless a layer sets it.

    Raises: UserError for an unknown feature or option, and for a value that is not possible.
    """
    *first, last = layers or ({},)
    config = Config()
    for layer in first:
        config = override(config, layer)
    for feature in without or ():
        if feature not in FEATURES:
            raise UserError(f"--without {feature}: unknown feature{nearest(feature, FEATURES)}")
        config = override(config, FEATURES[feature])
    config = override(config, last)
    if config.train.precision == "fp16" and not any("G.pixelnorm_epsilon" in x for x in layers):
        config = dataclasses.replace(
            config, G=dataclasses.replace(config.G, pixelnorm_epsilon=1e-4)
        )
    return config
