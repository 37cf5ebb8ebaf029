"""Standard spaces, as file names and TemplateFlow have them: a template, its cohort, its resolution or density."""

from collections.abc import Callable
from dataclasses import dataclass

from bids_ari.bids.entities import Entities, labels_in_name
from bids_ari.errors import DataError

_OF_FREESURFER = {"fsaverage4": "3k", "fsaverage5": "10k", "fsaverage6": "41k", "fsaverage7": "164k"}
"""Densities of TemplateFlow's fsaverage that are subjects of FreeSurfer: the names of spaces have either."""


@dataclass(frozen=True, slots=True)
class StandardSpace:
    """A standard space.

    >>> StandardSpace.parse("MNIPediatricAsym+3"), StandardSpace.in_name("tpl-MNIInfant_cohort-02_res-1_T1w.nii.gz")
    (StandardSpace(name='MNIPediatricAsym', cohort='3', res='', den=''), \
StandardSpace(name='MNIInfant', cohort='2', res='1', den=''))
    """

    name: str  # of the template
    cohort: str = ""  # without leading zeros; empty for templates without cohorts
    res: str = ""  # the index of a resolution in TemplateFlow, without leading zeros; empty where it is not known
    den: str = ""  # the density of a mesh: 32k, 10k; empty where it is not known

    @classmethod
    def of(cls, entities: Entities) -> "StandardSpace | None":
        """Return the space of the maps with these entities; None without a space.

        The cohort of fMRIPrep's outputs is part of the space, ``space-MNIPediatricAsym+3``, or an entity of its own,
        ``space-MNIPediatricAsym_cohort-3``.

        Raises
        ------
        DataError
            When these are two cohorts; also from other functions that read names.
        """
        return cls._of(str(entities), entities.get, "space")

    @classmethod
    def in_name(cls, name: str) -> "StandardSpace | None":
        """Return the space in the name of a file, of ``space-`` or of TemplateFlow's ``tpl-``; None without either."""
        return cls._of(name, labels_in_name(name).get, "space", "tpl")

    @classmethod
    def parse(cls, text: str) -> "StandardSpace":
        """Read a space from a text: ``NAME``, ``NAME+COHORT``, or, as fMRIPrep has it, ``NAME:cohort-3:res-2``."""
        return cls._of(text, {"space": text}.get, "space") or cls(text)

    @classmethod
    def _of(cls, where: str, label: Callable[[str], str | None], *keys: str) -> "StandardSpace | None":
        """Return the space of the first of some keys that has a label, of the name `where`."""
        found = next(filter(None, map(label, keys)), None)
        if found is None:
            return None
        template, *parts = found.split(":")
        named = dict(part.partition("-")[::2] for part in parts)
        name, _, cohort = template.partition("+")
        density = named.get("den") or label("den") or _OF_FREESURFER.get(name, "")
        name = "fsaverage" if name in _OF_FREESURFER else name
        cohorts = dict.fromkeys(map(_number, filter(None, (cohort, named.get("cohort"), label("cohort")))))
        if len(cohorts) > 1:
            raise DataError(
                f"The name {where} has two cohorts of {name}: {' and '.join(cohorts)}",
                "one cohort",
                f"Rename the files: space-{name}+{next(iter(cohorts))} without cohort-, or with the same",
            )
        return cls(name, next(iter(cohorts), ""), _number(named.get("res") or label("res") or ""), density)

    def differs_from(self, other: "StandardSpace") -> bool:
        """Return whether two spaces are known to be different: by their names, or by two different cohorts."""
        return self.name != other.name or bool(self.cohort and other.cohort and self.cohort != other.cohort)

    def __str__(self) -> str:
        return f"{self.name}, cohort {self.cohort}" if self.cohort else self.name


def labels_of_space(text: str) -> dict[str, str]:
    """Return the entities of maps in a space, as file names have them, of its name in options of fMRIPrep.

    >>> labels_of_space("fsaverage:den-10k"), labels_of_space("MNI152NLin6Asym")
    ({'space': 'fsaverage', 'den': '10k'}, {'space': 'MNI152NLin6Asym'})
    """
    name, *parts = text.split(":")
    pairs = (part.partition("-") for part in parts)
    return {"space": name, **{key: label for key, _, label in pairs if key and label}}


def _number(label: str) -> str:
    """Return a label without leading zeros."""
    return label.lstrip("0") or label[:1]
