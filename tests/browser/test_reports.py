"""Reports and the index in a real browser: offline, at every width, in the dark, on paper, and without a mouse."""

import io
import re
import unicodedata
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from browser.browsing import TRY_THE_NETWORK, WIDTHS, Visits, overflowing, tab_through, violations
from browser.outputs_to_see import PAGES, Hostile, write_hostile

OPEN_ALL = "document.querySelectorAll('details').forEach((list) => { list.open = true; })"
FORMULA, INDEX = "formula", "index"
CLOSE_ALL = OPEN_ALL.replace("true", "false")
NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
REPORTS = [name for name in PAGES if name != INDEX]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    return write_hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def path(out: Path, request: pytest.FixtureRequest) -> Path:
    (found,) = out.glob(PAGES[request.param])
    return found


every_page = pytest.mark.parametrize("path", PAGES, indirect=True)
some_pages = pytest.mark.parametrize("path", [FORMULA, "calibrated", "nothing found", INDEX], indirect=True)
every_report = pytest.mark.parametrize("path", REPORTS, indirect=True)
the_report = pytest.mark.parametrize("path", [FORMULA], indirect=True)


@pytest.mark.parametrize("path", [FORMULA, INDEX], indirect=True)
def test_the_policy_of_a_page_forbids_network_and_foreign_scripts(path: Path, visits: Visits) -> None:
    """Nothing that a script could try gets out, and no script but the page's own runs."""
    page = visits.open(path)
    title, stopped = page.title(), []
    page.on(
        "requestfailed", lambda request: stopped.append(f"request: {request.url}") if request.failure == "csp" else 0
    )
    refused, title_after = page.evaluate(TRY_THE_NETWORK)
    assert title_after == title
    assert refused.count("connect-src") == 3  # fetch, WebSocket, sendBeacon
    assert {"img-src", "script-src-elem", "frame-src", "style-src-elem", "script-src"} <= set(refused)
    assert refused.count("script-src-elem") == 2  # of another place, and inline
    assert {problem for problem in visits.problems if problem.startswith("request:")} == set(stopped)
    assert len(stopped) == 3  # picture, script, style; the others did not get as far
    visits.problems.clear()  # what the console says of each refusal


@every_page
def test_nothing_reaches_beyond_the_window(path: Path, visits: Visits) -> None:
    page = visits.open(path)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for lists in (CLOSE_ALL, OPEN_ALL):
            page.evaluate(lists)
            assert overflowing(page) == [], width


@some_pages
def test_no_serious_barrier(path: Path, visits: Visits) -> None:
    page = visits.open(path)
    page.evaluate(OPEN_ALL)
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []


@every_page
def test_every_control_is_reached_by_tab_and_shows_it(path: Path, visits: Visits) -> None:
    expected, reached, unseen = tab_through(visits.open(path))
    assert expected
    assert reached == expected
    assert unseen == []


READ_ALL = """() => {
  document.querySelectorAll('details').forEach((list) => { list.open = true; });
  document.querySelectorAll('.toolbar').forEach((row) => row.remove());
  const pictures = [...document.images].map((picture) => picture.complete && picture.naturalWidth > 100);
  return {text: document.body.innerText, pictures, tables: document.querySelectorAll('table').length,
    sections: [...document.querySelectorAll('main > section')].map((section) => section.id)};
}"""


@every_page
def test_without_scripts_a_page_is_complete(path: Path, visits: Visits) -> None:
    """All but the toolbars, which would do nothing."""
    plain = visits.open(path, scripts=False)
    assert plain.locator("button, input, .toolbar").count() == 0
    for summary in plain.locator("summary").all():
        if summary.is_visible():
            summary.click()  # lists open without scripts
    assert plain.locator("details:not([open])").count() == 0
    content: dict[str, Any] = plain.evaluate(READ_ALL)
    assert content == visits.open(path).evaluate(READ_ALL)
    assert len(content["text"]) > 500
    assert all(content["pictures"])
    assert path.name == "index.html" or (len(content["sections"]) >= 10 and len(content["pictures"]) >= 2)


