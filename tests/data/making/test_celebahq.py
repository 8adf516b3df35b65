import errno
import functools
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import celebahq_mini
import numpy as np
import pytest
from celebahq_mini import CELEBA, DELTAS, ROOT
from PIL import Image

import dataset_tool
from pgan_tf.data import storage
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.making.celebahq import alignment
from pgan_tf.data.making.celebahq import create as celebahq
from pgan_tf.data.making.celebahq.work import WorkDir
from pgan_tf.errors import UserError

ROWS = celebahq_mini.rows()[1:5]  # idx 1, 2, 3 and 4
RECORDS = [3, 0, 1, 2]  # record -> index in ROWS, as RandomState(123) shuffles four


@pytest.mark.slow
def test_files_are_the_official_ones(tmp_path, capsys):
    out = tmp_path / "celebahq"
    dataset_tool.main(["create_celebahq", str(out), str(CELEBA), str(DELTAS), "--num_threads", "2"])
    expected = json.loads((ROOT / "expected.json").read_text())["files"]
    assert sorted(os.listdir(out)) == sorted(expected)
    for name, (size, sha256) in expected.items():
        content = (out / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (size, sha256), name
    assert "exact 7, near 0, failed 0" in capsys.readouterr().out
    assert sorted(os.listdir(tmp_path)) == ["celebahq", "celebahq-images.txt"]


@pytest.fixture
def inputs(tmp_path) -> Path:
    """A directory with celeba/ and deltas/ for ROWS, which tests may damage."""
    shutil.copytree(CELEBA, tmp_path / "celeba")
    shutil.copytree(DELTAS, tmp_path / "deltas")
    write_list(tmp_path)
    return tmp_path


def write_list(inputs: Path, rows=ROWS) -> None:
    lines = ["idx orig_idx orig_file proc_md5 final_md5", *(" ".join(map(str, r)) for r in rows)]
    (inputs / "deltas/image_list.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def aligned(monkeypatch) -> list[str]:
    """Replaces the slow alignment by its known results; lists the photographs processed."""
    files = {tuple(row.landmarks.ravel()): row for row in celebahq_mini.rows()}
    calls = []

    def align(image, landmarks):
        row = files[tuple(np.float32(landmarks).ravel())]
        calls.append(row.orig_file)
        return row.processed()

    monkeypatch.setattr(alignment, "align", align)
    return calls


def create(inputs: Path, **options):
    """Makes the data set hq from the inputs."""
    return celebahq.create(
        inputs / "hq", inputs / "celeba", inputs / "deltas", **({"workers": 1} | options)
    )


def listing(inputs: Path) -> dict[str, list[str]]:
    """Returns {photograph: (record, status, reason)} from the written hq-images.txt."""
    lines = (inputs / "hq-images.txt").read_text().splitlines()
    assert lines[0] == "record idx orig_idx orig_file status md5 reason"
    fields = [line.split(" ", 6) for line in lines[1:]]
    return {f[3]: (f[0], f[4], f[6] if len(f) > 6 else "") for f in fields}


def md5s(path: Path) -> list[str]:
    """Returns the md5 of each record's image, channel-major."""
    data = Dataset(path)
    images = data.read(1024, range(data.num_images)).transpose(0, 3, 1, 2)
    return [hashlib.md5(np.ascontiguousarray(image)).hexdigest() for image in images]


@pytest.mark.slow
def test_records_are_in_the_shuffled_order(inputs, aligned):
    results = create(inputs)
    assert [r.status for r in results] == ["exact"] * 4
    assert md5s(inputs / "hq") == [ROWS[i].final_md5 for i in RECORDS]
    assert {name: int(line[0]) for name, line in listing(inputs).items()} == {
        ROWS[index].orig_file: record for record, index in enumerate(RECORDS)
    }


def perturb(monkeypatch, rows) -> None:
    """Changes the processed images of some photographs by up to one level."""
    align = alignment.align
    photographs = {tuple(row.landmarks.ravel()) for row in rows}

    def perturbed(image, landmarks):
        right = align(image, landmarks)
        if tuple(np.float32(landmarks).ravel()) not in photographs:
            return right
        noise = np.random.RandomState(0).randint(-1, 2, right.shape)
        return np.clip(right + noise, 0, 255).astype(np.uint8)

    monkeypatch.setattr(alignment, "align", perturbed)


def test_another_decoder_gives_near_images(inputs, aligned, monkeypatch, capsys):
    perturb(monkeypatch, ROWS[1:3])
    results = create(inputs)
    assert [r.status for r in results] == ["exact", "near", "near", "exact"]
    assert "exact 2, near 2, failed 0" in capsys.readouterr().out
    assert [listing(inputs)[row.orig_file][1] for row in ROWS] == [r.status for r in results]
    images = Dataset(inputs / "hq").read(1024, range(4)).transpose(0, 3, 1, 2)
    for image, index in zip(images, RECORDS, strict=True):
        processed, delta = ROWS[index].processed(), ROWS[index].delta()
        difference = abs(image.astype(int) - (processed + delta))
        # The golden deltas are noise in a few rows and zero elsewhere; see add_nearly.
        assert difference[delta == 0].max() == (results[index].status == "near")
        assert (difference > 1).sum() < 100


def test_strict_refuses_an_image_that_is_not_exact(inputs, aligned, monkeypatch):
    perturb(monkeypatch, ROWS[1:2])
    for _ in range(2):  # the second time without processing any image again
        with pytest.raises(UserError, match=rf"{ROWS[1].orig_file} is near, not exact: Pillow"):
            create(inputs, strict=True)
        assert len(aligned) == 2
        assert not (inputs / "hq").exists()
    assert [r.status for r in create(inputs)].count("near") == 1


def damage_photograph(inputs: Path) -> None:
    path = inputs / "celeba/img_celeba" / ROWS[2].orig_file
    path.write_bytes(path.read_bytes() + b"x")


def damage_delta(inputs: Path, content: bytes | None = b"not a token") -> None:
    """Replaces the delta of ROWS[2] in the zip file, or removes it if `content` is None."""
    path = inputs / "deltas/deltas00000.zip"
    name = f"delta{ROWS[2].idx:05d}.dat"
    with zipfile.ZipFile(path) as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for entry, held in entries.items():
            if entry != name or content is not None:
                archive.writestr(entry, content if entry == name else held)


def damage_zip_entry(inputs: Path) -> None:
    path = inputs / "deltas/deltas00000.zip"
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo(f"delta{ROWS[2].idx:05d}.dat").header_offset
    content = bytearray(path.read_bytes())
    content[start + 100] ^= 1
    path.write_bytes(content)


def change_md5(inputs: Path) -> None:
    write_list(inputs, [r._replace(final_md5="0" * 32) if r == ROWS[2] else r for r in ROWS])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (damage_photograph, "can't be decrypted: 000003.jpg isn't the original file"),
        (damage_delta, "can't be decrypted"),
        (damage_zip_entry, "can't be read from .*deltas00000.zip: Bad CRC-32"),
        (change_md5, "doesn't have final_md5"),
    ],
)
def test_failed_image_is_named_and_leaves_no_gap(inputs, aligned, capsys, damage, reason):
    damage(inputs)
    with pytest.raises(UserError, match=r"1 of 4 images failed .*--allow-partial"):
        create(inputs)
    assert not (inputs / "hq").exists()
    out = capsys.readouterr().out
    assert "exact 3, near 0, failed 1" in out
    assert re.search(f"failed: {ROWS[2].orig_file}: .*{reason}", out)
    assert [line[:2] for line in listing(inputs).values()][2] == ("-", "failed")
    assert {line[0] for line in listing(inputs).values()} == {"-"}  # no records exist yet
    assert re.search(reason, listing(inputs)[ROWS[2].orig_file][2])

    create(inputs, allow_partial=True)
    assert md5s(inputs / "hq") == [ROWS[i].final_md5 for i in RECORDS if i != 2]
    kept = {name: line[0] for name, line in listing(inputs).items()}
    assert kept == {ROWS[i].orig_file: record for i, record in enumerate(("1", "2", "-", "0"))}


