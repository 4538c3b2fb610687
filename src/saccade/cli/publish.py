"""`saccade caption --write`: captions beside photos, in them, in tables and in pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from saccade.cli.stopping import ended, stoppable
from saccade.errors import PictureError, SaccadeError, UsageError
from saccade.text.printing import echo

if TYPE_CHECKING:
    from saccade.api import Captioner
    from saccade.decoding import Decoding
    from saccade.explain.doubt import Doubter
    from saccade.publish import Form
    from saccade.publish.pages import HtmlFile
    from saccade.values.captions import Caption

BATCH = 64  # captions between two writes to the disk: at most so many are made again after a kill
HTML = "html"


def check_choices(choices: Sequence[str], overwrite: bool, yes: bool) -> None:
    """Raises UsageError for forms that are unknown or can't be together."""
    from saccade.publish import FORMS

    names = [choice.partition("=")[0] for choice in choices]
    if overwrite and (not names or HTML in names):
        raise UsageError("--overwrite is for --write with another form than html.")
    for name, choice in zip(names, choices, strict=True):
        if name not in FORMS and choice != HTML:
            raise UsageError(
                f"--write: there is no form {choice!r}; choose {', '.join((*FORMS, HTML))}."
            )
        if names.count(name) > 1:
            raise UsageError(f"--write {name} is there twice; leave one out.")
    if HTML in names and len(names) > 1:
        raise UsageError("--write html captions the images of pages: name it alone.")
    if yes and HTML not in names:
        raise UsageError("--yes is for --write html.")


def into_forms(
    captioner: Captioner,
    paths: Sequence[Path],
    decoding: Decoding,
    choices: Sequence[str],
    folder: Path,
    model: str,
    language: str,
    overwrite: bool,
    readable: bool,
    doubter: Doubter | None = None,
) -> None:
    """Caption what has no text yet and write it in every chosen form; ends with exit code 1 when a
    photo failed. folder: where tables without a path go; model: the name that they record; doubter:
    what says which words are doubtful, which the forms then record."""
    from saccade.files import check_writable, refuse_inputs
    from saccade.photos.archives import archive_of
    from saccade.progress import progress
    from saccade.publish import AltText, open_form, row_of

    forms: list[Form] = []
    sharing: list[Form] = []  # of those, with one place for all photos of a name
    # First what changes a photo: tables know it by its content.
    for choice in sorted(choices, key=lambda choice: not row_of(choice).inside):
        form, table = open_form(choice, folder, model, overwrite)
        inside = None if table is not None else next(filter(archive_of, paths), None)
        if inside is not None:
            raise UsageError(
                f"--write {choice}: {inside} is inside a file, where nothing is written; write a "
                "table (jsonl, csv, parquet)."
            )
        if table is not None:
            refuse_inputs({f"--write {choice}": table}, paths)
            if not table.is_dir():
                check_writable(table)
        forms.append(form)
        sharing += [form] if row_of(choice).by_name else []
    twins = _twins(paths) if sharing else set()
    open_places: dict[Path, list[Form]] = {}  # of the photos that are on their way
    failed: dict[Path, str] = {}
    before = written = review = waiting = 0

    def fail(path: Path, error: SaccadeError) -> None:
        if failed.get(path) != str(error):
            echo(f"saccade: {error}", err=True)
        failed[path] = str(error)

    def without_text() -> Iterator[Path]:
        nonlocal before
        for path in paths:
            places = []
            for form in forms:
                if form in sharing and path in twins:
                    continue
                try:
                    if not form.done(path):
                        places.append(form)
                except SaccadeError as error:
                    fail(path, error)
            if places:
                open_places[path] = places
                yield path
            elif path not in failed:
                before += 1

    with stoppable(), progress("Captioning", len(paths)) as bar:
        passed = 0
        try:
            for taken, result in captioner.stream(without_text(), decoding, doubter=doubter):
                path = Path(str(taken))
                places = open_places.pop(path)
                if isinstance(result, PictureError):
                    fail(path, result)
                    continue
                alt = AltText(result.text, model, language, *_judgement(result))
                for form in places:
                    try:
                        form.write(path, alt)
                    except SaccadeError as error:  # of this form: the others are written
                        fail(path, error)
                review += bool(alt.review)
                written += path not in failed
                waiting += 1
                if waiting == BATCH:
                    _flush(forms)
                    waiting = 0
                bar.advance(written + len(failed) + before - passed)
                passed = written + len(failed) + before
        except KeyboardInterrupt as stop:
            raise ended(stop, f"{written} of {len(paths)} captions are written") from stop
        finally:
            _flush(forms)
    kept = f"; {before:,} had their text already" if before else ""
    echo(f"{written:,} of {len(paths):,} photos captioned and written{kept}.", err=True)
    if twins:
        first = next(path for path in paths if path in twins)
        echo(
            f"Photos that share a text with one of the same name: {len(twins):,} ({first}).",
            err=True,
        )
    if doubter is not None:
        echo(f"To review: {review:,} of {written:,} captions.", err=True)
    if failed:
        echo(f"{len(failed):,} of {len(paths):,} photos failed; see above.", err=True)
    if failed or not readable:
        raise typer.Exit(1)


