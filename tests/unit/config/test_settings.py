"""Options and settings: one form of each value, and a refusal of what cannot be used."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bids_ari.config.options import Options
from bids_ari.config.settings import Settings
from bids_ari.errors import UsageError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("alpha", value) for value in (0, 1, -0.05, 5, float("nan"), None, "much", [0.05, 0.1])],
        *[("coverage", value) for value in (0, 1.01, -1, float("nan"), None)],
        *[("smoothing", value) for value in (-1, float("inf"), float("nan"), "wide")],
        *[("connectivity", value) for value in (1, 2, 3, 8, 0, 18.5, "18", None, [18])],
        *[("method", value) for value in ("Simes", "bonferroni", "", None, [], ["simes", "other"])],
        *[("threshold", value) for value in ((), (-1,), (3, float("nan")), (float("inf"),), ("x",), None)],
        *[("alternative", value) for value in ((), ("up",), ("greater", "up"), "up", None, 1)],
        ("mask", 3),
        *[("n_permutations", value) for value in (0, -1, 2.5, "many", 2**31, None)],
        *[("family", value) for value in ("aorc", "", None)],
        *[("delta", value) for value in (-1, 1.5, None)],
        *[("shuffle", value) for value in ("shuffle", "")],
        *[("random_seed", value) for value in (-1, 2**64, 0.5, None)],
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Options(**{name: value})
    flag = {"threshold": "threshold", "alternative": "alternative", "method": "method"}.get(name, name)
    assert caught.value.found.startswith(f"{flag.replace('_', '-')} is ")
    assert repr(value) in caught.value.found
    assert caught.value.expected


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("threshold", (8, 1, 3, 3.0, 2.3), (1.0, 2.3, 3.0, 8.0)),
        ("threshold", 3.1, (3.1,)),
        ("threshold", np.array([4, 3]), (3.0, 4.0)),
        ("threshold", (0,), (0.0,)),
        ("alternative", ["less", "greater", "less"], ("less", "greater")),
        ("alternative", "two-sided", ("two-sided",)),
        ("method", "hommel", ("hommel",)),
        ("method", ["permutation", "simes", "permutation"], ("permutation", "simes")),
        ("mask", "mask.nii.gz", Path("mask.nii.gz")),
        ("coverage", 1, 1.0),
        ("smoothing", 0, 0.0),
        ("smoothing", None, None),
        ("connectivity", np.int64(26), 26),
        ("alpha", np.float32(0.5), 0.5),
    ],
)
def test_a_value_has_one_form(name: str, given: Any, kept: Any) -> None:
    value = getattr(Options(**{name: given}), name)
    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"step_down": True}, "step-down goes with permutations"),
        ({"family": "beta"}, "family goes with permutations"),
        ({"random_seed": 3}, "random-seed goes with permutations"),
        ({"blocks": "site", "method": ["simes", "hommel"]}, "blocks goes with permutations"),
        ({"method": "permutation", "estimator": "mixed"}, "do not go with the estimator mixed"),
        ({"method": "permutation", "variance": "unequal"}, "do not go with unequal variances"),
        ({"method": "permutation", "family": "beta", "delta": 2}, "delta goes with the family simes"),
        ({"method": "permutation", "template": "t.npz"}, "template goes with the family learned"),
        ({"method": "permutation", "save_template": True}, "save-template goes with the family learned"),
        (
            {"method": "permutation", "family": "learned", "template": "t.npz", "save_template": True},
            "Both template and save-template",
        ),
    ],
    ids=str,
)
def test_what_does_not_go_with_draws_is_refused(asked: dict[str, Any], found: str) -> None:
    with pytest.raises(UsageError, match=found) as caught:
        Options(**asked)
    assert caught.value.hint


def test_minus_zero_is_zero_in_file_names_too() -> None:
    assert str(Options(threshold=(-0.0,)).threshold) == "(0.0,)"


def test_the_defaults_are_those_of_the_design() -> None:
    """The table of flags in the design names them."""
    options = Options()
    assert (options.mask, options.coverage, options.smoothing) == (None, 1.0, None)
    assert (options.alternative, options.alpha, options.threshold) == (("greater",), 0.05, (3.0, 4.0, 5.0))
    assert (options.connectivity, options.method, options.join_signs) == (18, ("simes",), False)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A raw dataset with a subject, and a link to it."""
    (tmp_path / "raw" / "sub-01" / "func").mkdir(parents=True)
    (tmp_path / "raw" / "derivatives").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "raw")
    return tmp_path / "raw"


@pytest.mark.parametrize("output", ["raw", "raw/", "raw/derivatives/..", "link", "./link/sub-01/.."])
def test_the_output_may_not_be_the_input(raw: Path, output: str) -> None:
    with pytest.raises(UsageError, match="is the input"):
        Settings(raw, raw.parent / output)


@pytest.mark.parametrize(
    "output",
    ["raw/sub-01", "raw/sub-01/ari", "raw/sub-01/func/x/y", "raw/sub-new/ari", "link/sub-01/ari", "raw/x/../sub-01/x"],
)
@pytest.mark.parametrize("source", ["raw", "link"])
def test_the_output_may_not_lie_among_a_subjects_files(raw: Path, source: str, output: str) -> None:
    with pytest.raises(UsageError, match="among a subject's files") as caught:
        Settings(raw.parent / source, raw.parent / output)
    assert caught.value.hint.endswith("derivatives/bids_ari")


def test_a_subjects_folder_that_is_a_link_is_still_a_subjects_folder(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (raw / "sub-02").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="among a subject's files"):
        Settings(raw, raw / "sub-02" / "ari")


def test_a_link_into_a_subjects_folder_is_seen_through(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "innocent").symlink_to(raw / "sub-01")
    with pytest.raises(UsageError, match="among a subject's files"):
        Settings(raw, tmp_path / "innocent" / "ari")


def test_the_output_may_not_lie_in_a_derivative_dataset_among_subjects(raw: Path) -> None:
    first_level = raw / "derivatives" / "first"
    with pytest.raises(UsageError, match="among a subject's files"):
        Settings(raw, first_level / "sub-01" / "ari", (first_level,))
    with pytest.raises(UsageError, match="is the input"):
        Settings(raw, first_level, (first_level,))


@pytest.mark.parametrize("output", ["raw/derivatives/ari", "raw/derivatives", "raw/ari", "out", "rawer", "sub-01/ari"])
def test_the_output_may_lie_elsewhere(raw: Path, output: str) -> None:
    assert Settings(raw, raw.parent / output).output_dir == raw.parent / output


def test_a_dataset_below_a_subjects_folder_may_hold_its_output(tmp_path: Path) -> None:
    """Only what lies between the dataset and the output counts."""
    dataset = tmp_path / "sub-99" / "dataset"
    assert Settings(dataset, dataset / "derivatives" / "ari")


def test_numbers_that_would_share_a_file_name_are_refused() -> None:
    with pytest.raises(UsageError, match="differ in the first ten decimals"):
        Options(threshold=(3, 3 + 1e-12))


def test_settings_take_paths_as_text() -> None:
    settings = Settings("in", "out", derivatives="in/derivatives/glm")  # type: ignore[arg-type]
    assert (settings.bids_dir, settings.output_dir) == (Path("in"), Path("out"))
    assert settings.derivatives == (Path("in/derivatives/glm"),)


def test_a_threshold_of_numpy_is_a_number() -> None:
    assert Options(threshold=np.array(3.0)).threshold == Options(threshold=np.float32(3)).threshold == (3.0,)
