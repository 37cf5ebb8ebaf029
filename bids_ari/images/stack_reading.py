"""Reading the maps of a stack: which points may be tested, and the values of each subject at them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import BidsAriError, plural_of
from bids_ari.images.checks import for_each_member
from bids_ari.images.maps import MapReader
from bids_ari.images.masks import n_required
from bids_ari.images.mosaic import Mosaic
from bids_ari.images.quality import glimpse
from bids_ari.images.smoothing import normalise, weight_of, with_data_of_some
from bids_ari.images.space import BoolArray, Space
from bids_ari.images.stack_notes import Summary
from bids_ari.images.storage import Stored
from bids_ari.runtime.executors import run_parallel
from bids_ari.stats.distributions import FloatArray


def find_candidates(
    members: Sequence[SubjectMap], coverage: float, reader: MapReader, n_threads: int
) -> tuple[Space, MapReader]:
    """Return the points that may be tested, and the reader with the hashes of the files that were read for it.

    A point with data of n_required subjects has data of one of the first n - n_required + 1. Only these maps are read
    twice.
    """
    inside = np.zeros(reader.frame.shape, dtype=bool)
    hashes: dict[Path, str] = {}
    first = members[: len(members) - n_required(coverage, len(members)) + 1]
    what = f"finding {plural_of(reader.frame.unit)} with data"

    def read(_: int, member: SubjectMap) -> tuple[BoolArray, dict[Path, str]]:
        volumes = reader.read(member)
        return ~np.isnan(volumes.effect), volumes.hashes

    try:
        for present, found in for_each_member(read, first, n_threads, what):
            inside |= present
            hashes |= found
    except BidsAriError:
        for _ in for_each_member(read, members, n_threads, what):  # raises one error of the problems with all maps
            pass
        raise
    return reader.frame.space(inside), replace(reader, hashes=hashes)


class Reading(NamedTuple):
    """The reader, the points at which values are stored, the width of smoothing, the arrays, and the pixels shown."""

    reader: MapReader
    space: Space
    smoothing: float | None
    arrays: Sequence[Stored]
    mosaic: Mosaic

    def store_all(self, members: Sequence[SubjectMap], n_threads: int) -> tuple[npt.NDArray[np.int32], list[Summary]]:
        """Store the values of all maps; return how many subjects have data at each position, and the summaries."""
        counts = np.zeros(self.reader.frame.shape, dtype=np.int32, order="F")  # as most files are
        summaries: list[Summary] = []
        what = "reading and smoothing maps" if self.smoothing else "reading maps"
        for present, summary in for_each_member(self.store, members, n_threads, what):
            counts += present
            summaries.append(summary)
        return np.ascontiguousarray(counts), summaries

    def store(self, i: int, member: SubjectMap) -> tuple[BoolArray, Summary]:
        """Read the map of a subject and store its values as row `i`; return where it has data, and its summary."""
        volumes = self.reader.read(member)
        present = ~np.isnan(volumes.effect)
        effect = self.space.select(volumes.effect)
        if volumes.variance is not None:
            self.arrays[1][i] = np.where(np.isnan(effect), np.nan, self.space.select(volumes.variance))
        self.arrays[0][i] = self._smoothed(volumes.effect, effect)
        for array, further in zip(self.arrays[1:], volumes.further, strict=False):
            array[i] = self._smoothed(further, self.space.select(further))
        seen = glimpse(self.mosaic, volumes.effect, present)
        n_present, n_empty = int(np.count_nonzero(present)), len(volumes.empty)
        files, profile = (volumes.hashes, volumes.digests), self.reader.frame.profile(present)
        return present, Summary(n_present, n_empty, *files, seen, volumes.facts, profile)

    def _smoothed(self, volume: FloatArray, values: FloatArray) -> FloatArray:
        """Return the values of a volume at the points that are stored, smoothed if that is requested."""
        if not self.smoothing:
            return values
        smoothed = self.space.select(self.reader.frame.smooth(volume.astype(np.float64, copy=False), self.smoothing))
        return np.where(np.isnan(values), np.nan, smoothed)

    def normalise(
        self, summaries: Sequence[Summary], counts: npt.NDArray[np.int32], tested: Space, n_threads: int
    ) -> list[bool]:
        """Divide smoothed values of each subject by the weight of its data; return whether tested values changed."""
        if not (fwhm := self.smoothing):
            return [False] * len(summaries)
        expected = with_data_of_some(counts, len(summaries)) | tested.inside
        is_tested = self.space.select(tested.inside)
        weight_of_all = weight_of(expected, fwhm, self.space)

        def divide(i: int) -> bool:
            present = expected & summaries[i].glimpse.mask(expected.shape)
            if (present == expected).all():
                return False
            weight = weight_of(present, fwhm, self.space)
            any_changed = False
            for array in self.arrays:  # differences within subjects, or one map
                array[i], changed = normalise(array[i : i + 1, :][0], weight, weight_of_all)
                any_changed |= bool(changed[is_tested].any())
            return any_changed

        return list(run_parallel(divide, range(len(summaries)), n_threads))
