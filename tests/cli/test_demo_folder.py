"""A demo is made again only over what a demo made: anything else is named, and nothing is removed."""

import pytest

from saccade.cli.demo_folder import MARK, begin, finish
from saccade.errors import UsageError

MADE = ("scenes/captions.jsonl", "scenes/images/000000.png", "run/run.json", "run/best/vocab.json",
        "run/best/model.safetensors", "attention/000003.gif", "why.html")  # fmt: skip


def put(path, text="made"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture(params=["finished", "stopped"])
def made(tmp_path, request):
    out = tmp_path / "demo"
    begin(out, 0)
    for name in MADE:
        put(out / name)
    put(out / "run/.saccade-lock", "")
    if request.param == "finished":
        finish(out, 0)
    return out


def contents(out):
    return {path: path.is_file() and path.read_bytes() for path in out.rglob("*")}


def test_a_demo_is_made_again(made):
    put(made / "notes.txt", "mine")
    (made / "pictures").mkdir()
    begin(made, 1)
    assert sorted(path.name for path in made.iterdir()) == [MARK, "notes.txt", "pictures"]


@pytest.mark.parametrize(
    "name", ["scenes/notes.txt", "run/best/thesis.txt", "attention/holiday.png", "scenes/images/1.png"]
)  # fmt: skip
def test_what_a_user_put_there_is_named_and_all_is_kept(made, name):
    put(made / name, "mine")
    before = contents(made)
    with pytest.raises(UsageError, match=name):
        begin(made, 1)
    assert contents(made) == before


def test_what_a_user_changed_is_kept(made):
    finish(made, 0)
    put(made / "scenes/captions.jsonl", "my own captions")
    before = contents(made)
    with pytest.raises(UsageError, match=r"captions\.jsonl is not as a demo made it"):
        begin(made, 1)
    assert contents(made) == before


@pytest.mark.parametrize("what", ["scenes", "why.html", "run/best"])
def test_links_are_not_followed(made, tmp_path, what):
    put(tmp_path / "elsewhere/captions.jsonl", "mine")
    (made / what).rename(tmp_path / "moved")
    (made / what).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=what):
        begin(made, 1)
    assert (tmp_path / "elsewhere/captions.jsonl").read_text() == "mine"


@pytest.mark.parametrize("mark", [None, "{}", "[]", "{", '{"seed": 0}', "folder"])
def test_a_folder_with_another_demo_json_is_no_demo(tmp_path, mark):
    put(tmp_path / "scenes/captions.jsonl", "mine")
    if mark == "folder":
        (tmp_path / MARK).mkdir()
    elif mark is not None:
        put(tmp_path / MARK, mark)
    before = contents(tmp_path)
    with pytest.raises(UsageError, match="holds no demo"):
        begin(tmp_path, 0)
    assert contents(tmp_path) == before