def test_photograph_that_can_not_be_decoded_is_listed_as_failed(inputs, aligned, monkeypatch):
    monkeypatch.setattr(alignment, "decode", functools.partial(decode_all_but, ROWS[0].jpg))
    with pytest.raises(UserError, match="1 of 4 images failed"):
        create(inputs)
    assert listing(inputs)[ROWS[0].orig_file][1:] == ("failed", "cut short")


def decode_all_but(bad: bytes, jpg: bytes) -> Image.Image:
    if jpg == bad:
        raise alignment.ImageError("cut short")
    return Image.new("RGB", (8, 8))


def test_only_the_repaired_image_is_made_again(inputs, aligned):
    photograph = inputs / "celeba/img_celeba" / ROWS[2].orig_file
    right = photograph.read_bytes()
    photograph.write_bytes(right[:5000])
    with pytest.raises(UserError, match="1 of 4 images failed"):
        create(inputs)
    photograph.write_bytes(right)
    aligned.clear()
    create(inputs)
    assert aligned == [ROWS[2].orig_file]
    assert md5s(inputs / "hq") == [ROWS[i].final_md5 for i in RECORDS]


def test_stops_when_all_images_failed(inputs, monkeypatch):
    for photograph in (inputs / "celeba/img_celeba").iterdir():
        photograph.write_bytes(b"")
    with pytest.raises(UserError, match="all 4 images failed"):
        create(inputs, allow_partial=True)
    monkeypatch.setattr(celebahq, "_HOPELESS", 2)
    with pytest.raises(UserError, match=r"first 2 images failed; 000006.jpg: .*original file"):
        create(inputs)


