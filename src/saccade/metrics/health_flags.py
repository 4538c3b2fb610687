"""What is wrong with attention maps, in sentences with figures and thresholds."""

from collections.abc import Mapping, Sequence

FEW_PICTURES = 4  # with fewer, "whatever the picture" is not a finding, and a place's mean is noise

# Thresholds of the warnings. All but FLAT were set by reason: each is a figure that a model that
# looks at things would hardly have, far from those of the other kinds of maps. FLAT was fitted.
FLAT = 0.965  # entropy share: a map as wide as 163 of 14x14 cells, or 43 of 7x7. Between the
#               maps of two models, of one that looks (0.951) and a blind one (0.973); compared
#               with the interval's low end, so that a few pictures can't cross it by chance
COLLAPSED_ENTROPY = 0.25  # entropy share at most: as wide as 3 or 4 cells of 14x14
COLLAPSED_MASS = 0.75  # of all mass on the favourite cells; a thing is seldom at one cell so often
STATIC = 0.1  # distance between maps at most, as a part of their distance from uniform: nine
#               tenths of what a map says stay; in parts, since broad maps can't be far apart
STUCK = 0.6  # of the way from uniform's mass to all mass; for the centre, 70% of the mass
ELSEWHERE = 0.9  # of attention on no cell at least: what is left on the photo tells little
STUCK_PICTURES = 0.9  # of the pictures must be so far, else some differ


def warnings(
    values: Mapping[str, float],
    surely_flat: bool,
    tails: Mapping[str, float],
    cells: Sequence[tuple[int, int]],
    uniform: Mapping[str, float],
    pictures: int,
) -> dict[str, str]:
    """What is wrong by name. values: by field of `Health`, where known; tails: the mass in the
    centre and at the border that all but a tenth of the pictures have; pictures: those with words.
    Thresholds of masses are parts of the mean mass that is on the cells.

    Attention on no cell says nothing of cells, flat maps are alike whatever they are compared with,
    and maps on one cell are static and lie somewhere, so those three stand alone. The others can be
    true together."""
    entropy, favourite, elsewhere = values["entropy"], values["favourite"], values["elsewhere"]
    if elsewhere >= ELSEWHERE:
        return {
            "elsewhere": f"attention is hardly on the picture: {elsewhere:.1%} of it is on no cell "
            f"(from {ELSEWHERE:.0%} on); the maps tell little about what the model looked at"
        }
    if surely_flat:
        return {
            "flat": f"attention is nearly uniform: entropy {entropy:.3f} of the largest possible "
            f"(flat from {FLAT:g} on); it hardly tells where the model looked"
        }
    many, heavy = pictures >= FEW_PICTURES, COLLAPSED_MASS * (1 - elsewhere)
    if many and entropy <= COLLAPSED_ENTROPY and favourite >= heavy:
        where = ", ".join(f"row {row + 1} column {column + 1}" for row, column in cells)
        return {
            "collapsed": f"attention has collapsed: {favourite:.0%} of its mass is on "
            f"{len(cells)} of the cells ({where}) whatever the word and the picture (uniform "
            f"{uniform['favourite']:.0%}, collapsed from {heavy:.0%} on), with entropy "
            f"{entropy:.3f} (collapsed up to {COLLAPSED_ENTROPY:g})"
        }
    wrong = {}
    most = STATIC * values["from_uniform"]
    if "distance" in values:
        distance, any_two = values["distance"], 1 - values["between_words"]
        if max(distance, any_two) <= most:
            wrong["static"] = (
                f"the map hardly moves between words: distance {distance:.3f} from one word to the "
                f"next and {any_two:.3f} between any two (static up to {most:.3f}, {STATIC:g} of "
                f"the maps' distance from uniform)"
            )
    if many and "between_pictures" in values:
        apart = 1 - values["between_pictures"]
        if apart <= most:
            wrong["blind"] = (
                f"the map hardly depends on the picture: distance {apart:.3f} between two "
                f"pictures' maps at one place (blind up to {most:.3f}, {STATIC:g} of the maps' "
                f"distance from uniform)"
            )
    for name, region in (("centre", "the middle quarter"), ("border", "the border's cells")):
        mass, baseline = values[name], uniform[name]
        least = baseline + STUCK * (1 - elsewhere - baseline)
        if many and baseline < 1 - elsewhere and min(mass, tails[name]) >= least:
            wrong[name] = (
                f"attention is stuck at the {name}: {mass:.0%} of its mass lies in {region}, and "
                f"{tails[name]:.0%} or more in {STUCK_PICTURES:.0%} of the pictures (uniform "
                f"{baseline:.0%}, stuck from {least:.0%} on)"
            )
    return wrong
