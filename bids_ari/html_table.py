"""Small tables for notebooks: plain HTML without script or colours of its own, for light and dark themes."""

import math
from collections.abc import Iterable, Sequence
from html import escape

_BAR = 4.0  # width of a full bar in em


def html_table(
    title: str,
    facts: Sequence[tuple[str, object]],
    columns: Sequence[str] = (),
    rows: Iterable[Sequence[object]] = (),
    more: str = "",
) -> str:
    """Return a title, facts, and a table; all texts are escaped.

    Parameters
    ----------
    title : str
        What it is.
    facts : sequence of (str, object)
        Names and values; those without a value are not shown.
    columns : sequence of str
        Titles of columns; a column ``TDP`` has lower bounds of proportions, which also have bars.
    rows : iterable of sequences
        A cell for each column.
    more : str
        A text below.
    """
    known = [(name, value) for name, value in facts if value not in (None, "")]
    lines = "".join(f"<tr>{_tag('th', name)}{_tag('td', value, wraps=True)}</tr>" for name, value in known)
    parts = [f"<p><strong>{escape(title)}</strong></p>", f"<table><tbody>{lines}</tbody></table>" if lines else ""]
    if body := [*rows]:
        head = "".join(map(_title, columns, body[0]))
        cells = "".join(f"<tr>{''.join(map(_cell, columns, row))}</tr>" for row in body)
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table>")
    if more:
        parts.append(f"<p>{escape(more)}</p>")
    return f"<div>{''.join(parts)}</div>"


def rounded_down(bound: float, decimals: int = 2) -> str:
    """Write a lower bound, which is rounded down, never up.

    >>> rounded_down(0.29), rounded_down(0.999), rounded_down(61.37, 1)
    ('0.29', '0.99', '61.3')
    """
    units = math.floor(bound * 10**decimals + 1e-9)  # 100 * 0.29 is 28.999999999999996
    return f"{units / 10**decimals:.{decimals}f}"


def _tag(tag: str, value: object, align: str = "left", more: str = "", *, wraps: bool = False) -> str:
    """Return a cell of a table, with HTML after its text."""
    style = f"text-align:{align};padding:.1em .6em;white-space:{'normal' if wraps else 'nowrap'};vertical-align:top"
    return f'<{tag} style="{style}">{escape(str(value))}{more}</{tag}>'


def _title(column: str, example: object) -> str:
    """Return the title of a column, aligned as its values."""
    return _tag("th", column, "right" if isinstance(example, int | float) and column != "TDP" else "left")


def _cell(column: str, value: object) -> str:
    """Return a cell of a column; a proportion has a bar in the colour of the text."""
    if column == "TDP" and isinstance(value, float):
        style = "display:inline-block;height:.6em;background:currentColor;opacity:.5;margin-left:.5em"
        return _tag("td", rounded_down(value), "left", f'<span style="{style};width:{_BAR * value:.2f}em"></span>')
    if isinstance(value, int | float):
        return _tag("td", f"{value:.2f}" if isinstance(value, float) else f"{value:,}", "right")
    return _tag("td", value)
