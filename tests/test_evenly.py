"""Even choices."""

from hypothesis import given
from hypothesis import strategies as st

from saccade.values.examples import evenly


@given(total=st.integers(0, 50), count=st.integers(0, 60))
def test_an_even_choice_begins_with_the_first_and_has_steps_of_nearly_one_size(total, count):
    chosen = evenly(range(total), count)
    assert len(chosen) == min(count, total)
    assert chosen[:1] == ([0] if chosen else [])
    steps = [b - a for a, b in zip(chosen, [*chosen[1:], total], strict=False)]
    assert all(step >= 1 for step in steps)
    assert max(steps, default=0) - min(steps, default=0) <= 1
