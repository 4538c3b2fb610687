"""METEOR and SPICE, by their authors' own programs through `pycocoevalcap`.

They need Java and are never re-implemented here: METEOR (Denkowski & Lavie, 2014) hangs on a table
of a million paraphrases, SPICE (Anderson et al., 2016) on a dependency parser. Everything that can
be missing is checked first, so that the complaint is one sentence and not a hanging process.
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saccade.errors import SaccadeError

_SPICE_MODELS = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")


class JavaMissing(SaccadeError):
    """Java, a package or a jar is missing; the message says which and how to get it."""


def meteor(
    references: Sequence[Sequence[str]], hypotheses: Sequence[str]
) -> tuple[float, np.ndarray]:
    """METEOR 1.5 of the whole set and of each picture, from tokenized texts."""
    folder = _folder("METEOR", "meteor")
    _need("METEOR", folder, ("meteor-1.5.jar", "data/paraphrase-en.gz"))
    return _run("METEOR", _module("METEOR", "meteor.meteor").Meteor, references, hypotheses)


def spice(
    references: Sequence[Sequence[str]], hypotheses: Sequence[str]
) -> tuple[float, np.ndarray]:
    """SPICE (F) of the whole set and of each picture, from tokenized texts."""
    folder = _folder("SPICE", "spice")
    missing = [name for name in _SPICE_MODELS if not (folder / "lib" / name).is_file()]
    if missing:
        raise JavaMissing(
            f"SPICE needs Stanford's {' and '.join(missing)} in {folder / 'lib'}: unpack them "
            "there from the CoreNLP 3.6.0 release (stanford-corenlp-full-2015-12-09.zip), or leave "
            "SPICE out."
        )
    total, rows = _run("SPICE", _module("SPICE", "spice.spice").Spice, references, hypotheses)
    return total, rows


def _folder(metric: str, part: str) -> Path:
    if shutil.which("java") is None:
        raise JavaMissing(
            f"{metric} runs in Java, and there is no `java` on the PATH: install a Java runtime "
            f"(8 or newer), or leave {metric} out."
        )
    package = importlib.util.find_spec("pycocoevalcap")
    if package is None or not package.submodule_search_locations:
        raise JavaMissing(
            f"{metric} needs the package pycocoevalcap: run "
            f"`pip install 'saccade-captioner[java]'`, or leave {metric} out."
        )
    return Path(next(iter(package.submodule_search_locations))) / part


def _need(metric: str, folder: Path, names: Sequence[str]) -> None:
    for name in names:
        if not (folder / name).is_file():
            raise JavaMissing(
                f"{metric} needs {folder / name}, which the installed pycocoevalcap lacks: run "
                "`pip install --force-reinstall pycocoevalcap`."
            )


def _module(metric: str, name: str) -> Any:
    try:
        return importlib.import_module(f"pycocoevalcap.{name}")
    except ImportError as error:
        raise JavaMissing(
            f"{metric}: pycocoevalcap can't be imported ({error}); run "
            "`pip install 'saccade-captioner[java]'`."
        ) from error


def _run(
    metric: str,
    scorer: Any,
    references: Sequence[Sequence[str]],
    hypotheses: Sequence[str],
) -> tuple[float, np.ndarray]:
    groups = dict(enumerate([list(group) for group in references]))
    texts = {i: [text] for i, text in enumerate(hypotheses)}
    try:
        program = scorer()
        total, rows = program.compute_score(groups, texts)
        process = getattr(program, "meteor_p", None)
        if process is not None:  # METEOR's: it is killed, but its pipes are left open
            process.stdout.close()
            process.stderr.close()
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        raise SaccadeError(
            f"{metric}: its Java program failed ({str(error) or type(error).__name__}); try "
            "`java -version`, and see whether 2 GB of memory (SPICE: 8 GB) are free."
        ) from error
    values = [row["All"]["f"] if isinstance(row, dict) else row for row in rows]
    return float(total), np.array(values, np.float64)
