"""Which columns of a table, or keys of a JSON object, hold what; and what a cell may hold.

One rule for tables and JSON, references and results: names are compared without case, spaces,
underscores and hyphens, and where several would do, the order below decides and a note says so.
"""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from saccade.errors import DataError

# Names in their compared form ("File_Name" is "filename"), the first of them that is there wins.
IDS = ("imageid", "cocoid")  # the data set's own id of a picture
PICTURES = (
    *("image", "file", "filename", "path", "filepath", "imagepath", "imagename", "imagefile"),
    *("img", "imgpath", "imgname", "imgfile", "photo", "picture"),
)  # fmt: skip
LAST_IDS = ("imgid", "id", "key", "name")  # often a row's number: where nothing is better
_PICTURE_LIKE = re.compile(r"(?!.*caption).*(image|img|photo|picture|file|path)")
_CAPTION = re.compile(r"captions?\d*")  # never "caption_id", "caption_length"
_OTHER_CAPTIONS = (
    *("text", "texts", "sentence", "sentences", "comment", "comments", "title", "report"),
    *("description", "paragraph", "raw", "referencestrs", "references", "captionstr"),
    *("findings", "impression", "prompt", "alttext"),
)  # fmt: skip
_SPLITS = ("split", "set", "subset", "partition", "setname")
_REJECTED = ("isrejected", "rejected", "isprecanned", "precanned", "iscanned")
_TEXTS = ("raw", "caption", "text", "sentence")  # keys of a caption that is an object

