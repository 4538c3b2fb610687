"""A damaged feature cache never gives a picture another's features, and heals itself once."""

import json
from pathlib import Path

import numpy as np
import pytest

from saccade.data.features import DTYPE, FeatureCache
from saccade.errors import CacheError
from tests.data.cache_pictures import assert_right, encode, load, no_encoder, open_cache, view

VIEWS = [view(name) for name in "abcdefgh"]


def lines_of(cache: FeatureCache) -> list[dict]:
    return [json.loads(line) for line in cache.index.read_text().splitlines()]


def write_lines(cache: FeatureCache, lines: list[dict]) -> None:
    cache.index.write_text("".join(json.dumps(line) + "\n" for line in lines))


def change_line(number: int, **changes):
    def harm(cache: FeatureCache) -> None:
        lines = lines_of(cache)
        lines[number] |= changes
        write_lines(cache, lines)

    return harm


def drop_line(cache: FeatureCache) -> None:
    write_lines(cache, [line for line in lines_of(cache) if line["row"] != 3])


def swap_lines(cache: FeatureCache) -> None:
    lines = lines_of(cache)
    write_lines(cache, [*lines[:2], lines[3], lines[2], *lines[4:]])


def swap_keys(cache: FeatureCache) -> None:
    lines = lines_of(cache)
    lines[2]["key"], lines[3]["key"] = lines[3]["key"], lines[2]["key"]
    write_lines(cache, lines)


def raw_line(text: bytes):
    def harm(cache: FeatureCache) -> None:
        lines = cache.index.read_bytes().splitlines(keepends=True)
        cache.index.write_bytes(b"".join([*lines[:3], text + b"\n", *lines[4:]]))

    return harm


def rows_become(value: float, *rows: int):
    def harm(cache: FeatureCache) -> None:
        content = np.fromfile(cache.data, DTYPE).reshape(-1, *cache.shape)
        content[list(rows)] = value
        content.tofile(cache.data)

    return harm


def swap_rows(cache: FeatureCache) -> None:
    content = np.fromfile(cache.data, DTYPE).reshape(-1, *cache.shape)
    content[[2, 3]] = content[[3, 2]]
    content.tofile(cache.data)


def one_bit(cache: FeatureCache) -> None:
    content = bytearray(cache.data.read_bytes())
    content[2 * cache.row_bytes + 5] ^= 1
    cache.data.write_bytes(content)


def cut_data(cache: FeatureCache) -> None:
    cache.data.write_bytes(cache.data.read_bytes()[: int(2.5 * cache.row_bytes)])


def drop_first_bytes(cache: FeatureCache) -> None:
    cache.data.write_bytes(cache.data.read_bytes()[2:])


HARMS = {
    "the row of another": change_line(2, row=5),
    "row -1": change_line(2, row=-1),
    "a row far outside": change_line(2, row=10**12),
    "a row as text": change_line(2, row="2"),
    "a row that is not a whole number": change_line(2, row=2.0),
    "a row that is true": change_line(1, row=True),
    "another picture's key": change_line(2, key=VIEWS[4].key),
    "a key of no picture": change_line(2, key="nobody"),
    "no key": change_line(2, key=None),
    "a key that is no text": change_line(2, key=["digest-of-c"]),
    "a key with a lone surrogate": change_line(2, key="\ud800"),
    "a path that is no text": change_line(2, path=7),
    "another checksum": change_line(2, crc32=1),
    "a checksum that is no number": change_line(2, crc32=None),
    "a lost line": drop_line,
    "two lines in each other's place": swap_lines,
    "two keys in each other's place": swap_keys,
    "an empty line": raw_line(b""),
    "noise for a line": raw_line(b"\xff\x00\xfe"),
    "a list for a line": raw_line(b"[1, 2]"),
    "a number of 5,000 digits": raw_line(b'{"row": ' + b"9" * 5000 + b"}"),
    "nesting": raw_line(b"[" * 100_000),
    "a zeroed row": rows_become(0, 2),
    "rows that are NaN": rows_become(np.nan, 2, 5),
    "two rows in each other's place": swap_rows,
    "one flipped bit": one_bit,
    "data that ends in the middle": cut_data,
    "data moved by one number": drop_first_bytes,
    "no data": lambda cache: cache.data.unlink(),
}


