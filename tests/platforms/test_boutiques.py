"""The Boutiques descriptor has the arguments of the command line."""

import json
import runpy
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from builders_people import people

from bids_ari.cli import main as cli
from bids_ari.config.settings import Modes, Settings
from bids_ari.design.coding import model_matrix
from bids_ari.design.contrasts import parse_tests
from bids_ari.design.formula import parse_formula
from bids_ari.errors import BUG, INTERRUPTED, UNREAD, BidsAriError, UsageError

BOUTIQUES = Path(__file__).parents[2] / "platforms" / "boutiques"
DESCRIBE = runpy.run_path(str(BOUTIQUES / "describe.py"))
DESCRIPTOR = json.loads((BOUTIQUES / "bids_ari.json").read_text())
INPUTS = {each["id"]: each for each in DESCRIPTOR["inputs"]}
EXAMPLES = sorted((BOUTIQUES / "examples").glob("*.json"))
ENDS = {"minimum": -1, "maximum": 1}
LEAST = {"bids_dir": "study", "output_dir": "results", "level": "group"}

PERMUTED = ["--method", "permutation"]
SAMPLES: dict[str, list[str]] = {
    "formula": ["1 + age"],
    "missing": ["error"],
    "estimator": ["mixed"],
    "variance": ["unequal"],
    "coverage": ["0.5"],
    "allow_native_space": [],
    "allow_duplicates": [],
    "smoothing": ["8"],
    "min_effect": ["0.2"],
    "combine": ["run"],
    "by": ["session"],
    "within_contrast": ["trend=-1,0,1", "--within", "session"],
    "test": ["mean=1"],
    "node": ["dataset", "--model", "model_smdl.json"],
    "mask_threshold": ["0.5", "--mask", "mask.nii.gz"],
    "roi_threshold": ["0.5", "--roi", "roi.nii.gz"],
    "n_permutations": ["200", *PERMUTED],
    "family": ["beta", *PERMUTED],
    "delta": ["27", *PERMUTED],
    "step_down": PERMUTED,
    "shuffle": ["flip", *PERMUTED],
    "blocks": ["site", *PERMUTED],
    "random_seed": ["7", *PERMUTED],
    "template": ["t.npz", "--family", "learned", *PERMUTED],
    "save_template": ["--family", "learned", *PERMUTED],
}
"""Values other than the defaults, of flags that do not accept any text."""


@pytest.mark.parametrize("path", DESCRIBE["WRITTEN"], ids=lambda path: path.name)
def test_the_descriptor_is_up_to_date(path: Path) -> None:
    assert path.read_text() == DESCRIBE["as_text"](DESCRIBE["describe"](Settings, Modes)), (
        "run python platforms/boutiques/describe.py"
    )


def test_every_exit_code_is_described() -> None:
    def codes(kind: type[BidsAriError]) -> set[int]:
        return {kind.exit_code}.union(*map(codes, kind.__subclasses__()))

    assert {each["code"] for each in DESCRIPTOR["error-codes"]} == codes(BidsAriError) | {BUG, INTERRUPTED, UNREAD}


@pytest.mark.parametrize(("key", "end"), [(key, end) for key in INPUTS for end in ENDS if end in INPUTS[key]])
def test_limits_are_those_of_the_program(key: str, end: str) -> None:
    described = INPUTS[key]
    more = SAMPLES[key][1:] if key in SAMPLES else []
    beyond = described[end] + ENDS[end]
    with pytest.raises(UsageError, match=f"{key.replace('_', '-')} is "):
        settings(described, str(beyond), *more)
    if described.get(f"exclusive-{end}"):
        with pytest.raises(UsageError):
            settings(described, str(described[end]), *more)
    else:
        settings(described, str(described[end]), *more)


@pytest.mark.parametrize("key", INPUTS["level"]["value-disables"]["participant"])
def test_options_of_the_group_level_are_refused_for_participants(key: str) -> None:
    words = SAMPLES.get(key, ["first"])
    settings(INPUTS[key], *words)
    with pytest.raises(UsageError, match="group level"):
        settings(INPUTS[key], *words, level="participant")


@pytest.mark.parametrize("estimator", INPUTS["estimator"]["value-choices"])
def test_options_that_an_estimator_excludes(estimator: str) -> None:
    words = [estimator, "--smoothing", "8"]
    if "smoothing" in INPUTS["estimator"]["value-disables"][estimator]:
        with pytest.raises(UsageError, match="Smoothing cannot be combined"):
            settings(INPUTS["estimator"], *words)
    else:
        settings(INPUTS["estimator"], *words)


