"""A page of captions to correct, as one HTML file without a network; its edits are a file, too."""

from saccade.viz.review.page import ReviewRow, write_review

__all__ = ["ReviewRow", "write_review"]
