"""Sentences to copy: what a result shows of a cluster, of a region and of all points tested, one sentence each.

A sentence can stand alone: it says which set, how many of its points are active at least, what active means, and with
which confidence. It never says more than the bound: proportions are rounded down, and a TDN of 0 is no evidence of
inactivity.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bids_ari.analysis.result import ContrastResult
from bids_ari.errors import plural_of
from bids_ari.images.regions import RegionSet
from bids_ari.images.structures import structure_label
from bids_ari.outputs.names import path_of, stem, tdp_label, threshold_label
from bids_ari.report.atlases import peak_region, region_name
from bids_ari.report.formatting import beyond, decimal, percent, plural, share, thousands
from bids_ari.report.labels import atlas_name, meaning, region_set_title, signs, source, source_name

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[Any, Any]
"""A row of a table of clusters or of regions."""

MOST_SILENT = 3
"""Regions without a claim that have a sentence each in a report; more have one together. The file has all sentences."""


class Sentences(NamedTuple):
    """The sentences on some sets, in the order of their table."""

    id: str  # as in the anchors of a report: ``Z3``, ``Tdp70``, the name of a set of regions, ``whole``
    title: str
    texts: Mapping[int, str]  # by the label of the cluster or the number of the region
    without: frozenset[int] = frozenset()  # labels or numbers of those with TDN 0


@dataclass(frozen=True, slots=True)
class Wording:
    """The words that the sentences of a result share."""

    unit: str
    active: str  # what active means: ``mean above zero``
    confidence: str  # ``with 95 % simultaneous confidence``
    signs: tuple[str, ...] = ()  # a positive and a negative effect; empty without bounds on their numbers
    hold_together: bool = False  # whether the bounds of the signs hold together with the TDN

    def sentence(self, place: str, size: int, tdn: int, by_sign: tuple[int, ...] = ()) -> str:
        """Return the sentence on a set of some size and TDN; `by_sign` are the TDN of positive and negative effects.

        >>> words = Wording("voxel", "mean above zero", "with 95 % simultaneous confidence")
        >>> words.sentence("In the insula", 580, 356)
        'In the insula, at least 356 (61 %) are active (mean above zero), with 95 % simultaneous confidence.'
        >>> words.sentence("In the insula", 9, 0)  # doctest: +NORMALIZE_WHITESPACE
        'In the insula, no active voxel can be claimed with 95 % simultaneous confidence (active: mean above zero);
         this does not show that none is active.'
        """
        if tdn == 0:
            unknown = f"no active {self.unit} can be claimed {self.confidence} (active: {self.active})"
            return f"{place}, {unknown}; this does not show that none is active.{self._apart(by_sign)}"
        claim = f"{place}, {self._at_least(size, tdn)} active ({self.active})"
        if self.hold_together and any(by_sign):
            return f"{claim}: {self._of_signs(by_sign)}, {self.confidence}."
        return f"{claim}, {self.confidence}.{self._apart(by_sign)}"

    def _at_least(self, size: int, tdn: int) -> str:
        if tdn == size:
            return f"the {self.unit} is" if size == 1 else "all are"
        return f"at least {thousands(tdn)} ({share(tdn, size)}) {'is' if tdn == 1 else 'are'}"

    def _of_signs(self, by_sign: tuple[int, ...]) -> str:
        """Return the numbers of both signs that are not 0: ``at least 340 above zero and at least 3 below zero``."""
        found = [f"at least {thousands(n)} {text}" for n, text in zip(by_sign, self.signs, strict=True) if n]
        return " and ".join(found)

    def _apart(self, by_sign: tuple[int, ...]) -> str:
        """Return the sentence on signs whose bounds hold by themselves; nothing where they are 0."""
        if not any(by_sign):
            return ""
        return f" Separate bounds for each sign: {self._of_signs(by_sign)}, {self.confidence}."


def wording(result: ContrastResult) -> Wording:
    """Return the words that the sentences of a result share."""
    return Wording(
        result.space.unit,
        _active(result),
        _confidence(result),
        tuple(text for _, text in signs(result)),
        result.calibrated is not None,
    )


def _active(result: ContrastResult) -> str:
    """Return what active means, and in whom where no population is meant: ``age above zero``."""
    question, effect = result.contrast.within, result.test or "effect"
    if question is not None and question.n_rows > 1:
        text = f"at least one of {question.n_rows} {question.noun} not zero: {effect}"
    elif result.is_f_test:
        text = f"{effect} different from zero in any direction, F test"
    else:
        is_unsigned = result.alternative == "two-sided" and result.directions is None
        text = f"{effect} {meaning(result)}{', sign not covered' if is_unsigned else ''}"
    if source(result) == "subject":
        return f"{text}, in {source_name(result)}"
    if result.design is not None and result.options.estimator == "fixed":
        return f"{text}, in these {len(result.contrast.members)} subjects"
    return text


def _confidence(result: ContrastResult) -> str:
    """Return the confidence, and over how many results it holds."""
    alpha, n_results = result.options.alpha, result.options.n_results
    text = f"with {percent(1 - alpha)} simultaneous confidence"
    if result.joint and result.joint.n_results > 1:
        return f"{text} over all {result.joint.n_results} results of the run"
    return (
        f"{text} ({percent(1 - alpha * n_results)} over all {n_results} results of the run)" if n_results > 1 else text
    )


def whole_sentence(result: ContrastResult) -> str:
    """Return the sentence on all points tested."""
    n_points = result.space.n_points
    place = f"In the whole mask ({plural(n_points, result.space.unit)} tested)"
    return wording(result).sentence(place, n_points, result.bound.whole, tuple(n for n, _ in signs(result)))


def cluster_sentence(words: Wording, row: Row, formed: str) -> str:
    """Return the sentence on a cluster, a row of `ContrastResult.table`; `formed` is how: ``z > 3``."""
    size = int(row["size"])
    place = f"In a cluster of {plural(size, words.unit)} ({formed}; {_peak(row)})"
    return words.sentence(place, size, int(row["tdn"]), _by_sign(row))


def region_sentence(words: Wording, row: Row, of: str, name: str = "") -> str:
    """Return the sentence on a region, a row of `ContrastResult.region_table`; `of` names its set."""
    size, name = int(row["size"]), f"{name or row['name']} ({of}"
    if not size:
        return f"No {words.unit} of {name}) was tested."
    place = f"In {name}; {plural(size, words.unit)} tested)"
    return words.sentence(place, size, int(row["tdn"]), _by_sign(row))


def _by_sign(row: Row) -> tuple[int, ...]:
    return tuple(int(row[name]) for name in ("tdn_positive", "tdn_negative") if name in row)


def _peak(row: Row) -> str:
    """Return the peak of a cluster: its z, where it is, and its region if an atlas names it."""
    where = ", ".join(str(round(row[f"peak_{axis}"])) for axis in "xyz")
    parts = [f"peak z = {decimal(row['peak_stat'])} at {where} mm"]
    if "peak_structure" in row:
        parts.append(structure_label(row["peak_structure"]))
        if (vertex := row["peak_vertex"]) == vertex and isinstance(vertex, int | float):  # voxels have none
            parts.append(f"vertex {int(vertex)}")
    if region := peak_region(row):
        parts.append(region)
    return ", ".join(parts)


def sentences(result: ContrastResult, most: int | None = None) -> Iterator[Sentences]:
    """Yield the sentences on all points, the clusters of each threshold and target TDP, and each set of regions.

    With `most`, a shorter list for reports: of each table of clusters the first, and one sentence for all regions in
    which nothing can be claimed. Regions with the highest TDP are first.
    """
    words = wording(result)
    yield Sentences("whole", "Whole mask", {0: whole_sentence(result)})
    for threshold in result.clusters:
        formed, rows = beyond(threshold, result.alternative), _rows(result.table(threshold), most)
        found = {int(row["label"]): cluster_sentence(words, row, formed) for row in rows}
        yield Sentences(threshold_label(threshold), f"Clusters with {formed}", found, _without(rows, "label"))
    for tdp in result.largest:
        formed, rows = f"one of the largest with TDP at least {tdp:g}", _rows(result.table(tdp=tdp), most)
        found = {int(row["label"]): cluster_sentence(words, row, formed) for row in rows}
        yield Sentences(tdp_label(tdp), f"Largest clusters with TDP at least {tdp:g}", found)
    for regions in result.regions:
        yield _region_sentences(result, regions, words, is_short=most is not None)


def _region_sentences(result: ContrastResult, regions: RegionSet, words: Wording, *, is_short: bool) -> Sentences:
    """Return the sentences on regions; a short list has one for all regions in which nothing can be claimed."""
    rows = sorted(_rows(result.region_table(regions)), key=by_tdp)
    of, names = _set_of(regions, result), {int(row["index"]): _name(row, regions, result) for row in rows}
    silent = [row for row in rows if row["size"] and not row["tdn"] and not any(_by_sign(row))]
    together = silent if is_short and len(silent) > MOST_SILENT else []
    absent = set(map(id, together))
    apart = [row for row in rows if id(row) not in absent]
    found = {int(row["index"]): region_sentence(words, row, of, names[int(row["index"])]) for row in apart}
    if together:
        listed = ", ".join(f"{names[int(row['index'])]} ({thousands(int(row['size']))})" for row in together)
        place = f"In each of {thousands(len(together))} regions ({of}; in parentheses {plural_of(words.unit)} tested)"
        silence = words.sentence(place, 2, 0).removesuffix(".")
        found[int(together[0]["index"])] = f"{silence}: {listed}."
    return Sentences(regions.name, region_set_title(regions, result), found, _without(rows, "index"))


def _name(row: Row, regions: RegionSet, result: ContrastResult) -> str:
    return region_name(str(row["name"]), regions, result)


def _without(rows: Iterable[Row], key: str) -> frozenset[int]:
    return frozenset(int(row[key]) for row in rows if not row["tdn"])


def by_tdp(row: Row) -> tuple[float, bool, str, int]:
    """Return the place of a region in tables: highest TDP first, then by name, those without tested points last."""
    return -row["tdp"], row["size"] == 0, str(row["name"]).casefold(), int(row["index"])


def _set_of(regions: RegionSet, result: ContrastResult) -> str:
    """Return the set of a region: ``Schaefer2018, 200Parcels7Networks``."""
    name = atlas_name(result) if regions is result.atlas else None
    return name.replace(" (", ", ").removesuffix(")") if name else "region of interest"


def _rows(table: "pd.DataFrame", most: int | None = None) -> list[dict[Any, Any]]:
    return list((table if most is None else table.head(most)).to_dict("records"))


def sentences_name(result: ContrastResult) -> str:
    """Return the path of the file with all sentences, relative to the output."""
    return path_of(result, stem(result, desc=result.desc), "sentences", ".txt")


def sentences_text(result: ContrastResult) -> str:
    """Return all sentences as a text, those of each kind of set below a title."""
    parts = [[each.title, "", *(each.texts.values() or ("none",))] for each in sentences(result)]
    return "\n\n\n".join("\n".join(lines) for lines in parts) + "\n"
