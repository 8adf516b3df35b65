"""Presets, which are named sets of options, and the order in which options are combined."""

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
      name: the name that the user types.
      kind: "data": a data set and how to process it; "recipe": chosen networks, schedule and
        length; "hardware": what follows from the number and kind of GPUs; "precision": the
        arithmetic and the minibatch caps that go with it.
      doc: source, hardware, time and expected result, and which of these were measured here.
      options: dotted option name -> value.
      base: name of the preset that this one extends, by replacing some of its options; empty: none.
      hardware: for a recipe, the name of the hardware preset that it was made for; empty: the
        recipe sets its own minibatches; None: any hardware preset.
      caps: for a precision, options that are used only together with a hardware preset.
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
"""Feature that can be turned off for study (section 3) -> the options that turn it off."""


def resolve(*layers: Mapping[str, Any], without: Iterable[str] | None = None) -> Config:
    """Returns the default options, replaced by those of each layer in turn.

    An fp16 run gets the pixel-norm epsilon of section 3, unless a layer sets it.

    Args:
      layers: dotted option name -> value; the last layer is what the user typed.
      without: features of `FEATURES` to turn off, before the last layer is applied.
    Raises: UserError for an unknown feature or option, and for a value out of range.
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
    if not any(_EPSILON in layer for layer in layers):
        config = override(config, {_EPSILON: pixelnorm_epsilon(config.train.precision)})
    return config


_EPSILON = "G.pixelnorm_epsilon"


def pixelnorm_epsilon(precision: str) -> float:
    """Returns the pixel-norm epsilon for a precision (section 3)."""
    return 1e-4 if precision == "fp16" else Config().G.pixelnorm_epsilon
