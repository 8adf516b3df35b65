import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from pgan_tf import cli, devices

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "vendor,family,flags,expected",
    [
        ("AuthenticAMD", 25, "fpu avx2 avx512f", True),  # Zen 4
        ("AuthenticAMD", 25, "fpu avx2", False),  # Zen 3
        ("AuthenticAMD", 26, "fpu avx2 avx512f", False),  # Zen 5
        ("GenuineIntel", 6, "fpu avx2 avx512f", False),
    ],
)
def test_knows_the_processors_with_a_slow_compressing_store(
    tmp_path, vendor, family, flags, expected
):
    cpu = f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nflags\t\t: {flags}\n"
    path = tmp_path / "cpuinfo"
    path.write_text(f"{cpu}\n{cpu}")
    assert devices._stores_compressed_slowly(str(path)) == expected


def test_other_systems_have_no_list_of_processors(tmp_path):
    assert not devices._stores_compressed_slowly(str(tmp_path / "absent"))


def test_typed_numbers_and_grids_are_parsed():
    assert cli.whole_number()("3") == 3 and cli.whole_number(0, 5)("5") == 5
    assert cli.columns_and_rows("8x4") == (8, 4)
    for parse, text, message in (
        (cli.whole_number(), "0", "0 is less than 1"),
        (cli.whole_number(0, 5), "6", "6 is not from 0 to 5"),
        (cli.whole_number(), "x", "'x' is not a whole number"),
        *((cli.columns_and_rows, bad, "columns x rows") for bad in ("8", "0x4", "8x", "axb")),
        (cli.columns_and_rows, "9999x9999", "at most 100,000 images"),
    ):
        with pytest.raises(argparse.ArgumentTypeError, match=message):
            parse(text)


def test_defaults_of_zero_are_shown(capsys):
    p = cli.Parser()
    p.add_argument("--seed", type=int, default=0, help="of all random draws")
    p.add_argument("--force", action="store_true", help="replace")
    p.add_argument("--out", help="where to (default: here)")
    text = p.format_help()
    assert "of all random draws (default: 0)" in text
    assert "False" not in text and "None" not in text


def test_a_closed_pipe_is_no_error():
    program = (
        "from pgan_tf import cli\n"
        "def main(argv):\n"
        "    for line in range(100_000): print(line)\n"
        "cli.run(main)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as running:
        assert running.stdout.readline() == b"0\n"
        running.stdout.close()
        assert running.stderr.read() == b""


def test_a_misspelt_option_is_answered_with_the_nearest(capsys):
    p = cli.Parser(prog="x")
    p.add_argument("--snapshot", required=True)
    for argv, message in (
        (["--snapsht=a"], "x: unknown argument --snapsht=a (did you mean '--snapshot'?)"),
        ([], "x: the following arguments are required: --snapshot"),
    ):
        with pytest.raises(SystemExit) as stop:
            p.parse_args(argv)
        assert stop.value.code == 2 and message in capsys.readouterr().err


def test_programs_can_be_run_by_file_name(tmp_path):
    """`python path/to/pgan_tf/train.py` works from any directory."""
    files = [
        path.relative_to(ROOT)
        for package in ("pgan_tf", "metrics")
        for path in sorted((ROOT / package).rglob("*.py"))
        if "    cli.run(main)" in path.read_text(encoding="utf-8")
    ]
    assert len(files) >= 8
    started = {
        file: subprocess.Popen(
            [sys.executable, ROOT / file, "--help"], cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for file in files
    }  # fmt: skip
    for file, process in started.items():
        out, err = process.communicate()
        assert process.returncode == 0 and out.startswith("usage: "), f"{file}: {err}"
        assert err == "", file
