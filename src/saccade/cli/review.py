"""`saccade review`: captions in a page to go through, and its edits back where captions are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saccade.cli.inputs import check_outputs, photos_of
from saccade.cli.options import Photos, path_option
from saccade.cli.stopping import ended, stoppable
from saccade.errors import PictureError, SaccadeError, UsageError
from saccade.text.printing import echo

if TYPE_CHECKING:
    from saccade.publish import Form
    from saccade.publish.edits import Edit
    from saccade.viz.review import ReviewRow


def review(
    photos: Photos,
    form: Annotated[
        str,
        typer.Option(
            "--form",
            help="Where the captions are, as caption --write put them: txt, xmp, embed, jsonl, "
            "csv, parquet (also FORM=PATH), or html (name pages or folders of them).",
        ),
    ],
    page: Annotated[
        Path | None, path_option("--page", help="Write a page to correct them in, as HTML.")
    ] = None,
    edits: Annotated[
        Path | None,
        path_option("--edits", help="Put the edits that the page saved in their place."),
    ] = None,
) -> None:
    """Go through captions that need review, in a browser, and put the edits in their place.

    Example: saccade review photos/ --form csv --page review.html
    Then: saccade review photos/ --form csv --edits edits.jsonl
    """
    from saccade.publish import open_form
    from saccade.publish.edits import read_edits

    if (page is None) == (edits is None):
        raise UsageError("name either --page FILE, to go through captions, or --edits FILE.")
    changes = None if edits is None else read_edits(edits)
    if form == "html":
        from saccade.cli.review_pages import through_pages

        through_pages(photos, page, changes)
        return
    folder = next(place for place in (photos[0], *photos[0].parents) if place.is_dir())
    place, table = open_form(form, folder, "", overwrite=True, option="--form")
    if table is not None and not table.exists():
        raise UsageError(f"--form {form}: {table} does not exist; name the table, FORM=PATH.")
    paths, readable = photos_of(photos)
    with stoppable():
        try:
            if changes is not None:
                _put(place, paths, changes, readable)
            else:
                assert page is not None
                check_outputs({"--page": page}, [*paths, *([table] if table else [])])
                _show(place, paths, page, readable)
        except KeyboardInterrupt as stop:
            raise ended(stop, "nothing is changed") from stop


def _show(form: Form, paths: Sequence[Path], page: Path, readable: bool) -> None:
    """Write the page of the photos that have a caption."""
    from saccade.viz.review import ReviewRow, write_review

    counts = {"without": 0, "failed": 0, "review": 0}

    def rows() -> Iterator[ReviewRow]:
        from saccade.photos.opening import open_photo

        for path in paths:
            try:
                alt = form.read(path)
                if alt is None:
                    counts["without"] += 1
                    continue
                photo = open_photo(path, draft=(240, 240))
                key = form.key(path)
            except SaccadeError as error:
                echo(f"saccade: {error}", err=True)
                counts["failed"] += 1
                continue
            counts["review"] += alt.review is True
            yield ReviewRow(key, path.name, alt.text, alt.review, alt.doubtful, photo)

    count = write_review(rows(), page, "Captions to review")
    echo(f"{page}: {count:,} captions, {counts['review']:,} of them to review.", err=True)
    if counts["without"]:
        echo(f"Photos without a caption left out: {counts['without']:,}.", err=True)
    if counts["failed"]:
        echo(f"{counts['failed']:,} of {len(paths):,} photos failed; see above.", err=True)
    if counts["failed"] or not readable:
        raise typer.Exit(1)


def _put(form: Form, paths: Sequence[Path], edits: Sequence[Edit], readable: bool) -> None:
    """Put each edit in the place of its photo's caption, where that is what the person saw."""
    from saccade.cli.review_pages import tell

    by_photo = {edit.key: edit for edit in edits}  # of a photo the last counts
    done = failed = 0
    met = set()
    for path in paths:
        try:
            key = form.key(path)
            edit = by_photo.get(key)
            alt = None if edit is None else form.read(path)
            if edit is None or alt is None:
                continue
            met.add(key)
            if alt.text == edit.caption and alt.review is not True:
                done += 1  # as after the same edits before
                continue
            if alt.text != edit.before:
                raise PictureError(
                    f"{path}: its caption has changed since the page was made, and stays; make a "
                    f"new page ({edit.where})."
                )
            form.replace(path, edit.applied(alt))
            done += 1
        except SaccadeError as error:
            echo(f"saccade: {error}", err=True)
            failed += 1
    form.flush()
    lost = [edit.where for key, edit in by_photo.items() if key not in met]
    tell(done, len(by_photo), lost)
    if failed or lost or not readable:
        raise typer.Exit(1)
