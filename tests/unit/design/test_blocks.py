"""Exchangeability blocks as ``--blocks`` names them: columns, nested columns, and PALM's signed integers."""

from dataclasses import replace
from pathlib import Path

import pytest
from builders_people import people

from bids_ari.bids.participants import Participants
from bids_ari.design.blocks import Blocks, blocks_name, find_blocks
from bids_ari.design.design import make_design
from bids_ari.errors import DataError, DesignError, InputNotFoundError, UsageError
from bids_ari.stats.block_tree import Block

SITE, FAMILY = list("xxxxyyyy"), list("aabbccdd")
TABLE = people(
    site=SITE,
    family=FAMILY,
    one=["1"] * 8,
    minus=["-1"] * 8,
    index=list("11223344"),
    negative=["-1", "-1", "-2", "-2", "-3", "-3", "-4", "-4"],
    restart=list("12121212"),
    zero=list("00112233"),
    lacking=[*"aabbccd", None],
    alike=list("aabbccda"),
)
ALL = tuple(TABLE.rows)


def tree(text: str, table: Participants = TABLE) -> Block:
    """The nested blocks of all subjects."""
    found = find_blocks(text, ALL, table).blocks
    assert isinstance(found, Block)
    return found


def exchange(text: str) -> str:
    return find_blocks(text, ALL, TABLE).exchange


