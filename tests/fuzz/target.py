"""A reader that is attacked: its files, and how the program reads them."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgan_tf.errors import UserError


def _as_it_is(content: bytes) -> bytes:
    return content


@dataclass(frozen=True)
class Input:
    """A file, whose content is damaged before it is packed.

    Attributes:
      name: of the file, below the target's directory.
      content: whole.
      pack: what makes the file of the content.
    """

    name: str
    content: bytes
    pack: Callable[[bytes], bytes] = _as_it_is


@dataclass(frozen=True)
class Target:
    """A reader.

    Whatever the bytes are, reading ends without an error or with one of the foreseen.

    Attributes:
      name: for reports.
      make: returns the files; of several with one name the first is the file, the others are
        further ways of damaging it.
      read: reads what is in a directory.
      allowed: the exceptions that tell of damage.
      lines: how many lines their messages may have.
      seconds, megabytes: that a case may compute and take, whatever is in the files.
      examples: how many cases the tests try.
      is_tested: whether the tests try it; otherwise only `make fuzz`.
    """

    name: str
    make: Callable[[], Sequence[Input]]
    read: Callable[[Path], object]
    allowed: tuple[type[Exception], ...] = (UserError,)
    lines: int = 1
    seconds: float = 15
    megabytes: int = 600
    examples: int = 25
    is_tested: bool = True

    @functools.cached_property
    def inputs(self) -> Sequence[Input]:
        return self.make()

    def prepare(self, directory: Path) -> None:
        """Writes the whole files, which must be readable."""
        self._write(directory)
        self.read(directory)

    def check(self, directory: Path, which: int, damage: Callable[[bytes], bytes]) -> bool:
        """Reads with one input damaged; returns whether it could be read.

        Raises: whatever is not allowed; ValueError for a message that is not in order.
        """
        chosen = self.inputs[which % len(self.inputs)]
        self._write(directory, chosen.name)
        path = directory / chosen.name
        path.write_bytes(chosen.pack(damage(chosen.content)))
        try:
            self.read(directory)
        except self.allowed as error:
            text = str(error)
            if text.count("\n") >= self.lines or len(text) > 2000 * self.lines:
                raise ValueError(f"no message of {self.lines} line(s): {text[:300]!r}") from error
            return False
        return True

    def _write(self, directory: Path, but: str | None = None) -> None:
        for each in reversed(self.inputs):
            if each.name != but:
                path = directory / each.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(each.pack(each.content))
