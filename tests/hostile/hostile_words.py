"""Invalid values of flags, and invalid files of labels, filters and flags."""

from hostile.making import BOM, FIX, HostileDataset, Make, file, flags, given, group, refused, works


def config(content: str | bytes) -> Make:
    return given("--config-file", file("run.toml", content))


def labels(content: str | bytes) -> Make:
    return given("--participant-label", file("who.txt", content))


def filters(content: str | bytes) -> Make:
    return given("--bids-filter-file", file("filter.json", content))


_TOML, _WHO, _FILTER = "run.toml", "who.txt", "filter.json"

WORD_FILES = (
    works("labels: byte order mark", labels(BOM + b"01\r\nsub-02\r\n")),
    refused(64, "labels: empty", labels("\n # nobody\n"), _WHO, "is empty; expected one label per line"),
    refused(64, "labels: binary", labels(b"\xff\xfe\0\1"), _WHO, "is not a text"),
    refused(64, "labels: UTF-16", labels("01\n".encode("utf-16")), _WHO, "is not a text"),
    refused(18, "labels: NaN", labels("01\nNaN\n"), "sub NaN", "01, 02, 03"),
    refused(18, "labels: markup", labels("<script>\n\x1b[2J\n"), "<script>", "\\x1b[2J", "01, 02, 03"),
    refused(18, "labels: a table", labels("participant_id\tage\n01\t3\n"), "participant_id\\tage"),
    refused(74, "labels: a folder", lambda folder: group(folder, "--participant-label", folder), "labels"),
    refused(66, "labels: none", flags("--participant-label", "../no.txt"), "../no.txt"),
    works("filter: byte order mark", filters(BOM + b'{"statmap": {"task": "emo"}}')),
    refused(64, "filter: no JSON", filters("statmap: {}"), _FILTER, "is not JSON", FIX),
    refused(64, "filter: empty", filters(""), _FILTER, "is not JSON", FIX),
    refused(64, "filter: binary", filters(b"\xff\xfe\0\1"), _FILTER, "is not JSON", FIX),
    refused(64, "filter: a list", filters("[]"), _FILTER, "holds no JSON object", FIX),
    refused(64, "filter: deep", filters('{"statmap":' * 99_999), _FILTER, "nested too deeply", FIX),
    refused(64, "filter: for others", filters('{"bold": {}}'), _FILTER, "queries for bold; expected"),
    refused(64, "filter: a list of queries", filters('{"statmap": [[1]]}'), _FILTER, "expected {entity"),
    refused(64, "filter: a query of queries", filters('{"statmap": {"task": {"a": 1}}}'), "filter file", "task"),
    refused(64, "filter: an unknown entity", filters('{"statmap": {"<b>\\n": 1}}'), "filter file", "such as ses"),
    refused(18, "filter: nobody", filters('{"statmap": {"sub": "<b>\\u001b"}}'), "<b>\\x1b", "01, 02, 03"),
    refused(66, "filter: none", flags("--bids-filter-file", "no.json"), "no.json", "expected a JSON file"),
    works("config: byte order mark", config(BOM + b"alpha = 0.1\r\n")),
    works("config: empty", config("")),
    refused(64, "config: no TOML", config("alpha 0.1"), _TOML, "is not valid TOML"),
    refused(64, "config: binary", config(b"\xff\xfe\0\1"), _TOML, "is not valid TOML"),
    refused(64, "config: UTF-16", config("alpha = 1".encode("utf-16")), _TOML, "is not valid TOML"),
    refused(64, "config: a key twice", config("alpha = 0.1\nalpha = 0.2"), _TOML, "is not valid TOML"),
    refused(64, "config: deep lists", config("a = " + "[" * 50_000), _TOML, "is not valid TOML"),
    refused(64, "config: deep tables", config(f"{'a.' * 3000}a = 1"), _TOML, "expected a text, a number"),
    refused(64, "config: unknown", config("'<b>' = 1"), _TOML, "the key '<b>'", "expected long flags"),
    refused(64, "config: a key of nothing", config("'' = 'x'"), _TOML, "the key ''", "expected long flags"),
    refused(64, "config: a key of lines", config('"a\\nb" = 1'), _TOML, "the key", "expected long flags"),
    refused(64, "config: a key with a blank", config('"task id" = "emo"'), _TOML, "task id"),
    refused(64, "config: a table", config("[alpha]\nx = 1"), _TOML, "alpha", "expected a text, a number"),
    refused(64, "config: a date", config("alpha = 1979-05-27"), _TOML, "alpha", "expected a text"),
    refused(64, "config: a flag as value", config("contrast = ['--alpha', '1']"), _TOML, "begin with a dash"),
    refused(64, "config: NaN", config("alpha = nan"), "alpha is nan", "between 0 and 1"),
    refused(64, "config: a vast number", config(f"alpha = 0x{'f' * 5000}"), "alpha"),
    refused(64, "config: a NUL in a path", config('mask = "a\\u0000b"'), "mask"),
    works("config: louder than can be", config("verbose = 99999999999999")),
    refused(74, "config: a folder", lambda folder: group(folder, "--config-file", folder), "configuration file"),
    refused(66, "config: none", flags("--config-file", "no.toml"), "no.toml"),
)


