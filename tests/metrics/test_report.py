import json

from metrics.registry import METRICS
from metrics.report import Table, append_results
from metrics.results import Result


class Square:
    sizes = ((32, 32),)


SWD = Result(METRICS["swd"], 10, 3.2, {"SWDx1e3_32": 1.5, "SWDx1e3_16": 2.5, "SWDx1e3_avg": 2.0})
FID = Result(METRICS["fid"], 20, 4.0, error="no weights")


def test_table_has_a_column_for_each_value_and_says_what_failed(capsys):
    table = Table([METRICS["swd"], METRICS["fid"]], Square())
    assert capsys.readouterr().out == ""
    table.row("network-snapshot-000001", [SWD, FID])
    table.row("network-snapshot-000002", [SWD, FID])  # the reason is printed only once
    header, first, failure, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["time", "SWDx1e3_32", "SWDx1e3_16", "SWDx1e3_avg", "FID"]
    assert first.split() == ["network-snapshot-000001", "4s", "1.5000", "2.5000", "2.0000", "-"]
    assert failure.strip() == "fid: no weights"
    assert second.split()[2:] == ["1.5000", "2.5000", "2.0000", "-"]
    assert header.index("SWDx1e3_avg") == first.index("2.0000")


def test_results_are_appended_but_failures_are_not(tmp_path, read_results):
    for kimg in (1, 2):
        append_results(tmp_path, [SWD, FID], {"kimg": kimg, "seed": 5})
    assert [p.name for p in tmp_path.iterdir()] == ["metric-swd.jsonl"]
    lines = (tmp_path / "metric-swd.jsonl").read_text().splitlines()
    assert [json.loads(line)["kimg"] for line in lines] == [1, 2]
    record = read_results(tmp_path / "metric-swd.jsonl")[0]
    assert record["value"] == 2.0 and record["values"] == SWD.values
    assert record["num_images"] == 10 and record["seed"] == 5


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path, read_results):
    path = tmp_path / "metric-swd.jsonl"
    append_results(tmp_path, [SWD], {"kimg": 1})
    with open(path, "a") as file:
        file.write('{"metric": "sw')
    append_results(tmp_path, [SWD], {"kimg": 2})
    assert [record["kimg"] for record in read_results(path)] == [1, 2]