@every_report
def test_on_paper_nothing_is_left_out(path: Path, visits: Visits) -> None:
    """Every section begins on some page, every picture is in the file, and lists are open without being opened."""
    page = visits.open(path)
    headings = page.locator("main > section :is(h1, h2)").all_inner_texts()
    content = page.pdf(outline=True, tagged=True)
    sources = set(page.locator("img").evaluate_all("(all) => all.map((each) => each.src)"))  # a PDF has each once
    assert content.count(b"/Subtype /Image") >= len(sources) >= 2
    titles = [_plain(title) for title in re.findall(rb"/Title \((.*?)\)\s*/", content, re.DOTALL)]
    assert [heading for heading in headings if _plain(heading.encode()) not in titles] == []
    page.emulate_media(media="print")
    assert page.locator("details").count() > 2
    heights = "(parts) => parts.map((part) => part.offsetHeight)"
    assert min(page.locator("details > :not(summary, .toolbar)").evaluate_all(heights)) > 0


TEXTS = """(all) => all.filter((each) => each.checkVisibility() && !each.querySelector('details')
  && !each.closest('.toolbar, .menu, .skip, .cards thead, .more details:not(.noted)')).map((each) => each.innerText)"""


@pytest.mark.parametrize("path", [FORMULA, INDEX], indirect=True)
def test_a_pdf_has_the_texts_of_the_page(path: Path, visits: Visits) -> None:
    """Also those of closed lists. Nothing is wider than the paper, and no link has the folders of this computer."""
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    page = visits.open(path)
    n_closed = page.locator("details:not([open])").count()
    content = page.pdf(prefer_css_page_size=True)
    assert page.locator("details:not([open])").count() == n_closed > 0
    assert page.locator("a[href$='_explorer.html']").count() > 0
    assert b"file:/" not in content
    printed = _letters("".join(each.extract_text() for each in pypdf.PdfReader(io.BytesIO(content)).pages))
    page.evaluate(OPEN_ALL)
    texts = page.locator(":is(h1, h2, h3, p, li, dt, dd, caption, summary, th, td, pre)").evaluate_all(TEXTS)
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    assert len(lines) > 40
    assert [line for line in lines if _letters(line) not in printed] == []
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 without margins
    assert overflowing(page) == []


def _letters(text: str) -> str:
    """Return what is the same on a page and on paper, where lines break and letters are joined."""
    return re.sub(r"\W", "", unicodedata.normalize("NFKC", text))


def _plain(title: bytes) -> bytes:
    return re.sub(rb"[^a-z]", b"", title.lower())


@the_report
def test_a_text_is_copied_by_its_button(path: Path, visits: Visits) -> None:
    page = visits.open(path)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for name in ("methods-text", "methods-bibtex"):
        page.evaluate(OPEN_ALL)
        page.locator(f"button[data-copy={name}]").press("Enter")
        page.wait_for_selector("[role=status]:text('Copied')")
        text = page.locator(f"#{name}").text_content()
        assert text is not None
        assert page.evaluate("navigator.clipboard.readText()") == text.strip()
        page.evaluate("document.querySelectorAll('[role=status]').forEach((status) => { status.textContent = ''; })")


@the_report
def test_where_copying_is_not_allowed_the_text_is_selected(path: Path, visits: Visits) -> None:
    page = visits.open(path, before=NO_CLIPBOARD + "document.execCommand = () => false;")
    page.locator("button[data-copy=methods-text]").click()
    page.wait_for_selector("[role=status]:text('Ctrl+C')")
    assert page.evaluate("getSelection().toString().trim()") == page.locator("#methods-text").inner_text()


@the_report
def test_a_sentence_is_copied_from_its_row_and_from_the_list(path: Path, visits: Visits) -> None:
    """Also without the clipboard of newer browsers. Each row with a TDP above 0 has a button."""
    for before in ("", NO_CLIPBOARD):
        page = visits.open(path, before=before)
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        row = page.locator("#clusters tbody[data-sentence]").first
        sentence = page.locator(f"#{row.get_attribute('data-sentence')}").text_content()
        assert sentence is not None
        assert sentence.startswith("In a cluster of ")
        row.get_by_role("button", name="Copy a sentence about it").press("Enter")
        page.wait_for_selector("[role=status]:text('Copied: In a cluster')")
        other = visits.open(path)
        other.bring_to_front()
        assert other.evaluate("navigator.clipboard.readText()") == sentence.replace("\u00a0", " ")
        other.evaluate("navigator.clipboard.writeText('')")
    page = visits.open(path)
    rows = page.locator("#clusters tbody").count()
    assert 0 < page.locator("#clusters tbody[data-sentence]").count() <= rows
    page.locator("#sentences summary").first.click()
    page.locator("#sentences details[open] .sentences button").first.click()
    page.wait_for_selector("[role=status]:text('Copied: In a cluster')")
    whole = page.locator("#sentences .sentence")
    whole.get_by_role("button").click()
    page.wait_for_selector("[role=status]:text('Copied: In the whole mask')")