class TestLevels:
    """Four pairs at two sites."""

    def test_a_column_is_one_level_of_labels(self) -> None:
        assert find_blocks("family", ALL, TABLE) == Blocks(tuple(FAMILY))

    @pytest.mark.parametrize(
        ("text", "n_permutations"),
        [
            ("+family", 24),  # 4!
            ("+family/subject", 24),
            ("+family/+subject", 24 * 2**4),
            ("family/+subject", 2**4),
            ("family/subject", 1),
            ("site/family", 2**4),
            ("site/+family", 2**2),
            ("site/+family/+subject", 2**2 * 2**4),
            ("+site/+family", 2 * 2**2),
            ("+site/family", 2),
            ("+site/+family/+subject", 2 * 2**2 * 2**4),
            (" site / +family ", 2**2),
        ],
    )
    def test_number_of_permutations(self, text: str, n_permutations: int) -> None:
        assert tree(text).count() == n_permutations

    def test_in_words(self) -> None:
        assert exchange("site/+family") == (
            "blocks of site stay, blocks of family are exchanged as wholes within those of site, "
            "subjects keep their order within those of family"
        )
        assert exchange("+family/+subject") == (
            "blocks of family are exchanged as wholes, subjects are exchanged within those of family"
        )

    def test_order_within_a_block_is_that_of_the_rows_of_the_table(self) -> None:
        """sub-02 stands before sub-01: 02 takes the place of 03, the first of the other pair."""
        pairs = people(family=list("aabb"))
        lines = {**pairs.lines, "01": pairs.lines["02"], "02": pairs.lines["01"]}
        found = find_blocks("+family", tuple(pairs.rows), replace(pairs, lines=lines)).blocks
        assert isinstance(found, Block)
        assert [block.subjects for block in found.inside] == [(1, 0), (2, 3)]

    def test_a_column_named_subject_is_a_level(self) -> None:
        assert tree("+family/+subject", people(family=FAMILY, subject=list("abababab"))).count() == 24 * 2**4
        assert tree("family/subject", people(family=FAMILY, subject=list("abababab"))).count() == 1

    def test_labels_that_are_in_most_blocks_are_names_within_them(self) -> None:
        """Two families of twins and a sibling: 2 * 2^2; not nested, if one of three families is at two sites."""
        table = people(family=list("aaabbb"), kind=["twin", "twin", "sib"] * 2)
        found = find_blocks("+family/kind/+subject", tuple(table.rows), table)
        assert isinstance(found.blocks, Block)
        assert found.blocks.count() == 2 * 2**2
        assert "blocks of kind (labels within family) stay" in found.exchange

    def test_a_design_has_them(self) -> None:
        design = make_design(ALL, TABLE, blocks="site/+family")
        assert design.blocks == tree("site/+family")
        assert design.exchange == exchange("site/+family")

    @pytest.mark.parametrize(
        ("text", "error", "message"),
        [
            ("site/+nope", DesignError, "has no column nope"),
            ("+nope", DesignError, "has no column nope"),
            ("site/+lacking", DesignError, "sub-08"),
            ("site/+alike", DesignError, r"alike a is in site x \(sub-01\), site y \(sub-08\)"),
            ("site//+family", UsageError, "a level without a name"),
            ("site/+site", UsageError, "a level twice"),
            ("+family/+subject/site", UsageError, "a level inside subject"),
            ("+one/+family", DesignError, "All subjects are in one block of one"),
        ],
    )
    def test_refused(self, text: str, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            find_blocks(text, ALL, TABLE)

    def test_no_table(self) -> None:
        for text in ("+family", "one,index", "blocks.csv"):
            with pytest.raises(InputNotFoundError):
                find_blocks(text, ALL, None)


class TestSigns:
    """PALM's notation, in columns of the table: the examples of the user guide and their numbers of permutations."""

    @pytest.mark.parametrize(
        ("text", "same_as"),
        [
            ("minus,index", "family/+subject"),  # within blocks, the subjects omitted
            ("minus,index,restart", "family/+subject"),
            ("one,index", "+family"),  # whole blocks, the subjects omitted
            ("one,negative,restart", "+family"),
            ("one,negative", "+family"),
            ("one,index,restart", "+family/+subject"),
            ("one,index,subject", "+family/+subject"),
            ("one,negative,subject", "+family"),
            ("minus,negative,restart", "family/subject"),
        ],
    )
    def test_is_the_same_as_named_levels(self, text: str, same_as: str) -> None:
        assert tree(text) == tree(same_as)

    def test_free_exchange(self) -> None:
        """A block of all, and the subjects: 8! permutations, each with its own sign."""
        free = tree("one,number", replace_column(number=[str(i) for i in range(1, 9)]))
        assert free.count() == 40320
        assert free.flipped_together() == list(range(8))

    def test_a_first_column_of_several_blocks_stays(self) -> None:
        """1 and 2 at the top: pairs are exchanged within each, 2 * 2."""
        table = replace_column(top=list("11112222"))
        assert tree("top,negative,restart", table) == tree("site/+family")

    def test_a_sign_makes_another_block(self) -> None:
        """Pairs 1, 1, -1, -1 within all: those exchanged inside are exchanged with each other only."""
        table = replace_column(family=["1", "1", "2", "2", "-1", "-1", "-2", "-2"])
        assert tree("one,family,restart", table).count() == 2 * 2 * 2**2

    def test_in_words(self) -> None:
        assert (
            exchange("one,negative,restart") == "blocks of negative are exchanged as wholes, subjects keep their order"
        )
        assert exchange("minus,index") == "blocks of index stay, subjects are exchanged"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("minus,site", "column site has 'x' as a block; expected integers other than 0"),
            ("minus,zero", "column zero has '0' as a block"),
            ("minus,lacking", "sub-08"),
            ("minus,nope", "has no column nope"),
        ],
    )
    def test_refused(self, text: str, message: str) -> None:
        with pytest.raises(DataError, match=message):
            find_blocks(text, ALL, TABLE)


def replace_column(**columns: list[str]) -> Participants:
    """The table with other columns beside its own."""
    own = {name: [TABLE.rows[subject].get(name) for subject in ALL] for name in TABLE.columns}
    return people(**(own | columns))


