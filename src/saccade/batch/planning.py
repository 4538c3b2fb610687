"""How many copies of a model a cluster holds, so that work goes on beside them."""

from __future__ import annotations

from dataclasses import dataclass

from saccade.errors import UsageError


@dataclass(frozen=True)
class Plan:
    """Actors, each with a model of its own."""

    actors: int
    cpus: float  # reserved by each
    gpus: float  # reserved by each
    threads: int  # that each computes with


def plan(
    cpus: float,
    gpus: float,
    nodes: int = 1,
    actors: int | None = None,
    threads: int | None = None,
) -> Plan:
    """What fits into a cluster of so many CPUs and GPUs in all, on `nodes` machines.

    A CPU of each machine is left to tasks that read and write: actors never give theirs back, so
    that actors on all CPUs would wait for input that nothing is left to read. With GPUs there is an
    actor for each; without, one for each CPU that is left, of one thread, as small models gain
    nothing from more. On a machine of one CPU an actor reserves a half. Raises UsageError for
    `actors` and `threads` that leave no CPU, or a number below 1."""
    for name, value in (("actors", actors), ("threads", threads)):
        if value is not None and value < 1:
            raise UsageError(f"{name} is a number from 1 on, not {value}.")
    left = cpus - nodes
    if gpus >= 1:
        count = actors or int(gpus)
        each = max(0.1, min(float(threads or 4), left / count)) if left > 0 else 0.1
        if threads is not None and threads * count > max(left, 0):
            raise UsageError(_too_many(count, threads, cpus, nodes))
        return Plan(count, round(each, 2), min(1.0, gpus / count), threads or max(1, int(each)))
    if left < 1:
        if (actors or 1) * (threads or 1) > 1:
            raise UsageError(_too_many(actors or 1, threads or 1, cpus, nodes))
        return Plan(1, min(0.5, cpus / 2), 0, 1)
    used = threads or 1
    count = actors or max(1, int(left) // used)
    if count * used > left:
        raise UsageError(_too_many(count, used, cpus, nodes))
    return Plan(count, float(used), 0, used)


def _too_many(actors: int, threads: int, cpus: float, nodes: int) -> str:
    kept = "one is" if nodes == 1 else f"{nodes} are"
    return (
        f"{actors} actors of {threads} threads do not fit: of {cpus:g} CPUs {kept} kept for "
        "reading, without which the actors would wait for ever; use fewer."
    )
