"""Tables of maps without BIDS names."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from bids_ari.bids.contrasts import Discovery
from bids_ari.bids.discover import discover, subject_contrasts
from bids_ari.bids.exclusions import Excluded
from bids_ari.bids.group_checks import check_group
from bids_ari.bids.manifest import open_manifest
from bids_ari.errors import BidsAriError, DataError, DuplicateMapsError, InputNotFoundError, NoMatchError, ReadError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def write(root: Path, *lines: str | Sequence[str], end: str = "\n") -> Path:
    """Write a table from lines or from the cells of each."""
    path = root / "maps.tsv"
    text = end.join(line if isinstance(line, str) else "\t".join(line) for line in lines) + end
    path.write_bytes(text.encode())
    return path


@pytest.fixture
def spm(tmp_path: Path) -> Path:
    """The maps of two subjects as SPM writes them."""
    touch(tmp_path, *(f"spm/sub-{sub}/{name}.nii" for sub in ("01", "02") for name in ("con_0001", "con_0002")))
    return tmp_path


def refusal(path: Path) -> BidsAriError:
    with pytest.raises(BidsAriError) as caught:
        discover(open_manifest(path))
    assert type(caught.value) is DataError
    assert str(path) in caught.value.found
    return caught.value


class TestMaps:
    def test_a_table_of_paths_is_a_contrast(self, spm: Path) -> None:
        path = write(spm, ("participant_id", "effect"), *((s, f"spm/sub-{s}/con_0001.nii") for s in ("02", "01")))
        manifest = open_manifest(str(path))
        (contrast,) = discover(manifest)
        contrast.check()
        assert (contrast.name, contrast.stat, contrast.subjects) == ("contrast-map", "effect", ("01", "02"))
        assert contrast.paths == tuple(spm / "spm" / f"sub-{s}" / "con_0001.nii" for s in ("01", "02"))
        assert (contrast.notes, contrast.excluded) == ((), ())

    def test_names_of_files_are_relative_to_their_common_folder(self, spm: Path) -> None:
        """Such names are unique, without the folders above, and lead to the files."""
        rows = [("01", "spm/sub-01/con_0001.nii"), ("02", str(spm / "spm" / "sub-02" / "con_0001.nii"))]
        manifest = open_manifest(write(spm, ("participant_id", "effect"), *rows))
        assert manifest.roots == {"manifest": spm / "spm"}
        (contrast,) = discover(manifest)
        assert [member.uri for member in contrast.members] == [
            f"bids:manifest:sub-{s}/con_0001.nii" for s in ("01", "02")
        ]

    def test_paths_start_at_the_folder_of_the_table(self, spm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (spm / "tables").mkdir()
        rows = [("01", "../spm/sub-01/con_0001.nii"), ("02", "../spm/./sub-01/../sub-02/con_0001.nii")]
        write(spm / "tables", ("participant_id", "effect"), *rows)
        monkeypatch.chdir(spm / "spm")
        manifest = open_manifest("../tables/maps.tsv")
        assert manifest.roots["manifest"].samefile(spm / "spm")
        (contrast,) = discover(manifest)
        for member, label in zip(contrast.members, ("01", "02"), strict=True):
            assert member.first.path.samefile(spm / "spm" / f"sub-{label}" / "con_0001.nii")
            assert member.uri == f"bids:manifest:sub-{label}/con_0001.nii"

    def test_a_detour_over_a_link_is_followed_as_the_system_does(self, spm: Path) -> None:
        touch(spm, "store/deep/x.nii", "store/own.nii", "own.nii")
        (spm / "link").symlink_to(spm / "store" / "deep")
        (contrast,) = discover(open_manifest(write(spm, ("participant_id", "effect"), ("01", "link/../own.nii"))))
        assert contrast.paths[0].samefile(spm / "store" / "own.nii")

    @pytest.mark.parametrize("subject", ["01", "sub-01", " 01 "])
    def test_subjects_come_with_or_without_their_key(self, spm: Path, subject: str) -> None:
        (contrast,) = discover(
            open_manifest(write(spm, ("participant_id", "effect"), (subject, "spm/sub-01/con_0001.nii")))
        )
        assert contrast.subjects == ("01",)

    def test_entities_tell_contrasts_apart_and_filters_choose(self, spm: Path) -> None:
        rows = [
            (s, f"spm/sub-{s}/con_000{n}.nii", f"con{n}", f"task-{task}")
            for s in ("01", "02")
            for n, task in ((1, "emo"), (2, "rest"))
        ]
        manifest = open_manifest(write(spm, ("participant_id", "effect", "contrast", "task"), *rows))
        assert [contrast.name for contrast in discover(manifest)] == [
            "task-emo_contrast-con1",
            "task-rest_contrast-con2",
        ]
        (chosen,) = discover(manifest, task="rest", exclude=["02"], contrast="contrast-con2")
        assert chosen.paths == (spm / "spm" / "sub-01" / "con_0002.nii",)
        assert len(discover(manifest, where={"task": ["emo", "rest"]})) == 2
        with pytest.raises(NoMatchError, match="one of: con1, con2"):
            discover(manifest, contrast="con3")

    @pytest.mark.parametrize("column", ["session", "ses", "acquisition", "acq", "run", "resolution", "taskcontrast"])
    def test_an_entity_may_be_given_by_key_or_name(self, spm: Path, column: str) -> None:
        manifest = open_manifest(
            write(spm, ("participant_id", column, "effect"), ("01", "7", "spm/sub-01/con_0001.nii"))
        )
        (contrast,) = discover(manifest)
        key = {"session": "ses", "acquisition": "acq", "resolution": "res"}.get(column, column)
        assert contrast.entities.get(key) == "7"
        assert contrast.entities.get("contrast") == (None if column == "taskcontrast" else "map")

    def test_runs_are_combined_by_the_variance_of_their_line(self, tmp_path: Path) -> None:
        names = [(s, r, f"{s}/cope{r}.nii.gz", f"{s}/var{3 - r}.nii") for s in ("01", "02") for r in (2, 1)]
        touch(tmp_path, *(name for row in names for name in row[2:]))
        path = write(tmp_path, ("participant_id", "run", "effect", "variance"), *([str(c) for c in r] for r in names))
        (contrast,) = discover(open_manifest(path), combine="run")
        first = contrast.members[0]
        assert [p.name for p in first.paths] == ["cope1.nii.gz", "cope2.nii.gz"]
        assert [p.name for p in first.variance_paths] == ["var2.nii", "var1.nii"]
        assert contrast.excluded == ()
        (plain,) = discover(open_manifest(path), run="1")
        assert {entry.reason.partition(";")[0] for entry in plain.excluded} == {
            "its stat is variance",
            "not among the selected runs",
        }

    def test_two_lines_for_one_subject_are_refused(self, spm: Path) -> None:
        row = ("01", "spm/sub-01/con_0001.nii")
        ways = ("remove one of them", "remove lines; with a column run in the table, --combine run combines the maps")
        for other, way in zip((row, ("01", "spm/sub-01/con_0002.nii")), ways, strict=True):
            (contrast,) = discover(open_manifest(write(spm, ("participant_id", "effect"), row, other)))
            with pytest.raises(DuplicateMapsError) as caught:
                contrast.check()
            assert caught.value.hint == f"Choose with --exclude, or {way}"

    @pytest.mark.parametrize("name", ["con.mnc", "con.mgz", "con"])
    def test_other_formats_are_excluded(self, spm: Path, name: str) -> None:
        touch(spm, name)
        rows = [("01", "spm/sub-01/con_0001.nii"), ("02", name)]
        found = discover(open_manifest(write(spm, ("participant_id", "effect"), *rows)))
        assert found[0].subjects == ("01",)
        assert [entry.reason for entry in found.all_excluded()] == ["not a NIfTI, GIFTI or CIFTI image"]

    @pytest.mark.parametrize(
        ("folder", "noted"),
        [("s{}.feat/stats", True), ("s{}.feat/reg_standard/stats", False), ("s{}.gfeat/cope1.feat/stats", False)],
    )
    def test_maps_in_the_space_of_the_scanner_are_noted(self, tmp_path: Path, folder: str, noted: bool) -> None:
        """Grids of maps do not tell: they may be the same in all scans."""
        names = {sub: f"{folder.format(sub)}/cope1.nii.gz" for sub in ("01", "02")}
        touch(tmp_path, *names.values())
        (contrast,) = discover(open_manifest(write(tmp_path, ("participant_id", "effect"), *names.items())))
        assert [note for note in contrast.notes if "such as s01.feat/stats/cope1.nii.gz" in note] == [*contrast.notes]
        assert bool(contrast.notes) is noted

    def test_of_a_pair_of_files_the_values_are_named(self, spm: Path) -> None:
        touch(spm, *(f"con_{sub}.{part}" for sub in ("01", "02") for part in ("hdr", "img")))
        rows = [("01", "con_01.img"), ("02", "con_02.hdr")]
        found = discover(open_manifest(write(spm, ("participant_id", "effect"), *rows)))
        assert [path.name for path in found[0].paths] == ["con_01.img"]
        (entry,) = found.all_excluded()
        assert "the header of an .img file" in entry.reason

    def test_of_a_dataset_of_afni_the_header_is_named_with_a_label(self, tmp_path: Path) -> None:
        columns = ("participant_id", "effect", "map_name")
        rows = [("01", "stats.01+tlrc.HEAD", "left#0_Coef"), ("02", "stats.02+tlrc.BRIK.gz", "left#0_Coef")]
        touch(tmp_path, *(row[1] for row in rows))
        found = discover(open_manifest(write(tmp_path, columns, *rows)))
        assert [member.first.map_name for member in found[0].members] == ["left#0_Coef"]
        (entry,) = found.all_excluded()
        assert "the values of a .HEAD file" in entry.reason

    @pytest.mark.parametrize(
        ("name", "space", "expected"),
        [
            ("stats+orig.HEAD", "n/a", "orig"),
            ("stats+acpc.HEAD", "n/a", "acpc"),
            ("stats+orig.HEAD", "MNI152Lin", "MNI152Lin"),
            ("stats+tlrc.HEAD", "n/a", None),
        ],
    )
    def test_the_view_of_afni_is_a_space_of_the_subject(
        self, tmp_path: Path, name: str, space: str, expected: str | None
    ) -> None:
        rows = [(subject, f"{subject}/{name}", space) for subject in ("01", "02")]
        touch(tmp_path, *(row[1] for row in rows))
        (contrast,) = discover(open_manifest(write(tmp_path, ("participant_id", "effect", "space"), *rows)))
        assert contrast.entities.get("space") == expected
        with pytest.raises(DataError, match="space-") if expected in ("orig", "acpc") else nullcontext():
            check_group(contrast)

    def test_a_label_for_a_volume_of_another_format_is_refused(self, spm: Path) -> None:
        row = ("01", "spm/sub-01/con_0001.nii", "left#0_Coef")
        error = refusal(write(spm, ("participant_id", "effect", "map_name"), row))
        assert "con_0001.nii, a volume" in str(error)

    def test_a_dot_within_a_name_does_not_start_the_extension(self, spm: Path) -> None:
        touch(spm, "con.v2.nii.gz")
        (contrast,) = discover(open_manifest(write(spm, ("participant_id", "effect"), ("01", "con.v2.nii.gz"))))
        assert contrast.members[0].first.extension == ".nii.gz"


class TestStat:
    def test_the_requested_statistic_is_used(self, spm: Path) -> None:
        rows = [(s, f"spm/sub-{s}/con_0001.nii", f"spm/sub-{s}/con_0002.nii") for s in ("01", "02")]
        manifest = open_manifest(write(spm, ("participant_id", "effect", "z"), *rows))
        for stat, name in (("effect", "con_0001.nii"), ("z", "con_0002.nii")):
            (contrast,) = discover(manifest, stat=stat)
            assert (contrast.stat, {path.name for path in contrast.paths}) == (stat, {name})
            assert len(contrast.excluded) == 2

    def test_the_error_names_the_statistic_of_the_table(self, spm: Path) -> None:
        manifest = open_manifest(write(spm, ("participant_id", "t"), ("01", "spm/sub-01/con_0001.nii")))
        with pytest.raises(NoMatchError) as caught:
            discover(manifest)
        assert caught.value.hint == "To analyse t maps, use --stat t"

    def test_a_t_map_knows_its_degrees_of_freedom(self, spm: Path) -> None:
        rows = [("01", "spm/sub-01/con_0001.nii", "31.5"), ("02", "spm/sub-02/con_0001.nii", "n/a")]
        manifest = open_manifest(write(spm, ("participant_id", "t", "dof"), *rows))
        (contrast,) = discover(manifest, stat="t")
        assert [member.dof for member in contrast.members] == [31.5, None]
        assert [c.members[0].dof for c in subject_contrasts(discover(manifest, stat="t"))] == [31.5, None]

    @pytest.mark.parametrize("dof", ["0", "-1", "inf", "1e999", "many", "1,5"])
    def test_other_degrees_of_freedom_are_refused(self, spm: Path, dof: str) -> None:
        path = write(spm, ("participant_id", "t", "dof"), ("01", "spm/sub-01/con_0001.nii", dof))
        error = refusal(path)
        assert (error.found, error.expected) == (f"{path}, line 2 has dof {dof!r}", "a number above 0")


class TestNothingThere:
    @pytest.mark.parametrize("cell", ["n/a", "", "N/A", "nan", "NaN", " "])
    def test_a_subject_without_a_map_is_excluded_with_its_line(self, spm: Path, cell: str) -> None:
        rows = [("02", cell), ("01", "spm/sub-01/con_0001.nii")]
        found = discover(open_manifest(write(spm, ("participant_id", "effect"), *rows)))
        assert found[0].subjects == ("01",)
        assert found.excluded == ()
        assert found[0].excluded == (Excluded("sub-02", "no effect map in line 2 of maps.tsv"),)

    @pytest.mark.parametrize("cell", ["n/a", "", "nan"])
    def test_an_entity_may_be_absent(self, spm: Path, cell: str) -> None:
        path = write(spm, ("participant_id", "effect", "run"), ("01", "spm/sub-01/con_0001.nii", cell))
        assert discover(open_manifest(path))[0].name == "contrast-map"

    @pytest.mark.parametrize("column", ["participant_id", "contrast"])
    @pytest.mark.parametrize("cell", ["n/a", "", "nan"])
    def test_the_subject_and_the_contrast_may_not(self, spm: Path, column: str, cell: str) -> None:
        cells = {"participant_id": "01", "contrast": "c", "effect": "spm/sub-01/con_0001.nii", column: cell}
        error = refusal(write(spm, tuple(cells), tuple(cells.values())))
        assert f"line 2 has '{cell}' in column {column}" in error.found

    def test_a_key_without_a_label_is_refused(self, spm: Path) -> None:
        error = refusal(write(spm, ("participant_id", "effect"), ("sub-", "spm/sub-01/con_0001.nii")))
        assert "line 2 has 'sub-' in column participant_id" in error.found

    def test_all_missing_files_are_listed_at_once(self, spm: Path) -> None:
        rows = [(f"{i:02d}", f"gone/{i}.nii") for i in range(1, 8)]
        rows[2] = ("03", "spm/sub-01/con_0001.nii")
        rows[3] = ("04", "folder.nii")
        (spm / "folder.nii").mkdir()
        error = refusal(write(spm, ("participant_id", "effect"), *rows))
        assert "6 files in" in error.found
        named = [f"line {i + 1}: {spm / f'gone/{i}.nii'}" for i in (1, 2, 5, 6)]
        named.insert(2, f"line 5: {spm / 'folder.nii'} (a folder)")
        assert error.found.endswith(", ".join(named) + " and 1 more")

    def test_a_variance_map_that_will_be_used_is_looked_for_too(self, spm: Path) -> None:
        rows = [("01", run, "spm/sub-01/con_0001.nii", "gone.nii") for run in "12"]
        manifest = open_manifest(write(spm, ("participant_id", "run", "effect", "variance"), *rows))
        with pytest.raises(DataError, match=r"2 files in .* not found.*in the folder of the table, /"):
            discover(manifest, combine="run")

    def test_a_file_that_is_not_used_need_not_exist(self, spm: Path) -> None:
        rows = [("01", "spm/sub-01/con_0001.nii", "v.nii"), ("02", "gone.nii", "v.nii")]
        manifest = open_manifest(write(spm, ("participant_id", "effect", "variance"), *rows))
        assert discover(manifest, exclude=["02"])[0].subjects == ("01",)

    def test_a_link_without_a_target_is_not_a_missing_file(self, spm: Path) -> None:
        """The reader reports that its content can be fetched."""
        (spm / "annexed.nii").symlink_to("gone")
        path = write(spm, ("participant_id", "effect"), ("01", "annexed.nii"))
        assert len(discover(open_manifest(path))) == 1


class TestTable:
    def one(self, spm: Path, content: bytes) -> Discovery:
        (spm / "maps.tsv").write_bytes(content)
        return discover(open_manifest(spm / "maps.tsv"))

    @pytest.mark.parametrize(
        "content",
        [
            b"\xef\xbb\xbfparticipant_id\teffect\n01\tspm/sub-01/con_0001.nii\n",
            b"participant_id\teffect\r\n01\tspm/sub-01/con_0001.nii\r\n",
            b"participant_id\teffect\n01\tspm/sub-01/con_0001.nii",
            b"participant_id\teffect\r01\tspm/sub-01/con_0001.nii\r",
            b"\n\nparticipant_id\teffect\n\n \t\n01\tspm/sub-01/con_0001.nii\n\t\n\n",
            b'"participant_id"\t"effect"\n"01"\t"spm/sub-01/con_0001.nii"\n',
            b" participant_id \t effect\n 01 \t spm/sub-01/con_0001.nii \n",
        ],
        ids=["bom", "crlf", "no end", "cr", "blank lines", "quotes", "blanks"],
    )
    def test_tables_are_written_in_many_ways(self, spm: Path, content: bytes) -> None:
        assert self.one(spm, content)[0].paths == (spm / "spm" / "sub-01" / "con_0001.nii",)

    @pytest.mark.parametrize(
        ("content", "found"),
        [
            (b"", " is empty"),
            (b"\n \n\t\n", " is empty"),
            (b"participant_id\teffect\n", " is empty"),
            (b"participant_id,effect\n01,a.nii\n", " holds no tabs"),
            (b"participant_id;effect\n01;a.nii\n", " holds no tabs"),
            (b"participant_id effect\n01 a.nii\n", " holds no tabs"),
            (b"subject\teffect\n01\ta.nii\n", " has no column participant_id (its columns: subject, effect)"),
            (b"participant_id\tcope\n01\ta.nii\n", " has no column of maps (its columns: participant_id, cope)"),
            (b"participant_id\tvariance\n01\ta.nii\n", " has no column of maps"),
            (b"participant_id\teffect\teffect\n01\ta.nii\tb.nii\n", " has column effect more than once"),
            (b"participant_id\teffect\tses\tsession\n01\ta\tb\tc\n", " has column ses more than once"),
            (b"participant_id\tage\teffect\tage\n01\t3\ta\t3\n", " has column age more than once"),
            (b"participant_id\teffect\t\n01\ta.nii\t\n", ": column 3 has no name"),
            (b"participant_id\teffect\n01\tn/a\n", " lists no map"),
            (b"participant_id\teffect\n01\n", ", line 2 has 1 cell"),
            (b"participant_id\teffect\n\n01\ta.nii\t\n", ", line 3 has 3 cells"),
            (b"participant_id\teffect\n#01\ta.nii\n", ", line 2 begins with #"),
            (b"participant_id\teffect\n# a remark\n01\ta.nii\n", ", line 2 begins with #"),
            (b"participant_id\teffect\n01\ta.nii\n02\tb\x00.nii\n", r", line 3 has 'b\x00.nii' in column effect"),
            (b'participant_id\teffect\n01\t"a\nb.nii"\n', r", line 2 has 'a\nb.nii' in column effect"),
            (b'participant_id\teffect\n01\ta.nii\n02\t"b.nii\n03\tc.nii\n', ", line 3 cannot be read"),
            (b'participant_id\teffect\n01\t"a"b.nii\n', ", line 2 cannot be read"),
            (b"participant_id\teffect\n01\ta.nii\n02\t\xe9.nii\n", ", line 3 is not UTF-8"),
            ("participant_id\teffect\n01\ta\n".encode("utf-16"), ", line 1 is not UTF-8"),
            (b"participant_id\teffect\n01\t" + b"a" * 200_000, ", line 2 cannot be read"),
        ],
    )
    def test_malformed_tables_are_refused_by_file_and_line(self, spm: Path, content: bytes, found: str) -> None:
        path = spm / "maps.tsv"
        path.write_bytes(content)
        error = refusal(path)
        assert error.found.startswith(f"{path}{found}")
        assert error.found.isprintable()
        assert error.expected

    @pytest.mark.parametrize("label", ["a b", "../x", "<script>", "é", "'", "%s", "{0}"])
    @pytest.mark.parametrize("column", ["participant_id", "contrast", "task", "session"])
    def test_labels_of_other_signs_are_reduced_where_they_are_written(self, spm: Path, column: str, label: str) -> None:
        cells = {"participant_id": "01", "effect": "spm/sub-01/con_0001.nii", column: label}
        (contrast,) = discover(open_manifest(write(spm, tuple(cells), tuple(cells.values()))))
        contrast.check()
        (alone,) = subject_contrasts(discover(open_manifest(spm / "maps.tsv")))
        assert all(c.isalnum() or c in "_-+" for c in contrast.name + alone.name)
        assert any(repr(label) in note for note in contrast.notes)

    def test_columns_that_are_not_used_are_named(self, spm: Path, caplog: pytest.LogCaptureFixture) -> None:
        header = ("participant_id", "sesion", "effect", "age", "test", "stat")
        row = ("01", "1", "spm/sub-01/con_0001.nii", "33", "a", "b")
        (contrast,) = discover(open_manifest(write(spm, header, row)))
        assert contrast.name == "contrast-map"
        assert "not used: column age, sesion, stat, test" in caplog.text
        assert contrast.notes == ("maps.tsv: not used: column age, sesion, stat, test",)

    def test_a_table_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputNotFoundError, match=r"no table .*gone\.tsv; expected .* a line for each map"):
            open_manifest(tmp_path / "gone.tsv")
        with pytest.raises(ReadError, match=f"{tmp_path} is a folder"):
            open_manifest(tmp_path)
        (tmp_path / "fifo").symlink_to("/dev/zero")
        with pytest.raises(ReadError, match="is not a regular file"):
            open_manifest(tmp_path / "fifo")


def test_the_repr_of_a_manifest(spm: Path) -> None:
    path = write(spm, ("participant_id", "effect"), ("01", "spm/sub-01/con_0001.nii"))
    manifest: Any = open_manifest(path)
    assert repr(manifest) == f"Dataset({str(path)!r}, n_statmaps=1)"