class TestFiles:
    def test_rows_are_those_of_the_table(self, tmp_path: Path) -> None:
        """Subjects without a map, here 01, have a row, too."""
        path = tmp_path / "EB.csv"
        path.write_text("1,1\n1,1\n1,2\n1,2\n1,3\n1,3\n1,4\n1,4\n")
        assert find_blocks(str(path), ALL, TABLE).blocks == tree("+family")
        found = find_blocks(str(path), ALL[1:], TABLE).blocks
        assert isinstance(found, Block)
        assert found.count() == 6

    def test_rows_have_labels(self, tmp_path: Path) -> None:
        """In another order, with more subjects, without table, and with zeros left out; the file has the order."""
        path = tmp_path / "EB.tsv"
        path.write_text("level\tfamily\tparticipant_id\n1\t-1\t2\n1\t-1\tsub-01\n1\t-2\tsub-03\n1\t-2\t04\n1\t-3\t99\n")
        found = find_blocks(str(path), ("01", "02", "03", "04"), None).blocks
        assert isinstance(found, Block)
        assert [block.subjects for block in found.inside] == [(1, 0), (2, 3)]

    def test_a_last_column_of_labels_numbers_the_subjects(self, tmp_path: Path) -> None:
        """As in files for the Human Connectome Project: whole families, and inside them, 2! * 2^2."""
        path = tmp_path / "EB.csv"
        path.write_text("all,family,participant_id\n1,7,1\n1,7,2\n1,8,3\n1,8,4\n")
        found = find_blocks(str(path), ("01", "02", "03", "04"), None).blocks
        assert isinstance(found, Block)
        assert found.count() == 8

    def test_one_column_is_exchanged_within(self, tmp_path: Path) -> None:
        path = tmp_path / "EB.csv"
        path.write_text("".join(f"{i}\n" for i in (1, 1, 2, 2, 3, 3, 4, 4)))
        assert find_blocks(str(path), ALL, TABLE).blocks == tree("family/+subject")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("1,1\n1,2\n", "has 2 rows without labels, participants.tsv has 8"),
            ("a,participant_id\n1,sub-01\n", "has no line for sub-02, sub-03, sub-04, sub-05, sub-06 and 2 more"),
        ],
    )
    def test_refused(self, tmp_path: Path, text: str, message: str) -> None:
        path = tmp_path / "EB.csv"
        path.write_text(text)
        with pytest.raises(DesignError, match=message):
            find_blocks(str(path), ALL, TABLE)

    def test_a_subject_that_is_not_in_the_table(self, tmp_path: Path) -> None:
        path = tmp_path / "EB.csv"
        path.write_text("1,1\n" * 8)
        with pytest.raises(DesignError, match="has no row for sub-09"):
            find_blocks(str(path), (*ALL, "09"), TABLE)

    def test_results_have_the_name_of_the_file(self) -> None:
        assert (blocks_name("/data/EB.csv"), blocks_name("site/+family"), blocks_name(None)) == (
            "EB.csv",
            "site/+family",
            "",
        )


DESIGNS = {
    "-1 1, -1 1, -1 2, -1 2": ("site", "xxyy"),
    "1 -1 1, 1 -1 2, 1 -2 1, 1 -2 2": ("+family", "aabb"),
    "1 1 1, 1 1 2, 1 2 1, 1 2 2": ("+family/+subject", "aabb"),
    "-1 1 1 1, -1 1 2 1, -1 2 3 1, -1 2 3 2, -1 2 4 1, -1 2 4 2": ("+family/+subject", "abccdd"),
    "1 -1 1 1, 1 -1 1 2, 1 -1 2 3, 1 -2 1 1, 1 -2 1 2, 1 -2 2 3": ("+family/kind/+subject", "aaabbb"),
    "-1 1 -1 1, -1 1 -1 2, -1 1 -2 1, -1 1 -2 2, -1 2 -3 1, -1 2 -3 2": ("site/+family", "aabbcc"),
}


@pytest.mark.parametrize(("rows", "ours"), DESIGNS.items())
def test_designs_of_the_page_on_exchangeability(tmp_path: Path, rows: str, ours: tuple[str, str]) -> None:
    """The same permutations and sign flips by PALM's notation and by the names of levels."""
    text, families = ours
    table = people(family=list(families), site=list("xxxxyy"[: len(families)]))
    if text == "site":
        table, text = people(site=list(families)), "site/+subject"
    if "kind" in text:
        table = people(family=list(families), kind=list("ttstts"))
    path = tmp_path / "EB.csv"
    path.write_text(rows.replace(", ", "\n").replace(" ", ",") + "\n")
    palm, named = (find_blocks(each, tuple(table.rows), table).blocks for each in (str(path), text))
    assert isinstance(palm, Block)
    assert isinstance(named, Block)
    assert permutations_of(palm) == permutations_of(named)
    assert palm.flipped_together() == named.flipped_together()


def permutations_of(block: Block) -> set[tuple[int, ...]]:
    """All permutations: the subjects at each position."""
    n = len(block.subjects)
    place = {subject: i for i, subject in enumerate(block.subjects)}
    return {tuple(each[place[i]] for i in range(n)) for each in block.arrangements(range(n))}
