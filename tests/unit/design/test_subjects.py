"""Which subjects are included in a group model, and their exchangeability blocks."""

from pathlib import Path

import numpy as np
import pytest
from builders_people import people
from statsmodels_examples import DEMEAN_AGE, FACTOR_GROUP, MEAN, ROWS, SUBJECTS, Json, dataset, model_design, table

from bids_ari.bids.exclusions import Excluded
from bids_ari.bids.participants import Participants
from bids_ari.design.design import make_design
from bids_ari.design.subjects import exchangeability_blocks
from bids_ari.errors import DesignError, InputNotFoundError, UsageError

TABLE = people(age=[20, 30, 25, None, 30, 24], group=["a", "b", "a", "b", "b", "a"], iq=[99, 101, 110, 95, None, 87])
ALL = tuple(TABLE.rows)


class TestGroups:
    """The groups whose residual variances are compared."""

    TABLE = people(
        group=list("aaabbb"),
        site=list("xyxyxy"),
        sex=[0, 1, 0, 1, 0, 1],
        age=[20, 31, 25, 27, 30, 24],
        dose=[0] * 4 + [1, 2],
    )

    @pytest.mark.parametrize(
        ("formula", "groups"),
        [
            ("1", ()),
            ("age + dose", ()),  # three doses
            ("0 + group", tuple("aaabbb")),
            ("group + age + group:age", tuple("aaabbb")),
            ("group + site", ("a, x", "a, y", "a, x", "b, y", "b, x", "b, y")),
            ("sex", ("sex 0", "sex 1") * 3),
            (
                "group + center(sex)",
                tuple(f"{g}, center(sex) {x}" for g, x in zip("aaabbb", (-0.5, 0.5) * 3, strict=True)),
            ),
        ],
    )
    def test_of_a_formula(self, formula: str, groups: tuple[str, ...]) -> None:
        assert make_design(ALL, self.TABLE, formula).groups == groups


class TestFormula:
    def test_subjects_without_value_or_row_are_excluded(self) -> None:
        design = make_design([*ALL, "07"], TABLE, "1 + age + iq")
        assert design.subjects == ("01", "02", "03", "06")
        assert design.excluded == (
            Excluded("sub-04", "no value of age in participants.tsv"),
            Excluded("sub-05", "no value of iq in participants.tsv"),
            Excluded("sub-07", "not in participants.tsv"),
        )

    def test_values_of_other_columns_may_be_missing(self) -> None:
        assert make_design(ALL, TABLE, "group").excluded == ()

    def test_without_variables_the_table_is_not_used(self) -> None:
        design = make_design(["01", "98", "99"], TABLE)
        assert (design.subjects, design.excluded, design.notes) == (("01", "98", "99"), (), ())

    def test_missing_error_lists_subjects_and_reasons(self) -> None:
        with pytest.raises(DesignError) as caught:
            make_design([*ALL, "07"], TABLE, "age + iq", missing="error")
        assert caught.value.found == (
            "Values are missing for 3 subjects: sub-04 (no value of age in participants.tsv), "
            "sub-05 (no value of iq in participants.tsv), sub-07 (not in participants.tsv)"
        )
        assert len(make_design(ALL, TABLE, "group", missing="error").subjects) == 6

    def test_notes_of_the_table_are_notes_of_the_design(self) -> None:
        with_notes = Participants(TABLE.path, TABLE.columns, TABLE.rows, TABLE.lines, notes=("Of sessions.",))
        assert make_design(ALL, with_notes, "0 + group").notes == ("Of sessions.",)

    def test_a_formula_with_variables_needs_a_table(self) -> None:
        with pytest.raises(InputNotFoundError, match=r"no participants\.tsv, needed for column age, sex"):
            make_design(ALL, None, "1 + age + C(sex)")


