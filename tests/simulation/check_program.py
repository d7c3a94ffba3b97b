#!/usr/bin/env python3
"""What `simulate` answers to arguments: exit codes, and words that say what is wrong."""

import subprocess
import sys

CASES = (
    (["--workload", "mesh", "--seed", "1"], 0, "mesh, seed 1"),
    (["--workload", "mesh", "--seeds", "1"], 0, "seeds held"),
    (["--workload", "mesh", "--seed", "0"], 0, "all held"),
    (["--workload", "mesh", "--seed", "18446744073709551615"], 0, "all held"),
    (["--workload", "mesh", "--seeds", "10", "--jobs", "3", "--hashes"], 0, "mesh 10 "),
    (["--workload", "nothing"], 2, "there is no workload"),
    (["--workload", ""], 2, "workload"),
    (["--seeds", "0"], 2, "--seeds"),
    (["--seeds", "-1"], 2, "--seeds"),
    (["--seeds", "many"], 2, "--seeds"),
    (["--seed", "-3"], 2, "--seed"),
    (["--jobs", "0"], 2, "--jobs"),
    (["--unknown"], 2, "--unknown"),
    (["--help"], 0, "Looks for a schedule"),
)


def main() -> int:
    wrong = 0
    for arguments, code, text in CASES:
        done = subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True, timeout=60)
        said = done.stdout + done.stderr
        if done.returncode != code or text not in said:
            print(f"simulate {' '.join(arguments)}: expected {code} and \"{text}\", got {done.returncode} and:\n{said}")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
