"""Captions written where they belong: beside photos, into them, into tables and into pages."""

from saccade.publish.contract import AltText, Form
from saccade.publish.forms import FORMS, open_form, row_of

__all__ = ["FORMS", "AltText", "Form", "open_form", "row_of"]
