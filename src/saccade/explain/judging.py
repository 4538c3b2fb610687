"""From measured numbers to words: seen or guessed, and a verdict on the attention map.

The thresholds were set on drawn scenes, where the truth is known; docs/explanation.md shows what
they give on a good model and on two that are deliberately broken.
"""

from collections.abc import Sequence

import numpy as np

from saccade.values.evidence import Curves, Interval, Seen, Verdict

Shares = tuple[float, float]

EFFECT_SHARES: Shares = (0.05, 0.5)  # the verdict looks at coverings between these shares of cells
# Of maps of other tools only the cells named first: half of all cells, in one piece, hold most
# things wherever the piece lies (docs/explanation.md).
JUDGE_SHARES: Shares = (0.05, 0.2)
JUDGE_ORDERS = 119  # random orders for them: a true map must beat all but two of these

# Nats that a word loses when the picture is taken away. e^-1: it was nearly three times as likely
# with the picture; below a quarter, the sentence before it says it about as well.
SEEN, GUESSED = 1.0, 0.25
# Nats beyond the random coverings' loss, at least, to count for the look (or, below it, against):
# a tenth of the probability.
SUPPORT = 0.1

TAIL = 0.025  # of an interval on either side
EXACT = 39  # random orders of which the largest is exceeded by one more with this chance

# Student's t, 97.5%, for 1 to 30 degrees of freedom.
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


def student(freedom: int) -> float:
    """The 97.5% quantile of Student's t."""
    return _T[freedom - 1] if freedom <= len(_T) else 1.96 + 2.46 / freedom


def curves(
    shares: tuple[float, ...],
    deletion: np.ndarray,
    insertion: np.ndarray,
    random_deletion: np.ndarray,
    random_insertion: np.ndarray,
    between: Shares = EFFECT_SHARES,
) -> Curves:
    """deletion, insertion (S,) of one word, the control's (R, S) in R random orders; shares (S,)
    rising from 0 to 1; between: see `effect`."""

    def area(logprobs: np.ndarray) -> float:
        return float(np.trapezoid(np.exp(logprobs), shares, axis=-1).mean())

    return Curves(
        shares=shares,
        deletion=tuple(deletion.tolist()),
        insertion=tuple(insertion.tolist()),
        random_deletion=tuple(random_deletion.mean(0).tolist()),
        random_insertion=tuple(random_insertion.mean(0).tolist()),
        deletion_area=area(deletion),
        insertion_area=area(insertion),
        random_deletion_area=area(random_deletion),
        random_insertion_area=area(random_insertion),
        effect=effect(shares, deletion, random_deletion, between),
    )


def effect(
    shares: Sequence[float],
    deletion: np.ndarray,
    random_deletion: np.ndarray,
    between: Shares = EFFECT_SHARES,
) -> Interval:
    """How far covering the map's cells takes the word below random coverings, mean over the shares
    between two. The interval says where the figure could lie if the map's order were one more
    random order's width away: a 95% prediction interval for one draw, not for the control's mean.

    From `EXACT` random orders on its ends are order statistics of the control: a random map is
    above it once in 40, whatever the distribution. Fewer orders take Student's t, which is too
    narrow where most random orders miss what matters and a few hit it (docs/explanation.md)."""
    low, high = between
    chosen = [i for i, share in enumerate(shares) if low <= share <= high]
    falls = (random_deletion[:, chosen] - deletion[chosen]).mean(1)  # (R,)
    value, repeats = float(falls.mean()), len(falls)
    if repeats < 2:
        return Interval(value, -np.inf, np.inf)
    if repeats >= EXACT:
        ends = np.sort(falls)
        k = int((repeats + 1) * TAIL)
        return Interval(value, float(ends[k - 1]), float(ends[-k]))
    width = student(repeats - 1) * float(falls.std(ddof=1)) * (1 + 1 / repeats) ** 0.5
    return Interval(value, value - width, value + width)


def loss(logprob: float, without_mean: float, without_blank: float) -> float:
    """The nats that a word loses without the picture: the smaller of the two losses. Either way of
    taking the picture away may break the model instead, so that even "a" is lost: mean features of
    photographs are like no photograph's, a blank is like no drawn scene (docs/explanation.md)."""
    return logprob - max(without_mean, without_blank)


def seen(loss: float) -> Seen:
    """Whether the word needed the picture, from what `loss` says."""
    return "seen" if loss >= SEEN else "guessed" if loss < GUESSED else "partly"


def supports(effect: Interval) -> bool:
    """Whether an effect is beyond chance, and of a size that counts."""
    return effect.low > 0 and effect.value >= SUPPORT


def verdict(
    effect: Interval, loss: float, name: str = "attention", between: Shares = EFFECT_SHARES
) -> tuple[Verdict, str]:
    """On a map, and why, in one sentence. effect: of covering its highest cells; loss: what `loss`
    says of the word; without one there is nothing that other cells could explain; name: the
    map's; between: the shares of cells that the effect is of."""
    value, low, high = (round(x, 2) + 0.0 for x in (effect.value, effect.low, effect.high))  # no -0
    part = f"{100 * between[0]:g} to {100 * between[1]:g}% of the cells"
    cells = f"the most attended {part}"
    if name != "attention":
        cells = f"the {part} that are highest in the {name} map"
    what = (
        f"Covering {cells} lowers its log-probability by "
        f"{abs(value):.2f} nats {'more' if value >= 0 else 'less'} than covering as many random "
        f"ones (95% interval {low:+.2f} to {high:+.2f})"
    )
    if supports(effect):
        return "supported", f"{what}."
    if effect.high < 0 and effect.value <= -SUPPORT:
        if loss > GUESSED:
            return "contradicted", f"{what}: the word depends on other cells."
        return "weak", f"{what}: it does not need the picture, and these cells speak against it."
    if effect.low > 0 or effect.high < 0:
        return "weak", f"{what}: real, but under {SUPPORT} nats."
    return "weak", f"{what}: no surer than chance."
