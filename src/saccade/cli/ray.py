"""`saccade caption --write --ray`: the same captions, made by actors of a Ray cluster."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from saccade.cli.stopping import ended, stoppable
from saccade.errors import SaccadeError, UsageError
from saccade.text.printing import echo

if TYPE_CHECKING:
    from saccade.decoding import Decoding
    from saccade.publish.tables import Table

LOCAL = "local"  # the address of a cluster that is started for this run, on this machine
_ADDRESS = re.compile(r"local|auto|ray://\S+|[\w.-]+:\d+")
# A local cluster's start: no reports of usage, and on a busy machine patience; a driver that waits
# for workers which gave up would wait for ever.
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_worker_register_timeout_seconds": "600",
    "RAY_prestart_worker_first_driver": "0",
}
_STARTS = 3  # of a local cluster: parts of Ray wait 30 s for others whatever the settings
_MOST_BLOCKS = 10_000  # more would keep Ray's scheduler busier than the models


def with_address(arguments: Sequence[str]) -> list[str]:
    """`--ray` without an address, as typed, gets that of a local cluster."""
    typed = list(arguments)
    if "--ray" in typed:
        place = typed.index("--ray") + 1
        if place == len(typed) or not _ADDRESS.fullmatch(typed[place]):
            typed.insert(place, LOCAL)
    return typed


def with_ray(
    paths: Sequence[Path],
    models: Sequence[str],
    decoding: Decoding,
    choices: Sequence[str],
    folder: Path,
    overwrite: bool,
    readable: bool,
    address: str,
    cpu: bool,
) -> None:
    """Caption what has no row yet in the tables `choices`, as `into_forms` does. Raises UsageError
    for forms that are no tables, without ray, and for a cluster that can't be reached, SaccadeError
    for one that can't be started or fails."""
    from saccade.batch.distributed import caption_dataset, ray_data
    from saccade.cli.publish import BATCH
    from saccade.files import check_writable, refuse_inputs
    from saccade.progress import progress
    from saccade.publish import AltText, open_form
    from saccade.publish.tables import Table

    name = "+".join(models)
    tables: list[Table] = []
    for choice in choices:
        form, target = open_form(choice, folder, name, overwrite)
        if not isinstance(form, Table) or target is None:
            raise UsageError(
                f"--ray writes tables (jsonl, csv, parquet), not {choice}: other machines do not "
                "write beside your photos."
            )
        refuse_inputs({f"--write {choice}": target}, paths)
        if not target.is_dir():
            check_writable(target)
        tables.append(form)
    ray = ray_data()
    _connect(ray, address)
    done = set.intersection(*(table.known() for table in tables))
    written = failed = passed = 0
    with stoppable(), progress("Captioning", len(paths)) as bar:
        try:
            ds = caption_dataset(
                _rows(ray, paths), models, "photo", skip=done, cpu=cpu, decoding=decoding
            )
            for photo, text, error, key in _results(ds):
                if error is not None:
                    echo(f"saccade: {error}", err=True)
                    failed += 1
                else:
                    alt = AltText(text, name)
                    for table in tables:
                        if not table.has(key):
                            table.add(photo, key, alt)
                    written += 1
                if (written + failed) % BATCH == 0:
                    _flush(tables)
                bar.advance(written + failed - passed)
                passed = written + failed
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
            raise SaccadeError(
                f"--ray: an actor failed ({reason[0][:200]}); the captions so far are written: run "
                "it again."
            ) from error
        except KeyboardInterrupt as stop:
            raise ended(stop, f"{written} of {len(paths)} captions are written") from stop
        finally:
            _flush(tables)
            ray.shutdown()
    before = len(paths) - written - failed
    kept = f"; {before:,} had their text already" if before else ""
    echo(f"{written:,} of {len(paths):,} photos captioned and written{kept}.", err=True)
    if failed:
        echo(f"{failed:,} of {len(paths):,} photos failed; see above.", err=True)
    if failed or not readable:
        raise typer.Exit(1)


def _flush(tables: Sequence[Table]) -> None:
    for table in tables:
        table.flush()


def _connect(ray: Any, address: str) -> None:
    """Start a local cluster, or join one. Raises SaccadeError or UsageError where that fails."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    for logger in ("ray", "ray.data", "ray.dashboard"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        options |= {"include_dashboard": False, "num_cpus": _cpus()}
    for left in reversed(range(_STARTS if address == LOCAL else 1)):
        try:
            ray.init(address=address, **options)
            break
        except Exception as error:  # of no common kind
            ray.shutdown()
            if left:
                continue
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            if address == LOCAL:
                raise SaccadeError(
                    f"--ray: no cluster could be started on this machine ({reason}); try again "
                    "when it is less busy, or start one with `ray start --head` and name it: --ray "
                    "auto."
                ) from error
            raise UsageError(
                f"--ray {address}: no cluster was reached there ({reason}); start one with `ray "
                "start --head`, or leave the address out for a local one."
            ) from error
    ray.data.DataContext.get_current().enable_progress_bars = False


def _cpus() -> int:
    """The CPUs that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _rows(ray: Any, paths: Sequence[Path]) -> Any:
    """The photos' paths as a data set of blocks of a batch each."""
    from saccade.batch.distributed import ROWS

    blocks = min(_MOST_BLOCKS, -(-len(paths) // ROWS))
    rows = [{"photo": str(path.absolute()), "name": str(path)} for path in paths]
    return ray.data.from_items(rows, override_num_blocks=blocks)


def _results(ds: Any) -> Iterator[tuple[str, str, str | None, str]]:
    """Photo (as it was named), caption, error, key of each row, block by block as they come."""
    for block in ds.iter_batches(batch_size=None, batch_format="pyarrow"):
        columns = ("name", "caption", "caption_error", "sha256")
        if set(columns) <= set(block.column_names):
            yield from zip(*(block.column(name).to_pylist() for name in columns), strict=True)
