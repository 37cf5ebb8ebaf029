"""Tables for notebooks."""

import re
from html.parser import HTMLParser

from bids_ari.html_table import html_table


class Reader(HTMLParser):
    """The text of a page, and its open elements at the end."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_texts_are_escaped_and_elements_closed() -> None:
    odd = "<script>alert(1)</script>&"
    html = html_table(odd, [(odd, odd)], [odd, "n"], [(odd, 2)], odd)
    read = Reader(html)
    assert read.open == []
    assert read.texts == [odd, odd, odd, odd, "n", odd, "2", odd]
    assert "<script" not in html


def test_facts_without_a_value_are_not_shown() -> None:
    assert Reader(html_table("t", [("a", ""), ("b", None), ("c", 0)])).texts == ["t", "c", "0"]


def test_a_proportion_has_a_bar() -> None:
    html = html_table("t", [], ["TDP"], [(0.25,), (1.0,)])
    assert re.findall(r"width:([\d.]+)em", html) == ["1.00", "4.00"]


def test_a_proportion_is_a_lower_bound_and_not_rounded_up() -> None:
    """356 of 580 are .6138, 2 of 3 are .6667; 29 of 100 are .29, though 100 * .29 is a little less than 29."""
    html = html_table("t", [], ["TDP"], [(356 / 580,), (2 / 3,), (29 / 100,), (999 / 1000,), (1.0,)])
    assert Reader(html).texts[2:] == ["0.61", "0.66", "0.29", "0.99", "1.00"]


def test_colours_are_those_of_the_notebook() -> None:
    html = html_table("t", [("a", 1)], ["TDP"], [(0.25,)])
    assert re.findall(r"(?:background|color):([^;\"]+)", html) == ["currentColor"]
