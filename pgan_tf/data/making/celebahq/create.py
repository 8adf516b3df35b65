"""create_celebahq: makes CelebA-HQ from CelebA's photographs and official deltas (section 5)."""

import collections
import contextlib
import dataclasses
import os
from collections.abc import Iterable, Sequence

import numpy as np
import PIL
from PIL import features

from pgan_tf import files, progress
from pgan_tf.data import storage
from pgan_tf.data.format import writer
from pgan_tf.data.making import build
from pgan_tf.data.making.celebahq import alignment, deltas
from pgan_tf.data.making.celebahq.alignment import RESOLUTION, ImageError
from pgan_tf.data.making.celebahq.inputs import FULL_SIZE, Checked, Inputs, Item
from pgan_tf.data.making.celebahq.work import (
    EXACT,
    FAILED,
    IMAGE_BYTES,
    MISSING,
    NEAR,
    FinishedImages,
    Result,
    WorkDir,
    md5_of,
)
from pgan_tf.errors import UserError

_HOPELESS = 64  # number of failures without a success at which the command gives up
_NAMES_SHOWN = 10
_LISTING_HEADER = "record idx orig_idx orig_file status md5 reason"


def create(
    path: str | os.PathLike = "datasets/celebahq",
    celeba_dir: str | os.PathLike = "datasets/raw/celeba",
    delta_dir: str | os.PathLike = "datasets/raw/celebahq-deltas",
    *,
    strict: bool = False,
    allow_partial: bool = False,
    workers: int | None = None,
    force: bool = False,
    **options,
) -> list[Result]:
    """Makes CelebA-HQ; returns the result for each image, in the order of image_list.txt.

    All input files and the disk space are checked before any work. Each image is then made and kept
    in a hidden directory, `.<name>.work` beside the data set, which takes about 2 MB per image. An
    interrupted job continues from there. At the end the data set is written in the official
    shuffled order, and the hidden directory is removed.

    An image is *exact* if it has the official md5. It is *near* if this Pillow decodes or resamples
    some pixels differently from the Pillow that the deltas were made with; see `deltas.add_nearly`.
    It *failed* if its photograph or delta can't be used. It is *missing* if its photograph, delta
    or landmarks are missing.

    The text file `<name>-images.txt` beside the data set lists each image's status and its record
    in the data set.

    Args:
      path: the data set's directory.
      celeba_dir, delta_dir: see `inputs.Inputs`.
      strict: True to stop with an error at the first image that isn't exact.
      allow_partial: True to leave out images that failed or are missing; the others keep their
        order. If False, missing images are an error at once. Failed images are an error after all
        others are finished; when their cause is removed, the next call makes only those.
      workers: number of processes that make images, None for one per processor. Each takes 0.3 GB,
        rarely 1 GB.
      force: True to replace an existing data set.
      options: shards, compress; see `build.build`.
    Raises: UserError.
    """
    path = os.fspath(path)
    inputs = Inputs(os.fspath(celeba_dir), os.fspath(delta_dir))
    writer.check_target(path, force)
    checked = inputs.check(allow_partial)
    items = checked.items
    listing = _listing_path(path, force)
    work = WorkDir.beside(path)
    _check_space(path, work, len(items) - len(checked.missing), options.get("compress"))
    _print_missing(checked)
    workers = build.num_workers(workers, celeba_dir, delta_dir)
    with work.claimed(_decoder_versions()):
        results = _make_all(checked, inputs, work, workers, strict)
        order = [i for i in build.shuffled(len(items)) if results[i].status in (EXACT, NEAR)]
        is_written = allow_partial or len(order) == len(results)
        _list_results(listing, results, order if is_written else [])
        _report_failures(results, listing, allow_partial)
        paths = [work.file(results[i]) for i in order]
        build.build(path, FinishedImages(), order=paths, workers=workers, force=force, **options)
    work.remove()
    return results


def make_image(item: Item, inputs: Inputs) -> np.ndarray:
    """Returns an image of CelebA-HQ, uint8 [3, 1024, 1024].

    It is exact if its md5 is the official one, otherwise near; see `create`.

    Raises: ImageError.
    """
    jpg = inputs.read_photograph(item)
    delta = deltas.unlock(inputs.read_delta(item), jpg, item.orig_file)
    landmarks = np.reshape(item.landmarks, (5, 2))
    processed = alignment.align(alignment.decode(jpg), landmarks)
    image = deltas.add(processed, delta)
    if md5_of(image) == item.final_md5:
        return image
    if md5_of(processed) == item.proc_md5:
        raise ImageError(
            "the processed image has the md5 proc_md5, but with the delta added it doesn't have"
            " final_md5: the delta and image_list.txt don't belong together"
        )
    return deltas.add_nearly(processed, delta)


@dataclasses.dataclass(frozen=True)
class _Make:
    """Makes an image and saves it in the work directory; can run in any process."""

    inputs: Inputs
    work: WorkDir

    def __call__(self, item: Item) -> Result:
        try:
            image = make_image(item, self.inputs)
        except ImageError as error:
            return Result(item, FAILED, reason=str(error))
        return self.work.save(item, image)


def _print_missing(checked: Checked) -> None:
    if checked.missing:
        print(f"Leaving out {len(checked.missing)} of {len(checked.items)} images:")
        for problem in checked.problems:
            print(f"  - {problem}")


