"""The medial wall of a group: positions without values in most maps, which say what a zero means in single maps."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import counted, listing
from bids_ari.images.checks import for_each_member
from bids_ari.images.grayordinates import Grayordinates
from bids_ari.images.maps import MapReader
from bids_ari.images.masks import n_required
from bids_ari.images.space import BoolArray

_MOST = 0.5  # of all subjects, and of the wall


class Walled(NamedTuple):
    """A reader whose frame knows the wall, with the hashes of the files that were read for it; and notes."""

    reader: MapReader
    notes: tuple[str, ...] = ()


def with_wall(members: Sequence[SubjectMap], reader: MapReader, coverage: float, n_threads: int) -> Walled:
    """Find the wall: where all maps are 0, NaN or infinite, and areas where most are, too many to be tested.

    So that one map without a wall, such as one that was smoothed across it, does not make values of the zeros of all
    others. An area has positions with neighbours in it only, so that single zeros of coarse values are none. Other
    frames than those of surfaces have no wall.

    Parameters
    ----------
    members : sequence of SubjectMap
        The map of each subject.
    reader : MapReader
        Reads them.
    coverage : float
        The fraction of subjects, in (0, 1], that must have data at a position that is tested.
    n_threads : int
        Number of threads.
    """
    frame = reader.frame
    if not isinstance(frame, Grayordinates):
        return Walled(reader)
    any_zero = replace(reader, frame=frame.walled(np.ones(frame.shape, dtype=bool)))
    n_absent = np.zeros(frame.shape, dtype=np.int32)
    packed: list[npt.NDArray[np.uint8]] = []
    hashes: dict[Path, str] = {}

    def read(_: int, member: SubjectMap) -> tuple[BoolArray, dict[Path, str]]:
        volumes = any_zero.read(member)
        return np.isnan(volumes.effect), volumes.hashes

    for absent, found in for_each_member(read, members, n_threads, "finding the medial wall"):
        n_absent += absent
        packed.append(np.packbits(absent))
        hashes |= found
    n = len(members)
    most = (n_absent > _MOST * n) & (n - n_absent < n_required(coverage, n))
    wall = frame.connected(most, frame.hollow((~most).astype(float))) | (n_absent == n)
    present = [~np.unpackbits(each, count=wall.size).astype(bool) for each in packed]
    n_values = [int(np.count_nonzero(each & wall)) for each in present]
    notes = tuple(_notes(members, n_values, int(np.count_nonzero(wall)), frame.unit))
    return Walled(replace(reader, frame=frame.walled(wall), hashes=hashes), notes)


def _notes(members: Sequence[SubjectMap], n_values: Sequence[int], n_wall: int, unit: str) -> Iterator[str]:
    """Name the subjects with values at most of the wall."""
    found = [f"sub-{each.subject} ({n})" for each, n in zip(members, n_values, strict=True) if n > _MOST * n_wall]
    if found:
        yield (
            f"{counted(len(found), 'subject')} with values at most of the {counted(n_wall, unit)} where the maps of "
            f"most subjects are 0 or NaN, such as the medial wall: {listing(found)}. They are not tested. Check "
            "whether the hemispheres of these maps are swapped, or their medial wall was not removed"
        )
