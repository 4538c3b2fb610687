"""Corrections of captions, as the review page saves them: JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saccade.errors import DataError
from saccade.files import parse_json, read_lines
from saccade.publish.contract import AltText

_KEYS = ("sha256", "before", "caption")


@dataclass(frozen=True)
class Edit:
    """One photo's correction, or the word of a person that its caption is right."""

    key: str  # of the photo
    before: str  # the text that the person saw
    caption: str
    where: str  # in the file, for messages

    def applied(self, alt: AltText) -> AltText:
        """The text after it: reviewed, and without doubtful words."""
        return AltText(self.caption, alt.model, alt.language, False, ())


def read_edits(path: Path) -> Sequence[Edit]:
    """Edits; of a photo and the text that it had, the last counts. Raises DataError naming the line
    that is none."""
    edits: dict[tuple[str, str], Edit] = {}
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        value = parse_json(line, str(path), DataError, "save the edits again", number)
        where = f"{path}:{number}"
        if not isinstance(value, dict) or not all(isinstance(value.get(k), str) for k in _KEYS):
            raise DataError(f"{where}: is not an edit of the review page; save the edits again.")
        caption = " ".join(value["caption"].split())
        if not caption:
            raise DataError(f"{where}: the caption is empty; write one, or take the line out.")
        edit = Edit(value["sha256"], value["before"], caption, where)
        edits[edit.key, edit.before] = edit
    if not edits:
        raise DataError(f"{path}: holds no edit; save the edits again.")
    return list(edits.values())
