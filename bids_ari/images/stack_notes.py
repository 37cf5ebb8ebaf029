"""Notes on the maps of a group, from the summary of each that is kept while the others are read."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import counted, listing, printable
from bids_ari.images.checks import Headers
from bids_ari.images.quality import Glimpse
from bids_ari.images.space import Frame, Profile, Space
from bids_ari.images.unusual import (
    ValueFacts,
    notes_on_claims,
    notes_on_contrasts,
    notes_on_thresholds,
    notes_on_values,
)
from bids_ari.images.volume import Grid

_FEW = 0.5  # subjects with data at fewer than this part of the voxels of the median subject are named in a note


class Summary(NamedTuple):
    """Number of voxels with data, in all and in each slice, files without data and thumbnail of a subject's map.

    Of its files: hashes, digests and facts about their values.
    """

    n_present: int
    n_empty: int
    hashes: dict[Path, str]
    digests: dict[tuple[Path, str], bytes]
    glimpse: Glimpse
    facts: dict[Path, ValueFacts]
    profile: Profile


class MapNotes(NamedTuple):
    """Notes on maps, and those that say why they may be thresholded."""

    notes: tuple[str, ...]
    suspicion: str


def note_on_map_name(frame: Frame, map_name: str | None) -> Iterator[str]:
    """Yield a note if the name of a map was chosen for volumes, which have none."""
    if map_name is not None and isinstance(frame, Grid):
        yield f"--map-name {printable(map_name)} is not used: the maps are volumes, which have no names"


def notes_on_maps(
    members: Sequence[SubjectMap],
    headers: Headers,
    summaries: Sequence[Summary],
    counts: npt.NDArray[np.int32],
    frame: Frame,
    mask: Space | None,
    *,
    stat: str | None,
) -> MapNotes:
    """Return notes on grids, missing data, unusual values, thresholds and statistics.

    `counts` is the number of subjects with data, an array of the frame; `stat` what the maps should contain, if known.
    """
    facts = {path: each for summary in summaries for path, each in summary.facts.items()}
    half = frame.profile(2 * counts >= len(members))
    thresholds = tuple(notes_on_thresholds(members, facts, counts, mask, frame.units))
    notes = (
        *_notes_on_data(headers, members, summaries),
        *notes_on_values(members, facts, [each.profile for each in summaries], half, frame),
        *thresholds,
        *notes_on_claims(members, facts, stat),
        *notes_on_contrasts(members, facts),
    )
    return MapNotes(notes, "".join(thresholds))


def note_on_place(frame: Frame, what_does: str) -> Iterator[str]:
    """Yield a note on a grid whose header has no place in space; `what_does` is the beginning of the sentence."""
    if isinstance(frame, Grid) and frame.codes == (0, 0):
        yield (
            f"{what_does} not say where in space the voxels are (sform_code and qform_code are 0): which side is left, "
            "coordinates in mm, regions and pictures may be wrong"
        )


def _notes_on_data(headers: Headers, members: Sequence[SubjectMap], summaries: Sequence[Summary]) -> Iterator[str]:
    """Name the subjects with maps on another grid, without data, or that cover far less than those of the others."""
    yield from note_on_place(headers.frame, "The headers of the maps do")
    if headers.resampled:
        subjects = listing(f"sub-{subject}" for subject in headers.resampled)
        n_subjects = counted(len(headers.resampled), "subject")
        yield f"Maps of {n_subjects} were resampled by cubic splines to {headers.frame}: {subjects}"
    empty = [(m, s.n_empty) for m, s in zip(members, summaries, strict=True) if s.n_empty]
    if empty:
        which = listing(f"sub-{member.subject} ({n} of {len(member.all_maps)})" for member, n in empty)
        yield f"Maps of {counted(len(empty), 'subject')} contain no data: {which}"
    median = float(np.median([summary.n_present for summary in summaries]))
    few = [(m, s.n_present) for m, s in zip(members, summaries, strict=True) if s.n_present < _FEW * median]
    if few:
        units = headers.frame.units
        yield (
            f"{counted(len(few), 'subject')} with data at fewer than half as many {units} as the median, {median:.0f}: "
            + listing(f"sub-{member.subject} ({n})" for member, n in few)
        )