def _twins(paths: Sequence[Path]) -> set[Path]:
    """The photos whose name, but for its suffix, is that of one before: a.png after a.jpg."""
    seen: set[Path] = set()
    twins = set()
    for path in paths:
        name = path.with_suffix("")
        if name in seen:
            twins.add(path)
        seen.add(name)
    return twins


def _judgement(caption: Caption) -> tuple[bool | None, tuple[str, ...]]:
    """Whether a person should look at a caption, and its doubtful words; None: not judged."""
    doubt = caption.doubt
    if doubt is None:
        return None, ()
    return doubt.review, tuple(dict.fromkeys(caption.words[t] for t in doubt.places))


def _flush(forms: Sequence[Form]) -> None:
    for form in forms:
        form.flush()


def pages_of(paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """The pages of files and folders, each with the folder that its site starts at. Raises
    UsageError where there is none."""
    from saccade.publish.pages import SUFFIXES

    pages: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            for suffix in SUFFIXES:
                pages |= {p: path for p in sorted(path.rglob(f"*{suffix}")) if p.is_file()}
        else:
            pages.setdefault(path, path.parent)
    if not pages:
        raise UsageError(f"no page ({', '.join(SUFFIXES)}) in {', '.join(map(str, paths))}.")
    return list(pages.items())


def into_pages(
    captioner: Captioner,
    paths: Sequence[Path],
    decoding: Decoding,
    yes: bool,
    doubter: Doubter | None = None,
) -> None:
    """Give the images without `alt` in pages one, after showing the change; doubter: what says
    which words are doubtful, which `data-doubtful` then tells. Raises UsageError where nobody can
    be asked and `yes` was not given."""
    import sys

    from saccade.publish.pages import photo_of, read_page

    places: list[tuple[HtmlFile, dict[int, Path]]] = []
    elsewhere = 0
    for path, root in pages_of(paths):
        page = read_page(path)
        photos = {}
        for image in page.images:
            photo = photo_of(image, path, root)
            if photo is None:
                elsewhere += 1
                source = image.source[:100] or "(no src)"
                echo(f"{path}:{image.line}: no local file for {source}", err=True)
            else:
                photos[image.offset] = photo
        if photos:
            places.append((page, photos))
    wanted = list(dict.fromkeys(p for _, photos in places for p in photos.values()))
    captions: dict[Path, Caption] = {}
    with stoppable():
        try:
            for taken, result in captioner.stream(wanted, decoding, doubter=doubter):
                if isinstance(result, PictureError):
                    echo(f"saccade: {result}", err=True)
                else:
                    captions[Path(str(taken))] = result
        except KeyboardInterrupt as stop:
            raise ended(stop, "no page is changed") from stop
    changes: list[tuple[HtmlFile, str]] = []
    count = 0
    for page, photos in places:
        texts = {at: captions[p].text for at, p in photos.items() if p in captions}
        doubtful = {at: _judgement(captions[p])[1] for at, p in photos.items() if p in captions}
        if texts:
            count += len(texts)
            changes.append((page, page.with_texts(texts, doubtful)))
            for line in page.changes(changes[-1][1]).splitlines():
                echo(line)
    failed = sum(len(photos) for _, photos in places) - count
    if not changes:
        echo("No page has an image to describe: nothing is changed.", err=True)
    elif not yes and not sys.stdin.isatty():
        raise UsageError("nothing is written: add --yes to change the pages as shown.")
    elif yes or typer.confirm(f"Write these texts ({count}) into pages ({len(changes)})?"):
        for page, text in changes:
            page.replace(text)
        echo(f"Texts written: {count}, in pages: {len(changes)}.", err=True)
    else:
        echo("Nothing is changed.", err=True)
    if failed or elsewhere:
        echo(f"Images still without a text: {failed + elsewhere}.", err=True)
    if failed:
        raise typer.Exit(1)
