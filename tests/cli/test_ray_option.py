"""`--ray` takes an address or none, and nothing else that follows it."""

import pytest

from saccade.cli.ray import with_address


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("caption a --ray", "caption a --ray local"),
        ("caption --ray a.jpg --write csv", "caption --ray local a.jpg --write csv"),
        ("caption a --ray --write csv", "caption a --ray local --write csv"),
        ("caption a --ray auto", "caption a --ray auto"),
        ("caption --ray 10.0.0.1:6379 a", "caption --ray 10.0.0.1:6379 a"),
        ("caption --ray ray://head:10001 a", "caption --ray ray://head:10001 a"),
        ("caption a", "caption a"),
    ],
)
def test_an_address_or_none(typed, read):
    assert with_address(typed.split()) == read.split()
