"""Parts of pages that are made from the code, so that they cannot say anything else: flags, exit codes, references."""

import argparse
import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bids_ari import errors
from bids_ari.cli import main as cli
from bids_ari.cli import map as mapcli
from bids_ari.report.references import REFERENCES

PARSERS = {"bids-ari": cli.parser, "bids-ari-map": mapcli.parser}

OTHER_CODES = {
    0: ("All done.", ""),
    errors.BUG: ("A bug in bids_ari; the message says where to report it.", "any other"),
    errors.INTERRUPTED: ("Interrupted: Ctrl-C, or SIGTERM as from a scheduler.", "`KeyboardInterrupt`"),
    errors.UNREAD: ("Nobody reads on what was asked for, as in `--list | head -1`.", "`BrokenPipeError`"),
}
"""Exit codes without an error class of this package: meaning, and what is raised in Python."""

CALLED = {"Options", "Settings", "Resources"}
"""The classes that a notebook makes instances of; all others come from functions."""


class Flags(SphinxDirective):
    """All flags of one group of a command's help: ``{flags} bids-ari, which maps``."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Make them."""
        command, _, title = self.arguments[0].partition(", ")
        groups = {group.title: group for group in PARSERS[command]()._action_groups}
        shown = [action for action in groups[title]._group_actions if action.help != argparse.SUPPRESS]
        lines = [f"```{{program}} {command}", "```", ""]
        lines += [line for action in shown for line in _flag(action)]
        return _parsed(self, lines)


class ExitCodes(SphinxDirective):
    """The table of exit codes."""

    def run(self) -> list[nodes.Node]:
        """Make it."""
        told = dict(OTHER_CODES)
        for kind in _kinds(errors.BidsAriError):
            code, meaning = kind.exit_code, str(kind.__doc__).splitlines()[0]
            before = told.get(code, ("", ""))
            told[code] = (f"{before[0]} {meaning}".strip(), ", ".join(filter(None, (before[1], f"`{kind.__name__}`"))))
        rows = [f"| {code} | {meaning} | {names} |" for code, (meaning, names) in sorted(told.items())]
        return _parsed(self, ["| code | what it says | in Python |", "| --- | --- | --- |", *rows])


class References(SphinxDirective):
    """Publications by the keys under which a report cites them."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Make the list."""
        found = [REFERENCES[key] for key in self.arguments[0].split()]
        return _parsed(self, [f"- {each.text} [doi:{each.doi}](https://doi.org/{each.doi})" for each in found])


def _flag(action: argparse.Action) -> list[str]:
    """Write a flag as the directive for one, in the spelling with dashes; its values behind it."""
    names = [name for name in action.option_strings if "_" not in name] or [""]
    several = {"+": " ...", "*": " ..."}.get(str(action.nargs), "")
    values = "|".join(map(str, action.choices or ())) or (action.nargs != 0 and (action.metavar or action.dest.upper()))
    shown = ", ".join(f"{name} {values or ''}{several}".strip() for name in names)
    meaning = re.sub(r"([*_<\[`])", r"\\\1", str(action.help) % vars(action))
    return [f"```{{option}} {shown}", f"{meaning[0].upper()}{meaning[1:].rstrip('.')}.", "```", ""]


def _kinds(kind: type[errors.BidsAriError]) -> Iterator[type[errors.BidsAriError]]:
    """Give all kinds of an error, from the general to the special."""
    for each in kind.__subclasses__():
        yield each
        yield from _kinds(each)


def _parsed(directive: SphinxDirective, lines: list[str]) -> list[nodes.Node]:
    parent = nodes.container()
    directive.state.nested_parse(StringList(lines, source=directive.get_source_info()[0]), 0, parent)
    return parent.children


def _signature(app: Sphinx, what: str, name: str, *about: Any) -> tuple[str, str] | None:
    """Show how to make only what a reader makes."""
    return None if what != "class" or name.rpartition(".")[2] in CALLED else ("", "")


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.add_directive("flags", Flags)
    app.add_directive("exit-codes", ExitCodes)
    app.add_directive("references", References)
    app.connect("autodoc-process-signature", _signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
