"""Entities and file names, as pure strings.

An *entity* is a key and a label, ``task-stroop``. `ORDER` is the order of entities in file names: that of the BIDS
schema, version 1.11, with those which the schema does not define, such as contrast, test and stat, before desc.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bids_ari.errors import printable as printable

ORDER = (
    *("sub", "tpl", "ses", "cohort", "sample", "task", "tracksys", "acq", "nuc", "voi", "ce", "trc", "stain"),
    *("rec", "dir", "run", "mod", "echo", "flip", "inv", "mt", "part", "proc", "hemi", "space", "split"),
    *("recording", "chunk", "atlas", "seg", "scale", "res", "den", "label", "from", "to", "mode", "node", "level"),
    *("feature", "taskcontrast", "model", "subset", "roi", "contrast", "test", "stat", "desc"),
)
"""The order of keys in a file name; others follow before `contrast`."""

CONTRAST_KEYS = ("contrast", "taskcontrast")
"""The entities that name a contrast, the first one present; HALFpipe uses the second."""

KEYS = {"subject": "sub", "session": "ses", "acquisition": "acq", "nucleus": "nuc", "volume": "voi", "ceagent": "ce"}
KEYS |= {"tracer": "trc", "staining": "stain", "reconstruction": "rec", "direction": "dir", "modality": "mod"}
KEYS |= {"inversion": "inv", "mtransfer": "mt", "processing": "proc", "hemisphere": "hemi", "segmentation": "seg"}
KEYS |= {"resolution": "res", "density": "den", "description": "desc"}
"""The key of each entity that has another name in pybids or the BIDS schema."""

_RANKS = {key: float(rank) for rank, key in enumerate(ORDER)}
_UNKNOWN = _RANKS["contrast"] - 0.5
_NOT_IN_LABELS = re.compile("[^a-zA-Z0-9+]")
_PAIR = re.compile(r"(?:^|_)([a-zA-Z0-9]+)-([^_]+)(?=_)")
_ONE_PAIR = re.compile("[a-zA-Z0-9]+-.+", re.DOTALL)


Pairs = tuple[tuple[str, str], ...]
"""Keys and labels, in the order of the keys."""


@dataclass(frozen=True, slots=True)
class Entities:
    """The ordered entities of a file or of a group of files.

    >>> entities = Entities.of({"contrast": "faces", "task": "rest"})
    >>> str(entities.with_(desc="greater"))
    'task-rest_contrast-faces_desc-greater'
    >>> entities.with_(stat="z").filename("statmap", ".nii.gz")
    'task-rest_contrast-faces_stat-z_statmap.nii.gz'
    """

    pairs: Pairs

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> "Entities":
        """Make entities from a mapping, in any order."""
        return cls(tuple(sorted(labels.items(), key=lambda pair: (_RANKS.get(pair[0], _UNKNOWN), pair[0]))))

    def with_(self, **labels: str) -> "Entities":
        """Set or replace some entities."""
        return Entities.of({**dict(self.pairs), **labels})

    def without(self, *keys: str) -> "Entities":
        """Drop some entities."""
        return Entities(tuple(pair for pair in self.pairs if pair[0] not in keys))

    def get(self, key: str) -> str | None:
        """Return the label of a key, or None."""
        for own, label in self.pairs:  # faster than a dict, and called a million times for a large dataset
            if own == key:
                return label
        return None

    @property
    def others(self) -> Pairs:
        """All pairs but that of the subject, which is the first."""
        return self.pairs[1:] if self.pairs and self.pairs[0][0] == "sub" else self.pairs

    def written(self) -> "Entities":
        """Reduce labels to the characters that file names may hold.

        >>> str(Entities.of({"task": "a b", "contrast": "../<é>"}).written())
        'task-ab_contrast-x'
        """
        return Entities(tuple((key, safe_label(label)) for key, label in self.pairs))

    def filename(self, suffix: str, extension: str) -> str:
        """Return the name of a file with these entities."""
        return f"{self}_{suffix}{extension}" if self.pairs else suffix + extension

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def __str__(self) -> str:
        return "_".join(f"{key}-{label}" for key, label in self.pairs)


def labels_in_name(name: str) -> dict[str, str]:
    """Return every ``key-label`` of a file name, known or not.

    >>> labels_in_name("sub-01_feature-taskBased_stat-z_statmap.nii.gz")
    {'sub': '01', 'feature': 'taskBased', 'stat': 'z'}
    """
    return dict(_PAIR.findall(name))


def contrast_label(entities: "Entities | Mapping[str, str]") -> str | None:
    """Return the label of the contrast in a name; None if it has none.

    >>> contrast_label({"task": "stroop", "taskcontrast": "incongruent"})
    'incongruent'
    """
    return next(filter(None, map(entities.get, CONTRAST_KEYS)), None)


def in_order(name: str) -> str:
    """Return the name of a file with its entities in the present order; the name itself if not all parts are entities.

    >>> in_order("task-x_contrast-c_test-mean_atlas-A_desc-greater_tdp.tsv"), in_order("index.html")
    ('task-x_atlas-A_contrast-c_test-mean_desc-greater_tdp.tsv', 'index.html')
    """
    *parts, suffix = name.split("_")
    labels = dict(part.split("-", 1) for part in parts if is_pair(part))
    return Entities.of(labels).filename(suffix, "") if len(labels) == len(parts) else name


def is_pair(part: str) -> bool:
    """Return whether a part of a file name, between underscores, is a key and a label.

    >>> is_pair("contrast-a>b"), is_pair("vs"), is_pair("contrast-")
    (True, False, False)
    """
    return _ONE_PAIR.fullmatch(part) is not None


def key_of(name: str) -> str:
    """Return the key of an entity, given its key or its name.

    >>> key_of("session"), key_of("ses"), key_of("task")
    ('ses', 'ses', 'task')
    """
    return KEYS.get(name, name)


def bare_label(label: str, key: str) -> str:
    """Strip the key from a label that has it.

    >>> bare_label("sub-01", "sub"), bare_label("01", "sub")
    ('01', '01')
    """
    return label.removeprefix(f"{key}-")


def safe_label(label: str) -> str:
    """Reduce a label to letters, digits and +, as pybids reads them; ``x`` where nothing is left.

    >>> safe_label("left > right"), safe_label("../é")
    ('leftright', 'x')
    """
    return _NOT_IN_LABELS.sub("", label) or "x"


def decimal_label(value: float) -> str:
    """Write a number as a label: shortest decimal of at most ten places, with ``p`` for the point.

    >>> decimal_label(3.1), decimal_label(3.0), decimal_label(72.5)
    ('3p1', '3', '72p5')
    """
    return f"{value:.10f}".rstrip("0").rstrip(".").replace(".", "p")


def camel(text: str, *, first: bool = True) -> str:
    """Join the words of a text in camel case.

    >>> camel("time point"), camel("pre-test", first=False)
    ('TimePoint', 'preTest')
    """
    head, *rest = re.findall("[a-zA-Z0-9+]+", text) or ["x"]
    return "".join([head[:1].upper() + head[1:] if first else head, *(word[:1].upper() + word[1:] for word in rest)])
