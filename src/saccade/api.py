"""`Captioner`: load a checkpoint, caption photos, keep everything the model says about them."""

import functools
import inspect
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

import numpy as np
import torch
from PIL import Image

from saccade.checkpoint import is_checkpoint, load, save
from saccade.data.columns import NO_CHOICES
from saccade.decoding import Decoding, SampleSettings, changed
from saccade.engine import (
    Encoded,
    Engine,
    EnsembleEngine,
    ForeignEngine,
    ModelEngine,
    encode,
    encode_prepared,
    prepare_ahead,
)
from saccade.errors import CheckpointError, PictureError, UsageError
from saccade.evaluation.split import evaluate as evaluate_split
from saccade.explain import Explainer
from saccade.explain.doubt import Doubter, doubter_of
from saccade.explain.mapfiles import GivenMaps
from saccade.files import hub_or_folder
from saccade.models.ensemble import Mean
from saccade.models.foreign.loading import is_foreign, load_foreign
from saccade.photos.opening import Photo
from saccade.training.run import own_data
from saccade.values.captions import Caption
from saccade.values.doubt import DOUBTFUL
from saccade.values.evidence import Explanation

# What is fetched of a model: nothing that could be run.
HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]

P = ParamSpec("P")
R = TypeVar("R")

# What is one photo although one can go through its parts.
ONE_PHOTO = (str, bytes, bytearray, memoryview, Image.Image, np.ndarray, io.IOBase)


