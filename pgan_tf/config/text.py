"""Descriptions of options for `--help-options`, `--dry-run` and the documentation."""

import textwrap
from collections.abc import Iterator

from pgan_tf.config.option import KINDS, Option
from pgan_tf.config.options import Config
from pgan_tf.config.values import flatten, options, range_text, value_text
from pgan_tf.errors import UserError, nearest


def help_lines(word: str = "") -> Iterator[str]:
    """Yields the description of each option whose name or text contains `word`.

    Raises: UserError when there is no such option.
    """
    matches = [o for o in options().values() if word.lower() in f"{o.name} {o.text}".lower()]
    if not matches:
        raise UserError(
            f"--help-options {word}: no option is about this word{nearest(word, options())}; leave"
            " it out to see all options"
        )
    for option in matches:
        mid_run = KINDS[option.mid_run] + (f": {option.reason}" if option.reason else "")
        facts = [option.unit, range_text(option), mid_run]
        yield f"{option.name}={value_text(option.default)}"
        yield from textwrap.wrap(
            f"{option.text} ({'; '.join(filter(None, facts))})", 90,
            initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False,
        )  # fmt: skip


def dry_run_lines(config: Config) -> Iterator[str]:
    """Yields each option as the user would type it; a star marks values that aren't the default."""
    yield "Options (* differs from the default):"
    for name, value in flatten(config).items():
        default = options()[name].default
        if value == default:
            yield f"  {name}={value_text(value)}"
        else:
            yield f"* {name}={value_text(value)}  (default: {value_text(default) or 'empty'})"


def markdown_lines() -> Iterator[str]:
    """Yields the lines of a Markdown table of options for each section."""
    sections: dict[str, list[Option]] = {}
    for option in options().values():
        sections.setdefault(option.name.rpartition(".")[0], []).append(option)
    for section, members in sections.items():
        owner = getattr(Config(), section) if section else Config()
        title, _, rest = type(owner).__doc__.partition("\n")
        yield f"### {f'`{section}`: ' if section else ''}{title.rstrip('.')}\n"
        if rest.strip():
            yield " ".join(rest.split()) + "\n"
        yield "| option | default | possible | in mid-run | meaning |\n|---|---|---|---|---|"
        for option in members:
            default = f"`{value_text(option.default)}`" if value_text(option.default) else ""
            possible = " ".join(filter(None, [range_text(option) or _kind(option), option.unit]))
            mid_run = option.mid_run + (f": {option.reason}" if option.reason else "")
            cells = [f"`{option.name}`", default, possible, mid_run, option.text]
            yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
        yield ""


def _kind(option: Option) -> str:
    if option.form:
        return option.form
    if option.is_mapping:
        return "resolution:value pairs"
    return {bool: "true, false", int: "a whole number", float: "a number", str: "text"}[
        option.element
    ]
