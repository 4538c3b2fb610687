"""`saccade review --form html`: the alternative texts of pages to go through, and edits of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from saccade.cli.inputs import check_outputs
from saccade.cli.publish import pages_of
from saccade.cli.stopping import ended, stoppable
from saccade.errors import SaccadeError
from saccade.text.printing import echo

if TYPE_CHECKING:
    from saccade.publish.edits import Edit
    from saccade.publish.pages import Described, HtmlFile
    from saccade.viz.review import ReviewRow


@dataclass
class _Text:
    """A photo with one text, wherever pages have both."""

    photo: Path
    doubtful: tuple[str, ...]
    pages: list[str] = field(default_factory=list)


@dataclass
class _Read:
    """What pages hold, and what of it could not be used."""

    places: list[tuple[HtmlFile, list[tuple[Described, str, Path]]]] = field(default_factory=list)
    failed: int = 0
    without: int = 0  # images without a text


def through_pages(paths: Sequence[Path], page: Path | None, edits: Sequence[Edit] | None) -> None:
    """Write the page of the texts that the images of pages have, or put edits of them in their
    place. Ends with exit code 1 where something could not be read, found or changed."""
    sites = pages_of(paths)
    if page is not None:
        sites = [site for site in sites if not _is_review(site[0], page)]
        check_outputs({"--page": page}, [site for site, _ in sites])
    with stoppable():
        try:
            held = _read(sites)
            if not any(images for _, images in held.places):
                raise SaccadeError(
                    "no image with a local file has an alt text: nothing is written."
                )
            if edits is not None:
                complete = _put(held, edits)
            else:
                assert page is not None
                complete = _show(held, page)
        except KeyboardInterrupt as stop:
            raise ended(stop, "pages are whole, changed or not") from stop
    if held.failed or not complete:
        raise typer.Exit(1)


def _is_review(site: Path, page: Path) -> bool:
    """Whether a page is the review page that was written there before."""
    from saccade.files import read_bytes

    own = site.exists() and page.exists() and site.samefile(page)
    return own and b"<code>saccade review --edits</code>" in read_bytes(site)


def _read(sites: Sequence[tuple[Path, Path]]) -> _Read:
    """The images with a text and a local photo, each with its photo's key."""
    from saccade.publish.contract import content_key
    from saccade.publish.pages import is_utf8, photo_of, read_page

    held, keys = _Read(), dict[Path, str]()
    elsewhere = 0
    for path, root in sites:
        try:
            page = read_page(path)
        except SaccadeError as error:
            echo(f"saccade: {error}", err=True)
            held.failed += 1
            continue
        held.without += len(page.images)
        images = []
        for image in page.described:
            photo = photo_of(image, path, root)
            if photo is None:
                elsewhere += 1
                continue
            try:
                if not is_utf8(image.text):
                    raise SaccadeError(f"{path}:{image.line}: its alt text is not UTF-8.")
                if photo not in keys:
                    keys[photo] = content_key(photo)
            except SaccadeError as error:
                echo(f"saccade: {error}", err=True)
                held.failed += 1
                continue
            images.append((image, keys[photo], photo))
        held.places.append((page, images))
    if elsewhere:
        echo(f"Images without a local file left out: {elsewhere:,}.", err=True)
    return held


def _show(held: _Read, page: Path) -> bool:
    """Write the page: a card for each photo and text."""
    from saccade.photos.opening import open_photo
    from saccade.viz.review import ReviewRow, write_review

    texts: dict[tuple[str, str], _Text] = {}
    for site, images in held.places:
        for image, key, photo in images:
            one = texts.setdefault((key, image.text), _Text(photo, image.doubtful))
            one.doubtful = one.doubtful or image.doubtful
            if site.path.name not in one.pages:
                one.pages.append(site.path.name)
    review = 0

    def rows() -> Iterator[ReviewRow]:
        nonlocal review
        for (key, text), one in texts.items():
            try:
                photo = open_photo(one.photo, draft=(240, 240))
            except SaccadeError as error:
                echo(f"saccade: {error}", err=True)
                held.failed += 1
                continue
            review += bool(one.doubtful)
            more = f" and {len(one.pages) - 1} more" if len(one.pages) > 1 else ""
            name = f"{one.photo.name} in {one.pages[0]}{more}"
            yield ReviewRow(key, name, text, bool(one.doubtful) or None, one.doubtful, photo)

    count = write_review(rows(), page, "Alternative texts to review")
    echo(f"{page}: {count:,} texts, {review:,} of them to review.", err=True)
    if held.without:
        echo(f"Images without an alt text left out: {held.without:,}.", err=True)
    return True


def _put(held: _Read, edits: Sequence[Edit]) -> bool:
    """Put each edit wherever its photo has the text that the person saw."""
    wanted = {(edit.key, edit.before): edit for edit in edits}
    results: dict[tuple[str, str], set[Edit]] = {}
    for edit in edits:
        if edit.caption != edit.before:
            results.setdefault((edit.key, edit.caption), set()).add(edit)
    clashes = [e for e in edits if (e.key, e.before) in results and e.caption != e.before]
    for edit in clashes:
        echo(
            f"saccade: {edit.where}: its text is what another edit of the photo writes: not "
            "applied; put the others in their place, then make a new page.",
            err=True,
        )
        del wanted[edit.key, edit.before]
    keys, met, changed = set(), set(), 0
    for page, images in held.places:
        texts, used = {}, set()
        for image, key, _ in images:
            keys.add(key)
            if (key, image.text) in wanted:
                edit = wanted[key, image.text]
                used.add(edit)
                if edit.caption != image.text or image.doubtful:
                    texts[image.offset] = edit.caption
            elif not image.doubtful:  # as after the same edits before
                met |= results.get((key, image.text), set())
        if texts:
            try:
                after = page.with_edits(texts)
                for line in page.changes(after).splitlines():
                    echo(line)
                page.replace(after)
                changed += 1
            except SaccadeError as error:
                echo(f"saccade: {error}", err=True)
                held.failed += 1
                continue
        met |= used
    missing = [edit for edit in wanted.values() if edit not in met]
    for edit in missing:
        if edit.key in keys:
            echo(
                f"saccade: {edit.where}: the text has changed since the page was made, and stays; "
                "make a new page.",
                err=True,
            )
    tell(len(met), len(edits), [edit.where for edit in missing if edit.key not in keys])
    echo(f"Pages changed: {changed:,}.", err=True)
    return not missing and not clashes


def tell(done: int, total: int, lost: Sequence[str]) -> None:
    """Say how many edits were put in their place; lost: where those stand that have none here."""
    echo(f"{done:,} of {total:,} edits are in their place.", err=True)
    if lost:
        echo(f"No photo with a caption here for {len(lost):,} edits, first {lost[0]}.", err=True)
