"""Options of a training run: typed, frozen, self-describing, saved as JSON.

A `Config` holds everything that decides what a run computes. `options()` describes each option. A
`Preset` is a named set of options; `pgan_tf.presets` combines presets.
"""

from pgan_tf.config.option import MidRun, Option
from pgan_tf.config.options import (
    Config,
    DataOptions,
    DiscriminatorOptions,
    GeneratorOptions,
    LossOptions,
    OptimizerOptions,
    ScheduleOptions,
    TrainOptions,
)
from pgan_tf.config.preset import FEATURES, KINDS, Preset, pixelnorm_epsilon, resolve
from pgan_tf.config.saved import current_name, from_dict, from_json, to_json
from pgan_tf.config.values import (
    changeable,
    check,
    differences,
    flatten,
    number_text,
    options,
    override,
    own_images,
    parse_assignments,
    range_text,
    value_text,
)

__all__ = [
    "FEATURES",
    "KINDS",
    "Config",
    "DataOptions",
    "DiscriminatorOptions",
    "GeneratorOptions",
    "LossOptions",
    "MidRun",
    "OptimizerOptions",
    "Option",
    "Preset",
    "ScheduleOptions",
    "TrainOptions",
    "changeable",
    "check",
    "current_name",
    "differences",
    "flatten",
    "from_dict",
    "from_json",
    "number_text",
    "options",
    "override",
    "own_images",
    "parse_assignments",
    "pixelnorm_epsilon",
    "range_text",
    "resolve",
    "to_json",
    "value_text",
]
