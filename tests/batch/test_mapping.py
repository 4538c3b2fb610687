"""Rows of other libraries' data sets to captions, and how many actors fit into a cluster."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from saccade import Captioner
from saccade.batch import caption_batch, caption_dataset
from saccade.batch.distributed import CaptionActor
from saccade.batch.mapping import digest_of
from saccade.batch.planning import plan
from saccade.errors import UsageError
from saccade.photos.opening import picture_digest


@pytest.fixture(scope="module")
def captioner(run) -> Captioner:
    return Captioner.from_pretrained(run, device="cpu")


def test_a_batch_as_datasets_gives_it(captioner, data, run):
    """Photos of every kind that a data set can hold, and those that are none."""
    paths = sorted((data / "images").iterdir())[:4]
    expected = [caption.text for caption in captioner.caption(paths)]
    contents = [path.read_bytes() for path in paths]
    for photos in (
        [str(path) for path in paths],
        contents,
        [{"bytes": content, "path": None} for content in contents],
        [{"bytes": None, "path": str(path)} for path in paths],
        [Image.open(path) for path in paths],
        [np.asarray(Image.open(path).convert("RGB")) for path in paths],
    ):
        rows = {"label": [1, 2, 3, 4], "image": photos}
        result = caption_batch(rows, captioner, to="said", beams=2)
        assert result == {"said": expected, "said_error": [None] * 4}
    rows = {"picture": [contents[0], None, b"no photo", ""]}
    result = caption_batch(rows, str(run), column="picture")
    assert result["caption"][0] == expected[0]
    assert result["caption"][1:] == [None] * 3
    assert [error.split(" ")[0] for error in result["caption_error"][1:]] == ["the", "the", "the"]


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (["image", "caption"], {}, "there is a column 'caption' already"),
        (["a", "b"], {}, "which column holds the photos"),
        (["image"], {"column": "photo"}, "there is no column 'photo'; the columns are image"),
    ],
)
def test_columns_that_are_not_there(captioner, columns, options, message):
    with pytest.raises(UsageError, match=message):
        caption_batch({name: [b""] for name in columns}, captioner, **options)


def test_content_keys(data):
    path = sorted((data / "images").iterdir())[0]
    assert digest_of(str(path)) == digest_of(path.read_bytes()) == picture_digest(path)
    assert digest_of("/no/such/photo.jpg") is None
    one, other = np.zeros((2, 3, 3), np.uint8), np.zeros((3, 2, 3), np.uint8)
    assert digest_of(one) == digest_of(one.copy()) != digest_of(other)


@given(
    st.integers(1, 200), st.integers(0, 16), st.integers(1, 8),
    st.none() | st.integers(1, 20), st.none() | st.integers(1, 8),
)  # fmt: skip
def test_actors_never_take_all_cpus(cpus, gpus, nodes, actors, threads):
    """What is reserved for good leaves room for a task that reads, whatever is typed."""
    nodes = min(nodes, cpus)
    try:
        layout = plan(cpus, gpus, nodes, actors, threads)
    except UsageError:
        assert actors is not None or threads is not None  # the defaults always fit
        return
    assert layout.actors >= 1
    assert layout.threads >= 1
    assert layout.cpus > 0
    assert layout.actors * layout.gpus <= gpus
    if cpus > nodes and (gpus == 0 or layout.cpus > 0.1):
        assert layout.actors * layout.cpus <= cpus - nodes + 0.01 * layout.actors
    if cpus == nodes == 1:
        assert cpus - layout.actors * layout.cpus >= 0.5 or gpus


def test_what_an_actor_does_with_a_batch(captioner, data, run):
    """Rows that are done are left out, all of them too; bytes are not passed on, paths are."""
    pyarrow = pytest.importorskip("pyarrow", reason="pip install 'saccade-captioner[publish]'")
    paths = sorted((data / "images").iterdir())[:3]
    keys = [picture_digest(path) for path in paths]
    texts = [caption.text for caption in captioner.caption(paths)]

    def done(columns, column, known):
        digests = np.sort(np.array([bytes.fromhex(key)[:16] for key in known], dtype="V16"))
        actor = CaptionActor([str(run)], column, "caption", digests, 1, True, None, {})
        return actor(pyarrow.table(columns)).to_pydict()

    names = [str(path) for path in paths]
    expected = {"path": names, "caption": texts, "caption_error": [None] * 3, "sha256": keys}
    assert done({"path": names}, "path", []) == expected
    columns = {"n": [1, 2, 3], "bytes": [path.read_bytes() for path in paths]}
    rest = {"n": [1, 3], "caption": [texts[0], texts[2]], "caption_error": [None, None]}
    assert done(columns, "bytes", keys[1:2]) == rest | {"sha256": [keys[0], keys[2]]}
    assert done({"path": names}, "path", keys) == {name: [] for name in expected}


def test_two_cpus_hold_one_actor():
    layout = plan(2, 0)
    assert (layout.actors, layout.cpus, layout.threads) == (1, 1.0, 1)
    with pytest.raises(UsageError, match="2 actors of 1 threads do not fit: of 2 CPUs one is kept"):
        plan(2, 0, actors=2)
    assert plan(16, 4).actors == 4
    with pytest.raises(UsageError, match="from 1 on"):
        plan(2, 0, actors=0)


def test_a_cluster_needs_ray(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'saccade-captioner\[ray\]'"):
        caption_dataset(None, "runs/mine")
