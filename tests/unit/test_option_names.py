"""Options as messages name them."""

import pytest

from bids_ari.config.settings import Settings
from bids_ari.config.table import entries
from bids_ari.option_names import with_arguments

CHOICES = [(each.flag, value) for each in entries(Settings) if not each.is_positional for value in each.choices or ()]


@pytest.mark.parametrize(("flag", "value"), CHOICES)
def test_each_value_of_a_flag_is_that_of_an_argument(flag: str, value: str) -> None:
    assert f"={value!r}" in with_arguments(f"Use --{flag} {value} instead")
