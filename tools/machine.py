"""What a report of figures says of the machine, and of what was measured there."""

import pathlib
import subprocess

TOP = pathlib.Path(__file__).resolve().parent.parent


def processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown processor"


def commit(besides: str) -> str:
    """What was measured; what stands in `besides`, where the report goes, does not count as changed."""
    def git(*command: str) -> str:
        try:
            return subprocess.run(["git", *command], cwd=TOP, capture_output=True, text=True, check=False).stdout.strip()
        except OSError:  # no git here
            return ""

    name = git("rev-parse", "--short=12", "HEAD") or "unknown"
    return name + (" with changes" if git("status", "--porcelain", "--", ".", f":!{besides}") else "")
