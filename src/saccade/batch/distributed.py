"""Captions with Ray Data: a pool of actors, each with one loaded model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saccade.api import Captioner
from saccade.batch.mapping import captions_of, column_of, digest_of, photo_in
from saccade.batch.planning import Plan, plan
from saccade.decoding import Decoding
from saccade.errors import UsageError

ROWS = 64  # of a batch: what is lost of each actor's work when a run is killed
KEY = 16  # bytes of a content key by which rows are known: two photos in 10**19 share them


def ray_data() -> Any:
    """The library. Raises UsageError where it is missing."""
    try:
        import ray
        import ray.data
    except ImportError:
        raise UsageError(
            "captions on a cluster need the package ray: pip install 'saccade-captioner[ray]'."
        ) from None
    return ray


def caption_dataset(
    ds: Any,
    model: Path | str | Sequence[Path | str],
    column: str | None = None,
    to: str = "caption",
    skip: Collection[str] = (),
    batch: int = ROWS,
    actors: int | None = None,
    threads: int | None = None,
    cpu: bool = False,
    decoding: Decoding | None = None,
    **options: Any,
) -> Any:
    """A `ray.data.Dataset` with captions in place of photos: the other columns (and paths) with
    `to`, `to`_error (why a photo has none) and sha256 (of its file).

    >>> ds = ray.data.read_parquet("photos/")  # a column of bytes, say
    >>> caption_dataset(ds, "runs/mine").write_parquet("captions/")

    ds: a `ray.data.Dataset`; column: its photos, as `saccade.batch.caption_batch` takes them.
    model: a checkpoint, run or hub id that every machine can open, several for an ensemble. skip:
    SHA-256 of photos that are done, whose rows are left out. batch: rows that an actor takes at a
    time.
    actors, threads: how many models, and each one's threads; left out, an actor for each GPU, else
    for each CPU but one of each machine (`saccade.batch.planning`). cpu: leave GPUs alone.
    decoding, options: settings as `Captioner.caption` has them.

    Lazy, as Ray's operations are. Raises UsageError without ray, for a column that is not there,
    and for actors and threads that would leave no CPU to read with."""
    ray = ray_data()
    names = ds.columns()
    chosen = column_of(dict.fromkeys(names or ()), column, to)
    layout = layout_of(ray, actors, threads, cpu)
    models = [model] if isinstance(model, Path | str) else list(model)
    known = np.sort(np.array([bytes.fromhex(key)[:KEY] for key in skip], dtype=f"V{KEY}"))
    return ds.map_batches(
        CaptionActor,
        fn_constructor_kwargs={
            "models": [str(name) for name in models],
            "column": chosen,
            "to": to,
            "known": ray.put(known),
            "threads": layout.threads,
            "cpu": cpu or not layout.gpus,
            "decoding": decoding,
            "options": options,
        },
        batch_size=batch,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=layout.actors),
        num_cpus=layout.cpus,
        num_gpus=layout.gpus,
    )


def layout_of(ray: Any, actors: int | None, threads: int | None, cpu: bool) -> Plan:
    """What fits into the cluster that ray is connected to."""
    if not ray.is_initialized():
        ray.init()
    there = ray.cluster_resources()
    nodes = sum(bool(node.get("Alive")) for node in ray.nodes())
    gpus = 0 if cpu else there.get("GPU", 0)
    return plan(there.get("CPU", 1), gpus, max(1, nodes), actors, threads)


class CaptionActor:
    """What an actor does with each batch."""

    def __init__(
        self,
        models: Sequence[str],
        column: str,
        to: str,
        known: Any,
        threads: int,
        cpu: bool,
        decoding: Decoding | None,
        options: dict[str, Any],
    ) -> None:
        import torch

        torch.set_num_threads(threads)
        device = "cpu" if cpu else None
        self.captioner = (
            Captioner.from_pretrained(models[0], device)
            if len(models) == 1
            else Captioner.ensemble(models, device)
        )
        self.decoding = self.captioner.settings(**options) if decoding is None else decoding
        self.column, self.to = column, to
        self.known = known if isinstance(known, np.ndarray) else ray_data().get(known)

    def __call__(self, rows: Any) -> Any:
        """The rows that are not done, with their captions: tables of pyarrow."""
        import pyarrow

        cells = rows.column(self.column).to_pylist()
        photos = [photo_in(cell) for cell in cells]
        keys = [digest_of(photo) for photo in photos]
        new = [at for at, key in enumerate(keys) if key is None or not self._done(key)]
        texts, errors = captions_of(self.captioner, [photos[at] for at in new], self.decoding)
        kept = rows.take(pyarrow.array(new, pyarrow.int64()))
        if not all(isinstance(cell, str) for cell in cells):
            kept = kept.drop_columns([self.column])
        columns = {
            self.to: texts,
            f"{self.to}_error": errors,
            "sha256": [keys[at] for at in new],
        }
        for name, values in columns.items():
            kept = kept.append_column(name, pyarrow.array(values, pyarrow.string()))
        return kept

    def _done(self, key: str) -> bool:
        own = np.array([bytes.fromhex(key)[:KEY]], dtype=self.known.dtype)
        at = int(np.searchsorted(self.known, own)[0])
        return at < len(self.known) and self.known[at] == own[0]