@the_report
def test_the_menu_shows_the_section_and_links_open_lists(path: Path, visits: Visits) -> None:
    for width in (360, 1400):
        page = visits.open(path, width=width)
        current = page.locator(".menu [aria-current=location]")
        assert current.inner_text() == "Result"
        page.locator(".menu a[href='#clusters']").click()
        page.wait_for_selector(".menu a[href='#clusters'][aria-current]")
        assert current.count() == 1
        box = current.bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= width - box["width"]
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_selector(".menu a[href='#provenance'][aria-current]")
    target = page.locator("#sentences-Z2")
    assert target.get_attribute("open") is None
    page.locator("#clusters a[href='#sentences-Z2']").click()
    page.wait_for_selector("#sentences-Z2[open]")


@every_report
def test_on_a_telephone_pictures_shrink(path: Path, visits: Visits) -> None:
    page = visits.open(path, width=360)
    page.evaluate(OPEN_ALL)
    widths = page.locator("figure img").evaluate_all("(all) => all.map((each) => each.getBoundingClientRect().width)")
    assert max(widths) <= 330
    page.locator("figure .scroll").first.focus()
    assert page.locator("figure img").first.evaluate("(each) => each.getBoundingClientRect().width") > 600
    assert overflowing(page) == []


@the_report
def test_inputs_are_searched(path: Path, visits: Visits) -> None:
    """Of ten subjects and one excluded file, two concern sub-01."""
    page = visits.open(path)
    names = page.locator("input[type=search]").evaluate_all("(boxes) => boxes.map((box) => box.dataset.filter)")
    assert names == ["inputs-lists", "quality-numbers"]
    name = names[0]
    box, rows = page.locator(f"input[data-filter={name}]"), page.locator(f"#{name} :is(tbody tr, li)")
    assert rows.count() == 11
    box.fill(" SUB-01 ")
    assert [row for row in rows.all() if row.is_visible()]
    shown = [row.inner_text() for row in rows.all() if row.is_visible()]
    assert len(shown) == 2
    assert all("sub-01" in text for text in shown)
    assert "2 of 11" in page.locator(f"#{name}").inner_text()
    box.fill("no such subject")
    assert not [row for row in rows.all() if row.is_visible()]
    box.fill("")
    assert all(row.get_attribute("hidden") is None for row in rows.all())


def test_every_link_of_the_index_leads_to_a_page_and_back(out: Path, visits: Visits) -> None:
    """To reports, from them to explorers and back."""
    page = visits.open(out / "index.html")
    names = page.locator("main a[href]").evaluate_all("(links) => links.map((link) => link.getAttribute('href'))")
    reports = [name for name in names if name.endswith("_report.html")]
    assert len(reports) == 5
    for name in reports:
        page.locator(f'main a[href="{name}"]').first.click()
        report = page.url
        page.locator('main a[href$="_explorer.html"]').first.click()
        page.wait_for_selector('body[data-ready="true"]')
        page.locator('header a[href$="_report.html"]').click()
        assert page.url == report
        page.get_by_role("link", name="All results").click()
        assert page.locator("h1").inner_text() == "Results"
    assert all((out / unquote(name)).is_file() for name in names)


def test_hostile_names_are_text(hostile: Hostile, visits: Visits) -> None:
    """No element and no attribute of theirs comes to be, no script runs, and every name can be read as it is."""
    shown = ""
    for path in sorted(hostile.out.rglob("*.html")):
        page = visits.open(path)
        page.evaluate(OPEN_ALL)
        assert page.locator("[onmouseover], [onerror], [src=x]").count() == 0
        if "explorer" not in path.name:
            assert page.locator("script").count() == 1
        shown += page.evaluate("document.body.textContent")
    assert [word for word in hostile.words if word not in shown] == []
