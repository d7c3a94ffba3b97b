#!/usr/bin/env python3
"""Checks that the seven hops of a message stand in the sources, each once: // [path n of 7] verb: from where; to where"""

import re
import sys
from pathlib import Path

VERBS = ("send", "push", "submit", "run", "handle", "fail", "restart")
ROOTS = ("include", "src", "supervisors")
MARK = re.compile(r"//\s*\[path\b(.*)")
FORM = re.compile(r" (\d) of 7\] (\w+): \S.*; \S.*$")


def main() -> int:
    top = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    places: dict[int, list[str]] = {hop: [] for hop in range(1, len(VERBS) + 1)}
    wrong = []
    for path in sorted(path for root in ROOTS for path in (top / root).rglob("*")):
        if path.suffix not in (".hpp", ".cpp"):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            mark = MARK.search(line)
            if not mark:
                continue
            place = f"{path.relative_to(top)}:{number}"
            form = FORM.fullmatch(mark.group(1))
            hop = int(form.group(1)) if form else 0
            if hop not in places:
                wrong.append(f"{place}: is not of the form `// [path n of 7] verb: from where; to where`")
            elif form.group(2) != VERBS[hop - 1]:
                wrong.append(f"{place}: hop {hop} is called {VERBS[hop - 1]}, not {form.group(2)}")
            else:
                places[hop].append(place)

    for hop, found in places.items():
        if len(found) != 1:
            wrong.append(f"hop {hop}, {VERBS[hop - 1]}, stands {len(found)} times: {', '.join(found) or 'nowhere'}")
    print("\n".join(wrong) if wrong else "path: the seven hops stand")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
