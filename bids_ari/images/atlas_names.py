"""Names of TemplateFlow's atlases, as options have them, and the variants of an atlas."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bids_ari.bids.entities import Entities, Pairs, labels_in_name
from bids_ari.errors import UsageError, listing
from bids_ari.images.templateflow import MOST_VARIANTS, Labels, labels_of

FORM = "NAME, then what distinguishes its variants as :LABEL of desc or :KEY-LABEL, as in Schaefer2018:seg-7n:scale-100"
"""How options name an atlas of TemplateFlow."""

_PLACE = ("tpl", "cohort", "res", "den", "atlas", "hemi")  # entities that are no variants of an atlas
_PART = re.compile(r"(?:([a-zA-Z0-9]+)-)?([a-zA-Z0-9+]+)")
_KEPT = ("seg", "scale")  # entities of variants that names of outputs have as they are


@dataclass(frozen=True, slots=True)
class AtlasName:
    """The name of an atlas in TemplateFlow, with what distinguishes a variant.

    >>> str(AtlasName.parse("atlas-Schaefer2018_seg-7n_scale-100")), AtlasName.parse("HOCPA:th25").variant
    ('Schaefer2018:seg-7n:scale-100', (('desc', 'th25'),))
    """

    name: str
    variant: Pairs = ()

    @classmethod
    def parse(cls, text: str) -> "AtlasName":
        """Read a name of the form `FORM`, or as file names have it: with ``_`` between the parts, and ``atlas-`` first.

        Raises
        ------
        UsageError
            When a part is not of this form, or an entity of the space of the maps.
        """
        name, *parts = re.split(r":|_(?=[a-zA-Z0-9]+-)", text.removeprefix("atlas-"))
        if "-" in name:
            raise UsageError(f"The atlas {text} begins with {name}, which is no name of an atlas", FORM)
        pairs = [_pair(part, text) for part in parts]
        labels = dict(pairs)
        if len(labels) < len(pairs):
            raise UsageError(f"The atlas {text} has an entity twice", FORM, "Name one label of each")
        return cls(name, Entities.of(labels).pairs)

    @classmethod
    def saved(cls, text: str | None) -> "AtlasName | None":
        """Return the name in the options of a saved result; None for a file, of which these have the name only.

        >>> AtlasName.saved("lh.aparc.annot"), AtlasName.saved("my_atlas"), AtlasName.saved("HOCPA")
        (None, None, AtlasName(name='HOCPA', variant=()))
        """
        with suppress(UsageError):
            found = cls.parse(text or "")
            return found if re.fullmatch("[a-zA-Z0-9+]+", found.name) else None
        return None

    def choose(self, variants: Iterable[Mapping[str, str]]) -> Labels | None:
        """Return the variant with these entities alone, else the only one that has them; None for no such.

        Raises
        ------
        UsageError
            When several variants have them.

        >>> AtlasName("HOCPA").choose([{"desc": "th0"}]), AtlasName("v3").choose([{}, {"desc": "cerebrum"}])
        ({'desc': 'th0'}, {})
        """
        wanted = dict(self.variant)
        unique = {str(AtlasName.of(self.name, each)): dict(each) for each in variants}
        fitting = {text: each for text, each in sorted(unique.items()) if wanted.items() <= each.items()}
        if wanted in fitting.values() or len(fitting) < 2:
            return wanted if wanted in fitting.values() else next(iter(fitting.values()), None)
        names = sorted(fitting, key=lambda text: (len(text), text))
        raise UsageError(
            f"TemplateFlow has {len(names)} atlases {self}", f"one of: {listing(names, MOST_VARIANTS)}", "Name one"
        )

    @classmethod
    def of(cls, name: str, variant: Mapping[str, str]) -> "AtlasName":
        """Return the name of a variant."""
        return cls(name, Entities.of(variant).pairs)

    @property
    def spelled_variant(self) -> str:
        """What distinguishes the variant, as options have it behind the name: ``th25``, ``seg-7n:scale-100``."""
        return ":".join(label if key == "desc" else f"{key}-{label}" for key, label in self.variant)

    def __str__(self) -> str:
        return ":".join(filter(None, (self.name, self.spelled_variant)))


def _pair(part: str, text: str) -> tuple[str, str]:
    """Return the key and the label of a part of a name."""
    if (found := _PART.fullmatch(part)) is None:
        raise UsageError(f"The atlas {text} has a part {part!r}", FORM)
    key = found[1] or "desc"
    if key in _PLACE:
        raise UsageError(f"The atlas {text} has the entity {key}, which follows from the maps", FORM, f"Remove {part}")
    return key, found[2]


def variant_of(path: Path) -> Labels:
    """Return the entities of a file that distinguish variants of an atlas: not those of space, mesh or grid."""
    place = _PLACE if path.name.endswith((".gii", ".gii.gz")) else _PLACE[:-1]  # a volume of one hemisphere is another
    return {key: label for key, label in labels_in_name(path.name).items() if key not in place}


def most_specific(tables: Iterable[Path], path: Path) -> Path | None:
    """Return the table of the parcels of a file: of those whose entities all are its own, that with most of them."""
    fitting = [table for table in tables if labels_of(table).items() <= labels_of(path).items()]
    return max(fitting, key=lambda table: len(labels_of(table)), default=None)


def entities_in_names(name: str, variant: Pairs) -> dict[str, str]:
    """Return the entities of an atlas in the names of outputs, where desc and stat mean something else.

    What distinguishes a variant beside seg and scale is part of seg.

    >>> entities_in_names("Schaefer2018", (("desc", "200Parcels7Networks"),))
    {'atlas': 'Schaefer2018', 'seg': '200Parcels7Networks'}
    >>> entities_in_names("Buckner2011", (("seg", "7n"), ("stat", "confidence")))
    {'atlas': 'Buckner2011', 'seg': '7nConfidence'}
    """
    kept = {key: label for key, label in variant if key in _KEPT}
    first, *more = [*filter(None, [kept.get("seg")]), *(label for key, label in variant if key not in _KEPT)] or [""]
    seg = first + "".join(label[:1].upper() + label[1:] for label in more)
    return {"atlas": name, **kept, **({"seg": seg} if seg else {})}
