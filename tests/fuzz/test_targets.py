"""Each reader of foreign bytes against damaged files; `make fuzz` tries many more."""

import functools

import pytest
from fuzz import mutations
from fuzz.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

_MOST_BYTES = 100_000  # of a damaged file


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.is_tested])
def test_damaged_files_are_read_or_refused_in_one_line(name, tmp_path):
    target = TARGETS[name]
    target.prepare(tmp_path)
    outcomes = []

    @settings(
        max_examples=target.examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=True))
    def attack(generator):
        which, edits = generator.randrange(100), mutations.draw(generator)
        damage = functools.partial(mutations.apply, edits=edits, most_bytes=_MOST_BYTES)
        outcomes.append(target.check(tmp_path, which, damage))

    attack()
    assert len(outcomes) >= target.examples and not all(outcomes)
