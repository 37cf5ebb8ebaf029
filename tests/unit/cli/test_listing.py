"""The output of --list."""

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from builders import touch_maps

from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.discover import discover, subject_contrasts
from bids_ari.bids.entities import Entities
from bids_ari.bids.exclusions import Excluded, subject_ranges
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import SubjectMap
from bids_ari.cli.listing import overview
from bids_ari.design.design import Design, make_design
from bids_ari.errors import BidsAriError, DataError


def look(contrast: ContrastSet) -> tuple[ContrastSet, Design | None]:
    """Check a contrast without its files, and return it with the design of a mean."""
    contrast.check()
    return contrast, make_design(contrast.subjects) if contrast.entities.get("sub") is None else None


def shown(root: Path, **filters: object) -> list[str]:
    found = discover(root, **filters)  # type: ignore[arg-type]
    return overview(found, found, look).text.splitlines()


def contrast(*subjects: str, excluded: tuple[Excluded, ...] = (), clash: str = "", **labels: str) -> ContrastSet:
    maps = (StatMap(s, f"{s}.nii", "data", Entities.of({"sub": s}), ".nii") for s in subjects)
    members = tuple(SubjectMap(file.name.removesuffix(".nii"), (file,)) for file in maps)
    return ContrastSet(Entities.of({"contrast": "c", **labels}), "effect", members, excluded, clash=clash)


