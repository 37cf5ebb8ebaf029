"""Options of pictures and copies: which of them the files of a result on disk lack."""

from typing import Any

import pytest

from bids_ari.config.options import Options
from bids_ari.outputs.outcome import not_shown

MADE = {"slices": ["axial"], "figure_format": ["svg"], "table_format": ["xlsx"], "neurovault": True}


def record(shown: Any) -> dict[str, Any]:
    return {"Name": "a", "Results": [{"Shown": shown}]}


@pytest.mark.parametrize(
    ("shown", "options", "lacking"),
    [
        (MADE, Options(), set()),  # copies of the same result stay
        (MADE, Options(figure_format=("svg",), table_format=("xlsx",), neurovault=True), set()),
        (MADE, Options(figure_format=("svg", "pdf")), {"figure_format"}),
        (MADE, Options(slices=("coronal",)), {"slices"}),
        (None, Options(), set()),  # a version without these options in records kept results of the default ones
        (None, Options(neurovault=True, table_format=("xlsx",)), {"neurovault", "table_format"}),
        ({"slices": 3, "figure_format": None, "neurovault": "yes"}, Options(), {"slices", "figure_format"}),
        ({"neurovault": "yes"}, Options(neurovault=True), {"neurovault"}),
    ],
)
def test_lacking_options(shown: Any, options: Options, lacking: set[str]) -> None:
    found = not_shown(record(shown), options)
    assert found == {name: getattr(options, name) for name in lacking}


def test_a_record_without_results() -> None:
    assert not_shown({"Name": "a", "Results": ["x"]}, Options()) == {}
