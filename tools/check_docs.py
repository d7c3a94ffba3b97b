#!/usr/bin/env python3
"""Holds the pages against the tree: each quoted block of code equals what stands in its file, each link leads
somewhere, and docs/README.md links each page below it.

A block is quoted by one or more comments straight before it. Several are joined by an empty line:

    <!-- quote examples/chat_1/main.cpp :: struct Say { :: }; -->
    <!-- quote examples/let_it_crash/expected_narrate.txt -->

The first names a region by its first line and its last; the file says each without indentation. The first line must be
the only one of its kind in the file; the last is the next one of its kind that is not indented deeper than the first. The
second form quotes the whole file. What is quoted loses the indentation that all its lines share.

Every block of C++ must be quoted: code that nobody compiles goes wrong. --write puts what stands in the files into the pages.
"""

import argparse
import re
import sys
import textwrap
from pathlib import Path

PAGES = ("*.md", "docs/**/*.md", "supervisors/*.md", "brokers/*.md", "monitors/*.md", "patterns/*.md", "io/*.md", "journals/*.md", "tests/**/*.md",
         "benchmarks/**/*.md")
QUOTE = re.compile(r"<!-- quote (\S+)(?: :: (.+?) :: (.+?))? -->")
FENCE = re.compile(r"^```(\w*)$")
COMPILED = {"cpp", "c++", "cxx"}
LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^)\s]+)\)")
OTHER_LINK = ("http://", "https://", "mailto:")


class Wrong(Exception):
    pass


def indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def region(top: Path, name: str, first: str | None, last: str | None) -> list[str]:
    """The lines that a quote means."""
    path = top / name
    if not path.is_file():
        raise Wrong(f"{name} does not exist")
    lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    if first is None or last is None:
        return lines
    begins = [index for index, line in enumerate(lines) if line.strip() == first]
    if len(begins) != 1:
        raise Wrong(f'{name} has {len(begins)} lines "{first}"; a quote needs exactly one')
    begin = begins[0]
    depth = indentation(lines[begin])
    for end in range(begin, len(lines)):
        if lines[end].strip() == last and indentation(lines[end]) <= depth:
            return textwrap.dedent("\n".join(lines[begin:end + 1])).split("\n")
    raise Wrong(f'{name} has no line "{last}" after "{first}"')


def check_blocks(top: Path, text: str) -> tuple[list[tuple[int, str]], str, int]:
    """What is wrong with the blocks of a page, the page as it should be, and how many blocks it quotes."""
    wrong, result, quotes, count = [], [], [], 0
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        line = lines[index]
        result.append(line)
        fence = FENCE.match(line)
        if quote := QUOTE.fullmatch(line.strip()):
            quotes.append(quote.groups())
        elif line.strip().startswith("<!-- quote"):
            wrong.append((index + 1, "is not of the form <!-- quote FILE --> or <!-- quote FILE :: FIRST :: LAST -->"))
        elif fence:
            end = next((i for i in range(index + 1, len(lines)) if lines[i] == "```"), len(lines))
            block = lines[index + 1:end]
            if quotes:
                count += 1
                try:
                    parts = ["\n".join(region(top, *quote)) for quote in quotes]
                    right = "\n\n".join(parts).split("\n")
                    if block != right:
                        wrong.append((index + 1, f"differs from {quotes[0][0]}; tools/check_docs.py --write quotes it again"))
                    block = right
                except Wrong as reason:
                    wrong.append((index + 1, str(reason)))
            elif fence.group(1) in COMPILED:
                wrong.append((index + 1, "a block of C++ that is quoted from no file"))
            result += block
            result += lines[end:end + 1]
            index = end
            quotes = []
        elif quotes and line.strip():
            wrong.append((index + 1, "no block follows the quote"))
            quotes = []
        index += 1
    return wrong, "\n".join(result), count


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    found = set()
    inside = False
    for line in page.read_text(encoding="utf-8").split("\n"):
        inside ^= line.startswith("```")
        if not inside and (heading := re.match(r"#+ (.*)", line)):
            plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", lambda m: m.group(1) or "", heading.group(1))
            found.add(re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-"))
    return found


def check_links(page: Path, text: str) -> list[tuple[int, str]]:
    wrong = []
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        inside ^= line.startswith("```")
        if inside:
            continue
        for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if target.startswith(OTHER_LINK):
                continue
            name, _, anchor = target.partition("#")
            there = (page.parent / name).resolve() if name else page
            if not there.exists():
                wrong.append((number, f"the link {target} leads nowhere"))
            elif anchor and there.suffix == ".md" and anchor not in anchors(there):
                wrong.append((number, f"the link {target} names a heading that is not there"))
    return wrong


def check_index(top: Path) -> list[str]:
    """The pages in docs/ that their index does not link."""
    index = top / "docs/README.md"
    if not index.is_file():
        return []
    targets = LINK.findall(index.read_text(encoding="utf-8"))
    linked = {(index.parent / target.partition("#")[0]).resolve() for target in targets}
    return [page.relative_to(top).as_posix() for page in sorted((top / "docs").glob("*/*.md")) if page not in linked]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put what stands in the files into the pages")
    parser.add_argument("--top", type=Path, default=Path(__file__).parent.parent, help="the top of the tree")
    options = parser.parse_args()
    top = options.top.resolve()

    pages = sorted({page for pattern in PAGES for page in top.glob(pattern)})
    offences, quotes = 0, 0
    for page in pages:
        text = page.read_text(encoding="utf-8")
        wrong, right, count = check_blocks(top, text)
        quotes += count
        if options.write and right != text:
            page.write_text(right, encoding="utf-8")
            text = right
            wrong = check_blocks(top, text)[0]
        for number, reason in sorted(wrong + check_links(page, text)):
            print(f"{page.relative_to(top)}:{number}: {reason}")
            offences += 1
    for page in check_index(top):
        print(f"docs/README.md:1: does not link {page}")
        offences += 1
    print(f"docs: {len(pages)} pages, {quotes} quoted blocks, " + (f"{offences} offences" if offences else "in order"))
    return 1 if offences or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
