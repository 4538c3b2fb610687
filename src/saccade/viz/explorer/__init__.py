"""The explorer: captions and the evidence for each map, as one HTML file without a network."""

from saccade.viz.explorer.page import Page, write_page

__all__ = ["Page", "write_page"]
