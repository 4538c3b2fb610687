"""Human agreement: each person's caption scored against the other people's.

The yardstick beside which a model's figure can be read. People score one reference fewer than a
model does, so for a fair comparison score the model, too, against all but one.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saccade.errors import DataError
from saccade.metrics.inputs import captions_of
from saccade.metrics.scores import Scores, score_tokenized, tokenized, warn_of_tokens


@dataclass(frozen=True)
class HumanAgreement:
    """`people[i]` are the scores of caption i of every picture against its other captions."""

    people: tuple[Scores, ...]
    left_out: tuple[Hashable, ...]  # pictures with too few captions

    @property
    def values(self) -> dict[str, float]:
        """The mean over people, by metric."""
        names = self.people[0].values
        return {n: sum(one.values[n] for one in self.people) / len(self.people) for n in names}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "pictures": self.people[0].pictures,
            "mean": self.values,
            "people": [dict(one.values) for one in self.people],
            "left_out": len(self.left_out),
        }


def human_agreement(
    references: Mapping[Any, Sequence[str]], *, characters: bool = False
) -> HumanAgreement:
    """Scores of each person against the others; `characters` and the warnings are as in `score`.

    Caption number i of every picture counts as one person's; pictures with fewer captions than
    most have are left out (and named), so that every person has captioned the same pictures."""
    if not references:
        raise DataError("there is no picture with captions.")
    captions = {key: captions_of(key, group) for key, group in references.items()}
    sizes = sorted(len(group) for group in captions.values())
    people = sizes[len(sizes) // 2]  # the usual number
    if people < 2:
        raise DataError("human agreement needs at least two captions per picture.")
    ids = [key for key, group in captions.items() if len(group) >= people]
    left_out = tuple(key for key, group in captions.items() if len(group) < people)
    raw = [captions[key][:people] for key in ids]
    groups, _ = tokenized(raw, (), characters=characters)
    warn_of_tokens(raw, (), groups, characters=characters)
    scores = []
    for person in range(people):
        others = [group[:person] + group[person + 1 :] for group in groups]
        scores.append(score_tokenized(ids, others, [group[person] for group in groups]))
    return HumanAgreement(tuple(scores), left_out)
