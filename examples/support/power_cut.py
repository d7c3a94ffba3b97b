"""A power cut for whatever a program keeps in a folder: power_cut.cpp, loaded in front of the C library, notes what has been
synchronized, and the rest is taken away."""

import os
import shutil
from pathlib import Path


class PowerCuts:
    """The folder begins as it is, and counts as synchronized from the first time that somebody synchronizes it."""

    def __init__(self, folder, mirror, library):
        self.folder, self.mirror = Path(folder), Path(mirror)
        (self.mirror / "inodes").mkdir(parents=True)
        self.environment = {**os.environ, "LD_PRELOAD": os.fspath(library), "POWER_CUT_FOLDER": str(self.folder),
                            "POWER_CUT_MIRROR": str(self.mirror)}

    def cut(self, dice):
        """The folder is what was synchronized of it; behind a file's end there may be some of what was not."""
        left = {}
        noted = self.mirror / "entries"
        for line in noted.read_text().splitlines() if noted.exists() else []:
            inode, name = line.split(" ", 1)
            kept = self.mirror / "inodes" / inode
            left[name] = kept.read_bytes() if kept.exists() else b""
            live = self.folder / name
            if live.exists() and live.stat().st_ino == int(inode) and dice.random() < 0.7:
                unsynced = live.read_bytes()[len(left[name]):]
                torn = unsynced[:dice.randrange(len(unsynced))] if unsynced else b""
                left[name] += bytes(len(torn)) if dice.random() < 0.3 else torn
        for each in self.folder.iterdir():
            each.unlink()
        shutil.rmtree(self.mirror)
        (self.mirror / "inodes").mkdir(parents=True)
        entries = ""
        for name, content in left.items():
            path = self.folder / name
            path.write_bytes(content)
            inode = path.stat().st_ino
            (self.mirror / "inodes" / str(inode)).write_bytes(content)
            entries += f"{inode} {name}\n"
        noted.write_text(entries)
