"""What an explorer page holds, read as a browser reads it."""

import base64
import json
import re
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_ari.report.explorer.arrays import Blob
from bids_ari.stats.forest import Cluster

Arrays = dict[str, npt.NDArray[np.integer]]


def decoded(blob: Blob) -> npt.NDArray[np.integer]:
    """The array of a blob, as the module docstring of `arrays` defines it."""
    dtype = np.dtype(blob.type)
    parts = np.frombuffer(zlib.decompress(base64.b64decode(blob.text), wbits=31), dtype=np.uint8)
    stored = np.ascontiguousarray(parts.reshape(dtype.itemsize, -1).T).view(dtype.newbyteorder("<")).reshape(-1)
    return np.cumsum(stored, dtype=dtype) if blob.delta else stored.astype(dtype)


def blobs_of(page: str) -> Arrays:
    """The arrays of a page, read as a browser reads them."""
    found = re.findall(
        r'<script type="text/plain" id="blob-([\w-]+)" data-type="(\w+)"( data-delta="1")?>([^<]*)</script>', page
    )
    return {name: decoded(Blob(name, kind, bool(delta), text)) for name, kind, delta, text in found}


def facts_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="facts">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    facts: dict[str, Any] = json.loads(found[1])
    return facts


def queried(arrays: Arrays, target: float, d: int = 0) -> list[tuple[int, int, int, list[int]]]:
    """Size, TDN, peak and voxels of the largest clusters, by their labels, from the arrays of a page alone."""
    order, size, tdn = (arrays[f"{name}-{d}"].tolist() for name in ("preorder", "size", "tdn"))
    leaves = [place for place in range(len(size)) if size[place] == 1]
    rank = dict(zip(leaves, arrays[f"rank-{d}"].tolist(), strict=True))
    found, place = [], 0
    while place < len(size):
        if tdn[place] / size[place] < target:
            place += 1
            continue
        places = range(place, place + size[place])
        highest, peak = min((rank[each], order[each]) for each in places if size[each] == 1)
        voxels = sorted(order[each] for each in places)
        found.append((-size[place], highest, voxels[0], tdn[place], peak, voxels))
        place += size[place]
    return [(-row[0], row[3], row[4], row[5]) for row in sorted(found)]


def described(clusters: Sequence[Cluster]) -> list[tuple[int, int, int, list[int]]]:
    return [(cluster.size, cluster.tdn, cluster.peak, cluster.points.tolist()) for cluster in clusters]