@pytest.mark.parametrize("family", INPUTS["family"]["value-choices"])
def test_options_that_a_family_excludes(family: str) -> None:
    disabled = INPUTS["family"]["value-disables"][family]
    for key in ("delta", "template", "save_template"):
        value = [word for word in SAMPLES[key] if word not in (*PERMUTED, "--family", "learned")]
        words = [family, *PERMUTED, INPUTS[key]["command-line-flag"], *value]
        if key in disabled:
            with pytest.raises(UsageError, match="requires --family"):
                settings(INPUTS["family"], *words)
        else:
            settings(INPUTS["family"], *words)


def test_inputs_that_exclude_or_require_each_other() -> None:
    for other in INPUTS["model"]["disables-inputs"]:
        with pytest.raises(UsageError, match=f"Both {other} and model"):
            settings(INPUTS["model"], "model_smdl.json", INPUTS[other]["command-line-flag"], *SAMPLES[other])
    assert INPUTS["save_template"]["disables-inputs"] == ["template"]
    with pytest.raises(UsageError, match="Both template and save-template"):
        settings(INPUTS["save_template"], "--template", "t.npz", *SAMPLES["save_template"])
    for key, value in {"node": "a", "atlas_labels": "a", "mask_threshold": "0.5", "roi_threshold": "0.5"}.items():
        assert INPUTS[key]["requires-inputs"]
        with pytest.raises(UsageError, match=" requires "):
            settings(INPUTS[key], value)


def test_every_input_has_an_example() -> None:
    assert {key for path in EXAMPLES for key in json.loads(path.read_text())} == set(INPUTS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_have_models_that_can_be_fitted(path: Path) -> None:
    """Formulas and tests, with the columns of two groups of people."""
    invocation = json.loads(path.read_text())
    table = people(
        group=("patient", "control") * 4,
        age=(20, 30, 25, 45, 31, 24, 60, 33),
        sex=("m", "f", "f", "m", "f", "m", "m", "f"),
    )
    made = model_matrix(parse_formula(invocation.get("formula", "1"), table.columns), table, tuple(table.rows))
    assert len(parse_tests(invocation.get("test", ()), made)) == len(invocation.get("test", ()))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_command_lines_of_boutiques_are_parsed(
    path: Path, bosh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invocation = json.loads(path.read_text())
    monkeypatch.chdir(tmp_path)
    Path("study").mkdir()
    Path("study/study.toml").write_text("alpha = 0.01\n")
    arguments = cli.parse(simulated(bosh, invocation))
    cli.read_settings(arguments)
    for key, value in invocation.items():
        parsed = getattr(arguments, key if hasattr(arguments, key) else key.removesuffix("_name"))
        assert plain(parsed) == (len(value) - 1 if key == "verbose" else plain(value))


def test_brackets_in_a_value_are_kept(bosh: str) -> None:
    """The placeholder of an input in the descriptor is not a level of a factor."""
    words = ["drug=group[ALPHA] - group[MASK]", "it's=group[SPACE]"]
    arguments = cli.parse(simulated(bosh, LEAST | {"test": words, "alpha": 0.01, "space": ["x"]}))
    assert arguments.test == words


@pytest.mark.parametrize(
    "wrong",
    [
        {"mask": "mask.nii.gz", "mask_name": "template"},
        {"model": "model_smdl.json", "formula": "1 + age"},
        {"node": "dataset"},
        {"level": "run"},
        {"alpha": 1},
        {"connectivity": 8},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_boutiques_refuses_what_the_command_line_refuses(bosh: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        simulated(bosh, LEAST | wrong)


def simulated(bosh: str, invocation: dict[str, Any]) -> list[str]:
    """Return the arguments of the command line that Boutiques writes for an invocation."""
    command = [bosh, "exec", "simulate", "--input", json.dumps(invocation), str(BOUTIQUES / "bids_ari.json")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    program, *words = shlex.split(done.stdout.splitlines()[-1])
    assert program == "bids-ari"
    return words


def settings(described: dict[str, Any], *words: str, level: str = "group") -> Settings:
    """Return the settings of a command line with one flag."""
    return cli.read_settings(cli.parse(["study", "results", level, described["command-line-flag"], *words]))


def plain(value: Any) -> Any:
    """Return a value of JSON or of the parser in a form that can be compared."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return float(value) if isinstance(value, int | float) else str(value)