# Checks before any work.


def test_missing_inputs_are_listed_with_their_sources(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        dataset_tool.main(["create_celebahq"])
    for text in (
        "datasets/raw/celeba/img_celeba: no such directory",
        "datasets/raw/celeba/Anno/list_landmarks_celeba.txt: no such file",
        "datasets/raw/celebahq-deltas/image_list.txt: no such file",
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        "https://github.com/tkarras/progressive_growing_of_gans",
        "deltas00000.zip, deltas01000.zip, ..., deltas29000.zip",
    ):
        assert text in str(error.value)
    assert not os.listdir(tmp_path)


def test_all_missing_files_are_named_at_once(inputs):
    (inputs / "celeba/img_celeba" / ROWS[0].orig_file).unlink()
    (inputs / "celeba/img_celeba" / ROWS[3].orig_file).unlink()
    (inputs / "celeba/Anno/list_landmarks_celeba.txt").unlink()
    damage_delta(inputs, None)
    write_list(inputs, [*ROWS, ROWS[0]._replace(idx=2345)])
    message = problems(inputs)
    assert "2 photographs missing in" not in message  # the added line names ROWS[0]'s again
    assert f"3 photographs missing in {inputs}/celeba/img_celeba: {ROWS[0].orig_file}" in message
    assert f"1 zip files missing in {inputs}/deltas: deltas02000.zip" in message
    assert f"1 deltas missing in {inputs}/deltas/deltas00000.zip: delta00003.dat" in message
    assert "list_landmarks_celeba.txt: no such file" in message


def test_allow_partial_makes_what_it_can_and_lists_the_rest(inputs, aligned, capsys):
    """A photograph, a delta, a whole zip file and a row of landmarks are missing."""
    write_list(inputs, [*ROWS, ROWS[3]._replace(idx=2345), celebahq_mini.rows()[5]])
    photographs = inputs / "celeba/img_celeba"
    (photographs / ROWS[0].orig_file).unlink()
    damage_delta(inputs, None)  # removes that of ROWS[2]
    landmarks = inputs / "celeba/Anno/list_landmarks_celeba.txt"
    lines = landmarks.read_text().splitlines()
    lines[2 + celebahq_mini.rows()[5].orig_idx] = "none"
    landmarks.write_text("\n".join(lines))
    assert "2 of the 6 images can be made; --allow-partial makes these" in problems(inputs)
    results = create(inputs, allow_partial=True)
    assert [r.status for r in results] == [
        "missing", "exact", "missing", "exact", "missing", "missing",
    ]  # fmt: skip
    printed = capsys.readouterr().out
    assert "CelebA-HQ: 2 images of 30,000" in printed
    assert "Leaving out 4 of 6 images:" in printed
    assert f"  - 1 photographs missing in {photographs}: {ROWS[0].orig_file}\n" in printed
    assert f"  - 1 zip files missing in {inputs}/deltas: deltas02000.zip\n" in printed
    assert f"exact 2, near 0, failed 0, missing 4; listed in {inputs}/hq-images.txt" in printed
    # The official order of the whole list, without the missing images.
    order = np.arange(6)
    np.random.RandomState(123).shuffle(order)
    order = [i for i in order if i in (1, 3)]
    assert md5s(inputs / "hq") == [ROWS[i].final_md5 for i in order]
    rows = [line.split(" ", 6) for line in (inputs / "hq-images.txt").read_text().splitlines()[1:]]
    assert [(row[0], row[1], row[4]) for row in rows[:3]] == [
        ("-", str(ROWS[0].idx), "missing"),
        (str(order.index(1)), str(ROWS[1].idx), "exact"),
        ("-", str(ROWS[2].idx), "missing"),
    ]
    reasons = [row[6] for row in rows if row[4] == "missing"]
    assert reasons[:3] == [
        f"{ROWS[0].orig_file} is missing", "delta00003.dat is missing in deltas00000.zip",
        "deltas02000.zip is missing",
    ]  # fmt: skip
    assert "is for 'none' instead of" in reasons[3]


def test_allow_partial_refuses_when_nothing_can_be_made(inputs):
    for photograph in (inputs / "celeba/img_celeba").iterdir():
        photograph.unlink()
    with pytest.raises(UserError, match="4 photographs missing in"):
        create(inputs, allow_partial=True)
    shutil.rmtree(inputs / "celeba/img_celeba")
    with pytest.raises(UserError, match="img_celeba: no such directory"):
        create(inputs, allow_partial=True)


def test_photographs_are_found_in_nested_folders(inputs, aligned):
    celeba = inputs / "celeba"
    (celeba / "Img" / "img_celeba").mkdir(parents=True)
    (celeba / "img_celeba").rename(celeba / "Img" / "img_celeba" / "img_celeba")
    (celeba / "Anno" / "list_landmarks_celeba.txt").rename(celeba / "list_landmarks_celeba.txt")
    assert [r.status for r in create(inputs)] == ["exact"] * 4


def problems(inputs: Path) -> str:
    """Returns the message with which the inputs are refused before any work."""
    with pytest.raises(UserError) as error:
        create(inputs)
    assert not (inputs / ".hq.work").exists()
    return str(error.value)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("0 1 a.jpg", "line 3 has 3 fields, not 5"),
        (f"7 1 ../a.jpg {'0' * 32} {'0' * 32}", "line 3 is malformed"),
        (f"7 -1 a.jpg {'0' * 32} {'0' * 32}", "line 3 is malformed"),
        (f"7 1 a.jpg {'0' * 31} {'0' * 32}", "line 3 is malformed"),
        (f"7 1 {'a' * 9999}.jpg {'0' * 32} {'0' * 32}", "line 3 is malformed"),
        (f"1 1 a.jpg {'0' * 32} {'0' * 32}", "line 3 repeats an idx"),
        (f"7 7 000006.jpg {'0' * 32} {'0' * 32}", "has 7 rows, but 000006.jpg should be in row 7"),
        (f"7 0 000006.jpg {'0' * 32} {'0' * 32}", "line 3 is for '000001.jpg' instead of 000006"),
    ],
)
def test_malformed_lines_of_the_image_list_are_refused(inputs, line, problem):
    path = inputs / "deltas/image_list.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], line, *lines[2:]]))
    assert problem in problems(inputs)


