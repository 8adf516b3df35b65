"""A reader to attack: its files, and how the program reads them."""

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
      name: path of the file, below the target's directory.
      content: the undamaged content.
      pack: makes the file from the content.
    """

    name: str
    content: bytes
    pack: Callable[[bytes], bytes] = _as_it_is


@dataclass(frozen=True)
class Target:
    """A reader to attack.

    Whatever the bytes are, reading has to succeed or raise an allowed exception.

    Attributes:
      name: name in reports.
      make: returns the files. Of several inputs with the same name, the first is the file, and
        the others are further ways of damaging it.
      read: reads the files in a directory.
      allowed: exceptions that report damage.
      lines: how many lines their messages may have.
      seconds, megabytes: computing time and memory that a case may take.
      examples: how many cases the tests try.
      is_tested: True if the tests try it; otherwise only `make fuzz` does.
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
        """Writes the undamaged files and reads them, which must succeed."""
        self._write(directory)
        self.read(directory)

    def check(self, directory: Path, which: int, damage: Callable[[bytes], bytes]) -> bool:
        """Reads with one input damaged; returns True if it could be read.

        Raises: exceptions that are not allowed; ValueError for a message that is too long.
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
