"""One browser and one page for all tests of the explorer.

Evidence is made up (`made_up`): these tests are about showing it, not about measuring it."""

from pathlib import Path

import pytest

from saccade.viz.explorer import write_page
from tests.viz.browser import CURE, Browser, program
from tests.viz.made_up import scenes


@pytest.fixture(scope="package")
def browser(tmp_path_factory):
    if program() is None:
        pytest.skip(CURE)
    chromium = Browser(tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()


@pytest.fixture(autouse=True)
def _as_found(request):
    """Every test begins with the same window, no downloads, and ends without a page error."""
    if "browser" not in request.fixturenames:
        yield
        return
    chromium = request.getfixturevalue("browser")
    chromium.look()
    for path in chromium.downloads.iterdir():
        path.unlink()
    yield
    assert chromium.errors == []


@pytest.fixture(scope="package")
def made():
    return scenes(3)


@pytest.fixture(scope="package")
def page(made, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    write_page(made, path, "Looks <b>", [("entropy", "4.1 bits <i>")])
    return path