class Captioner:
    """A trained captioner.

    >>> captioner = Captioner.from_pretrained("runs/mine/best")
    >>> caption = captioner.caption("photo.jpg", beams=5)
    >>> caption.text, caption.alphas.shape  # the sentence, and where the model looked: (T, h, w)
    >>> saccade.figure(caption).savefig("attention.png")
    """

    def __init__(self, engine: Engine, source: Path | None = None) -> None:
        """engine: what encodes, writes and reads; source: the folder it came from, if any."""
        self.engine = engine
        self.source = source
        self._explainer: Explainer | None = None

    # Loading and saving, with the verbs of the hub's libraries ---------------------------------

    @classmethod
    def from_pretrained(
        cls,
        folder_or_hub_id: Path | str,
        device: torch.device | str | None = None,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: Path | str | None = None,
        local_files_only: bool = False,
        prompt: str | None = None,
    ) -> "Captioner":
        """A captioner from a checkpoint folder (or a run's folder: its best), from a folder with a
        captioner of transformers (docs/foreign.md), or from the hub by its id ("owner/name", or
        "hf:owner/name" where a folder `owner` is here, too). revision, token, cache_dir and
        local_files_only are the hub's. prompt: what a captioner of transformers is asked, in the
        place of its own default.

        Raises CheckpointError naming what is missing, damaged, unreachable or not supported,
        UsageError for a prompt to a model that takes none."""
        folder = _folder(folder_or_hub_id, revision, token, cache_dir, local_files_only)
        if is_foreign(folder):
            foreign = load_foreign(folder, str(folder_or_hub_id), prompt)
            return cls(ForeignEngine(foreign, device), folder)
        if prompt is not None:
            raise UsageError(
                f"{folder_or_hub_id} was trained by Saccade and takes no prompt; leave it out."
            )
        return cls(ModelEngine(load(folder), device), folder)

    @classmethod
    def ensemble(
        cls,
        members: "Sequence[Captioner | Path | str]",
        device: torch.device | str | None = None,
        mean: Mean = "arithmetic",
    ) -> "Captioner":
        """Captioners with one vocabulary, of any kinds and encoders, as one: at every word the mean
        of their probabilities ("arithmetic"), or of their log-probabilities, normalised
        ("geometric"). Their maps are averaged in `alphas` and kept apart in `heads`. Members are
        captioners, or what `from_pretrained` takes.

        Raises UsageError for members with two vocabularies, or that see different parts of a
        photo, CheckpointError as `from_pretrained`."""
        captioners = [
            member if isinstance(member, Captioner) else cls.from_pretrained(member, device)
            for member in members
        ]
        names = [
            f"member {i + 1}" if isinstance(member, Captioner) else str(member)
            for i, member in enumerate(members)
        ]
        engines = []
        for captioner, name in zip(captioners, names, strict=True):
            if not isinstance(captioner.engine, ModelEngine):
                raise UsageError(f"{name} can't be in an ensemble: Saccade has not trained it.")
            engines.append(captioner.engine)
        return cls(EnsembleEngine(engines, names, mean))

    def save_pretrained(self, folder: Path | str) -> None:
        """Write the checkpoint folder: config.json, vocab.json, model.safetensors, README.md.

        Raises CheckpointError for a captioner that Saccade has not trained."""
        if isinstance(self.engine, EnsembleEngine):
            raise CheckpointError(
                "an ensemble is not a single checkpoint: keep its members, or average their "
                "weights (saccade soup)."
            )
        if not isinstance(self.engine, ModelEngine):
            raise CheckpointError("only captioners that Saccade has trained can be saved by it.")
        save(folder, self.engine.checkpoint)

    def push_to_hub(self, repo_id: str, private: bool = False, token: str | None = None) -> str:
        """Upload the checkpoint to the hub as `repo_id` ("owner/name"); returns its address."""
        import tempfile

        from huggingface_hub import HfApi

        api = HfApi(token=token)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "checkpoint"
            self.save_pretrained(folder)
            try:
                address = api.create_repo(repo_id, private=private, exist_ok=True)
                api.upload_folder(repo_id=repo_id, folder_path=folder)
            except (OSError, ValueError) as error:  # hub and network errors are OSErrors
                raise CheckpointError(
                    f"{repo_id} could not be uploaded ({_first_line(error)}); check the id, the "
                    "network and your token (hf auth login)."
                ) from error
        return str(address)

    # Captioning --------------------------------------------------------------------------------

    def settings(self, **changes: Any) -> Decoding:
        """The checkpoint's decoding settings with those given (not None) laid over them."""
        return changed(self.engine.decoding, **changes)

    def encode(self, photos: Sequence[Photo], keep: bool = False) -> Encoded:
        """Photos encoded once; keep: also a copy of each to draw on, so that no file is opened
        again. Raises PictureError for one that can't be opened."""
        return encode(self.engine, photos, keep)

    def decode(
        self,
        encoded: Encoded,
        decoding: Decoding | None = None,
        keep: int = 1,
        doubter: Doubter | None = None,
    ) -> list[Caption]:
        """Captions of encoded photos, the best of each with the next `keep - 1` as `others`.
        doubter (`Captioner.doubter`): what tells how doubtful their words are."""
        _at_least_one(keep=keep)
        if doubter is None:
            return self.engine.write(encoded, decoding, keep)
        return doubter.write(encoded, decoding, keep)

    @overload
    def caption(
        self,
        photos: Photo,
        beams: int | None = None,
        length_power: float | None = None,
        max_words: int | None = None,
        allow_unk: bool | None = None,
        keep: int | None = None,
        batch: int = 16,
        doubt: bool = False,
        doubt_below: float | None = None,
        **options: Any,
    ) -> Caption: ...

    @overload
    def caption(
        self,
        photos: Sequence[Photo],
        beams: int | None = None,
        length_power: float | None = None,
        max_words: int | None = None,
        allow_unk: bool | None = None,
        keep: int | None = None,
        batch: int = 16,
        doubt: bool = False,
        doubt_below: float | None = None,
        **options: Any,
    ) -> list[Caption]: ...

    def caption(
        self,
        photos: Photo | Sequence[Photo],
        beams: int | None = None,
        length_power: float | None = None,
        max_words: int | None = None,
        allow_unk: bool | None = None,
        keep: int | None = None,
        batch: int = 16,
        doubt: bool = False,
        doubt_below: float | None = None,
        **options: Any,
    ) -> Caption | list[Caption]:
        """A Caption for one photo, a list of them for a list. A photo is a path, a Pillow picture,
        an array (H, W, 3) or (H, W) of uint8, a file's bytes, or a file opened in binary mode.

        beams 1 is greedy; scores are log-probability / words ** length_power. keep: how many
        captions of each photo, the likeliest first and the rest as its `others`; left out, 1, or
        all samples where sentences are drawn. doubt: also say how doubtful each word is
        (`Caption.doubt`, docs/doubt.md); doubt_below: act on it, too: prefer captions without words
        that are wrong with this probability or more. options: `strategy` ("greedy", "beam",
        "diverse_beam", "sample") and its settings, rules among them, by our names or those of
        transformers (docs/decoding.md). Settings left out are the checkpoint's. Raises PictureError
        naming the photo that can't be opened, and UsageError for settings that are unknown or out
        of range."""
        options |= {"beams": beams, "length_power": length_power}
        decoding = self.settings(max_words=max_words, allow_unk=allow_unk, **options)
        if keep is None:
            keep = decoding.samples if isinstance(decoding, SampleSettings) else 1
        act = doubt_below is not None
        doubter = self.doubter(doubt_below, act) if doubt or act else None
        if not isinstance(photos, Iterable) or isinstance(photos, ONE_PHOTO):
            return self.decode(self.encode([photos]), decoding, keep, doubter)[0]
        captions = []
        for _, result in self.stream(photos, decoding, keep, batch, doubter=doubter):
            if isinstance(result, PictureError):
                raise result
            captions.append(result)
        return captions

    def stream(
        self,
        photos: Iterable[Photo],
        decoding: Decoding | None = None,
        keep: int = 1,
        batch: int = 16,
        keep_photos: bool = False,
        doubter: Doubter | None = None,
    ) -> Iterator[tuple[Photo, Caption | PictureError]]:
        """Caption any number of photos in bounded memory, in order; a photo that can't be opened
        yields its error and the others go on. Decoding files overlaps with the model's work.
        keep_photos: captions carry a copy of their photo, to draw on. doubter: as in `decode`."""
        _at_least_one(keep=keep, batch=batch)
        for group in prepare_ahead(self.engine, iter(photos), batch, keep_photos):
            good = [item for _, item in group if not isinstance(item, PictureError)]
            captions: Iterator[Caption] = iter(())
            if good:
                encoded = encode_prepared(self.engine, good)
                captions = iter(self.decode(encoded, decoding, keep, doubter))
            for photo, item in group:
                yield photo, item if isinstance(item, PictureError) else next(captions)

    def doubter(self, limit: float | None = None, act: bool = False) -> Doubter:
        """What says how doubtful the words of captions are, from what was fitted on this
        checkpoint: a word is doubtful that is wrong with probability `limit` (0.5) or more. act:
        also turn to another beam, or to a broader word, where a caption has such a word.

        Raises UsageError where no doubt was fitted, or for a limit that is no probability."""
        explainer = self._explainer or self.explainer()
        return doubter_of(explainer, DOUBTFUL if limit is None else limit, act)

    # Explaining --------------------------------------------------------------------------------

    def explain(self, photo: Photo, caption: str | None = None, **options: Any) -> Explanation:
        """The photo's caption, or the sentence `caption`, with the evidence for and against each
        word's map; `options` as `saccade.explain.Explainer.explain` has them."""
        if self._explainer is None:
            self._explainer = self.explainer()
        return self._explainer.explain(photo, caption, **options)

    def judge(
        self,
        photo: Photo,
        maps: GivenMaps | np.ndarray | Mapping[str, np.ndarray] | Sequence[np.ndarray],
        caption: str | None = None,
        **options: Any,
    ) -> Explanation:
        """Maps from elsewhere put to the test that the model's own maps take; `maps` and `options`
        as `saccade.explain.Explainer.judge` has them."""
        if self._explainer is None:
            self._explainer = self.explainer()
        return self._explainer.judge(photo, maps, caption, **options)

    def explainer(
        self, data: Path | str | None = None, images: Path | str | None = None
    ) -> Explainer:
        """What measures this captioner's words, with its training pictures' mean features for "no
        picture". A checkpoint that does not hold them takes the mean of the data that its run was
        trained on, else of `data` (as `saccade train` reads it); without any, a blank picture
        stands in, which `Explainer.covered_with` says."""
        if self.engine.mean is not None:
            return Explainer(self.engine)
        known = None if self.source is None else own_data(self.source)
        if known is None and data is not None:
            known = Path(data), None if images is None else Path(images), NO_CHOICES
        if known is None:
            return Explainer(self.engine)
        return Explainer.of_data(self.engine, *known)


