"""Attacks every reader of foreign bytes for some minutes: `make fuzz MINUTES=10`.

Each target runs in its own process, with limited memory and timed cases. It reports unforeseen
exceptions, crashes, and cases that take too long or too much memory. A case follows from the
target's name and a number, and can be repeated with them:

    python tests/fuzz/run.py --target cifar --case 123456
"""

import argparse
import contextlib
import functools
import importlib
import json
import os
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

_FINDINGS = "fuzz-findings"  # directory for the damaged files
_START_SECONDS = 600  # time for a target's process to get ready
# A case is ended after _PATIENCE * its allowed computing time + _SLACK_SECONDS of wall-clock time.
_PATIENCE = 4
_SLACK_SECONDS = 10
_SHOWN = 12  # lines of a traceback


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and attacks; returns 1 if anything was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10, help="for all targets together")
    parser.add_argument("--target", action="append", help="attack only this one; may be repeated")
    parser.add_argument("--case", type=int, help="try one case and show its traceback")
    parser.add_argument("--first", type=int, help="number of the first case (default: random)")
    parser.add_argument("--module", default="fuzz.targets", help="module with the TARGETS")
    parser.add_argument("--attack", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.attack:
        _attack(options.module, options.target[0], options.first, options.minutes * 60)
        return 0
    targets = _targets(options.module)
    names = options.target or list(targets)
    if unknown := [name for name in names if name not in targets]:
        parser.error(f"{unknown[0]} is none of {', '.join(targets)}")
    if options.case is not None:
        return _show(targets[names[0]], options.case)
    first = random.randrange(1 << 31) if options.first is None else options.first
    found = 0
    for name in names:
        found += _watch(targets[name], options.module, first, options.minutes * 60 / len(names))
    print(f"{found} case(s) found" + (f"; the files are in {_FINDINGS}" if found else ""))
    return min(found, 1)


def _targets(module: str) -> dict:
    return importlib.import_module(module).TARGETS


def damage_of(name: str, case: int, inputs: int):
    """Returns the index of the input that a case damages, and the function that damages it."""
    from fuzz import mutations

    generator = random.Random(f"{name} {case}")
    which = generator.randrange(inputs)
    return which, functools.partial(mutations.apply, edits=mutations.draw(generator))


# The attacking process.


def _attack(module: str, name: str, first: int, seconds: float) -> None:
    """Tries cases until the time is over; reports them as JSON lines on standard output."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # hides what the readers print
    os.dup2(1, 2)
    warnings.simplefilter("ignore")

    def say(**content) -> None:
        replies.write(json.dumps(content) + "\n")
        replies.flush()

    target = _targets(module)[name]
    with tempfile.TemporaryDirectory() as directory:
        target.prepare(Path(directory))
        _limit_memory(target.megabytes << 20)
        say(ready=True)
        end, case = time.monotonic() + seconds, first
        while time.monotonic() < end:
            say(case=case)
            if why := _try(target, Path(directory), case):
                say(found=case, why=why)
            case += 1


def _try(target, directory: Path, case: int) -> str | None:
    """Tries a case; returns what is wrong with it, or None."""
    which, damage = damage_of(target.name, case, len(target.inputs))
    start, before = _computed(), _peak_megabytes()
    try:
        target.check(directory, which, damage)
    except MemoryError:
        return f"took more than {target.megabytes} MB"
    except Exception:
        return "".join(traceback.format_exc(limit=-_SHOWN))
    if (taken := _computed() - start) > target.seconds:
        return f"computed for {taken:.1f} s"
    if (grown := _peak_megabytes() - before) > target.megabytes:
        return f"took {grown} MB"
    return None


def _limit_memory(most_bytes: int) -> None:
    with contextlib.suppress(OSError), open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + 2 * most_bytes,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _computed() -> float:
    """Returns the processor time of this process and its children, in seconds."""
    return sum(os.times()[:4])


def _peak_megabytes() -> int:
    """Returns the peak memory of this process."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit >> 20


# The watching process.


def _watch(target, module: str, first: int, seconds: float) -> int:
    """Attacks a target until the time is over, whatever happens; returns the number of findings."""
    end, case, tried, seen = time.monotonic() + seconds, first, 0, {}
    while (left := end - time.monotonic()) > 0 or not tried:
        running = None
        patience = _PATIENCE * target.seconds + _SLACK_SECONDS
        for reply in _replies(module, target.name, case, max(left, 1), patience):
            if "case" in reply:
                running, tried = reply["case"], tried + 1
            elif "found" in reply:
                _report(target, reply["found"], reply["why"], seen)
            elif "ended" in reply:
                if running is None:
                    print(f"{target.name} can't be attacked: {reply['ended']}", flush=True)
                    return 1
                _report(target, running, reply["ended"], seen)
        case = (case if running is None else running) + 1
    count = sum(seen.values())
    print(f"{target.name:<16} {tried:>8} cases, {count} found, of {len(seen)} kind(s)", flush=True)
    return count


def _replies(module: str, name: str, first: int, seconds: float, patience: float) -> Iterator[dict]:
    """Yields an attacking process's reports, and {"ended": why} if it ends early."""
    command = [
        sys.executable, __file__, "--attack", "--module", module, "--target", name,
        "--first", str(first), "--minutes", str(seconds / 60),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    pending, wait = b"", _START_SECONDS
    try:
        while True:
            if not select.select([process.stdout], [], [], wait)[0]:
                yield {"ended": f"took more than {wait:.0f} s"}
                return
            block = os.read(process.stdout.fileno(), 1 << 16)
            if not block:
                status = process.wait()
                if status:
                    sign = signal.Signals(-status).name if status < 0 else f"status {status}"
                    yield {"ended": f"crashed: {sign}"}
                return
            *lines, pending = (pending + block).split(b"\n")
            yield from map(json.loads, lines)
            wait = patience
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def _report(target, case: int, why: str, seen: dict[str, int]) -> None:
    """Prints a finding and keeps its damaged file; findings of a known kind are only counted."""
    lines = [line for line in why.strip().splitlines() if line.strip()]
    places = [line.strip() for line in lines if line.strip().startswith("File ")]
    kind = (places[-1] if places else "") + lines[-1].split(":")[0]
    seen[kind] = seen.get(kind, 0) + 1
    if seen[kind] > 1:
        return
    which, damage = damage_of(target.name, case, len(target.inputs))
    chosen = target.inputs[which]
    path = Path(_FINDINGS, f"{target.name}-{case}", chosen.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(chosen.pack(damage(chosen.content)))
    print(f"FOUND by --target {target.name} --case {case} ({path}):")
    print("\n".join(f"    {line}" for line in lines[-_SHOWN:]), flush=True)


def _show(target, case: int) -> int:
    """Tries a case in this process and prints the result; returns 1 if something is wrong."""
    with tempfile.TemporaryDirectory() as directory:
        target.prepare(Path(directory))
        start, before = time.monotonic(), _peak_megabytes()
        why = _try(target, Path(directory), case)
        seconds, megabytes = time.monotonic() - start, _peak_megabytes() - before
    print(why or "as it should be", f"({seconds:.1f} s, {megabytes} MB more)")
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main())
