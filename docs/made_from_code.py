"""Sphinx directives that write parts of pages from the code: flags, exit codes, references, maps and arrays."""

import argparse
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bids_ari import errors
from bids_ari.cli import demo as demo_cli
from bids_ari.cli import main as cli
from bids_ari.cli import map as map_cli
from bids_ari.cli import mask as mask_cli
from bids_ari.cli import studies as studies_cli
from bids_ari.cli import templates as templates_cli
from bids_ari.errors import EXIT_CODES
from bids_ari.outputs import files
from bids_ari.outputs.archive_format import ARRAYS
from bids_ari.report.references import read_references

PARSERS = {
    "bids-ari": cli.parser,
    "bids-ari-map": map_cli.parser,
    "bids-ari-mask": mask_cli.parser,
    "bids-ari-studies": studies_cli.parser,
    "bids-ari-templates": templates_cli.parser,
    "bids-ari-demo": demo_cli.parser,
}

OTHER_EXCEPTIONS = {
    errors.BUG: "any other",
    errors.INTERRUPTED: "`KeyboardInterrupt`",
    errors.UNREAD: "`BrokenPipeError`",
}
"""Exceptions in Python whose exit codes have no class of this package."""

CREATED = {"Options", "Settings", "MapFilters", "Resources"}
"""Classes that a notebook creates instances of; functions return those of all others."""


class Flags(SphinxDirective):
    """All flags of one group of a command's help: ``{flags} bids-ari, which maps``."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Write the flags."""
        command, _, title = self.arguments[0].partition(", ")
        return _parsed(self, [f"```{{program}} {command}", "```", "", *flag_lines(PARSERS[command](), title)])


class ExitCodes(SphinxDirective):
    """The table of exit codes."""

    def run(self) -> list[nodes.Node]:
        """Write the table."""
        names = {code: [name] for code, name in OTHER_EXCEPTIONS.items()}
        for kind in _subclasses(errors.BidsAriError):
            names.setdefault(kind.exit_code, []).append(f"`{kind.__name__}`")
        rows = [f"| {code} | {text} | {', '.join(names.get(code, []))} |" for code, text in sorted(EXIT_CODES.items())]
        return _parsed(self, ["| code | meaning | in Python |", "| --- | --- | --- |", *rows])


class References(SphinxDirective):
    """Publications by the keys under which a report cites them."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Write the list."""
        found = [read_references()[key] for key in self.arguments[0].split()]
        return _parsed(self, [f"- {each.text} [doi:{each.doi}](https://doi.org/{each.doi})" for each in found])


class OutputMaps(SphinxDirective):
    """The table of output maps."""

    def run(self) -> list[nodes.Node]:
        """Write the table."""
        return _parsed(self, map_lines())


class SavedArrays(SphinxDirective):
    """The table of the arrays of a saved result."""

    def run(self) -> list[nodes.Node]:
        """Write the table."""
        rows = [
            f"| `{name}` | {np.dtype(spec.dtype).name} | {spec.axes} | {spec.meaning} |"
            for name, spec in ARRAYS.items()
        ]
        return _parsed(self, ["| array | type | axes | meaning |", "| --- | --- | --- | --- |", *rows])


def map_lines() -> list[str]:
    """Return the output maps as lines of a table in Markdown."""
    labels = [
        (f"stat-{each.stat}" if each.stat else "", f"desc-{each.desc}" if each.desc else "") for each in files.MAPS
    ]
    names = ["_".join(filter(None, (*pair, each.suffix))) for pair, each in zip(labels, files.MAPS, strict=True)]
    rows = [
        f"| `{name}` | {each.description.format(unit='voxel', units='voxels')} |"
        for name, each in zip(names, files.MAPS, strict=True)
    ]
    return ["| name | content |", "| --- | --- |", *rows]


def flag_lines(parser: argparse.ArgumentParser, title: str) -> list[str]:
    """Return the flags of one group of a parser as lines of Markdown."""
    (group,) = [each for each in parser._action_groups if each.title == title]
    return [line for action in group._group_actions if action.help != argparse.SUPPRESS for line in _flag(action)]


def _flag(action: argparse.Action) -> list[str]:
    """Return the directive of a flag, in the spelling with dashes, followed by its values."""
    names = [name for name in action.option_strings if "_" not in name] or [""]
    several = {"+": " ...", "*": " ..."}.get(str(action.nargs), "")
    values = "|".join(map(str, action.choices or ())) or (action.nargs != 0 and (action.metavar or action.dest.upper()))
    shown = ", ".join(f"{name} {values or ''}{several}".strip() for name in names)
    meaning = re.sub(r"([*_<\[`])", r"\\\1", str(action.help) % vars(action))
    return [f"```{{option}} {shown}", f"{meaning[0].upper()}{meaning[1:].rstrip('.')}.", "```", ""]


def _subclasses(kind: type[errors.BidsAriError]) -> Iterator[type[errors.BidsAriError]]:
    """Yield all subclasses of an error, each before its own."""
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


def _parsed(directive: SphinxDirective, lines: list[str]) -> list[nodes.Node]:
    parent = nodes.container()
    directive.state.nested_parse(StringList(lines, source=directive.get_source_info()[0]), 0, parent)
    return parent.children


def _signature(app: Sphinx, what: str, name: str, *about: Any) -> tuple[str, str] | None:
    """Hide the signature of classes that a reader does not create."""
    return None if what != "class" or name.rpartition(".")[2] in CREATED else ("", "")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("flags", Flags)
    app.add_directive("exit-codes", ExitCodes)
    app.add_directive("references", References)
    app.add_directive("output-maps", OutputMaps)
    app.add_directive("saved-arrays", SavedArrays)
    app.connect("autodoc-process-signature", _signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