def test_a_long_name_in_the_landmarks_is_shortened_in_the_message(inputs):
    path = inputs / "celeba/Anno/list_landmarks_celeba.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], *("x" * 99_999 + line for line in lines[2:])]))
    message = problems(inputs)
    assert "is for 'xxx" in message and len(message) < 3000


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "does not start with a line 'idx orig_idx"),
        (b"idx orig_idx orig_file proc_md5 final_md5\n", "lists no images"),
        (b"\xff\xfe\x00", "is not a text file"),
    ],
)
def test_files_that_are_no_image_list_are_refused(inputs, content, problem):
    (inputs / "deltas/image_list.txt").write_bytes(content)
    assert problem in problems(inputs)


def test_columns_may_come_in_any_order_with_others(inputs, aligned):
    lines = [line.split() for line in (inputs / "deltas/image_list.txt").read_text().splitlines()]
    text = "\n".join(" ".join([*reversed(fields), "x"]) for fields in lines)
    (inputs / "deltas/image_list.txt").write_text(text)
    assert [r.status for r in create(inputs)] == ["exact"] * 4


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda lines: lines[:-1], "its first line says '7', but 6 rows of landmarks"),
        (lambda lines: [], "its first line says '', but 0 rows"),
        (lambda lines: [*lines[:3], "000002.jpg 1 2 3", *lines[4:]], "line 4 does not hold ten"),
        (lambda lines: [*lines[:3], "000002.jpg" + " x" * 10, *lines[4:]], "line 4 does not"),
        (lambda lines: [*lines[:3], "000002.jpg" + " inf" * 10, *lines[4:]], "line 4 does not"),
    ],
)
def test_malformed_landmarks_are_refused(inputs, edit, problem):
    path = inputs / "celeba/Anno/list_landmarks_celeba.txt"
    path.write_text("\n".join(edit(path.read_text().splitlines())) + "\n")
    assert problem in problems(inputs)