class TestModel:
    def test_the_same_as_for_a_formula(self, tmp_path: Path) -> None:
        """03 has no age, 09 no row; the mean age is that of the other subjects."""
        participants = table(tmp_path, ROWS.replace("28", "n/a"))
        design = model_design(tmp_path, dataset([1, "age_c"], DEMEAN_AGE), participants, (*SUBJECTS, "09"))
        assert design.excluded == (
            Excluded("sub-03", "no value of age in participants.tsv"),
            Excluded("sub-09", "not in participants.tsv"),
        )
        assert design.excluded == make_design((*SUBJECTS, "09"), participants, "center(age)").excluded
        ages = np.array([24, 31.5, 45, 22, 39, 27, 33.1])
        assert design.matrix[:, 1] == pytest.approx(ages - 221.6 / 7)  # 24 + 31.5 + 45 + 22 + 39 + 27 + 33.1 = 221.6

    def test_missing_error(self, tmp_path: Path) -> None:
        participants = table(tmp_path, ROWS.replace("28", "n/a"))
        with pytest.raises(DesignError, match="Values are missing for 1 subject: sub-03"):
            model_design(tmp_path, dataset([1, "age"]), participants, missing="error")

    def test_filter_by_column(self, tmp_path: Path) -> None:
        participants = table(tmp_path, ROWS.replace("45	control", "45	n/a"))
        design = model_design(tmp_path, MEAN, participants, passing={"group": ["patient"], "code": [1]})
        assert design.subjects == ("01", "03", "07")
        assert design.excluded[:3] == (
            Excluded("sub-02", "group is control; the model selects patient"),
            Excluded("sub-04", "group is n/a; the model selects patient"),
            Excluded("sub-05", "code is 2; the model selects 1"),
        )

    def test_filter_by_unknown_column(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="names gruop, which is neither an entity nor a column"):
            model_design(tmp_path, MEAN, passing={"gruop": ["patient"]})

    def test_no_subject_in_the_table(self, tmp_path: Path) -> None:
        with pytest.raises(DesignError, match="There are 0 subjects; excluded 2 subjects: sub-x"):
            model_design(tmp_path, dataset([1, "age"]), subjects=("x", "y"))

    def test_replaced_values_do_not_exclude_a_subject(self, tmp_path: Path) -> None:
        """The mean of the six known ages is 31.4; subjects without a row have no value to replace."""
        participants = table(tmp_path, ROWS.replace("28", "n/a").replace("33.1", "n/a"))
        node = dataset([1, "age"], {"Name": "Scale", "Input": "age", "Rescale": False, "ReplaceNA": "after"})
        design = model_design(tmp_path, node, participants, (*SUBJECTS, "09"))
        assert design.subjects == SUBJECTS
        assert design.excluded == (Excluded("sub-09", "not in participants.tsv"),)
        mean = (24 + 31.5 + 45 + 22 + 39 + 27) / 6
        assert design.matrix[[0, 2, 7], 1] == pytest.approx([24 - mean, 0, 0])

    def test_drop_na(self, tmp_path: Path) -> None:
        participants = table(tmp_path, ROWS.replace("28", "n/a"))
        design = model_design(tmp_path, dataset([1, "code"], {"Name": "DropNA", "Input": ["age"]}), participants)
        assert design.excluded == (Excluded("sub-03", "no value of age in participants.tsv"),)

    @pytest.mark.parametrize(
        "instruction",
        [
            {"Name": "Product", "Input": ["age", "code"]},
            {"Name": "Sum", "Input": ["code", "age"]},
            {"Name": "Threshold", "Input": ["age"], "Threshold": 30},
            {"Name": "Copy", "Input": ["age"]},
        ],
    )
    def test_missing_values_stay_missing_in_new_columns(self, tmp_path: Path, instruction: Json) -> None:
        """03 has no age, and is not aged 0, nor 1 in a product."""
        participants = table(tmp_path, ROWS.replace("28", "n/a"))
        design = model_design(tmp_path, dataset([1, "new"], instruction | {"Output": "new"}), participants)
        assert [each.name for each in design.excluded] == ["sub-03"]

    def test_missing_values_stay_missing_in_logic(self, tmp_path: Path) -> None:
        participants = table(tmp_path, ROWS.replace("28	patient", "28	n/a"))
        for name in ("And", "Or"):
            logic = {"Name": name, "Input": ["group.patient", "site.a"], "Output": "new"}
            steps = [{"Name": "Factor", "Input": ["group", "site"]}, logic]
            negated = [*steps, {"Name": "Not", "Input": "new", "Output": "not"}]
            for node in (dataset([1, "new"], *steps), dataset([1, "not"], *negated)):
                design = model_design(tmp_path, node, participants)
                assert [each.name for each in design.excluded] == ["sub-03"]

    @pytest.mark.parametrize("negated", [False, True])
    def test_unknown_groups_are_replaced_after_scaling(self, tmp_path: Path, negated: bool) -> None:
        """The group of 03 is unknown. Of the others 3 of 7 are patients: 1 - 3/7; with Not 0 - 4/7."""
        participants = table(tmp_path, ROWS.replace("28	patient", "28	n/a"))
        scale = {"Name": "Scale", "Input": ["group.patient"], "Rescale": False, "ReplaceNA": "after"}
        steps = [FACTOR_GROUP, *[{"Name": "Not", "Input": ["group.patient"]}] * negated, scale]
        design = model_design(tmp_path, dataset([1, "group.patient"], *steps), participants)
        assert design.subjects == SUBJECTS
        assert design.matrix[[0, 2], 1] == pytest.approx([-4 / 7 if negated else 4 / 7, 0])

    def test_replace_does_not_apply_to_missing_values(self, tmp_path: Path) -> None:
        participants = table(tmp_path, ROWS.replace("28	patient", "28	n/a"))
        words = {"Name": "Replace", "Input": "group", "Replace": {"": "7", "patient": "1", "control": 0}}
        scale = {"Name": "Scale", "Input": ["group"], "Rescale": False, "ReplaceNA": "after"}
        design = model_design(tmp_path, dataset([1, "group"], words, scale), participants)
        assert design.matrix[:3, 1] == pytest.approx([4 / 7, -3 / 7, 0])


class TestBlocks:
    TABLE = people(site=["a", "b", None])

    def test_blocks_are_the_values_of_a_column(self) -> None:
        assert exchangeability_blocks("site", ["02", "01"], self.TABLE) == ("b", "a")
        design = make_design(["01", "02", "03", "04"], people(site=list("abab")), blocks="site")
        assert design.blocks == ("a", "b", "a", "b")

    def test_unknown_column(self) -> None:
        with pytest.raises(DesignError, match="has no column family"):
            exchangeability_blocks("family", ["01"], self.TABLE)

    def test_missing_value(self) -> None:
        with pytest.raises(DesignError, match="sub-03"):
            exchangeability_blocks("site", ["01", "03"], self.TABLE)

    def test_no_table(self) -> None:
        with pytest.raises(InputNotFoundError):
            exchangeability_blocks("site", ["01"], None)