# Values of flags.


def _flag(words: str, code: int, *says: str) -> HostileDataset:
    return refused(code, f"flags: {words}", flags(*words.split(" ")), *says)


FLAGS = (
    *(
        _flag(f"--threshold {value}", 64, "threshold is", "expected z values")
        for value in ("nan", "inf", "1e999", "-1")
    ),
    _flag("--threshold 3 3.000000000001", 64, "threshold is", "differ in the first ten decimals"),
    *(_flag(f"--alpha {value}", 64, "alpha is", "between 0 and 1") for value in ("0", "1", "-0.0", "nan", "1e-999")),
    *(_flag(f"--tdp {value}", 64, "tdp is", "expected proportions") for value in ("2", "0", "nan", "1e-9")),
    *(_flag(f"--coverage {value}", 64, "coverage is", "a fraction") for value in ("0", "1.1", "nan", "inf")),
    *(_flag(f"--smoothing {value}", 64, "smoothing is", "a width in mm") for value in ("-1", "inf", "nan")),
    _flag("--smoothing 1e9", 64, "smoothing is", "a width in mm"),
    *(_flag(f"--mem {value}", 64, "mem is", "8G") for value in ("1e99T", "nan", "-5", "0", "0x10", "1P")),
    _flag("--mem 1K", 65, "available memory, 1 KB", "--mem"),
    _flag("--nprocs 0", 64, "nprocs is 0; expected a whole number"),
    _flag("--nprocs 1e9", 64, "--nprocs", "--help"),
    works("flags: --nprocs 99999999999999999999", flags("--nprocs", "99999999999999999999")),
    _flag("--omp-nthreads -1", 64, "omp-nthreads is -1; expected a whole number"),
    _flag("--connectivity 7", 64, "--connectivity", "--help"),
    _flag("--contrast *", 18, "contrast *", "expected one of: faces"),
    _flag("--contrast \x1b[2J{{7*7}}%s", 18, "contrast \\x1b[2J{{7*7}}%s", "expected one of: faces"),
    _flag("--task-id ", 64, "task-id is ['']"),
    _flag("--atlas ", 64, "atlas is ''"),
    _flag("--atlas-labels x.tsv", 64, "requires an atlas", "--atlas"),
    _flag("--atlas ../no.nii", 66, "../no.nii"),
    _flag("--derivatives /dev/null", 66, "/dev/null is a file; expected the folder"),
    _flag("--work-dir /dev/null/x", 73, "/dev/null/x cannot be written", "--work-dir"),
    _flag("--no-such-flag={{7*7}}%s", 64, "--no-such-flag={{7*7}}%s", "--help"),
)
