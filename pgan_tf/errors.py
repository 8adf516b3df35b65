"""Errors that a user can put right, and helpers that word them."""

import difflib
from collections.abc import Iterable

_LONGEST = 200  # characters kept of another library's error message


class UserError(Exception):
    """An error that the user can put right; one line says what is wrong and what to do."""


class DamagedError(UserError):
    """A file is missing, incomplete, or not what it should be."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns " (did you mean 'x'?)" for the known name nearest to `name`, or ""."""
    known = list(known)
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if not match:  # compares last parts alone, for `total_kimg` instead of `train.total_kimg`
        tails = {k.rsplit(".", 1)[-1]: k for k in known}
        match = [
            tails[t]
            for t in difflib.get_close_matches(name.rsplit(".", 1)[-1], tails, n=1, cutoff=0.6)
        ]
    return f" (did you mean {match[0]!r}?)" if match else ""


def one_line(error: BaseException) -> str:
    """Returns the error's message as one line of readable length, or its type if it has none."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