@pytest.mark.parametrize("name", HARMS)
def test_damage_is_reported_once_and_only_what_it_concerns_is_encoded_again(tmp_path, name):
    open_cache(tmp_path).fill(VIEWS, load, encode, 3)
    HARMS[name](open_cache(tmp_path))
    sentences: list[str] = []
    encoded, done = [], []

    def counting(pixels):
        encoded.append(len(pixels))
        return encode(pixels)

    cache = open_cache(tmp_path)
    assert cache.fill(VIEWS, load, counting, 3, done.append, say=sentences.append) == []
    array = cache.array()
    for v in VIEWS:
        np.testing.assert_array_equal(
            array[cache.rows[v.key]], encode(load(v)[None])[0].astype("f2")
        )
    assert_right(tmp_path, VIEWS)
    assert sum(done) == len(VIEWS)
    whole = name in ("no data", "data moved by one number")
    assert sum(encoded) <= (
        len(VIEWS) if whole else 6 if name == "data that ends in the middle" else 2
    )
    if name not in ("no key", "a key of no picture"):  # as of a picture that never was there
        (sentence,) = sentences
        assert str(cache.folder) in sentence
        assert "damaged" in sentence
    sentences.clear()
    open_cache(tmp_path).fill([*VIEWS, view("new")], load, encode, 3, say=sentences.append)
    assert sentences == []
    assert_right(tmp_path, [*VIEWS, view("new")])


def test_a_map_made_before_stays_what_it_was(tmp_path):
    """Healing and filling append: what another process has mapped does not change under it."""
    cache = open_cache(tmp_path)
    cache.fill(VIEWS, load, encode, 3)
    mapped, before = cache.array(), np.array(cache.array())
    change_line(2, key=VIEWS[4].key)(cache)
    drop_line(cache)
    open_cache(tmp_path).fill([*VIEWS, view("new")], load, encode, 3)
    np.testing.assert_array_equal(mapped, before)


def test_lines_written_twice_are_dropped_with_the_next_picture(tmp_path):
    cache = open_cache(tmp_path)
    cache.fill(VIEWS, load, encode)
    write_lines(cache, [*lines_of(cache), *lines_of(cache)])
    open_cache(tmp_path).fill(VIEWS, load, no_encoder)
    sentences: list[str] = []
    more = [*VIEWS, view("new")]
    open_cache(tmp_path).fill(more, load, encode, say=sentences.append)
    assert len(sentences) == 1
    assert_right(tmp_path, more)


def test_an_index_that_is_lost_costs_time_only(tmp_path):
    cache = open_cache(tmp_path)
    cache.fill(VIEWS, load, encode, 3)
    cache.index.unlink()
    open_cache(tmp_path).fill(VIEWS, load, encode, 3)
    assert_right(tmp_path, VIEWS)


def test_caches_without_checksums_are_left_alone(tmp_path):
    """A folder of the format before, as it was written: index lines with key and row only."""
    old = tmp_path / "k-2x3x4"
    old.mkdir()
    (old / "features.f16").write_bytes(bytes(8 * 48))
    lines = [{"key": v.key, "row": row, "path": str(v.path)} for row, v in enumerate(VIEWS)]
    (old / "index.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    before = {p.name: p.read_bytes() for p in old.iterdir()}
    open_cache(tmp_path).fill(VIEWS, load, encode, 3)
    assert_right(tmp_path, VIEWS)
    assert {p.name: p.read_bytes() for p in old.iterdir()} == before


def test_a_disk_that_returns_other_bytes_is_given_up(tmp_path, monkeypatch):
    open_cache(tmp_path).fill(VIEWS[:2], load, encode)
    cache = open_cache(tmp_path)
    monkeypatch.setattr(cache._file, "all_checked", lambda keys: False)
    with pytest.raises(CacheError, match=r"does not return what was written.*--cache DIR"):
        cache.fill(VIEWS, load, encode)


def test_a_full_cache_on_a_read_only_folder_is_used(tmp_path):
    """Nothing is locked or written when nothing is missing, not even the lock file."""
    cache = open_cache(tmp_path)
    cache.fill(VIEWS, load, encode)
    (cache.folder / "writing.lock").unlink()
    before = sorted(p.name for p in cache.folder.iterdir())
    open_cache(tmp_path).fill(VIEWS, load, encode)
    assert sorted(p.name for p in cache.folder.iterdir()) == before


def test_an_index_that_is_no_file_is_named(tmp_path):
    import os

    cache = open_cache(tmp_path)
    os.mkfifo(cache.index)
    with pytest.raises(CacheError, match=r"index\.jsonl is not a regular file"):
        open_cache(tmp_path)


def test_a_folder_that_cant_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match=r"can't be opened.*--cache DIR"):
        open_cache(Path(tmp_path / "file"))
