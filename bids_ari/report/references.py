"""Publications that reports cite, read from ``references.bib``, and citations of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ENTRY = re.compile(r"@article\{(\w+),\n(.*?)^\}\n", re.MULTILINE | re.DOTALL)
_CITATIONS = re.compile(r"[\[(](@\w+(?:; @\w+)*)[\])]")
_FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reference:
    """A publication."""

    bibtex: str  # its entry in ``references.bib``
    author: str  # family names and initials, joined by ``and``
    year: str
    title: str
    journal: str
    volume: str
    doi: str
    pages: str = ""

    @property
    def short(self) -> str:
        """The citation by author and year: ``Goeman & Solari, 2011``."""
        families = [name.partition(",")[0] for name in self.author.split(" and ")]
        is_pair = len(families) == 2 and families[1] != "others"
        names = " & ".join(families) if is_pair else families[0] + (" et al." if families[1:] else "")
        return f"{names}, {self.year}"

    @property
    def text(self) -> str:
        """The entry in a list of references, without DOI."""
        author = self.author.replace(" and others", " et al.").replace(" and ", ", ")
        pages = f": {self.pages.replace('--', '–')}" if self.pages else ""
        return f"{author} ({self.year}). {self.title}. {self.journal} {self.volume}{pages}."


@cache
def read_references() -> Mapping[str, Reference]:
    """Return all publications by their BibTeX keys.

    The file has one form of entry: ``@article``, one field a line, the title in a second pair of braces.
    """
    text = Path(__file__).with_name("references.bib").read_text(encoding="utf-8")
    return {
        match[1]: Reference(bibtex=match[0], **{name: value.strip("{}") for name, value in _FIELD.findall(match[2])})
        for match in _ENTRY.finditer(text)
    }


@dataclass(frozen=True, slots=True)
class MethodsText:
    """The methods of a result as a paper reports them."""

    paragraph: str  # with citations by author and year
    keys: tuple[str, ...]  # of the publications cited, in this order

    @property
    def references(self) -> tuple[Reference, ...]:
        """The publications cited, in that order."""
        return tuple(read_references()[key] for key in self.keys)

    @property
    def bibtex(self) -> str:
        """The same as BibTeX."""
        return "\n".join(reference.bibtex for reference in self.references)


class Citations:
    """The publications that a text cites, by key in the order of their first citation."""

    def __init__(self) -> None:
        self.keys: dict[str, None] = {}

    def __call__(self, text: str) -> str:
        """Replace keys by author and year: ``[@simes1986]`` by ``(Simes, 1986)``."""
        return _CITATIONS.sub(self._cite, text)

    def _cite(self, match: re.Match[str]) -> str:
        keys = re.findall(r"\w+", match[1])
        self.keys |= dict.fromkeys(keys)
        return f"({'; '.join(read_references()[key].short for key in keys)})"
