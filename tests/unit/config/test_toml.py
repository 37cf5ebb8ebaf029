"""The configuration file: the settings that a run writes repeat the run."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_ari.cli import main as cli
from bids_ari.config.options import Options
from bids_ari.config.settings import MapFilters, Resources, Settings
from bids_ari.config.toml import read_config, to_toml
from bids_ari.errors import InputNotFoundError, UsageError

labels = st.lists(st.text("abcXYZ0189", min_size=1, max_size=5), max_size=3, unique=True)
paths = st.text("ab c'\"\\é/", min_size=1, max_size=8).map(lambda text: Path("/r") / text.strip("/ "))
pairs = st.none() | st.sampled_from(["contrast", "ses=02-01"])
heights = st.lists(st.integers(0, 90).map(lambda n: n / 10), min_size=1, max_size=4, unique=True)

options = st.builds(
    Options,
    formula=st.sampled_from(["1", "1 + center(age)", "0 + C(`a group`)"]),
    test=st.lists(st.sampled_from(["a=age", "b = x - 2*y; z"]), max_size=2).map(tuple),
    variance=st.sampled_from(["equal", "unequal"]),
    missing=st.sampled_from(["drop", "error"]),
    target_grid=st.none() | st.sampled_from([Path("first"), Path("template")]) | paths,
    surface=st.sampled_from([(), ("L=/r/a.gii", "R=/r/b.gii"), ("/r/hemi-L.surf.gii",)]),
    map_name=st.none() | st.sampled_from(["faces", 'a "quoted" name']),
    mask=st.none() | st.just(Path("template")) | paths,
    coverage=st.sampled_from([1.0, 0.9, 1 / 3]),
    smoothing=st.none() | st.sampled_from([0.0, 8.0, 5.25]),
    alternative=st.lists(st.sampled_from(["greater", "less", "two-sided"]), min_size=1, max_size=3, unique=True),
    alpha=st.sampled_from([0.05, 0.001, 1 / 7]),
    threshold=heights,
    tdp=st.lists(st.sampled_from([0.5, 0.7, 1.0]), max_size=3, unique=True),
    connectivity=st.sampled_from([6, 18, 26]),
    method=st.lists(st.sampled_from(["simes", "hommel"]), min_size=1, unique=True).map(tuple),
    join_signs=st.booleans(),
    atlas=st.none() | st.just("Schaefer2018:200Parcels7Networks"),
    roi=st.lists(paths, max_size=2).map(tuple),
)
permuted = st.builds(
    Options,
    method=st.sampled_from([("permutation",), ("simes", "permutation")]),
    n_permutations=st.sampled_from([1000, 20, 10_000]),
    step_down=st.booleans(),
    shuffle=st.sampled_from([None, "flip", "permute", "both"]),
    blocks=st.none() | st.just("a site"),
    random_seed=st.integers(0, 2**59),
    family=st.just("learned"),
    template=st.none() | paths,
) | st.builds(Options, method=st.just("permutation"), delta=st.integers(0, 9), save_template=st.just(False))
resources = st.builds(
    Resources,
    work_dir=st.none() | paths,
    nprocs=st.none() | st.integers(1, 64),
    omp_nthreads=st.none() | st.integers(1, 8),
    mem=st.none() | st.integers(1 << 20, 1 << 45),
)


filters = st.builds(
    MapFilters,
    participant_label=labels,
    exclude=labels,
    session_label=labels,
    run_label=labels,
    task_id=labels,
    space=labels,
    contrast=labels,
    stat=st.sampled_from([None, "effect", "t"]),
    combine=st.sampled_from([None, "run"]),
    paired=pairs,
)
any_settings = st.builds(
    Settings,
    bids_dir=st.just(Path("/data/study")),
    output_dir=paths.map(lambda path: Path("/out") / path.name),
    derivatives=st.lists(paths, max_size=2).map(tuple),
    filters=filters,
    options=options | permuted,
    split_alpha=st.booleans(),
    bids_filter_file=st.none() | paths,
    manifest=st.none() | paths,
    participants=st.none() | paths,
    bids_database_dir=st.none() | paths,
    resources=resources,
    stop_on_first_crash=st.booleans(),
    rerun=st.booleans(),
)


@given(settings=any_settings)
def test_settings_are_the_same_after_writing_and_reading(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The command line reads from the TOML file of settings the same settings."""
    file = tmp_path_factory.getbasetemp() / "settings.toml"
    file.write_text(to_toml(settings), encoding="utf-8")
    again = cli.read_settings(cli.parse(["--config-file", str(file)]))
    assert again == settings


def parsed(tmp_path: Path, text: str, *words: str) -> Settings:
    """Return the settings of a configuration file and a command line."""
    file = tmp_path / "study.toml"
    file.write_text(text, encoding="utf-8")
    return cli.read_settings(cli.parse([*words, "--config-file", str(file)]))


def test_the_command_line_takes_precedence(tmp_path: Path) -> None:
    text = "threshold = [2.3]\nalpha = 0.01\njoin-signs = true\nsmoothing = 6\n"
    settings = parsed(tmp_path, text, "in", "out", "group", "--threshold", "4", "5", "--no-join-signs")
    assert settings.options.threshold == (4.0, 5.0)
    assert settings.options.alpha == 0.01
    assert settings.options.smoothing == 6.0
    assert settings.options.join_signs is False


