"""The pages of the documentation, as tests read them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


@dataclass(frozen=True)
class Block:
    """A block of code: its headings (`section` of level 2, `entry` of level 3), and what it holds."""

    page: str
    section: str
    entry: str
    language: str
    text: str


def text_of(page: Path) -> str:
    """The text of a page; of a script of the gallery, its comments, with blocks of code as on other pages."""
    text = page.read_text()
    if page.suffix != ".py":
        return text
    pattern = r"^\.\. code-block:: (\S+)\n\n((?: {4}.*\n)+)"
    return re.sub(
        pattern,
        lambda found: f"```{found[1]}\n{dedent(found[2])}```\n",
        re.sub(r"^# ?", "", text, flags=re.MULTILINE),
        flags=re.MULTILINE,
    )


def blocks(page: Path, *languages: str) -> Iterator[Block]:
    """The blocks of code in a page that are in one of some languages."""
    section = entry = ""
    pattern = (
        r"^(?P<signs>##+) (?P<title>[^\n]*)$|^(?P<indent> *)```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$"
    )
    for found in re.finditer(pattern, text_of(page), re.MULTILINE | re.DOTALL):
        if found["signs"]:
            section, entry = (found["title"], "") if found["signs"] == "##" else (section, found["title"])
        elif found["language"] in languages:
            text = re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE)
            yield Block(page.name, section, entry, found["language"], text)


def commands(page: Path) -> Iterator[str]:
    """The commands in the bash blocks of a page, each on one line, without comments."""
    for block in blocks(page, "bash"):
        yield from commands_of(block)


def commands_of(block: Block) -> Iterator[str]:
    """The commands in a block, each on one line but for loops, without comments."""
    lines = (re.sub(r"(^|\s)#.*", "", line).rstrip() for line in block.text.replace("\\\n", " ").splitlines())
    for line in filter(str.strip, lines):
        command = line.strip()
        while re.match(r"for\b", command) and not re.search(r"\bdone$", command):
            command += f"\n{next(lines)}"
        yield command


def files_of_tree(text: str) -> set[str]:
    """The files that a tree shows, below its first line: ``{a,b}`` is one with each, what follows ``#`` is a remark."""
    folders: list[str] = [""]
    files: set[str] = set()
    for line in text.splitlines()[1:]:
        name = line.partition("#")[0].strip()
        if not name:
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        folders[depth:] = [folders[depth - 1] + name]
        if not name.endswith("/"):
            files |= set(expanded(folders[depth]))
    return files


def expanded(pattern: str) -> list[str]:
    """Write out the braces of a pattern.

    >>> expanded("a{,b}.{c,d}")
    ['a.c', 'a.d', 'ab.c', 'ab.d']
    """
    parts = re.split(r"\{([^}]*)\}", pattern)
    choices = [part.split(",") if i % 2 else [part] for i, part in enumerate(parts)]
    return ["".join(chosen) for chosen in product(*choices)]
