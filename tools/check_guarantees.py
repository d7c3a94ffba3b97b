#!/usr/bin/env python3
"""Checks that every test which docs/reference/guarantees.md links exists, and with --junit that it ran and passed.

A link is [name of the test](../../tests/part/file_test.cpp): the text is the exact name of a TEST_CASE in that file. In
any other file below tests/ or examples/ the test is one that CMake registers, and the text is its name in ctest. A
junit file is what `ctest --output-junit` writes; a test must have passed in one of the files, and failed in none.
"""

import argparse
import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

LINK = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])+)\]\(\.\./\.\./((?:tests|examples)/[^)#\s]+)\)")
LITERAL = r'"(?:[^"\\\n]|\\.)*"'
TEST_CASE = re.compile(rf"\b(SCENARIO|(?:TEMPLATE_)?TEST_CASE(?:_METHOD)?)\s*\(\s*(?:[\w:]+\s*,\s*)?((?:{LITERAL}\s*)+)")


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_names(source: str) -> set[str]:
    """The names of the test cases of a C++ file; adjacent string literals are one."""
    names = set()
    for macro, literals in TEST_CASE.findall(source):
        name = "".join(literal[1:-1] for literal in re.findall(LITERAL, literals))
        name = re.sub(r"\\(.)", r"\1", name)
        names.add(one_line(("Scenario: " if macro == "SCENARIO" else "") + name))
    return names


def ctest_name(path: Path, name: str) -> str:
    """What tests/CMakeLists.txt calls the test in ctest."""
    if path.name.endswith("_test.cpp"):
        parts = path.parts[path.parts.index("tests") + 1 :]  # the folder of a program may have folders
        return f"{parts[0]}/{name}"
    if path.parent.name == "must_not_compile":
        return f"must_not_compile/{path.stem}"
    return name


def outcomes(files: list[Path]) -> dict[str, set[str]]:
    """For each test that ctest reports: passed, failed, skipped."""
    result: dict[str, set[str]] = {}
    for file in files:
        for case in xml.parse(file).getroot().iter("testcase"):
            if case.get("status") == "fail" or case.find("failure") is not None:
                outcome = "failed"
            elif case.get("status") == "run" and case.find("skipped") is None:
                outcome = "passed"
            else:
                outcome = "skipped"
            result.setdefault(one_line(case.get("name", "")), set()).add(outcome)
    return result


def check_link(top: Path, name: str, target: str, ran: dict[str, set[str]] | None) -> str | None:
    """What is wrong with one link; None when nothing is."""
    path = top / target
    if not path.is_file():
        return f"{target} does not exist"
    if path.name.endswith("_test.cpp") and name not in test_names(path.read_text(encoding="utf-8")):
        return f'{target} has no test "{name}"'
    if ran is None:
        return None
    registered = ctest_name(path, name)
    # A test case template is reported once for each type, as "name - type".
    seen = set().union(*(outcome for test, outcome in ran.items()
                         if test == registered or test.startswith(registered + " - ")))
    if "failed" in seen:
        return f'"{registered}" failed'
    return None if "passed" in seen else f'"{registered}" did not run'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--junit", metavar="FILE", type=Path, nargs="+", help="what ctest reported")
    parser.add_argument("--top", type=Path, default=Path(__file__).parent.parent, help="the top of the tree")
    options = parser.parse_args()

    page = options.top / "docs/reference/guarantees.md"
    if not page.is_file():
        print(f"{page} does not exist")
        return 1
    ran = outcomes(options.junit) if options.junit else None

    text = page.read_text(encoding="utf-8")
    links = [(text.count("\n", 0, link.start()) + 1, *link.groups()) for link in LINK.finditer(text)]
    wrong = [(line, reason) for line, name, target in links
             if (reason := check_link(options.top, one_line(name.replace("\\", "")), target, ran))]
    for line, reason in wrong:
        print(f"docs/reference/guarantees.md:{line}: {reason}")
    if not links:
        print("docs/reference/guarantees.md links no test")
    if links and not wrong:
        print(f"guarantees: {len(links)} links, each test " + ("ran and passed" if ran is not None else "exists"))
    return 1 if wrong or not links else 0


if __name__ == "__main__":
    sys.exit(main())
