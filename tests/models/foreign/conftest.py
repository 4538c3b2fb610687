"""Tiny models of every family, made once."""

from pathlib import Path

import pytest

from saccade.engine import Encoded, ForeignEngine, encode
from saccade.models.foreign.loading import load_foreign
from tests.models.foreign.makers import MAKERS, photo


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    made = {}
    for name, make in MAKERS.items():
        made[name] = tmp_path_factory.mktemp("foreign") / name
        make(made[name])
    return made


@pytest.fixture(scope="session")
def engines(folders) -> dict[str, ForeignEngine]:
    return {name: ForeignEngine(load_foreign(path), "cpu") for name, path in folders.items()}


@pytest.fixture(scope="session")
def encoded(engines) -> dict[str, Encoded]:
    return {name: encode(engine, [photo(0), photo(1)]) for name, engine in engines.items()}
