"""Images that are the same in several files: copies, links, or the wrong file under a second name.

Values are compared, not bytes, so that neither compression nor header nor the background, 0 or NaN, matters.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from bids_ari.bids.group_checks import Same, describe, same_image
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import listing
from bids_ari.images.grayordinates import Grayordinates
from bids_ari.images.image import Image
from bids_ari.images.storage import Values
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.similarity import similar_maps

_BLOCK, _N_BLOCKS = 50, 20  # points in a block that are compared for similarity, and number of blocks


def digest_of(values: FloatArray) -> bytes:
    """Return a digest of the values of an image, rounded to float32; an empty one where all that are not 0 are equal.

    Images without two different values are not told apart: variance maps, for example, may all be 1.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # too large numbers become infinite, in both of two copies
        rounded = np.ravel(values, order="F").astype(np.float32, copy=False)
    is_known = (rounded < 0) | (rounded > 0)
    known = rounded[is_known]
    if known.size == 0 or known.min() == known.max():
        return b""
    digest = hashlib.sha256(np.packbits(is_known).data)
    digest.update(known.data.cast("B"))
    return digest.digest()


def digests_of(file: StatMap, image: Image) -> dict[tuple[Path, str], bytes]:
    """Return the digest of the values in each file of a map, by its place: one file, or one for each hemisphere."""
    frame, values = image.frame, image.stored
    if file.pair is None or not isinstance(frame, Grayordinates):
        return {file.place: digest_of(values)}
    parts = zip(file.files, frame.structures.values(), strict=True)
    return {each.place: digest_of(values[positions]) for each, positions in parts}


def check_copies(members: Iterable[SubjectMap], digests: Mapping[tuple[Path, str], bytes], allowed: bool) -> list[str]:
    """Return a note for each image that several files have, if that is allowed; else raise DuplicateMapsError.

    `digests` are those of `digests_of` for the files that were read.
    """
    same = _same_images(members, digests)
    if same and not allowed:
        raise same_image(same)
    return [f"The same image is used more than once: {describe(group)}" for group in same]


def notes_on_similar(values: Values, subjects: Sequence[str], digests: Sequence[bytes]) -> Iterator[str]:
    """Yield a note on maps that are nearly equal to others, but not the same images.

    `values` are (n_maps, n_points), of which blocks throughout the space are compared; `digests` those of the maps.
    """
    n_points = values.shape[1]
    starts = np.unique(np.linspace(0, max(n_points - _BLOCK, 0), _N_BLOCKS).astype(int))
    sample = np.hstack([values[:, start : start + _BLOCK] for start in starts.tolist()])
    pairs = [(i, j, r) for i, j, r in similar_maps(sample) if digests[i] != digests[j] or not digests[i]]
    if pairs:
        names = listing(f"sub-{subjects[i]} and sub-{subjects[j]} (r = {r:.4f})" for i, j, r in pairs)
        yield f"Maps that are nearly copies of others: {names}. Check that they are of different subjects"


def _same_images(members: Iterable[SubjectMap], digests: Mapping[tuple[Path, str], bytes]) -> list[Same]:
    """Return the groups of files that have the same image, with their subjects."""
    found: dict[bytes, list[tuple[str, str]]] = defaultdict(list)
    for member in members:
        for file in member.all_files:
            if digest := digests.get(file.place):
                found[digest].append((member.subject, file.label))
    groups = (group for group in found.values() if len(group) > 1)
    return [([subject for subject, _ in group], [label for _, label in group]) for group in groups]
