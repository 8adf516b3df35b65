"""The description of an option: kind, range, unit, meaning, whether it may change in mid-run."""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

_KEY = "option"  # key in the field's metadata


class MidRun(NamedTuple):
    """Whether an option may change when a run is continued.

    Attributes:
      kind: one of `KINDS`.
      reason: why it can't change, as the end of an error message; empty otherwise.
    """

    kind: str
    reason: str = ""


FREE = MidRun("free")
ADJUSTABLE = MidRun("adjustable")
LOGGED = MidRun("logged")

KINDS = {
    "free": "may change in mid-run",
    "adjustable": "may change in mid-run; the run records it",
    "logged": "may change in mid-run with --resume; the run records it",
    "fixed": "can't change in mid-run",
}
"""Kinds of `MidRun` in words.

Where something lies is free: it changes nothing in the run. The run's length, and what it saves
and measures, is adjustable: the same command with another value continues the run. Everything else
that may change is logged: without --resume, another value means another run.
"""


def fixed(reason: str) -> MidRun:
    """Returns the `MidRun` of an option that can't change, because of `reason`."""
    return MidRun("fixed", reason)


@dataclass(frozen=True)
class Option:
    """The description of one option.

    Attributes:
      name: dotted, such as `train.total_kimg`.
      kind: bool, int, float or str; `int | None`; or `Mapping[int, int]`, `Mapping[int, float]`,
        which map resolutions to values.
      default: its value unless set otherwise.
      text: one sentence that says what it does.
      mid_run: a key of `KINDS`; see `MidRun`.
      reason: why it is fixed; empty otherwise.
      least, greatest: range of a number, or of each value of a mapping; None: no bound.
      choices: the possible texts; empty: any.
      unit: unit of the number, such as "kimg"; empty for plain numbers and for texts.
      pattern: regular expression that the whole text must match; empty: any text.
      form: the pattern in words.
    """

    name: str
    kind: Any
    default: Any
    text: str
    mid_run: str
    reason: str = ""
    least: float | None = None
    greatest: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    pattern: str = ""
    form: str = ""

    @property
    def changeable(self) -> bool:
        """True if it may change in mid-run."""
        return self.mid_run != "fixed"

    @property
    def optional(self) -> bool:
        """True if it may be None, written `none`."""
        return isinstance(self.kind, types.UnionType)

    @property
    def is_mapping(self) -> bool:
        """True if it maps resolutions to values."""
        return typing.get_origin(self.kind) is not None and not self.optional

    @property
    def element(self) -> type:
        """bool, int, float or str: the type of its value, or of each value of the mapping."""
        if self.optional:
            return next(k for k in typing.get_args(self.kind) if k is not types.NoneType)
        return typing.get_args(self.kind)[1] if self.is_mapping else self.kind


def option(
    default: Any,
    text: str,
    mid_run: MidRun,
    *,
    least: float | None = None,
    greatest: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str = "",
    pattern: str = "",
    form: str = "",
) -> Any:
    """Returns a dataclass field that carries the description of an option; see `Option`.

    A default that is a mapping is copied for each instance.
    """
    described = dict(
        text=text, mid_run=mid_run.kind, reason=mid_run.reason, least=least, greatest=greatest,
        choices=choices, unit=unit, pattern=pattern, form=form,
    )  # fmt: skip
    if isinstance(default, Mapping):
        return dataclasses.field(default_factory=lambda: dict(default), metadata={_KEY: described})
    return dataclasses.field(default=default, metadata={_KEY: described})


def options_of(config: Any, prefix: str = "") -> Iterator[Option]:
    """Yields the options of a config, or of one section of it, in order.

    Args:
      config: a dataclass instance that holds the defaults.
      prefix: put before the names of its options.
    """
    kinds = typing.get_type_hints(type(config))
    for f in dataclasses.fields(config):
        default = getattr(config, f.name)
        if dataclasses.is_dataclass(default):
            yield from options_of(default, f"{f.name}.")
        else:
            yield Option(
                name=prefix + f.name, kind=kinds[f.name], default=default, **f.metadata[_KEY]
            )
