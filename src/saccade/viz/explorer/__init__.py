"""The explorer: captions with the evidence for each look, as one HTML file without a network."""

from saccade.viz.explorer.page import write_page

__all__ = ["write_page"]
