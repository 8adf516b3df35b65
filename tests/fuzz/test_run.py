"""`make fuzz` finds each kind of fault, and continues after it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")


@pytest.mark.parametrize(
    "name, found",
    [
        ("crashes", "crashed: SIGSEGV"),
        ("hangs", "took more than 1 s"),
        ("is-slow", r"computed for 0\.\d s"),
        ("takes-memory", r"took \d\d MB|took more than 50 MB"),
        ("raises", "KeyError: 'of another kind'"),
        ("is-fine", None),
    ],
)
def test_each_kind_of_misbehaviour_is_found(tmp_path, name, found):
    done = subprocess.run(
        [sys.executable, RUN, "--module", "fuzz.badly_behaved", "--target", name,
         "--minutes", "0.01", "--first", "7"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == (1 if found else 0), done.stderr
    if found:
        case = re.search(rf"FOUND by --target {name} --case (\d+) \((.*)\)", done.stdout)
        assert re.search(found, done.stdout)
        assert (tmp_path / case[2]).read_bytes() != b"x" * 100
    assert re.search(rf"^{name} +[1-9]\d* cases", done.stdout, re.M)