def test_zip_file_cut_short_is_refused(inputs):
    path = inputs / "deltas/deltas00000.zip"
    path.write_bytes(path.read_bytes()[:-1000])
    assert f"{path} is damaged or cut short" in problems(inputs)


def test_disk_space_is_checked_before_work(inputs, aligned, monkeypatch):
    monkeypatch.setattr(storage, "free_bytes", lambda path: 20_000_000)
    with pytest.raises(UserError, match=r"hq needs 24\.8 MB, but the disk has 20 MB free"):
        create(inputs)
    monkeypatch.setattr(storage, "free_bytes", lambda path: 30_000_000)  # 4 * (4.2 + 2) MB
    create(inputs)


def test_existing_target_needs_force_and_must_be_a_data_set(inputs, aligned):
    (inputs / "hq").mkdir()
    (inputs / "hq" / "letter.doc").touch()
    with pytest.raises(UserError, match="is in use and is not a data set"):
        create(inputs, force=True)
    (inputs / "hq" / "letter.doc").unlink()
    create(inputs)
    with pytest.raises(UserError, match="--force"):
        create(inputs)
    create(inputs, force=True)


# Interruptions.


def test_full_disk_keeps_finished_images(inputs, aligned, monkeypatch):
    save, room = Image.Image.save, [2]

    def save_while_there_is_room(self, *args, **options):
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device", "disk")
        save(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", save_while_there_is_room)
        with pytest.raises(OSError, match="No space left"):
            create(inputs)
    assert not (inputs / "hq").exists()
    aligned.clear()
    create(inputs)
    assert aligned == [row.orig_file for row in ROWS[2:]]
    assert md5s(inputs / "hq") == [ROWS[i].final_md5 for i in RECORDS]


def start_job(inputs: Path) -> subprocess.Popen:
    """Starts the command in a process group of its own."""
    command = [sys.executable, dataset_tool.__file__, "create_celebahq"]
    paths = [str(inputs / name) for name in ("hq", "celeba", "deltas")]
    return subprocess.Popen(
        [*command, *paths, "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true after {seconds} s"
        time.sleep(0.02)


def finished_images(inputs: Path) -> list[str]:
    """Returns the names of finished images in the work directory."""
    return [path.name for path in (inputs / ".hq.work").glob("*.webp")]


def group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs process groups")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_job_continues(inputs, aligned, how):
    job = start_job(inputs)
    wait_until(lambda: finished_images(inputs))
    if how == signal.SIGKILL:
        job.kill()  # only the main process
    else:
        os.killpg(job.pid, how)  # as a terminal does
    out, err = job.communicate(timeout=60)
    if how == signal.SIGINT:
        assert job.returncode == 130
        assert "the same command continues" in out
        assert err.strip().endswith("error: interrupted") and "Traceback" not in err
    wait_until(lambda: not group_is_alive(job.pid))  # the workers end too
    assert not (inputs / "hq").exists()
    before = len(finished_images(inputs))
    assert before >= 1

    create(inputs)
    assert len(aligned) == 4 - before
    assert md5s(inputs / "hq") == [ROWS[i].final_md5 for i in RECORDS]
    assert sorted(os.listdir(inputs)) == ["celeba", "deltas", "hq", "hq-images.txt"]


@pytest.mark.slow
def test_the_listing_replaces_another_file_only_with_force(inputs):
    (inputs / "hq-images.txt").write_text("mine")
    with pytest.raises(UserError, match=r"hq-images\.txt.* holds something else"):
        create(inputs)
    assert (inputs / "hq-images.txt").read_text() == "mine"
    create(inputs, force=True)
    create(inputs, force=True)
    assert (inputs / "hq-images.txt").read_text().startswith("record idx")


def leave_unfinished_job(inputs: Path, aligned, monkeypatch) -> None:
    """Leaves a work directory with four finished images."""
    with monkeypatch.context() as patch:
        patch.setattr(celebahq.build, "build", lambda *args, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            create(inputs)
    aligned.clear()
    assert len(finished_images(inputs)) == 4


def test_half_written_and_damaged_images_are_made_again(inputs, aligned, monkeypatch):
    leave_unfinished_job(inputs, aligned, monkeypatch)
    work = inputs / ".hq.work"
    (work / ".00001-x.webp.99.partial").write_bytes(b"half")
    damaged = work / sorted(finished_images(inputs))[1]
    damaged.write_bytes(damaged.read_bytes()[:1000])
    with pytest.raises(UserError, match=rf"{damaged} was damaged .* start the job again"):
        create(inputs)
    assert not (work / ".00001-x.webp.99.partial").exists()
    create(inputs)
    assert aligned == [ROWS[1].orig_file]
    assert md5s(inputs / "hq") == [ROWS[i].final_md5 for i in RECORDS]


def test_only_changed_images_are_made_again(inputs, aligned, monkeypatch):
    leave_unfinished_job(inputs, aligned, monkeypatch)
    other = ROWS[1]._replace(final_md5="0" * 32)
    write_list(inputs, [ROWS[0], other, *ROWS[2:4]])
    with pytest.raises(UserError, match="1 of 4 images failed"):
        create(inputs)
    assert aligned == [ROWS[1].orig_file]
    write_list(inputs, ROWS[:4])
    create(inputs)
    assert aligned == [ROWS[1].orig_file] * 2
    assert md5s(inputs / "hq") == [ROWS[i].final_md5 for i in RECORDS]


def test_refuses_unfinished_images_by_another_pillow(inputs, aligned, monkeypatch):
    leave_unfinished_job(inputs, aligned, monkeypatch)
    monkeypatch.setattr(celebahq.PIL, "__version__", "3.1.1")
    with pytest.raises(UserError, match=r"\.hq\.work holds images made by another Pillow"):
        create(inputs)


def test_a_second_job_on_the_same_target_is_refused(inputs, aligned):
    pytest.importorskip("fcntl")
    with (
        WorkDir.beside(str(inputs / "hq")).claimed("key"),
        pytest.raises(UserError, match="the same job is already running"),
    ):
        create(inputs)


def test_shards_and_compression_keep_the_pixels(inputs, aligned):
    create(inputs, shards=2, compress="png")
    assert md5s(inputs / "hq") == [ROWS[i].final_md5 for i in RECORDS]
