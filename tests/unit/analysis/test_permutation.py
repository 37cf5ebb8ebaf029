"""From maps and design to a bound calibrated by draws: the definition, exchangeability, templates, refusals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage, stats

from bids_ari.analysis.methods import GroupData, Inferred
from bids_ari.analysis.permutation import notes_of, permute
from bids_ari.analysis.template import read_template
from bids_ari.config.families import FAMILIES
from bids_ari.config.options import Options
from bids_ari.design.design import Design, make_design
from bids_ari.errors import DataError, DesignError, InputNotFoundError
from bids_ari.stats.choices import Alternative, Scheme
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import GlmResult
from bids_ari.stats.resampling import Exchangeability, make_resampling
from bids_ari.stats.welch_model import fit_welch_model

DRAWN = Options(method="permutation", n_permutations=200, random_seed=5)  # type: ignore[arg-type]


def calibrate(
    effects: FloatArray,
    design: Design,
    test: str,
    alternative: Alternative,
    options: Options,
    n_threads: int = 1,
) -> Inferred:
    """Calibrate one test by permutation."""
    glm = replace(GlmResult.of_z(np.zeros(effects.shape[1])), test=test)
    return permute(glm, alternative, options, GroupData((effects,), design, n_threads))


@pytest.fixture
def effects(rng: np.random.Generator) -> FloatArray:
    """Twelve subjects at 40 voxels, signal at the first eight."""
    values = rng.normal(size=(12, 40))
    values[:, :8] += 1.5
    return values


def mean_of(n: int) -> Design:
    return make_design([f"{i:02d}" for i in range(n)])


def two_groups(n: int) -> Design:
    """The second half of the subjects against the first."""
    group = np.repeat([0.0, 1.0], [n // 2, n - n // 2])
    matrix = np.column_stack([np.ones(n), group])
    return Design(tuple(f"{i:02d}" for i in range(n)), matrix, ("intercept", "group"), {"group": np.array([0.0, 1.0])})


PAIRS = tuple(f"pair {i % 6}" for i in range(12))


def with_age(rng: np.random.Generator, blocks: tuple[str, ...] = ()) -> Design:
    """Two groups beside a covariate."""
    design = two_groups(12)
    matrix = np.column_stack([design.matrix, rng.normal(size=12)])
    columns, tests = (*design.columns, "age"), {"group": np.array([0, 1.0, 0])}
    return replace(design, matrix=matrix, columns=columns, tests=tests, blocks=blocks)


class TestAllDraws:
    """Five subjects have 2^5 = 32 sign flips; all are made, so everything can be computed by hand."""

    @pytest.fixture
    def few(self, rng: np.random.Generator) -> FloatArray:
        values = rng.normal(size=(5, 7))
        values[:, 0] += 9
        return values

    def test_lambda_and_bound_are_those_of_the_definition(self, few: FloatArray) -> None:
        """lambda_b is the least p_(k) m / k; lambda the (floor(alpha B) + 1)-th smallest of them; TDN by t_k."""
        options = replace(DRAWN, alpha=0.2)
        found = calibrate(few, mean_of(5), "mean", "greater", options)
        signs = np.array(np.meshgrid(*[[1.0, -1.0]] * 5)).reshape(5, 32)
        p = np.array([stats.ttest_1samp(few * sign[:, None], 0, alternative="greater").pvalue for sign in signs.T])
        lambdas = (np.sort(p, axis=1) * 7 / np.arange(1, 8)).min(axis=1)
        assert found.calibrated.is_complete
        np.testing.assert_allclose(np.sort(found.calibrated.lambdas), np.sort(lambdas), rtol=1e-9)  # two formulas of p
        expected = np.sort(lambdas)[int(0.2 * 32)]
        assert found.calibrated.lambda_ == pytest.approx(expected, rel=1e-9)
        observed = stats.ttest_1samp(few, 0, alternative="greater").pvalue
        critical = np.arange(1, 8) * found.calibrated.lambda_ / 7
        tdn = max(0, *(1 - k + int((observed < critical[k - 1]).sum()) for k in range(1, 8)))
        assert found.bound.whole == tdn
        np.testing.assert_allclose(found.calibrated.critical, critical, rtol=1e-12)

    def test_two_sided_draws_come_in_pairs(self, few: FloatArray) -> None:
        assert calibrate(few, mean_of(5), "mean", "two-sided", DRAWN).calibrated.n_permutations == 16

    def test_an_unreachable_alpha_is_noted(self, few: FloatArray) -> None:
        """alpha .05 of 16 draws is less than one of them."""
        found = calibrate(few, mean_of(5), "mean", "two-sided", DRAWN)
        assert found.bound.whole == 0
        notes = " ".join(found.notes)
        assert "16 different permutations" in notes
        assert "With 16 permutations nothing can be found at alpha 0.05: at least 1 / 16" in notes
        (one, nothing) = notes_of(
            replace(found.calibrated, lambdas=np.ones(1), family=DRAWN.family, blocks="+site"), DRAWN
        )
        assert "cannot be exchanged" in one
        assert "With 1 permutation nothing" in nothing
        assert "other exchangeability blocks" in nothing

    def test_a_divided_alpha_is_a_fraction(self, few: FloatArray) -> None:
        """alpha .09375 of three results is 1 / 32 each, one of 32 sign flips; .09 of three is less."""
        options = replace(DRAWN, alpha=0.09375).divided(3)
        found = calibrate(few, mean_of(5), "mean", "greater", options)
        assert found.calibrated.n_errors == 1
        assert found.notes[0] == "There are 32 different permutations of these subjects; all were computed"
        assert "none are left to learn from: the family is simes instead of combined" in found.notes[1]
        assert found.bound.alpha == found.calibrated.alpha == options.alpha == 1 / 32
        nothing = calibrate(few, mean_of(5), "mean", "greater", replace(DRAWN, alpha=0.09).divided(3))
        assert nothing.calibrated.n_errors == 0
        assert "nothing can be found at alpha 0.03: at least 1 / 32" in " ".join(nothing.notes)

    def test_the_note_counts_permutations(self, effects: FloatArray) -> None:
        """The float of .05 / 3, times 60, rounds to 1, but as a decimal it is less than one permutation of 60."""
        few = replace(DRAWN, n_permutations=60)
        of_float = calibrate(effects, mean_of(12), "mean", "greater", replace(few, alpha=0.05 / 3))
        divided = calibrate(effects, mean_of(12), "mean", "greater", replace(few, alpha=0.05).divided(3))
        assert (of_float.calibrated.n_errors, divided.calibrated.n_errors) == (0, 1)
        assert "nothing can be found" in " ".join(of_float.notes)
        assert divided.notes == ()


def test_the_range_of_other_seeds(effects: FloatArray) -> None:
    """Of 12 subjects there are 4,096 sign flips, 200 of which are drawn; of 5, there are 32, which are all computed."""
    found = calibrate(effects, mean_of(12), "mean", "greater", DRAWN)
    assert found.calibrated.tdn_range is not None
    low, high = found.calibrated.tdn_range
    assert low <= found.bound.whole <= high
    assert calibrate(effects[:5], mean_of(5), "mean", "greater", DRAWN).calibrated.tdn_range is None


class TestFamilies:
    """`simes` against `beta`, of 504 voxels and 20 subjects."""

    def found(self, effects: FloatArray) -> list[int]:
        options = (replace(DRAWN, family=family) for family in ("simes", "beta"))  # type: ignore[arg-type]
        return [calibrate(effects, mean_of(20), "mean", "greater", each).bound.whole for each in options]

    def test_sparse_strong_signal_in_smooth_maps(self, rng: np.random.Generator) -> None:
        noise = ndimage.gaussian_filter(rng.normal(size=(20, 7, 8, 9)), (0, 1, 1, 1), mode="wrap")
        effects = noise / noise.std()
        effects[:, 3, 3, 2:7] += 2
        simes, beta = self.found(effects.reshape(20, 504))
        assert (simes, beta <= 1) == (5, True)

    def test_dense_weak_signal_of_independent_voxels(self, rng: np.random.Generator) -> None:
        effects = rng.normal(size=(20, 504))
        effects[:, :300] += 0.45
        simes, beta = self.found(effects)
        assert beta > 2 * simes > 0


def test_signal_is_found_and_more_with_steps(effects: FloatArray) -> None:
    plain = calibrate(effects, mean_of(12), "mean", "greater", DRAWN)
    steps = calibrate(effects, mean_of(12), "mean", "greater", replace(DRAWN, step_down=True))
    assert 0 < plain.bound.whole <= steps.bound.whole
    assert steps.calibrated.lambda_ >= plain.calibrated.lambda_
    assert steps.calibrated.n_excluded > 0


def test_threads_and_order_do_not_matter(effects: FloatArray) -> None:
    one, two = (calibrate(effects, mean_of(12), "mean", "greater", DRAWN, n) for n in (1, 2))
    np.testing.assert_array_equal(one.calibrated.lambdas, two.calibrated.lambdas)
    other = calibrate(effects, mean_of(12), "mean", "greater", replace(DRAWN, random_seed=6))
    assert (other.calibrated.lambdas != one.calibrated.lambdas).any()


class TestExchange:
    def test_one_sample_flips_and_groups_change_places(self, effects: FloatArray) -> None:
        assert calibrate(effects, mean_of(12), "mean", "greater", DRAWN).calibrated.shuffle == "flip"
        calibrated = calibrate(effects, two_groups(12), "group", "greater", DRAWN).calibrated
        assert (calibrated.shuffle, calibrated.exactness) == ("permute", "exact")

    @pytest.mark.parametrize(
        ("shuffle", "blocks", "exactness"),
        [
            ("permute", (), "approximate"),
            ("flip", (), "normal"),
            ("both", (), "normal"),
            ("flip", PAIRS, "approximate"),
            ("both", PAIRS, "approximate"),
        ],
    )
    def test_a_covariate_makes_it_less_exact(
        self, shuffle: Scheme, blocks: tuple[str, ...], exactness: str, effects: FloatArray, rng: np.random.Generator
    ) -> None:
        found = calibrate(effects, with_age(rng, blocks), "group", "two-sided", replace(DRAWN, shuffle=shuffle))
        assert found.calibrated.exactness == exactness
        assert ("approximate" in " ".join(found.notes)) == (exactness == "approximate")

    def test_gaps_beside_a_covariate_make_it_approximate(self, effects: FloatArray, rng: np.random.Generator) -> None:
        effects[3, :9] = np.nan
        calibrated = calibrate(effects, with_age(rng), "group", "two-sided", replace(DRAWN, shuffle="flip")).calibrated
        assert calibrated.exactness == "approximate"

    def test_blocks_keep_places(self, effects: FloatArray) -> None:
        """Pairs of one subject of each group: 2^6 draws that differ, in pairs when two-sided, of 12! / (6! 6!)."""
        design = replace(two_groups(12), blocks=PAIRS)
        options = replace(DRAWN, blocks="pair")
        assert calibrate(effects, design, "group", "greater", options).calibrated.n_permutations == 64
        assert calibrate(effects, design, "group", "two-sided", options).calibrated.n_permutations == 32

    def test_blocks_of_one_group_each_leave_nothing_to_exchange(self, effects: FloatArray) -> None:
        design = replace(two_groups(12), blocks=tuple(["a"] * 6 + ["b"] * 6))
        with pytest.raises(DesignError, match="No sign flip or permutation") as caught:
            calibrate(effects, design, "group", "greater", replace(DRAWN, blocks="site"))
        assert "blocks of site" in str(caught.value)

    def test_subjects_without_data_cannot_change_places(self, effects: FloatArray) -> None:
        effects[3, 4:6] = np.nan
        assert calibrate(effects, mean_of(12), "mean", "greater", DRAWN).bound.n_points == 40
        with pytest.raises(DataError, match="At 2 of 40 voxels") as caught:
            calibrate(effects, two_groups(12), "group", "greater", DRAWN)
        assert "--shuffle flip" in str(caught.value)


class TestTemplates:
    LEARNED = replace(DRAWN, family="learned")
    COMBINED = replace(DRAWN, family="combined", save_template=True)

    def save(self, folder: Path, curves: FloatArray, **others: FloatArray) -> Path:
        path = folder / "a_template.npz"
        np.savez_compressed(path, curves=curves, **others)
        return path

    def test_one_is_learned_from_draws_of_its_own(self, effects: FloatArray) -> None:
        found = calibrate(effects, mean_of(12), "mean", "greater", replace(self.LEARNED, save_template=True))
        assert found.template is not None
        assert found.template.arrays().keys() == {"curves"}
        assert found.template.learned.curves.shape == (200, 40)
        assert found.calibrated.template == "200 other permutations"
        assert found.calibrated.critical.size == 40

    @pytest.mark.parametrize("family", ["learned", "combined"])
    def test_that_of_another_dataset_gives_the_same_as_there(
        self, family: str, effects: FloatArray, tmp_path: Path
    ) -> None:
        options = replace(DRAWN, family=family)
        found = calibrate(effects, mean_of(12), "mean", "greater", replace(options, save_template=True))
        assert found.template is not None
        options = replace(options, template=self.save(tmp_path, **found.template.arrays()))
        again = calibrate(effects, mean_of(12), "mean", "greater", options)
        np.testing.assert_array_equal(again.bound.category, found.bound.category)
        assert again.calibrated.member_lambdas == found.calibrated.member_lambdas
        assert again.calibrated.lambda_ == found.calibrated.lambda_
        assert (again.calibrated.template, again.template) == ("a_template.npz", None)

    def test_combined_of_few_subjects_needs_that_of_others(self, effects: FloatArray, tmp_path: Path) -> None:
        """Of five subjects all 32 sign flips are computed, and none are left to learn from."""
        assert calibrate(effects[:5], mean_of(5), "mean", "greater", DRAWN).calibrated.family == "simes"
        found = calibrate(effects, mean_of(12), "mean", "greater", self.COMBINED).template
        assert found is not None
        options = replace(DRAWN, template=self.save(tmp_path, **found.arrays()))
        few = calibrate(effects[:5], mean_of(5), "mean", "greater", options).calibrated
        assert (few.family, few.is_complete, few.template) == ("combined", True, "a_template.npz")

    def test_combined_needs_the_scales_of_its_members(self, effects: FloatArray, tmp_path: Path) -> None:
        found = calibrate(effects, mean_of(12), "mean", "greater", self.COMBINED).template
        assert found is not None
        arrays = found.arrays()
        only = self.save(tmp_path, arrays["curves"])
        assert read_template(only, FAMILIES["learned"]).scales == ()
        with pytest.raises(DataError, match="holds a template, but no scales of the family combined"):
            read_template(only, FAMILIES["combined"])
        for name in ("lambdas_0", "levels_1"):
            for wrong in (arrays[name][::-1], arrays[name][:-1], np.full(3, np.nan)):
                with pytest.raises(DataError, match="holds no template"):
                    read_template(self.save(tmp_path, **arrays | {name: wrong}), FAMILIES["combined"])

    def test_a_longer_one_is_cut(self, effects: FloatArray, tmp_path: Path, rng: np.random.Generator) -> None:
        curves = np.sort(np.sort(rng.random((50, 60)), axis=1), axis=0)
        options = replace(self.LEARNED, template=self.save(tmp_path, curves))
        assert calibrate(effects, mean_of(12), "mean", "greater", options).calibrated.critical.size == 40

    @pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)], ids=["empty", "text", "zip"])
    def test_other_files_are_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "t.npz"
        path.write_bytes(content)
        with pytest.raises(DataError, match="holds no template"):
            read_template(path, FAMILIES["learned"])

    def test_arrays_that_are_no_template_are_refused(self, tmp_path: Path) -> None:
        for curves in (np.zeros((2, 2, 2)), np.array([[0.5, 0.2]]), np.array([["a"]]), np.array([[2.0]])):
            with pytest.raises(DataError, match="holds no template"):
                read_template(self.save(tmp_path, curves), FAMILIES["learned"])
        with pytest.raises(InputNotFoundError):
            read_template(tmp_path / "none.npz", FAMILIES["learned"])


def test_delta_is_less_than_the_number_of_voxels(effects: FloatArray) -> None:
    with pytest.raises(DataError, match="delta is 40, of 40 voxels"):
        calibrate(effects, mean_of(12), "mean", "greater", replace(DRAWN, delta=40))


def test_an_f_test_is_calibrated_too(effects: FloatArray) -> None:
    design = replace(two_groups(12), tests={"both": np.eye(2)})
    found = calibrate(effects, design, "both", "greater", DRAWN)
    assert found.calibrated.shuffle == "flip"
    assert found.bound.whole > 0


def unequal(**options: object) -> Options:
    return replace(DRAWN, variance="unequal", family="simes", **options)  # type: ignore[arg-type]


def test_unequal_variances_are_flipped_with_welchs_statistic(effects: FloatArray) -> None:
    """The bound of the flips of `fit_welch_model`, by a loop over all of them."""
    found = calibrate(effects, two_groups(12), "group", "two-sided", unequal())
    flips = Exchangeability.of(12, "flip")
    model = fit_welch_model(effects, two_groups(12).matrix, np.array([0.0, 1.0]), "two-sided", flips)
    resampling = make_resampling(model.subspaces, flips, 200, seed=5)
    p = np.concatenate([model.permuted_p(resampling.batch(first)) for first in resampling.batches])
    lambdas = np.sort((np.sort(p, axis=1) * 40 / np.arange(1, 41)).min(axis=1))
    assert found.calibrated is not None
    assert (found.calibrated.shuffle, found.calibrated.exactness) == ("flip", "approximate")
    assert found.calibrated.lambda_ == lambdas[10]
    assert any("Sign flips with unequal variances are approximate" in note for note in found.notes)
    assert any("a group of 6 subjects: below 8" in note for note in found.notes)


def test_the_mean_of_one_of_the_groups_is_exact(effects: FloatArray) -> None:
    """With unequal variances nothing is estimated from the other groups."""
    design = replace(two_groups(12), tests={"mean": np.array([1.0, 1.0])})
    found = calibrate(effects, design, "mean", "greater", unequal())
    assert found.calibrated is not None
    assert (found.calibrated.n_permutations, found.calibrated.is_complete) == (64, True)
    assert found.calibrated.error_control == "exact if errors are symmetric"
    assert not any("approximate" in note or "below 8" in note for note in found.notes)


def test_blocks_are_flipped_together_with_unequal_variances(effects: FloatArray) -> None:
    design = replace(two_groups(12), blocks=tuple(f"pair {i // 2}" for i in range(12)))
    found = calibrate(effects, design, "group", "two-sided", unequal(blocks="pair"))
    assert found.calibrated is not None
    assert found.calibrated.n_permutations == 32
    assert any("a group of 3 blocks: below 8" in note for note in found.notes)
