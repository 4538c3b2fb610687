"""The feature cache: what is in it is what the encoder said, whatever happened on the way."""

import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.data.features import FeatureCache, digests
from saccade.errors import CacheError, PictureError
from tests.data.cache_pictures import (
    WIDTH,
    assert_right,
    encode,
    expected,
    load,
    open_cache,
    view,
)


@settings(max_examples=25, deadline=None)
@given(
    names=st.lists(st.text("cdefgh", min_size=1, max_size=3), min_size=1, max_size=20),
    batch=st.integers(1, 7),
    split=st.integers(0, 20),
)
def test_every_picture_gets_its_own_features_in_one_go_or_two(
    tmp_path_factory, names, batch, split
):
    folder = tmp_path_factory.mktemp("cache")
    views = [view(name, mirrored) for name in names for mirrored in (False, True)]
    open_cache(folder).fill(views[:split], load, encode, batch)
    cache = open_cache(folder)
    assert cache.fill(views, load, encode, batch) == []
    array = open_cache(folder).array()
    assert array.dtype == np.float16
    assert array.shape == (len({v.key for v in views}), 6, WIDTH)
    for v in views:
        np.testing.assert_array_equal(array[cache.rows[v.key]], expected(v))


def test_nothing_is_encoded_twice(tmp_path):
    seen = []

    def counting(pixels):
        seen.append(len(pixels))
        return encode(pixels)

    views = [view(name) for name in "abcde"]
    told = []
    open_cache(tmp_path).fill(views + views, load, counting, 2, told.append)
    assert sum(seen) == 5
    assert sum(told) == 10
    open_cache(tmp_path).fill(views, load, counting, 2)
    assert sum(seen) == 5


def test_a_damaged_picture_is_listed_and_the_others_are_kept(tmp_path):
    views = [view("a"), view("bad1"), view("b"), view("bad2")]
    cache = open_cache(tmp_path)
    skipped = cache.fill(views, load, encode, 2)
    assert [str(s.path) for s in skipped] == ["bad1.jpg", "bad2.jpg"]
    assert "damaged" in skipped[0].reason
    assert set(cache.rows) == {views[0].key, views[2].key}


def test_another_encoder_or_grid_has_another_cache(tmp_path):
    open_cache(tmp_path, "one").fill([view("a")], load, encode)
    assert view("a") in open_cache(tmp_path, "one")
    assert view("a") not in open_cache(tmp_path, "two")
    assert view("a") not in FeatureCache(tmp_path, "one", (3, 2), WIDTH)


@pytest.mark.parametrize("harm", ["half a row", "a row without its line", "torn index line"])
def test_a_killed_run_continues_where_it_stopped(tmp_path, harm):
    """What a kill leaves is no damage: nothing is reported, and whole rows keep their places."""
    cache = open_cache(tmp_path)
    cache.fill([view(name) for name in "abc"], load, encode, 1)
    if harm == "torn index line":
        with cache.index.open("a") as index:
            index.write('{"row": 3, "key": "digest-of-')
    else:
        with cache.data.open("ab") as data:
            data.write(b"\x01" * (cache.row_bytes // (2 if harm == "half a row" else 1)))
    again = open_cache(tmp_path)
    assert len(again.rows) == 3
    views = [view(name) for name in "abcde"]
    sentences: list[str] = []
    again.fill(views, load, encode, 2, say=sentences.append)
    assert sentences == []
    assert_right(tmp_path, views)


def test_a_real_kill_in_the_middle_loses_nothing_written(tmp_path):
    """A process that is killed with SIGKILL while it encodes, at a batch of its own choosing."""
    script = textwrap.dedent(
        f"""
        import os, sys
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        from tests.data.cache_pictures import encode, load, open_cache, view
        count = 0
        def dying(pixels):
            global count
            count += 1
            if count == 4:
                os.kill(os.getpid(), 9)
            return encode(pixels)
        open_cache({str(tmp_path)!r}).fill([view(str(i)) for i in range(20)], load, dying, 2)
        """
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert ended.returncode == -9, ended.stderr
    cache = open_cache(tmp_path)
    assert len(cache.rows) == 6
    views = [view(str(i)) for i in range(20)]
    cache.fill(views, load, encode, 3)  # the dead process's lock is free
    assert_right(tmp_path, views)


def test_a_disk_that_is_too_small_is_told_before_work_begins(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=40))
    with pytest.raises(CacheError, match=r"take 96 bytes and 40 bytes are free.*--cache DIR"):
        open_cache(tmp_path).fill([view("a"), view("b")], load, encode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a Linux device")
def test_a_disk_that_fills_up_keeps_what_is_written(tmp_path):
    cache = open_cache(tmp_path)
    cache.fill([view("a")], load, encode)
    kept = cache.data.read_bytes()
    cache.data.rename(tmp_path / "kept")
    cache.data.symlink_to("/dev/full")
    cache.rows.clear()
    with pytest.raises(CacheError, match=r"writing features stopped \(No space left"):
        cache.fill([view("a"), view("b")], load, encode)
    cache.data.unlink()
    (tmp_path / "kept").rename(cache.data)
    assert cache.data.read_bytes() == kept


def test_non_finite_features_stop_at_once(tmp_path):
    with pytest.raises(CacheError, match=r"non-finite features for a\.jpg"):
        open_cache(tmp_path).fill([view("a")], load, lambda pixels: encode(pixels) * np.nan)


def test_digests_name_what_cant_be_read(tmp_path):
    (tmp_path / "a").write_bytes(b"1")

    def digest(path):
        try:
            return path.read_text()
        except FileNotFoundError as error:
            raise PictureError(f"{path} is missing") from error

    found, skipped = digests([tmp_path / "a", tmp_path / "b", tmp_path / "a"], digest)
    assert found == {tmp_path / "a": "1"}
    assert [s.path for s in skipped] == [tmp_path / "b"]