_WHOLE = re.compile(r"(-?\d+)\.0+")
_LITERAL = re.compile(r"""[rub]?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", re.DOTALL | re.IGNORECASE)
_LOOKS_LIKE_A_LIST = re.compile(
    r"\[\s*(?:[rub]?['\"{\[]|\]|(?:nan|none|null)\b)|\[[^\[\]]*,[^\[\]]*\]\s*$",
    re.DOTALL | re.IGNORECASE,
)
_TUPLE = re.compile(r"\(\s*['\"].*['\"]\s*,?\s*\)", re.DOTALL)
_OBJECT = re.compile(r"\{\s*['\"].*\}", re.DOTALL)
_BETWEEN = re.compile(r"\s*,\s*|\s+|$")


@dataclass(frozen=True)
class Choices:
    """What a user chose about how caption files are read."""

    image_column: str | None = None  # the column (or JSON key) that names the picture
    caption_column: str | None = None  # the one that holds its caption or captions
    keep_rejected: bool = False  # whether captions marked as rejected or canned count


NO_CHOICES = Choices()


@dataclass(frozen=True)
class Columns:
    """Where a record's parts stand, by the names as they are written there."""

    picture: str | None  # what names the picture's file
    id: str | None  # what identifies the picture in scores
    captions: tuple[str, ...]  # one column, or several: caption1, caption2, ...
    split: str | None
    rejected: tuple[str, ...]
    note: str  # what was decided, where there was a choice
    repeats: bool = False  # whether every record of a picture has all of its captions


def compared(name: str) -> str:
    """A column's name as it is compared: "File Name" and "file_name" are one."""
    return re.sub(r"[\s_\-]+", "", name.strip().strip("\"'")).casefold()


@lru_cache(maxsize=1024)
def choose(names: tuple[str, ...], choices: Choices = NO_CHOICES) -> Columns:
    """The columns among `names`; None or empty for a part that none of them holds.

    A column named in `choices` is taken if it is there, whatever the others are called."""
    there: dict[str, str] = {}
    for name in names:
        there.setdefault(compared(name), name)

    def first(*choice: str) -> str | None:
        return next((there[name] for name in choice if name in there), None)

    notes = []
    if choices.image_column is not None:
        picture = key = first(compared(choices.image_column))
    else:
        picture = first(*PICTURES, *IDS, *LAST_IDS)
        key = first(*IDS, *PICTURES, *LAST_IDS)
        if key is not None:
            others = [there[n] for n in (*IDS, *PICTURES, *LAST_IDS) if n in there]
            if compared(key) in LAST_IDS:
                # A column that sounds like the picture's is a choice, too.
                others += [there[name] for name in there if _PICTURE_LIKE.match(name)]
            others = [name for name in others if name not in (key, picture)]
            if picture != key:
                notes.append(f"pictures are named by {picture!r} and identified by {key!r}")
            elif others:
                notes.append(f"pictures are identified by {key!r}, not by {_spell(others)}")
    if choices.caption_column is not None:
        column = first(compared(choices.caption_column))
        captions: tuple[str, ...] = () if column is None else (column,)
    else:
        captions, others = _caption_columns(there)
        if others:
            notes.append(f"captions are from {_spell(captions, 'and')}, not from {_spell(others)}")
    note = ""
    if notes:
        note = (
            f"Of the columns {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}: "
            f"{'; '.join(notes)}. --image-column and --caption-column choose others."
        )
    rejected = tuple(there[name] for name in _REJECTED if name in there)
    repeats = any(compared(name).startswith("referencestr") for name in captions)
    return Columns(picture, key, captions, first(*_SPLITS), rejected, note, repeats)


def _caption_columns(there: Mapping[str, str]) -> tuple[tuple[str, ...], list[str]]:
    """The columns of captions, and those that could have been."""
    families = [[name for name in there if _CAPTION.fullmatch(name)]]
    for other in _OTHER_CAPTIONS:
        families.append([name for name in there if re.fullmatch(rf"{other}\d*", name)])
    families = [family for family in families if family]
    if not families:  # "short_caption", where it is the only one
        last = [name for name in there if re.fullmatch(r".+captions?", name)]
        families = [last] if len(last) == 1 else []
    if not families:
        return (), []
    chosen, *rest = families
    return tuple(there[n] for n in chosen), [there[n] for family in rest for n in family]


def _spell(names: Sequence[str], word: str = "or") -> str:
    quoted = [repr(name) for name in names]
    return f" {word} ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def picture_id(value: Any) -> str | None:
    """A picture's id as text: 42, 42.0, "42" and "42.0" are one. None for what is not an id."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else None
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        return None
    whole = _WHOLE.fullmatch(value.strip())
    return whole[1] if whole else value.strip()


def picture_names(value: Any) -> list[str] | None:
    """The files that a record's picture column names: mostly one, several views as a list.

    None for what names none. Raises DataError for a picture that is inside the record itself."""
    if isinstance(value, Mapping):
        if value.get("bytes"):
            raise DataError(
                "holds the picture itself, as bytes; save the pictures as files and name them."
            )
        value = value.get("path") or value.get("file_name") or value.get("filename")
    if isinstance(value, str) and value.strip().startswith(('["', "['")):
        value = list_cell(value)
    if isinstance(value, list):
        names = [picture_id(item) for item in value]
        return [name for name in names if name] if names and all(names) else None
    name = picture_id(value)
    return None if name is None else [name]


def texts(value: Any) -> list[str] | None:
    """The captions that a JSON value holds: text, an object with it, or a list of either.

    None for anything else. Raises DataError for text that looks like a list and is none."""
    if isinstance(value, str):
        cell = list_cell(value)
        return [value] if cell is None else cell
    if isinstance(value, Mapping):
        if "raw" not in value and isinstance(value.get("tokens"), list):
            value = {"raw": " ".join(map(str, value["tokens"]))}
        text = next((value[key] for key in _TEXTS if value.get(key) is not None), None)
        return [text] if isinstance(text, str) else None
    if not isinstance(value, list):
        return None
    captions: list[str] = []
    for item in value:
        inner = [item] if isinstance(item, str) else texts(item) if item != value else None
        if isinstance(item, list) or inner is None:
            return None
        captions += inner
    return captions


def list_cell(cell: str) -> list[str] | None:
    """The captions in a cell that holds a list, or an object, as JSON, Python or numpy write it;
    None for plain text. Nothing of it is run. Raises DataError for what looks like one and can't be
    read."""
    text = cell.strip()
    if text.startswith("(") and _TUPLE.fullmatch(text):
        return _python_list(text)  # or else a caption in brackets
    an_object = text.startswith("{") and _OBJECT.fullmatch(text) is not None
    if not an_object and (not text.startswith("[") or not _LOOKS_LIKE_A_LIST.match(text)):
        return None
    captions: list[str] | None
    try:
        captions = texts(json.loads(text))
    except (ValueError, RecursionError):
        captions = _python_objects(text) if an_object else _python_list(text)
    if captions is None:
        start = ascii(text[:40])[1:-1] + "..." * (len(text) > 40)
        raise DataError(
            f"holds {start}, which looks like a list of captions and can't be read as one; write "
            'it as JSON, ["one", "two"], or one caption in each row.'
        )
    return captions


def _python_list(text: str) -> list[str] | None:
    """A list of strings in Python's spelling, with commas or, as numpy prints it, without."""
    body = text[1:-1].strip() if text.endswith(("]", ")")) else "?"
    captions: list[str] = []
    at = 0
    while at < len(body):
        literal = _LITERAL.match(body, at)
        if literal is None:
            return _python_objects(text)
        try:
            value = ast.literal_eval(literal[0])
        except (ValueError, SyntaxError):
            return None
        if not isinstance(value, str):
            return None
        captions.append(value)
        between = _BETWEEN.match(body, literal.end())
        if between is None:
            return None
        at = between.end()
    return captions


def _python_objects(text: str) -> list[str] | None:
    """An object with a caption, or a list of some, [{'raw': 'a dog'}], in Python's spelling."""
    if not text.startswith(("[{", "{")):
        return None
    try:
        return texts(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def rejected_by(record: Mapping[str, Any]) -> str | None:
    """The key that marks a caption, or all captions of a record, as rejected or canned."""
    flags = choose(tuple(record)).rejected
    return next((name for name in flags if is_true(record[name])), None)


def is_true(value: Any) -> bool:
    """Whether a flag is set, also as the text of a table's cell."""
    if isinstance(value, str):
        return value.strip().casefold() in ("true", "1", "yes", "t")
    return value is True or (isinstance(value, int | float) and value == 1)
