"""Does the map matter? The evidence for and against what a map says of every word."""

from saccade.explain.explainer import Explainer, mean_of
from saccade.explain.mapfiles import read_maps
from saccade.explain.settings import Settings

__all__ = ["Explainer", "Settings", "mean_of", "read_maps"]
