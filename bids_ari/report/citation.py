"""How to cite all results of an output: their methods as text, and their references as BibTeX."""

from collections.abc import Mapping
from typing import Any

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.entities import printable
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.records import entry
from bids_ari.report.methods import describe_methods
from bids_ari.report.references import read_references

PARAGRAPH, CITED = "Methods", "Cites"
"""Keys of a record for the methods text of a result and for what it cites."""

_INTRODUCTION = """\
# Methods and citations

The methods of each result, as text for a paper. References are at the end, and in `CITATION.bib` for reference
managers.
"""


def methods_note(result: ContrastResult) -> dict[str, Any]:
    """Return the entries of a record from which `write_citation` cites a result."""
    methods = describe_methods(result)
    return {PARAGRAPH: printable(methods.paragraph), CITED: list(methods.keys)}


def write_citation(out: Derivatives) -> None:
    """Write ``logs/CITATION.md`` and ``logs/CITATION.bib`` for all results on disk, if there are any.

    Of a damaged record, only texts and known references are used.
    """
    names: dict[str, list[str]] = {}
    cited: set[str] = set()
    for record in out.records():
        for note in entry(record, "Results", list):
            if isinstance(note, Mapping) and (text := entry(note, PARAGRAPH, str)):
                names.setdefault(text, []).append(entry(record, "Name", str))
                cited |= {key for key in entry(note, CITED, list) if isinstance(key, str)}
    if not names:
        return
    references = [reference for key, reference in read_references().items() if key in cited]
    parts = [_INTRODUCTION]
    for text, results in names.items():
        parts += ["".join(f"## `{_one_line(name)}`\n" for name in results), f"{_one_line(text)}\n"]
    lines = sorted(f"- {reference.text} https://doi.org/{reference.doi}\n" for reference in references)
    out.text("logs/CITATION.md", "\n".join((*parts, "## References\n", "".join(lines))))
    out.text("logs/CITATION.bib", "\n".join(reference.bibtex for reference in references))


def _one_line(text: str) -> str:
    return " ".join(text.split())