class TestGroup:
    def test_a_contrast_with_its_subjects_and_those_without_it(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", "03", "10", task=None, space=None)
        touch_maps(tmp_path, "04", "05", task=None, space=None, stat="z")
        assert shown(tmp_path) == [
            "contrast-faces",
            "  stat      effect",
            "  subjects  4: 01-03, 10",
            "  without   04, 05: no effect map of this contrast",
            "",
            "excluded",
            "  2 files excluded (of 04, 05): their stat is z; effect maps are analysed",
            "  (-v lists the files)",
            "",
            "1 contrast can be analysed",
        ]

    def test_combined_maps_are_counted_and_noted(self, tmp_path: Path) -> None:
        for run in "12":
            touch_maps(tmp_path, "01", "02", run=run, task=None, space=None)
        touch_maps(tmp_path, "03", run="1", task=None, space=None)
        assert shown(tmp_path, combine="run")[:5] == [
            "contrast-faces",
            "  stat      effect",
            "  subjects  3: 01-03",
            "  maps      5, combined over runs",
            "  note      Runs of each subject were combined by plain mean: not every map has a variance map",
        ]

    def test_differences_and_weights_are_shown(self, tmp_path: Path) -> None:
        for session in "12":
            for stat in ("effect", "variance"):
                touch_maps(tmp_path, "01", "02", session=session, stat=stat, task=None, space=None)
        touch_maps(tmp_path, "03", session="1", task=None, space=None)
        assert shown(tmp_path, paired="ses", weights=True)[:6] == [
            "contrast-facesSes2MinusSes1",
            "  stat      effect",
            "  subjects  2: 01, 02",
            "  maps      4, in pairs, each with its variance map",
            "  without   03: no effect map of ses-2",
            "  note      The map of each subject is ses-2 minus ses-1",
        ]
        assert "  maps      2, each with its variance map" in shown(tmp_path, session="2", weights=True)
        assert not any(line.startswith("  maps") for line in shown(tmp_path, session="2"))

    def test_a_contrast_of_nobody_cannot_be_analysed(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", "03", task=None, space=None)
        lines = shown(tmp_path, weights=True)
        assert "  without   01-03: no variance map, which --estimator needs" in lines
        assert any(
            line.startswith("  problem   No subject is left in contrast-faces: no variance map") for line in lines
        )
        assert lines[-1] == "0 contrasts can be analysed, 1 cannot"

    def test_problems_are_said_in_the_words_of_the_error(self, tmp_path: Path) -> None:
        for run in "12":
            touch_maps(tmp_path, "01", "02", run=run, task=None, space=None)
        touch_maps(tmp_path, "01", contrast="alone", task=None, space=None)
        touch_maps(tmp_path, "01", "02", contrast="good", task=None, space=None)
        found = discover(tmp_path)
        text = " ".join(overview(found, found, look).text.split())
        with pytest.raises(BidsAriError) as caught:
            found[1].check()
        error = str(caught.value).replace("/", "/ ").replace("_", "_ ")  # where lines may be broken
        assert f"problem {error}".replace(" ", "") in text.replace(" ", "")
        assert (
            "problem There is 1 subject (sub-01); expected at least 2 for a group analysis. Check the filters; " in text
        )
        assert text.endswith("1 contrast can be analysed, 2 cannot")
        assert "maps 4" in text

    def test_labels_are_of_contrasts_that_can_be_analysed(self, tmp_path: Path) -> None:
        """Each once, also of several tasks, as ``--contrast`` selects them."""
        for task in ("a", "b"):
            touch_maps(tmp_path, "01", "02", contrast="faces>houses", task=task, space=None)
        touch_maps(tmp_path, "01", "02", contrast="faces", task="a", space=None)
        touch_maps(tmp_path, "01", contrast="alone", task=None, space=None)
        found = discover(tmp_path)
        assert overview(found, found, look).labels == ("faces", "faceshouses")

    def test_contrasts_that_clash_are_shown_both(self) -> None:
        both = [contrast("01", "02", clash="contrast-c, contrast-C") for _ in range(2)]
        text = overview(Discovery(tuple(both), ()), both, look).text
        assert text.count("File names cannot distinguish contrast-c, contrast-C") == 2
        assert text.endswith("0 contrasts can be analysed, 2 cannot")

    def test_a_problem_of_several_contrasts_is_shown_once(self) -> None:
        """Such as a mask on another grid, which the message names, or files that all lack."""

        def no_mask(each: ContrastSet) -> NoReturn:
            raise DataError(f"{each.name}: the mask is on another grid")

        sets = [replace(contrast("01", "02"), entities=Entities.of({"contrast": name})) for name in ("a", "b")]
        text = overview(Discovery(tuple(sets), ()), sets, no_mask).text
        assert "problem   contrast-a: the mask is on another grid\n" in text
        assert "problem   the same as of contrast-a\n" in text

    def test_excluded_files_have_one_line_per_reason_the_most_frequent_first(self) -> None:
        entries = [Excluded(f"data/b{i}", "seldom") for i in range(6)] + [
            Excluded(f"data/a{i}", "very often") for i in "7654321"
        ]
        only = contrast("01", "02", excluded=tuple(entries))
        found = Discovery((only,), (Excluded("data/a0", "very often"),))
        lines = overview(found, [only], look).text.splitlines()
        start = lines.index("excluded")
        assert lines[start + 1 : start + 4] == [
            "  8 files excluded (data/a0, data/a1, data/a2, data/a3, data/a4 and 3 more): very often",
            "  6 files excluded (data/b0, data/b1, data/b2, data/b3, data/b4 and 1 more): seldom",
            "  (-v lists the files)",
        ]
        lines = overview(found, [only], look, names_files=True).text.splitlines()
        assert [line.strip() for line in lines[lines.index("excluded") :] if line.startswith("      ")] == [
            *(f"data/a{i}" for i in range(8)),
            *(f"data/b{i}" for i in range(6)),
        ]

    def test_no_heading_without_excluded_files(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        assert "excluded" not in "\n".join(shown(tmp_path))


class TestParticipant:
    def test_the_maps_of_a_contrast_are_shown_together(self, tmp_path: Path) -> None:
        for label in ("faces", "houses"):
            touch_maps(tmp_path, *(f"{i:02d}" for i in range(1, 31)), contrast=label, stat="z", task=None, space=None)
        touch_maps(tmp_path, "01", session="2", run="7", stat="z", task=None, space=None)
        touch_maps(tmp_path, "31", stat="t", task=None, space=None)
        found = discover(tmp_path, stat="z")
        assert overview(found, subject_contrasts(found), look).text.splitlines()[:11] == [
            "contrast-faces",
            "  stat      z",
            "  subjects  30: 01-30",
            "  maps      31",
            "  without   31: no z map of this contrast",
            "",
            "contrast-houses",
            "  stat      z",
            "  subjects  30: 01-30",
            "  without   31: no z map of this contrast",
            "",
        ]
        assert overview(found, subject_contrasts(found), look).text.endswith("\n61 maps can be analysed")

    def test_a_note_on_all_maps_is_shown_once(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", stat="z", node="subjectLevel")
        found = discover(tmp_path, stat="z")
        assert overview(found, subject_contrasts(found), look).text.count("Maps of node subjectLevel") == 1

    def test_one_subject_is_enough_and_problems_are_named_up_to_five(self) -> None:
        sets = [contrast(f"{i}", f"{i}", clash="ab" * i, sub=f"{i}") for i in range(10, 17)]
        text = overview(Discovery((), ()), [*sets, contrast("20", sub="20")], look).text
        assert text.count("cannot distinguish") == 5
        assert "problem   2 more" in text
        assert text.endswith("1 map can be analysed, 7 cannot")

    def test_problems_of_one_cause_are_one(self) -> None:
        """They differ only in the subject and its file."""
        sets = [contrast(f"{i}", f"{i}", sub=f"{i}") for i in range(10, 17)]
        text = overview(Discovery((), ()), sets, look).text
        assert text.count("has more than one map") == 1
        assert " ".join(text.split()).endswith(
            "remove one of them; likewise 6 other maps 0 maps can be analysed, 7 cannot"
        )


class TestText:
    @pytest.mark.parametrize(
        "what",
        [
            "data/" + "x" * 500,
            "data/" + "sub-01_" * 40,
            "data/" + "a b " * 60,
            "data/" + "long-name/" * 30,
            "data/e  e",
        ],
    )
    def test_lines_have_at_most_100_columns_but_for_words_that_are_longer(self, what: str) -> None:
        only = contrast("01", "02", excluded=(Excluded(what, "a reason " * 30),), task="t" * 200)
        text = overview(Discovery((only,), ()), [only], look, names_files=True).text
        assert all(len(line) <= 100 or " " not in line.strip() for line in text.splitlines())
        assert what.replace(" ", "") in "".join(text.split())
        assert only.name in "".join(text.split())

    def test_a_path_is_not_broken(self) -> None:
        path = f"data/{'d' * 60}/{'e' * 60}_{'f' * 60}.nii"
        only = contrast("01", "02", excluded=(Excluded(path, "r"),))
        assert f"\n      {path}\n" in overview(Discovery((only,), ()), [only], look, names_files=True).text

    def test_an_error_of_the_files_is_a_problem(self) -> None:
        def damaged(_: ContrastSet) -> NoReturn:
            raise DataError("2 problems with the maps", lines=["a.nii is damaged", "b.nii too"])

        only = contrast("01", "02")
        text, code, _ = overview(Discovery((only,), ()), [only], damaged)
        assert code == 65
        assert "problem   2 problems with the maps\n            - a.nii is damaged\n            - b.nii too\n" in text
        assert text.endswith("0 contrasts can be analysed, 1 cannot")

    def test_words_with_hyphens_are_not_broken(self) -> None:
        only = contrast("01", "02", excluded=(Excluded("data/f", "an-odd-reason " * 99),))
        text = overview(Discovery((only,), ()), [only], look).text
        assert text.count("an-odd-reason") == 99  # no line ends within one

    def test_short_names_are_shown_as_they_are(self) -> None:
        only = contrast("01", "02", excluded=(Excluded("data/two  blanks - and-dash", "r"),))
        assert (
            "\n      data/two  blanks - and-dash\n"
            in overview(Discovery((only,), ()), [only], look, names_files=True).text
        )

    @pytest.mark.parametrize("sign", ["\x1b[2J", "\r", "\x07", "\u202e", "\udcff", "\t", "\x9b", "\u2028"])
    def test_control_characters_in_names_are_escaped(self, sign: str) -> None:
        what, subject = Excluded(f"data/{sign}", sign), f"0{sign}"
        only = contrast(subject, subject, "02", excluded=(what, Excluded(f"sub-{sign}", sign)), clash="")
        for shown in (only, replace(only, entities=only.entities.with_(sub="1"))):
            text = overview(Discovery((only,), (what,)), [shown], look, names_files=True).text
            assert text.replace("\n", "").isprintable()
            assert ascii(sign)[1:-1] in text


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (["01", "02", "03", "04"], "01-04"),
        (["10", "9", "8", "11"], "8-11"),
        (["01", "02"], "01, 02"),
        (["01", "02", "03", "10", "11"], "01-03, 10, 11"),
        (["09", "10", "11"], "09-11"),
        (["9", "010", "11"], "9, 010, 11"),  # other widths: no one range would say which zeros there are
        (["b2", "b1", "b10"], "b1, b10, b2"),
        (["x", "01", "01"], "01, x"),
        ([], ""),
        ([f"s{i:02d}" for i in range(10)], ", ".join(f"s{i:02d}" for i in range(10))),
        ([f"s{i:02d}" for i in range(11)], "s00, s01, s02, s03, s04 and 6 more"),
        ([f"{i:03d}" for i in range(0, 60) if i % 5], "001-004, 006-009, 011-014, 016-019, 021-024 and 28 more"),
        (["9" * 5000, "²", "٣"], ", ".join(["9" * 5000, "²", "٣"])),
    ],
)
def test_consecutive_subjects_are_a_range(labels: list[str], text: str) -> None:
    """The last but two: twelve ranges of four, of which seven are counted, 7 x 4 = 28 subjects."""
    assert subject_ranges(labels) == text