def _of_captioner(
    measure: Callable[Concatenate[Engine, P], R],
) -> Callable[Concatenate[Captioner, P], R]:
    """The same function of a captioner in place of its engine; types and help included."""

    @functools.wraps(measure)
    def of_captioner(captioner: Captioner, *args: P.args, **options: P.kwargs) -> R:
        return measure(captioner.engine, *args, **options)

    signature = inspect.signature(measure)
    _, *others = signature.parameters.values()
    first = inspect.Parameter(
        "captioner", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Captioner
    )
    vars(of_captioner)["__signature__"] = signature.replace(parameters=[first, *others])
    return of_captioner


evaluate = _of_captioner(evaluate_split)


def _at_least_one(**numbers: int) -> None:
    for name, value in numbers.items():
        if not isinstance(value, int) or value < 1:
            raise UsageError(f"{name} is a number from 1 on, not {value!r}.")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _folder(
    folder_or_hub_id: Path | str,
    revision: str | None,
    token: str | bool | None,
    cache_dir: Path | str | None,
    local_files_only: bool,
) -> Path:
    """The checkpoint's folder: local, a run's best, or fetched from the hub."""
    name = hub_or_folder(folder_or_hub_id, CheckpointError, "checkpoint folder")
    if isinstance(name, Path):
        # Users name the run's folder and mean its best checkpoint.
        return name / "best" if not is_checkpoint(name) and is_checkpoint(name / "best") else name
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError

    try:
        return Path(
            snapshot_download(
                name.id,
                revision=revision,
                token=token,
                cache_dir=cache_dir,
                local_files_only=local_files_only,
                allow_patterns=HUB_FILES,
            )
        )
    except GatedRepoError as error:
        raise CheckpointError(
            f"{name} is gated: accept its terms on its page of the hub, then log in with "
            "`hf auth login`."
        ) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{name}: there is no such folder, and the hub did not give a checkpoint of that id "
            f"({_first_line(error)}); check the name and the network."
        ) from error
