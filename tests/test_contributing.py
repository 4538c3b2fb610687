"""CONTRIBUTING.md's recipe for a decoder is true: its code keeps the contract."""

import importlib.util
import re
from pathlib import Path

import pytest

from saccade.config import Tag
from saccade.models.build import DECODERS, DEFAULT, Kind
from tests.models import kinds, test_contract

CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"


@pytest.fixture
def gru(tmp_path, monkeypatch) -> str:
    """The recipe's decoder as a row of the table."""
    (code,) = re.findall(r"```python\n(.*?)```", CONTRIBUTING.read_text("utf-8"), re.DOTALL)
    (tmp_path / "gru.py").write_text(code, "utf-8")
    spec = importlib.util.spec_from_file_location("gru", tmp_path / "gru.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(DECODERS, "gru", Kind(module.GruSettings, module.GruDecoder))
    monkeypatch.setitem(kinds.SMALL, "gru", {"hidden": 10})
    table = Tag("kind", DEFAULT, {kind: row.settings for kind, row in DECODERS.items()})
    monkeypatch.setattr(test_contract, "TAG", table)
    return "gru"


def test_the_decoder_of_the_recipe_keeps_the_contract(gru, tmp_path):
    test_contract.test_the_tests_know_every_kind()
    test_contract.test_stepping_and_teaching_agree(kind=gru)
    test_contract.test_cells_that_are_not_there_change_nothing(gru)
    test_contract.test_selecting_commutes_with_stepping(gru)
    test_contract.test_every_parameter_gets_a_gradient(gru)
    test_contract.test_dropout_only_acts_in_training(gru)
    test_contract.test_settings_and_weights_come_back_from_a_file(gru, tmp_path)
    test_contract.test_one_beam_is_greedy(gru)
    test_contract.test_teaching_and_its_gradients_work_under_bfloat16_autocast(gru)
