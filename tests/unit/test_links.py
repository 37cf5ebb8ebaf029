"""Links in all Markdown files lead to files, and to headings in them; addresses elsewhere are well formed."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from docpages import ROOT

NOT_OURS = {"auto", "build", "demo", "dist", "node_modules"}
CODE = re.compile(
    r"^(?P<fence> *(`{3,}|~{3,})).*?^ *\2 *$|(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)", re.MULTILINE | re.DOTALL
)
LINK = re.compile(
    r"\]\(\s*<?((?:[^()\s<>]|\([^()\s]*\))+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]^]+\]:\s+(\S+)", re.MULTILINE
)


def pages() -> Iterator[Path]:
    """All Markdown files of the repository; not those of environments or of builds in it."""
    for page in sorted(ROOT.rglob("*.md")):
        parts = page.relative_to(ROOT).parts
        if NOT_OURS.isdisjoint(parts) and not any(part.startswith(".") and part != ".github" for part in parts):
            yield page


PAGES = list(pages())


def links(page: Path) -> list[str]:
    """The targets of links and pictures, without those in code."""
    return [inline or reference for inline, reference in LINK.findall(CODE.sub("", page.read_text()))]


def anchors(page: Path) -> set[str]:
    """Anchors of headings as hosts of repositories and MyST make them, and those that are set by name."""
    text = re.sub(r"^( *)(`{3,}|~{3,}).*?^ *\2 *$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    seen: Counter[str] = Counter()
    found = set(re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE)) | set(
        re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text)
    )
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def problem(page: Path, link: str, root: Path = ROOT) -> str | None:
    """What is wrong with a link, if anything is."""
    if re.match(r"[a-z][a-z+.-]*:", link):
        address = urlsplit(link)
        is_fine = address.scheme == "https" and "." in address.netloc and not re.search(r"[\s\"<>]", link)
        return None if is_fine else "not an https address"
    name, _, anchor = unquote(link).partition("#")
    target = (page.parent / name).resolve() if name else page
    if root not in (target, *target.parents) or not target.exists():
        return "no such file"
    if anchor and target.suffix == ".md" and anchor not in anchors(target):
        return "no such heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert not [(link, why) for link in links(page) if (why := problem(page, link))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_addresses_of_files_of_this_repository_lead_to_files(page: Path) -> None:
    prefix = r"https://github\.com/bids-ari/bids_ari/(?:blob|tree)/main/"
    files = [found[1] for link in links(page) if (found := re.match(prefix + r"([^#]+)", link))]
    assert not [file for file in files if not (ROOT / file).exists()]


def test_all_kinds_of_links_are_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '# A `b`, c\n## A b c\n[a](x.md) ![b](<y.png>) [c](z.md#d "e") `[no](code)`\n```\n[no](code)\n```\n[f]: g.md\n'
        "[h](https://example.org/i_(j))\n"
    )
    assert links(page) == ["x.md", "y.png", "z.md#d", "g.md", "https://example.org/i_(j)"]
    assert anchors(page) == {"a-b-c", "a-b-c-1"}
    assert problem(page, "#a-b-c-1", tmp_path) is None
    assert [problem(page, link, tmp_path) for link in ("#d", "e.md", "http://example.org", "https://nowhere")] == [
        *("no such heading", "no such file"),
        *["not an https address"] * 2,
    ]


def test_pages_of_each_folder_are_checked() -> None:
    shown = {page.relative_to(ROOT).parts[0] for page in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "docs", "platforms", "validation", "benchmarks", ".github"} <= shown
    assert sum(len(links(page)) for page in PAGES) > 200
