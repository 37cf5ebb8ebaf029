"""Templates: critical vectors that were learned from permutations, as files keep them for other datasets."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from bids_ari.config.families import Family
from bids_ari.errors import DataError, InputNotFoundError, ReadError
from bids_ari.stats.critical_vectors import Combined, CriticalVectors, Learned, Scale, members_of
from bids_ari.stats.distributions import FloatArray

_LAMBDAS, _LEVELS = "lambdas_{}", "levels_{}"  # names of the arrays of the scale of a member, by its number


class Template(NamedTuple):
    """A learned family, and the scales of the members of the family that it is part of, if there are several."""

    learned: Learned
    scales: tuple[Scale, ...] = ()

    @classmethod
    def of(cls, family: CriticalVectors) -> "Template | None":
        """Return the template of a family, if it has one."""
        learned = [member for member in members_of(family) if isinstance(member, Learned)]
        scales = family.scales if isinstance(family, Combined) else ()
        return cls(learned[0], scales) if learned else None

    def for_points(self, m: int) -> "Template":
        """Return it with at most m ranks."""
        return self._replace(learned=Learned(self.learned.curves[:, : min(m, self.learned.n_ranks)]))

    def arrays(self) -> dict[str, FloatArray]:
        """Return the arrays of its file."""
        lambdas = {_LAMBDAS.format(i): scale.values for i, scale in enumerate(self.scales)}
        levels = {_LEVELS.format(i): scale.levels for i, scale in enumerate(self.scales)}
        return {"curves": self.learned.curves, **lambdas, **levels}


def read_template(path: Path, family: Family) -> Template:
    """Read a template that another run saved, with the scales of the members of a family of several."""
    found = _read(path)
    if len(family.members) > 1 and len(found.scales) != len(family.members):
        raise DataError(
            f"{path} holds a template, but no scales of the family {family.name}",
            f"a file that a run with --save-template --family {family.name} wrote",
            "Take --family learned, or write the template again",
        )
    return found


def _read(path: Path) -> Template:
    try:
        with np.load(path, allow_pickle=False) as file:
            numbers = range(sum(name.startswith(_LAMBDAS.format("")) for name in file))
            scales = (Scale(file[_LAMBDAS.format(i)], file[_LEVELS.format(i)]) for i in numbers)
            return Template(Learned(file["curves"]), tuple(scales))
    except FileNotFoundError as error:
        raise InputNotFoundError(f"There is no template {path}") from error
    except OSError as error:
        raise ReadError(f"The template {path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # whatever else a file may be, to numpy and zipfile
        expected = "a file ..._template.npz that a run with --save-template wrote"
        raise DataError(f"{path} holds no template", expected) from error
