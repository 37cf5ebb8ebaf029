"""One case of the shared oracle: a map, its p, and the results of other programs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.stats.bounds import Bound
from bids_ari.stats.choices import LocalTest
from bids_ari.stats.closed_testing import hommel_bound

NAME_IN_R: dict[LocalTest, str] = {"simes": "simes", "hommel": "robust"}


class LabelMap(NamedTuple):
    """Clusters of one threshold; label i is cluster i of ``cluster_d[index]`` in the facts."""

    index: int
    connectivity: int
    threshold: float
    labels: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class OracleCase:
    """A case: `inside` is (x, y, z), all other maps are (n_points,), in its C order."""

    name: str
    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]

    @classmethod
    def read(cls, folder: Path, name: str) -> "OracleCase":
        """Read ``name.npz`` and ``name.json``."""
        with np.load(folder / f"{name}.npz") as arrays:
            return cls(name, dict(arrays), json.loads((folder / f"{name}.json").read_text()))

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        """The mask of finite p, for which the reference results were computed."""
        return self.arrays["mask_used"]

    @property
    def p(self) -> npt.NDArray[np.float64]:
        return self.arrays["p"][self.inside]

    @property
    def statistic(self) -> npt.NDArray[np.float64]:
        """The statistic of clusters; the two-sided case joins both signs."""
        z = self.arrays["z"][self.inside]
        return np.abs(z) if self.name == "motor_twosided" else z

    @property
    def sets(self) -> list[npt.NDArray[np.int32]]:
        return np.split(self.arrays["sets"], self.arrays["set_offsets"][1:-1])

    @property
    def label_maps(self) -> list[LabelMap]:
        a = self.arrays
        maps = zip(a["label_conn"], a["label_thr"], a["labels"], strict=True)
        return [LabelMap(i, int(c), float(t), labels[self.inside]) for i, (c, t, labels) in enumerate(maps)]

    def answers(self, local_test: LocalTest) -> Iterator[tuple[dict[str, Any], int, Bound]]:
        """Yield the result of R hommel, the exact h, and the bound at each alpha."""
        for result in self.facts[NAME_IN_R[local_test]]:
            exact = result.get("h_exact_rational")
            h = result["h"] if exact is None else exact
            yield result, h, hommel_bound(self.p, result["alpha"], local_test)
