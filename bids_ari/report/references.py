"""Publications that reports cite, read from ``references.bib``, and texts that cite them."""

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
    """A publication.

    Attributes
    ----------
    bibtex : str
        Its entry in ``references.bib``.
    author : str
        Family names and initials, joined by ``and`` as in BibTeX.
    year, title, journal, volume, doi, pages : str
        The other fields; a preprint has no pages.
    """

    bibtex: str
    author: str
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
    """The methods of a result as a paper reports them.

    Attributes
    ----------
    paragraph : str
        The text, with citations by author and year.
    keys : tuple of str
        BibTeX keys of what it cites, in the order of the text.
    """

    paragraph: str
    keys: tuple[str, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        """The publications cited, in that order."""
        return tuple(read_references()[key] for key in self.keys)

    @property
    def bibtex(self) -> str:
        """The same as BibTeX."""
        return "\n".join(reference.bibtex for reference in self.references)


class CitedText:
    """Sentences with citations such as ``[@simes1986]`` and values such as ``{units}``.

    Citations are resolved before values are filled in, so that names from the data cannot be mistaken for citations.

    Parameters
    ----------
    values : mapping of str to object
        What the sentences name.
    """

    def __init__(self, values: Mapping[str, object]) -> None:
        self.values = values
        self.sentences: list[str] = []
        self.keys: dict[str, None] = {}

    def add(self, sentence: str) -> None:
        """Add a sentence."""
        self.sentences.append(_CITATIONS.sub(self._cite, sentence).format_map(self.values))

    def finish(self) -> MethodsText:
        """Return the whole text."""
        return MethodsText(" ".join(self.sentences), tuple(self.keys))

    def _cite(self, match: re.Match[str]) -> str:
        keys = re.findall(r"\w+", match[1])
        self.keys |= dict.fromkeys(keys)
        return f"({'; '.join(read_references()[key].short for key in keys)})"