def test_positional_arguments_may_come_from_the_file(tmp_path: Path) -> None:
    text = 'bids-dir = "in"\noutput_dir = "out"\nlevel = "participant"\n'
    assert parsed(tmp_path, text).level == "participant"
    settings = parsed(tmp_path, text, "elsewhere")
    assert (settings.bids_dir, settings.output_dir) == (Path("elsewhere"), Path("out"))


def test_a_list_in_the_file_ends_before_the_command_line(tmp_path: Path) -> None:
    settings = parsed(tmp_path, "threshold = [3, 4]\n", "in", "out", "group")
    assert (settings.bids_dir, settings.options.threshold) == (Path("in"), (3.0, 4.0))


def test_keys_may_have_underscores(tmp_path: Path) -> None:
    settings = parsed(tmp_path, 'participant_label = ["01", "02"]\nsplit_alpha = true\n', "in", "out", "group")
    assert settings.filters.participant_label == ("01", "02")
    assert settings.split_alpha is True


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("alpha = 'much'", "alpha"),
        ("no-such-flag = 1", "no-such-flag"),
        ("threshold = [[3]]", "threshold"),
        ("when = 2020-01-01", "when"),
        ("[inference]\nalpha = 1", "inference"),
        ("contrast = ['--mask']", "--mask"),
        ("connectivity = 4", "connectivity"),
        ("alpha = ", "not valid TOML"),
        ("alpha = 1\nalpha = 2", "not valid TOML"),
    ],
)
def test_an_entry_that_is_not_accepted_is_named_with_the_file(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(tmp_path, text, "in", "out", "group")
    assert "study.toml" in str(caught.value)
    assert named in str(caught.value)


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match=r"none\.toml does not exist"):
        read_config(tmp_path / "none.toml")


def test_paths_are_written_as_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "atlas.nii.gz").touch()
    text = to_toml(Settings("in", "out", options=Options(mask="m.nii", atlas="atlas.nii.gz")))
    for name in ("in", "out", "m.nii", "atlas.nii.gz"):
        assert f'"{tmp_path / name}"' in text
    assert 'mask = "template"' in to_toml(Settings("in", "out", options=Options(mask="template")))


WRITTEN_BY_0_1_0 = """
bids-dir = "/data/study"
output-dir = "/data/out"
level = "group"
derivatives = ["/data/glm"]
bids-filter-file = "/data/f.json"
manifest = "/data/m.tsv"
participants = "/data/p.tsv"
bids-database-dir = "/data/db"
split-alpha = true
stop-on-first-crash = true
participant-label = ["01", "02"]
exclude = ["03"]
session-label = ["pre"]
run-label = ["1"]
task-id = ["stroop"]
space = ["MNI152NLin6Asym"]
contrast = ["faces"]
stat = "t"
combine = "run"
paired = "ses=02-01"
formula = "1 + age"
test = ["age=age", "both=age; 1"]
estimator = "ols"
variance = "equal"
missing = "error"
target-grid = "first"
mask = "template"
coverage = 0.9
smoothing = 6.0
alternative = ["greater", "less"]
alpha = 0.01
threshold = [2.5, 3.1]
tdp = []
connectivity = 26
method = ["simes", "permutation"]
n-permutations = 200
family = "learned"
delta = 0
step-down = true
shuffle = "flip"
blocks = "site"
random-seed = 7
template = "/data/t.npz"
join-signs = true
atlas = "Schaefer2018:200Parcels7Networks"
atlas-labels = "/data/a.tsv"
roi = ["/data/r.nii.gz"]
work-dir = "/scratch"
nprocs = 4
omp-nthreads = 2
mem = "8192.0"
dask-scheduler = "tcp://host:8786"
"""
"""The text that ``to_toml`` of 0.1.0 writes, a line per entry, for settings that differ from the defaults."""


def test_a_file_of_0_1_0_is_read(tmp_path: Path) -> None:
    assert parsed(tmp_path, WRITTEN_BY_0_1_0) == Settings(
        Path("/data/study"),
        Path("/data/out"),
        derivatives=(Path("/data/glm"),),
        bids_filter_file=Path("/data/f.json"),
        manifest=Path("/data/m.tsv"),
        participants=Path("/data/p.tsv"),
        bids_database_dir=Path("/data/db"),
        split_alpha=True,
        stop_on_first_crash=True,
        filters=MapFilters(
            participant_label=("01", "02"),
            exclude=("03",),
            session_label=("pre",),
            run_label=("1",),
            task_id=("stroop",),
            space=("MNI152NLin6Asym",),
            contrast=("faces",),
            stat="t",
            combine="run",
            paired="ses=02-01",
        ),
        options=Options(
            formula="1 + age",
            test=("age=age", "both=age; 1"),
            missing="error",
            target_grid=Path("first"),
            mask=Path("template"),
            coverage=0.9,
            smoothing=6,
            alternative=("greater", "less"),
            alpha=0.01,
            threshold=(2.5, 3.1),
            tdp=(),
            connectivity=26,
            method=("simes", "permutation"),
            n_permutations=200,
            family="learned",
            step_down=True,
            shuffle="flip",
            blocks="site",
            random_seed=7,
            template=Path("/data/t.npz"),
            join_signs=True,
            atlas="Schaefer2018:200Parcels7Networks",
            atlas_labels=Path("/data/a.tsv"),
            roi=(Path("/data/r.nii.gz"),),
        ),
        resources=Resources(
            work_dir=Path("/scratch"), nprocs=4, omp_nthreads=2, mem=2**33, dask_scheduler="tcp://host:8786"
        ),
    )