def _make_all(
    checked: Checked, inputs: Inputs, work: WorkDir, workers: int, strict: bool
) -> list[Result]:
    """Makes the images that are not finished yet; returns all images' results in order."""
    items, missing = checked.items, checked.missing
    results = work.results(items)
    if results:
        print(f"{len(results):,} images were finished earlier")
    if strict:
        _require_exact(results.values())
    counts = _counts(results.values())
    todo = [item for item in items if item.idx not in results and item.idx not in missing]
    total = len(results) + len(todo)
    made = build.ordered_map(_Make(inputs, work), todo, min(workers, len(todo)))
    with contextlib.closing(made), progress.bar("images") as bar:
        task = bar.add_task("Making images", total=total, completed=len(results))
        for result in made:
            results[result.item.idx] = result
            if strict:
                _require_exact([result])
            counts[result.status] += 1
            if counts[FAILED] == len(results) == _HOPELESS:
                raise UserError(
                    f"all of the first {_HOPELESS} images failed; {result.item.orig_file}:"
                    f" {result.reason}"
                )
            bar.update(task, advance=1, description=_summary(counts))
    for item in items:
        if item.idx not in results:
            results[item.idx] = Result(item, MISSING, reason=missing[item.idx])
    return [results[item.idx] for item in items]


def _counts(results: Iterable[Result]) -> collections.Counter:
    return collections.Counter(result.status for result in results)


def _summary(counts: collections.Counter) -> str:
    statuses = (EXACT, NEAR, FAILED, *([MISSING] if counts[MISSING] else []))
    return ", ".join(f"{status} {counts[status]}" for status in statuses)


def _require_exact(results: Iterable[Result]) -> None:
    for result in results:
        if result.status != EXACT:
            reason = result.reason or _why_near()
            raise UserError(f"{result.item.orig_file} is {result.status}, not exact: {reason}")


def _why_near() -> str:
    return (
        f"Pillow {PIL.__version__} with libjpeg {_libjpeg()} decodes or resamples it a little"
        " differently from the Pillow that the deltas were made with"
    )


def _libjpeg() -> str:
    turbo = features.version("libjpeg_turbo")
    return f"turbo {turbo}" if turbo else str(features.version("jpg"))


def _decoder_versions() -> str:
    """Returns the versions of the libraries that decode and resample the photographs."""
    return f"Pillow {PIL.__version__}\nlibjpeg {_libjpeg()}\n"


def _check_space(path: str, work: WorkDir, num_images: int, compress: str | None) -> None:
    """Prints the disk space that is needed. Raises: UserError if the disk has less."""
    data_set_bytes = writer.size_on_disk(num_images, RESOLUTION, 3)
    work_bytes = num_images * IMAGE_BYTES
    print(
        f"CelebA-HQ: {num_images:,} images{'' if num_images == FULL_SIZE else f' of {FULL_SIZE:,}'}"
        f"; {data_set_bytes / 1e9:.2f} GB{' before compression' if compress else ''}, and until"
        f" they are written about {work_bytes / 1e9:.2f} GB in {work.path}"
    )
    if compress:
        data_set_bytes = work_bytes
    missing_bytes = max(work_bytes - work.num_bytes(), 0)
    if storage.is_remote(path):
        writer.check_space(str(work.path), missing_bytes)
    else:
        writer.check_space(path, data_set_bytes + missing_bytes)


def _listing_path(path: str, force: bool) -> str:
    """Returns the path of the text file that will list the images.

    Raises: UserError if a directory or another file has this path.
    """
    parent, name = storage.split(path)
    listing = storage.join(parent, f"{name}-images.txt")
    if storage.is_dir(listing):
        raise UserError(f"{listing}, where the images would be listed, is a directory; move it")
    if storage.exists(listing) and not force:
        with storage.open_binary(listing) as file:
            if file.read(len(_LISTING_HEADER)) != _LISTING_HEADER.encode():
                raise UserError(
                    f"{listing}, where the images would be listed, holds something else; move it,"
                    " or replace it with --force"
                )
    return listing


def _list_results(listing: str, results: Sequence[Result], order: Sequence[int]) -> None:
    """Writes the text file that lists the images, and prints a summary.

    Args:
      listing: path of the text file.
      results: the images' results.
      order: indices of the images that the data set gets, in the order of the records.
    """
    record_of = {i: record for record, i in enumerate(order)}
    lines = [_LISTING_HEADER]
    for i, result in enumerate(results):
        item = result.item
        fields = (record_of.get(i, "-"), item.idx, item.orig_idx, item.orig_file)
        lines.append(" ".join(map(str, (*fields, result.status, result.md5 or "-", result.reason))))
    text = "".join(f"{line.rstrip()}\n" for line in lines)
    if storage.is_remote(listing):
        with storage.open_binary(listing, "w") as file:
            file.write(text.encode())
    else:
        files.write_text(listing, text)
    counts = _counts(results)
    print(f"{_summary(counts)}; listed in {listing}")
    if counts[NEAR]:
        print(f"near: {_why_near()}")
        if counts[EXACT]:
            print(
                "near: since other images are exact, check the near ones: their photographs or"
                " landmarks may not be the originals"
            )


def _report_failures(results: Sequence[Result], listing: str, allow_partial: bool) -> None:
    """Prints the images that failed. Raises: UserError unless they may be left out."""
    failed = [result for result in results if result.status == FAILED]
    for result in failed[:_NAMES_SHOWN]:
        print(f"failed: {result.item.orig_file}: {result.reason}")
    if len(failed) > _NAMES_SHOWN:
        print(f"failed: and {len(failed) - _NAMES_SHOWN} more")
    if not any(result.status in (EXACT, NEAR) for result in results):
        raise UserError(f"all {len(failed)} images failed; {listing} says why")
    if failed and not allow_partial:
        raise UserError(
            f"{len(failed)} of {len(results)} images failed ({listing} says why); put them right"
            " and start again (the others are kept), or leave them out with --allow-partial"
        )
