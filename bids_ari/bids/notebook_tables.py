"""Contrasts as tables for notebooks."""

from typing import TYPE_CHECKING

from bids_ari.errors import counted, listing
from bids_ari.html_table import html_table

if TYPE_CHECKING:
    from bids_ari.bids.contrasts import ContrastSet, Discovery

_MOST = 30  # subjects, or contrasts


def contrast_html(contrast: "ContrastSet") -> str:
    """Return a contrast as a table: its subjects, and what is excluded."""
    excluded = (f"{each.name}: {each.reason}" for each in contrast.excluded)
    facts = [
        ("statistic", contrast.stat),
        (f"subjects ({len(contrast.members)})", listing(contrast.subjects, _MOST)),
        (f"excluded ({len(contrast.excluded)})", listing(excluded)),
        (f"notes ({len(contrast.notes)})", " ".join(f"{note}." for note in contrast.notes)),
    ]
    return html_table(contrast.name, facts)


def discovery_html(discovery: "Discovery") -> str:
    """Return contrasts as a table, one in each row."""
    shown = discovery.contrasts[:_MOST]
    rows = [(i, each.name, each.stat, len(each.members), len(each.excluded)) for i, each in enumerate(shown)]
    more = [
        f"{len(discovery) - len(shown)} more are not shown" if len(discovery) > len(shown) else "",
        f"{counted(len(discovery.excluded), 'file')} of no contrast: discovery.excluded" if discovery.excluded else "",
    ]
    columns = ("", "contrast", "statistic", "subjects", "excluded")
    return html_table(counted(len(discovery), "contrast"), [], columns, rows, "; ".join(filter(None, more)))
