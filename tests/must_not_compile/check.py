#!/usr/bin/env python3
"""Checks one case of tests/must_not_compile: check.py CASE.cpp -- COMPILER FLAG...

A case holds one mistake and its right twin, one token apart, and says what the compiler must answer:

    // expect: no handler for this message
    // flags: -Werror=unused-result          (optional)
    ...
    #ifdef WRONG
      counter.send(Unknown{1});
    #else
      counter.send(Add{1});
    #endif

The wrong one must fail, with output that matches the expected regular expression and fits on a screen (60 lines); the
twin must compile, or the case proves nothing.
"""

import difflib
import re
import subprocess
import sys
from pathlib import Path

LINES_MAX = 60
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*|\d[\w.\']*|->|<<|>>|&&|\|\||[^\s\w]')


def tokens_changed(wrong: str, right: str) -> int:
    """How many tokens must be replaced, added or removed to turn one text into the other."""
    first, second = TOKEN.findall(wrong), TOKEN.findall(right)
    changes = difflib.SequenceMatcher(a=first, b=second, autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for kind, i1, i2, j1, j2 in changes if kind != "equal")


def compile_case(command: list[str], case: Path, *flags: str) -> subprocess.CompletedProcess:
    plain = ["-fsyntax-only", "-fno-diagnostics-color"]
    return subprocess.run([*command, *plain, *flags, str(case)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def problems(case: Path, command: list[str]) -> list[str]:
    text = case.read_text(encoding="utf-8")
    expect = re.search(r"^// expect: *(\S.*?) *$", text, re.MULTILINE)
    if not expect:
        return ["has no `// expect: <regular expression>` line"]
    flags = re.search(r"^// flags: *(\S.*?) *$", text, re.MULTILINE)
    command = command + (flags.group(1).split() if flags else [])

    twins = re.findall(r"^#ifdef WRONG\n(.*?)^#else\n(.*?)^#endif", text, re.MULTILINE | re.DOTALL)
    if len(twins) != 1:
        return [f"must have exactly one #ifdef WRONG ... #else ... #endif; it has {len(twins)}"]

    found = []
    changed = tokens_changed(*twins[0])
    if changed != 1:
        found.append(f"the twins must be one token apart; they are {changed}")

    right = compile_case(command, case)
    if right.returncode != 0:
        found.append("the right twin does not compile:\n" + right.stdout)

    wrong = compile_case(command, case, "-DWRONG")
    lines = wrong.stdout.count("\n")
    if wrong.returncode == 0:
        found.append("the mistake compiles")
    elif not re.search(expect.group(1), wrong.stdout):
        found.append(f"the compiler's message does not match /{expect.group(1)}/:\n" + wrong.stdout)
    if lines > LINES_MAX:
        found.append(f"the compiler's message has {lines} lines; a screen has {LINES_MAX}:\n" + wrong.stdout)
    if not found:
        print(f"{case.name}: refused, as it should be, in {lines} lines")
    return found


def main() -> int:
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        print(__doc__, file=sys.stderr)
        return 2
    case = Path(sys.argv[1])
    found = problems(case, sys.argv[3:])
    for problem in found:
        print(f"{case}: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
