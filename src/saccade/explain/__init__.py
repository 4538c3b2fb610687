"""Was that look real? The evidence for and against the attention map of every word."""

from saccade.explain.explainer import Explainer, mean_of
from saccade.explain.settings import Settings

__all__ = ["Explainer", "Settings", "mean_of"]
