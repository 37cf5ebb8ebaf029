"""The Boutiques descriptor says what the command line takes."""

import json
import runpy
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bids_ari.cli import main as cli
from bids_ari.config.settings import Settings
from bids_ari.errors import BUG, INTERRUPTED, UNREAD, BidsAriError, UsageError

BOUTIQUES = Path(__file__).parents[2] / "platforms" / "boutiques"
DESCRIBE = runpy.run_path(str(BOUTIQUES / "describe.py"))
DESCRIPTOR = json.loads((BOUTIQUES / "bids_ari.json").read_text())
INPUTS = {each["id"]: each for each in DESCRIPTOR["inputs"]}
EXAMPLES = sorted((BOUTIQUES / "examples").glob("*.json"))
ENDS = {"minimum": -1, "maximum": 1}
LEAST = {"bids_dir": "study", "output_dir": "results", "level": "group"}

DRAWN = ["--method", "permutation"]
SAMPLES: dict[str, list[str]] = {
    "formula": ["1 + age"],
    "missing": ["error"],
    "estimator": ["mixed"],
    "variance": ["unequal"],
    "coverage": ["0.5"],
    "smoothing": ["8"],
    "combine": ["run"],
    "test": ["mean=1"],
    "node": ["dataset", "--model", "model_smdl.json"],
    "n_permutations": ["200", *DRAWN],
    "family": ["beta", *DRAWN],
    "delta": ["27", *DRAWN],
    "step_down": DRAWN,
    "shuffle": ["flip", *DRAWN],
    "blocks": ["site", *DRAWN],
    "random_seed": ["7", *DRAWN],
    "template": ["t.npz", "--family", "learned", *DRAWN],
    "save_template": ["--family", "learned", *DRAWN],
    "dask_scheduler": ["tcp://host:8786", "--work-dir", "work", *DRAWN],
}
"""Values that are no default, of flags that do not take just any word."""


@pytest.mark.parametrize("path", DESCRIBE["WRITTEN"], ids=lambda path: path.name)
def test_the_descriptor_is_up_to_date(path: Path) -> None:
    assert path.read_text() == DESCRIBE["text"](), "run python platforms/boutiques/describe.py"


def test_every_exit_code_is_told() -> None:
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
def test_what_goes_with_a_group_only(key: str) -> None:
    words = SAMPLES.get(key, ["first"])
    settings(INPUTS[key], *words)
    with pytest.raises(UsageError, match="group level"):
        settings(INPUTS[key], *words, level="participant")


@pytest.mark.parametrize("estimator", INPUTS["estimator"]["value-choices"])
def test_what_does_not_go_with_an_estimator(estimator: str) -> None:
    words = [estimator, "--smoothing", "8"]
    if "smoothing" in INPUTS["estimator"]["value-disables"][estimator]:
        with pytest.raises(UsageError, match="Smoothing"):
            settings(INPUTS["estimator"], *words)
    else:
        settings(INPUTS["estimator"], *words)


@pytest.mark.parametrize("family", INPUTS["family"]["value-choices"])
def test_what_does_not_go_with_a_family(family: str) -> None:
    disabled = INPUTS["family"]["value-disables"][family]
    for key in ("delta", "template", "save_template"):
        value = [word for word in SAMPLES[key] if word not in (*DRAWN, "--family", "learned")]
        words = [family, *DRAWN, INPUTS[key]["command-line-flag"], *value]
        if key in disabled:
            with pytest.raises(UsageError, match="goes with the family"):
                settings(INPUTS["family"], *words)
        else:
            settings(INPUTS["family"], *words)


def test_inputs_that_exclude_or_need_each_other() -> None:
    for other in INPUTS["model"]["disables-inputs"]:
        with pytest.raises(UsageError, match=f"Both {other} and model"):
            settings(INPUTS["model"], "model_smdl.json", INPUTS[other]["command-line-flag"], *SAMPLES[other])
    assert INPUTS["save_template"]["disables-inputs"] == ["template"]
    with pytest.raises(UsageError, match="Both template and save-template"):
        settings(INPUTS["save_template"], "--template", "t.npz", *SAMPLES["save_template"])
    for key in ("node", "atlas_labels", "dask_scheduler"):
        assert INPUTS[key]["requires-inputs"]
        with pytest.raises(UsageError, match="with"):
            settings(INPUTS[key], "lonely", *(DRAWN if key == "dask_scheduler" else []))


def test_every_input_has_an_example() -> None:
    assert {key for path in EXAMPLES for key in json.loads(path.read_text())} == set(INPUTS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_program_understands_what_boutiques_makes(
    path: Path, bosh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invocation = json.loads(path.read_text())
    monkeypatch.chdir(tmp_path)
    Path("study").mkdir()
    Path("study/study.toml").write_text("alpha = 0.01\n")
    arguments = cli.parse(simulated(bosh, invocation))
    cli.read_settings(arguments)
    for key, value in invocation.items():
        understood = getattr(arguments, key.removesuffix("_name"))
        assert plain(understood) == (len(value) - 1 if key == "verbose" else plain(value))


def test_brackets_in_a_value_stay(bosh: str) -> None:
    """What stands for an input in the descriptor is no level of a factor."""
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
def test_boutiques_refuses_what_the_program_would(bosh: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        simulated(bosh, LEAST | wrong)


def simulated(bosh: str, invocation: dict[str, Any]) -> list[str]:
    """The words of the command line that Boutiques makes of an invocation, after the name of the program."""
    command = [bosh, "exec", "simulate", "--input", json.dumps(invocation), str(BOUTIQUES / "bids_ari.json")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    program, *words = shlex.split(done.stdout.splitlines()[-1])
    assert program == "bids-ari"
    return words


def settings(described: dict[str, Any], *words: str, level: str = "group") -> Settings:
    """The settings of a command line with one flag."""
    return cli.read_settings(cli.parse(["study", "results", level, described["command-line-flag"], *words]))


def plain(value: Any) -> Any:
    """A value in one form, given as JSON or understood by the program."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return float(value) if isinstance(value, int | float) else str(value)
