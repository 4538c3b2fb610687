"""Bad versions of a good file: JSON with every value replaced, cut and flipped bytes."""

import json
import random
from collections.abc import Iterator
from typing import Any

HOLE = "\ue000hole\ue000"  # stands for what JSON can't be made to write
VALUES = {  # what stands in a value's place, as raw JSON
    "null": "null",
    "true": "true",
    "a negative number": "-1",
    "zero": "0",
    "a fraction": "0.5",
    "a huge number": "99999999999999999999",
    "5,000 digits": "7" * 5000,
    "1e400": "1e400",
    "NaN": "NaN",
    "-Infinity": "-Infinity",
    "empty text": '""',
    "text": '"x"',
    "a path": '"../../etc/passwd"',
    "an escape": '"\\u001b[2J\\u0007\\r\\nOK"',
    "a NUL": '"\\u0000"',
    "half a surrogate pair": '"\\ud800"',
    "an empty list": "[]",
    "a list in lists": "[[[1]]]",
    "a list of text": '["x", "y"]',
    "an empty object": "{}",
    "an object": '{"trust_remote_code": true, "auto_map": {"AutoModel": "evil.Evil"}}',
    "deep lists": "[" * 100_000 + "]" * 100_000,
}
Path = tuple[str | int, ...]


def places(value: Any, at: Path = ()) -> Iterator[Path]:
    """The path of every value inside a JSON document."""
    inside = value.items() if isinstance(value, dict) else ()
    inside = enumerate(value) if isinstance(value, list) else inside
    for key, item in inside:
        yield (*at, key)
        yield from places(item, (*at, key))


def _replaced(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copy


def _without(value: Any, path: Path) -> Any:
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = _without(value[path[0]], path[1:])
    return copy


def bad_json(text: str, lines: bool = False) -> Iterator[tuple[str, bytes]]:
    """(what was done, the file) for every value of a JSON document: removed, or replaced by each of
    VALUES. `lines`: the document is JSON Lines."""
    documents = text.splitlines() if lines else [text]
    for number, document in enumerate(documents):
        value = json.loads(document)

        def whole(new: str, number: int = number) -> bytes:
            parts = [*documents[:number], new, *documents[number + 1 :]]
            return "\n".join(parts).encode("utf-8", "surrogatepass")

        for path in [(), *places(value)]:
            where = f"line {number + 1} " * lines + "/".join(map(str, path))
            if path:
                yield f"{where} removed", whole(json.dumps(_without(value, path)))
            for name, raw in VALUES.items():
                new = json.dumps(_replaced(value, path, HOLE))
                yield f"{where} is {name}", whole(new.replace(json.dumps(HOLE), raw))


def bad_bytes(data: bytes, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Whatever the format: empty, cut, flipped, padded, in other encodings. Endless."""
    yield "empty", b""
    yield "zeros", bytes(len(data))
    yield "twice", data + data
    yield "with zeros after it", data + bytes(4096)
    for encoding in ("utf-16", "utf-32", "utf-8-sig"):
        yield f"as {encoding}", data.decode("latin-1").encode(encoding)
    rng = random.Random(seed)
    while True:
        cut = rng.randrange(len(data))
        yield f"cut at {cut}", data[:cut]
        at, bit = rng.randrange(len(data)), rng.randrange(8)
        flipped = bytes([data[at] ^ 1 << bit])
        yield f"bit {bit} of byte {at} flipped", data[:at] + flipped + data[at + 1 :]
        length = rng.randrange(1, 200)
        noise = rng.randbytes(length)
        yield f"noise of {length} at {at}", data[:at] + noise + data[at + length :]
