"""Default tests against type III analysis of variance with sum coding and centred covariates, of statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from builders_people import people
from statsmodels.stats.anova import anova_lm

from bids_ari.design.design import make_design
from bids_ari.stats.glm import fit_glm

GROUP, SEX = list("aababcabccabbcabcababc"), list("mfmfmmffmffmmfmfmffmmf")
"""22 subjects, each of the six cells with a different number."""


@pytest.mark.parametrize(
    ("formula", "theirs", "names"),
    [
        ("group * sex", "{group} * {sex}", {"group": "group", "sex": "sexMMain", "group:sex": "groupXSex"}),
        ("0 + group * sex", "{group} * {sex}", {"group": "group", "sex": "sexMMain", "group:sex": "groupXSex"}),
        ("C(group, Sum) * sex", "{group} * {sex}", {"group": "group", "sex": "sexM", "group:sex": "groupXSex"}),
        ("0 + group", "{group}", {"group": "group"}),
        ("0 + sex", "{sex}", {"sex": "sex"}),
        ("0 + group + sex", "{group} + {sex}", {"group": "group", "sex": "sexM"}),
        ("1 + group + age", "{group} + age", {"group": "group", "age": "age"}),
        (
            "age * group",
            "center(age) * {group}",
            {"group": "group", "center(age)": "ageMain", "center(age):group": "ageXGroup"},
        ),
        (
            "0 + group * age",
            "center(age) * {group}",
            {"group": "group", "center(age)": "ageMain", "center(age):group": "groupXAge"},
        ),
        ("group / sex", "{group} / {sex}", {"group": "group"}),
        ("group * sex + center(age)", "{group} * {sex} + age", {"group": "group", "sex": "sexMMain"}),
    ],
)
def test_default_tests_are_type_iii(formula: str, theirs: str, names: dict[str, str], rng: np.random.Generator) -> None:
    age = rng.integers(20, 70, size=22)
    y = rng.normal(size=22) + np.array([ord(each) - 97 for each in GROUP]) + (np.array(SEX) == "m") * 0.05 * age
    table = people(group=GROUP, sex=SEX, age=[int(each) for each in age])
    design = make_design(tuple(table.rows), table, formula)
    found = {result.test: result for result in fit_glm(y[:, None], design.matrix, design.tests)}
    coded = {"group": "C(group, Sum)", "sex": "C(sex, Sum)"}
    data = pd.DataFrame({"y": y, "group": GROUP, "sex": SEX, "age": age})
    expected = anova_lm(smf.ols("y ~ " + theirs.format(**coded), data).fit(), typ=3)
    for term, name in names.items():
        row = expected.loc[":".join(coded.get(part, part) for part in term.split(":"))]
        result = found[name]
        f = result.f if result.f is not None else result.t**2  # type: ignore[operator]
        assert f[0] == pytest.approx(row["F"], rel=1e-8)
        assert (max(result.n_rows, 1), result.dof[0]) == (row["df"], expected.loc["Residual", "df"])


@pytest.mark.parametrize("formula", ["{group} * {sex} * {site}", "({group} + {sex} + {site})**2 + age"])
def test_three_factors_are_type_iii(formula: str, rng: np.random.Generator) -> None:
    """Main effects are averaged over two factors, and interactions over the third."""
    levels = {"group": "abc", "sex": "fm", "site": "xyz"}
    columns = {name: [str(each) for each in rng.choice(list(text), 150)] for name, text in levels.items()}
    age = [int(each) for each in rng.integers(20, 70, 150)]
    y = rng.normal(size=150) + (np.array(columns["group"]) == "a") * (np.array(columns["sex"]) == "m")
    table = people(**columns, age=age)
    design = make_design(tuple(table.rows), table, formula.format(**{name: name for name in levels}))
    found = {result.test: result for result in fit_glm(y[:, None], design.matrix, design.tests)}
    coded = formula.format(**{name: f"C({name}, Sum)" for name in levels})
    expected = anova_lm(smf.ols(f"y ~ {coded}", pd.DataFrame({**columns, "age": age, "y": y})).fit(), typ=3)
    names = {"group": "group", "site": "site", "group:sex": "groupXSex", "group:site": "groupXSite"}
    for term, name in names.items():
        row = expected.loc[":".join(f"C({part}, Sum)" for part in term.split(":"))]
        assert found[name].f[0] == pytest.approx(row["F"], rel=1e-8)  # type: ignore[index]
    assert found["sexMMain"].t[0] ** 2 == pytest.approx(expected.loc["C(sex, Sum)", "F"], rel=1e-8)  # type: ignore[index]
