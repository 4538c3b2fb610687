"""The maps of the table on every family, whose weights are frozen when a folder is loaded."""

import numpy as np
import pytest

from saccade.decoding import BeamSettings
from saccade.explain.explainer import Explainer
from saccade.explain.maps import MAPS
from saccade.values.evidence import Explanation
from tests.models.foreign.makers import MAKERS

every = pytest.mark.parametrize("name", MAKERS)


def explained(engine, encoded, *maps: str) -> Explanation:
    """Of the first photo's caption, with little but its maps."""
    one = encoded.pictures([0])
    (caption,) = engine.write(one, BeamSettings(beams=1, max_words=6))
    explainer = Explainer(engine).measuring(
        maps=maps, curves=maps[:1], repeats=2, shares=(0.1, 0.5)
    )
    return explainer.evidence(caption, one.features)


@every
def test_every_map_of_the_table_is_made(name, engines, encoded):
    explanation = explained(
        engines[name], encoded[name], "attention", *sorted(set(MAPS) - {"attention"})
    )
    shape = engines[name].family.grid
    assert not explanation.absent
    made = {label.partition(".")[0] for label in explanation.labels}
    assert made == set(MAPS)
    for word in explanation.words:
        assert all(m.shape == shape and np.isfinite(m).all() for m in word.maps.values())


@every
def test_relevancy_is_that_of_weights_that_are_trained(name, engines, encoded):
    """A frozen model has a gradient at every layer's attention, too, the first one's included."""
    model = engines[name].foreign.model
    frozen = explained(engines[name], encoded[name], "relevancy")
    model.requires_grad_(True)
    try:
        trained = explained(engines[name], encoded[name], "relevancy")
    finally:
        model.requires_grad_(False)
    assert frozen.words
    for one, other in zip(frozen.words, trained.words, strict=True):
        scale = np.abs(other.maps["relevancy"]).max()
        np.testing.assert_allclose(
            one.maps["relevancy"], other.maps["relevancy"], atol=1e-5 * scale + 1e-12
        )
