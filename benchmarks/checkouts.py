"""Measuring processes of the training step, and comparing two checkouts with them."""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pgan_tf.errors import UserError

ROOT = Path(__file__).parents[1]
PRODUCTS = ("convolution", "dot")
"""Instructions whose output shapes are compared too."""


def checkout_at(path: str) -> Path:
    """Returns the path of a checkout. Raises: UserError if it is none."""
    if not (Path(path) / "benchmarks" / "train_step.py").is_file():
        raise UserError(f"--against {path}: no checkout of this repository is there")
    return Path(path)


class MeasuringError(Exception):
    """A measuring process failed; the message is its last error."""


def _start(
    resolution: str, options: Sequence[str], checkout: Path, kept: str, errors: Any
) -> subprocess.Popen:
    """Starts a measuring process; `kept` is its directory of kept programs, or "off"."""
    command = [sys.executable, "-m", "benchmarks.train_step", *options, "--one", resolution]
    return subprocess.Popen(
        command, cwd=checkout, env={**os.environ, "PGAN_TF_COMPILED": kept}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
    )  # fmt: skip


def run(
    resolution: str, options: Sequence[str], kept: str, checkout: Path = ROOT
) -> dict[str, float]:
    """Returns what a measuring process of a checkout prints."""
    process = _start(resolution, options, checkout, kept, subprocess.PIPE)
    out, errors = process.communicate()
    if process.returncode:
        raise MeasuringError(_last_error(errors, process.returncode))
    return json.loads(out.strip().splitlines()[-1])


def _last_error(stderr: str, code: int) -> str:
    found = re.findall(r"^\S*[Ee]rror.*|^Killed.*", stderr, re.MULTILINE)
    return (found or [f"exit code {code}"])[-1]


class Stepper:
    """A process of a checkout that makes a step whenever it is asked to."""

    def __init__(self, resolution: str, options: Sequence[str], checkout: Path):
        options = [*options, "--on-request"]
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = _start(resolution, options, checkout, "off", self._errors)
        self.first_step, self.minibatch = self._answer()

    def step(self) -> float:
        """Returns the seconds that one step took."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._answer()[0]

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _answer(self) -> list[float]:
        for line in self._process.stdout:
            if line.startswith("["):
                return json.loads(line)
        code = self._process.wait()
        self._errors.seek(0)
        raise MeasuringError(_last_error(self._errors.read(), code))


def compare_times(
    resolutions: Sequence[str], options: list[str], other: Path, seconds: float
) -> None:
    """Prints a row for each resolution: this checkout, the other one, and the ratio."""
    print(
        "resolution  minibatch  images/s   there  ratio  (middle half)   first step   there  ratio"
    )
    for resolution in resolutions:
        pairs: list[tuple[float, float]] = []
        firsts: list[list[float]] = [[], []]
        checkouts = (ROOT, other)
        try:
            for order in ((0, 1), (1, 0)):
                steppers: dict[int, Stepper] = {}
                try:
                    for i in order:
                        steppers[i] = Stepper(resolution, options, checkouts[i])
                        firsts[i].append(steppers[i].first_step)
                    pairs += _take_turns([steppers[0], steppers[1]], seconds)
                    minibatch = steppers[0].minibatch
                finally:
                    for stepper in steppers.values():
                        stepper.close()
        except MeasuringError as error:
            print(f"{resolution:>10}  failed: {error}", flush=True)
            continue
        here, there = (minibatch / statistics.median(times) for times in zip(*pairs, strict=True))
        low, ratio, high = statistics.quantiles([b / a for a, b in pairs], n=4)
        first, first_there = map(min, firsts)
        print(
            f"{resolution:>10}  {minibatch:9.0f}  {here:8.2f}  {there:6.2f}  {ratio:5.3f}"
            f"  {low:.3f} to {high:.3f}  {first:9.1f}s  {first_there:5.1f}s"
            f"  {first / first_there:5.3f}",
            flush=True,
        )


def compare_programs(resolutions: Sequence[str], options: list[str], other: Path) -> None:
    """Prints a row for each resolution: instructions here, there, and those that differ."""
    print("resolution  instructions    there  products   there  differences (here - there)")
    for resolution in resolutions:
        try:
            here, there = (
                Counter(run(resolution, [*options, "--count"], "off", checkout))
                for checkout in (ROOT, other)
            )
        except MeasuringError as error:
            print(f"{resolution:>10}  failed: {error}", flush=True)
            continue
        products, products_there = (
            sum(n for kind, n in counts.items() if kind.split()[0] in PRODUCTS)
            for counts in (here, there)
        )
        kinds = sorted(kind for kind in here | there if here[kind] != there[kind])
        differences = ", ".join(f"{here[kind] - there[kind]:+d} {kind}" for kind in kinds)
        print(
            f"{resolution:>10}  {here.total():12d}  {there.total():7d}  {products:8d}"
            f"  {products_there:6d}  {differences or 'none'}",
            flush=True,
        )


def _take_turns(steppers: Sequence[Stepper], seconds: float) -> list[tuple[float, float]]:
    """Returns the times of pairs of steps, made in turn for so long, at least four pairs."""
    for stepper in steppers:
        stepper.step()
    end = time.monotonic() + 2 * seconds
    pairs: list[tuple[float, float]] = []
    while time.monotonic() < end or len(pairs) < 4:
        a, b = steppers if len(pairs) % 2 else reversed(steppers)
        times = {a: a.step(), b: b.step()}
        pairs.append((times[steppers[0]], times[steppers[1]]))
    return pairs
