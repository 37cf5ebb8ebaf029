"""File names and entities, as pure strings.

An *entity* is a key and a label, ``task-stroop``. `ORDER` is the one place that says in which order they stand
in a name: the order of the BIDS schema, with contrast, test and stat, which no schema knows, before desc.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ORDER = (
    *("sub", "tpl", "ses", "cohort", "sample", "task", "tracksys", "acq", "nuc", "voi", "ce", "trc", "stain"),
    *("rec", "dir", "run", "mod", "echo", "flip", "inv", "mt", "part", "proc", "hemi", "space", "split"),
    *("recording", "chunk", "seg", "scale", "res", "den", "label", "from", "to", "mode", "node", "level"),
    *("feature", "taskcontrast", "model", "subset", "roi", "contrast", "test", "atlas", "stat", "desc"),
)
"""Keys in the order in which they stand in a file name; others follow before `contrast`."""

_UNKNOWN = ORDER.index("contrast") - 0.5
_PAIR = re.compile(r"(?:^|_)([a-zA-Z0-9]+)-([^_]+)(?=_)")


@dataclass(frozen=True, slots=True)
class Entities:
    """The ordered entities of a file or of a group of files.

    >>> entities = Entities.of({"contrast": "faces", "task": "rest"})
    >>> str(entities.with_(desc="greater"))
    'task-rest_contrast-faces_desc-greater'
    >>> entities.with_(stat="z").filename("statmap", ".nii.gz")
    'task-rest_contrast-faces_stat-z_statmap.nii.gz'
    """

    pairs: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> "Entities":
        """Take entities from a mapping, in any order."""
        return cls(tuple(sorted(labels.items(), key=_rank)))

    def with_(self, **labels: str) -> "Entities":
        """Set or replace some entities."""
        return Entities.of({**dict(self.pairs), **labels})

    def without(self, *keys: str) -> "Entities":
        """Drop some entities."""
        return Entities(tuple(pair for pair in self.pairs if pair[0] not in keys))

    def get(self, key: str) -> str | None:
        """Give the label of a key, or None."""
        return dict(self.pairs).get(key)

    def filename(self, suffix: str, extension: str) -> str:
        """Give the name of a file with these entities."""
        return "_".join([*(f"{key}-{label}" for key, label in self.pairs), suffix]) + extension

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def __str__(self) -> str:
        return "_".join(f"{key}-{label}" for key, label in self.pairs)


def labels_in_name(name: str) -> dict[str, str]:
    """Give every ``key-label`` of a file name, known or not.

    >>> labels_in_name("sub-01_feature-taskBased_stat-z_statmap.nii.gz")
    {'sub': '01', 'feature': 'taskBased', 'stat': 'z'}
    """
    return dict(_PAIR.findall(name))


def bare_label(label: str, key: str) -> str:
    """Strip the key from a label that was given with it.

    >>> bare_label("sub-01", "sub"), bare_label("01", "sub")
    ('01', '01')
    """
    return label.removeprefix(f"{key}-")


def decimal_label(value: float) -> str:
    """Write a number as a label: shortest decimal of at most ten places, ``p`` for the point.

    >>> decimal_label(3.1), decimal_label(3.0), decimal_label(72.5)
    ('3p1', '3', '72p5')
    """
    return f"{value:.10f}".rstrip("0").rstrip(".").replace(".", "p")


def _rank(pair: tuple[str, str]) -> tuple[float, str]:
    key = pair[0]
    return (ORDER.index(key) if key in ORDER else _UNKNOWN, key)
