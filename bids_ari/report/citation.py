"""How to cite all results of an output: their methods as a text, and a file for reference managers."""

from collections.abc import Iterable, Mapping
from typing import Any

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.entities import printable
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.records import entry
from bids_ari.report.methods import describe
from bids_ari.report.references import REFERENCES

PARAGRAPH, CITED = "Methods", "Cites"
"""The keys under which a record tells the methods of its result."""

_INTRODUCTION = """\
# Methods and citations

For each result, what was done to it, written to be taken into a paper as it stands. References are at the end, and in
`CITATION.bib` for reference managers.
"""


def methods_note(result: ContrastResult) -> dict[str, Any]:
    """Give what `write_citation` will tell of a result, for its record."""
    methods = describe(result)
    return {PARAGRAPH: printable(methods.paragraph), CITED: list(methods.keys)}


def write_citation(out: Derivatives) -> None:
    """Write ``logs/CITATION.md`` and ``logs/CITATION.bib`` over all results on disk, if there are any.

    Parameters
    ----------
    out : Derivatives
        What was written; its records tell the methods of each result. Of what a damaged one tells, texts are taken
        and known references.
    """
    named: dict[str, list[str]] = {}
    cited: set[str] = set()
    for record in out.records():
        for note in entry(record, "Results", list):
            if isinstance(note, Mapping) and (text := entry(note, PARAGRAPH, str)):
                named.setdefault(text, []).append(entry(record, "Name", str))
                cited |= {key for key in entry(note, CITED, list) if isinstance(key, str)}
    if not named:
        return
    keys = [key for key in REFERENCES if key in cited]
    out.text("logs/CITATION.md", "\n".join((_INTRODUCTION, *_paragraphs(named), *_references(keys))))
    out.text("logs/CITATION.bib", "\n".join(REFERENCES[key].bibtex(key) for key in keys))


def _paragraphs(named: Mapping[str, Iterable[str]]) -> Iterable[str]:
    """Give each text once, below the names of the results that it tells of."""
    for text, names in named.items():
        yield "".join(f"## `{_one_line(name)}`\n" for name in names)
        yield f"{_one_line(text)}\n"


def _references(keys: Iterable[str]) -> Iterable[str]:
    """List what is cited, by author."""
    yield "## References\n"
    texts = sorted(f"- {REFERENCES[key].text} https://doi.org/{REFERENCES[key].doi}\n" for key in keys)
    yield "".join(texts)


def _one_line(text: str) -> str:
    return " ".join(text.split())
