#!/usr/bin/env python3
"""What the program `conformance` prints and answers: on recordings, on recordings with one field changed, on what is none."""

import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

program, recordings = sys.argv[1], Path(sys.argv[2])
work = Path(tempfile.mkdtemp(prefix="conformance-"))
faults = 0


def run(*arguments: object) -> tuple[int, str]:
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=100, check=False)
    return done.returncode, done.stdout + done.stderr


def expect(what: str, answer: tuple[int, str], status: int, *texts: str) -> None:
    global faults
    code, said = answer
    if code == status and all(text in said for text in texts):
        return
    faults += 1
    print(f"{what}: expected exit {status} and {texts}, got exit {code} and:\n{said}")


def file(name: str, content: bytes) -> Path:
    path = work / name
    path.write_bytes(content)
    return path


packed = recordings.read_bytes()
lines = gzip.decompress(packed).splitlines()
total = len(lines)
static = [line for line in lines if json.loads(line)["strategy"] != "simple_one_for_one"]
few = static[:20]


def changed(index: int, change) -> bytes:
    """The first few scenarios, one of them with something changed."""
    scenarios = [json.loads(line) for line in few]
    change(scenarios[index])
    return "\n".join(json.dumps(scenario) for scenario in scenarios).encode() + b"\n"


expect("the recordings", run(recordings), 0, f"{total} scenarios, {total} played", " 0 divergences, 0 skipped")
plain = file("plain few.jsonl", b"\n".join(few) + b"\n")
expect("a plain file", run(plain), 0, "20 scenarios, 20 played", " 0 divergences, 0 skipped")
expect("a file by another name that is packed", run(file("few'; echo", gzip.compress(b"\n".join(few)))), 0, "20 played")

# Every field is compared: one that is changed is a divergence, and named.
first = next(i for i, line in enumerate(few) if json.loads(line)["init"] == "ok" and any(
    "which" in step and step["which"] for step in json.loads(line)["steps"]))


def step_with(scenario, field):
    return next(step for step in scenario["steps"] if step.get(field))


def changes():
    def of_trace(s): s["init_trace"][0][1] = "zz"
    def of_which(s): step_with(s, "which")["which"][0][1] = "undefined" if step_with(s, "which")["which"][0][1] == "up" else "up"
    def of_counts(s): step_with(s, "counts")["counts"][3] += 1
    def of_alive(s):
        step = step_with(s, "which")
        step.update(alive=False, exit="normal")
    yield "trace", of_trace
    yield "which", of_which
    yield "counts", of_counts
    yield "alive", of_alive


for name, change in changes():
    expect(f"a changed {name}", run(file(f"{name}.jsonl", changed(first, change))), 1, " 1 divergences",
           f"first divergence: seed 1, scenario {json.loads(few[first])['n']} (line {first + 1})", f"  {name}: expected",
           "in full: {")
for name in ("result", "exit"):
    index = next(i for i, line in enumerate(few) if any(step.get(name) for step in json.loads(line)["steps"]))
    other = {"result": "not_this", "exit": "normal"}[name]
    expect(f"a changed {name}", run(file(f"{name}.jsonl", changed(index, lambda s: step_with(s, name).update({name: other})))),
           1, f"(line {index + 1})", f"  {name}: expected {other}")

# What is no recording is refused, by name and line.
expect("an unknown op", run(file("op.jsonl", changed(3, lambda s: s["steps"][0].update(op="explode")))), 2, "line 4",
       'unknown op "explode"')
expect("an unknown strategy", run(file("strategy.jsonl", changed(0, lambda s: s.update(strategy="one_for_some")))), 2, "line 1",
       'unknown strategy "one_for_some"')
expect("a missing field", run(file("missing.jsonl", changed(2, lambda s: s.pop("intensity")))), 2, "line 3", "intensity")
expect("a field of the wrong type", run(file("type.jsonl", changed(2, lambda s: s.update(children=3)))), 2, "line 3")
expect("an unknown field", run(file("field.jsonl", changed(2, lambda s: s.update(colour="red")))), 0, '"colour" of a scenario')
expect("a packed file that is cut off", run(file("cut.gz", packed[:len(packed) // 2])), 2, "cut off or damaged")
expect("a packed file that is damaged", run(file("bad.gz", packed[:2000] + b"zzzz" + packed[2004:])), 2, "cut off or damaged")
expect("a plain file that is cut off", run(file("cut.jsonl", b"\n".join(few)[:-40])), 2, "line 20")
expect("an empty file", run(file("empty.jsonl", b"")), 2, "holds no scenario")
expect("an empty packed file", run(file("empty.gz", gzip.compress(b""))), 2, "holds no scenario")
expect("a file of lists", run(file("lists.jsonl", b"[1, 2]\n")), 2, "line 1", "no object")
expect("a file that is no JSON", run(file("text", b"hello\n")), 2, "line 1")
expect("a file that is not there", run(work / "nobody"), 2, "nobody: cannot be opened")
expect("a folder", run(work), 2, str(work))
expect("no argument", run(), 2, "usage: conformance FILE")
expect("a dash", run("-"), 2, "usage: conformance FILE")
expect("an option", run("--quick"), 2, "usage: conformance FILE")
expect("help", run("--help"), 0, "usage: conformance FILE")
expect("several files, one broken", run(plain, work / "nobody", work / "counts.jsonl"), 2, "20 played", "cannot be opened",
       "first divergence")

print("as expected" if faults == 0 else f"{faults} faults")
sys.exit(faults != 0)
