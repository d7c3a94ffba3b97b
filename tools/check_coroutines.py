#!/usr/bin/env python3
"""Looks for what GCC 12 makes a double free of: a temporary that is an aggregate, or a lambda that captures, among the
arguments in a co_await expression.

    tools/check_coroutines.py [FILE…]        without files: the sources, tests, examples and code in docs of this tree

By its look, since only a compiler knows what a name is: `Name{…}` and `[captured]` inside the parentheses of what is
awaited. What is awaited for the sake of an error that a compiler must give stands under #ifdef WRONG and is left out. Prints
each as file:line: reason, and exits 1 if there is one. A line that ends in `// not destroyed twice` says that its author
knows better: a class with a constructor, or nothing in it to destroy.
"""

import re
import sys
from pathlib import Path

ROOTS = ("include", "src", "supervisors", "brokers", "monitors", "tests", "examples", "benchmarks")
WAITS = re.compile(r"\bco_await\b")
AGGREGATE = re.compile(r"\b[A-Z]\w*\s*\{")
LAMBDA = re.compile(r"[(,]\s*\[[^\]]+\]\s*(?:\(|\{|mutable)")
KNOWN = "// not destroyed twice"


def expression(text: str, start: int) -> str:
    """From behind a co_await to the end of its full expression, which is a semicolon or a bracket that closes it."""
    depth = 0
    for i in range(start, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
            if depth < 0:
                return text[start:i]
        elif text[i] == ";" and depth == 0:
            return text[start:i]
    return text[start:]


def check(path: Path) -> list[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"#ifdef WRONG.*?#(?:else|endif)", lambda m: "\n" * m.group().count("\n"), text, flags=re.DOTALL)
    plain = re.sub(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", lambda m: '"' + "x" * (len(m.group()) - 2) + '"', text)
    lines = text.split("\n")
    offences = []
    for wait in WAITS.finditer(plain):
        line = plain.count("\n", 0, wait.start()) + 1
        code = lines[line - 1]
        if code.rstrip().endswith(KNOWN) or "//" in code[:code.find("co_await")]:
            continue
        awaited = expression(plain, wait.end())
        if AGGREGATE.search(awaited):
            offences.append((line, "a temporary in a co_await expression, which GCC 12 destroys twice if it is an aggregate"))
        elif LAMBDA.search(awaited):
            offences.append((line, "a lambda that captures in a co_await expression, which GCC 12 destroys twice"))
    return offences


def main() -> int:
    top = Path(__file__).parent.parent
    files = [Path(name) for name in sys.argv[1:]] or sorted(
        path for root in ROOTS for path in (top / root).rglob("*") if path.suffix in (".hpp", ".cpp"))
    count = 0
    for path in files:
        for line, reason in check(path):
            print(f"{path}:{line}: {reason}")
            count += 1
    print(f"coroutines: {len(files)} files, " + (f"{count} offences" if count else "in order"))
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
