#!/usr/bin/env python3
"""Takes kv_server's power away, again and again, and looks for what it had acknowledged: kill -9 of the process, crashes
of shards, power cuts that leave only what was synchronized, disks that are full or broken, and files that are torn,
damaged or not its own. check_durability.py KV_SERVER POWER_CUT_LIBRARY"""

import os
import random
import struct
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path

from client import Connection, Server, check, command

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))
import power_cut  # noqa: E402

PROGRAM, LIBRARY = sys.argv[1], sys.argv[2]
KEYS = 40  # of each client
ROUNDS_MOST = 400  # where others keep the machine busy, little happens in one


class Client(threading.Thread):
    """Writes ever greater numbers until the server is gone. `known[key]` is the last one acknowledged, and `tried[key]` the
    last one sent: what a look finds later is one of them, or between them."""

    def __init__(self, name, port, known, tried, pipeline):
        super().__init__()
        self.name, self.port, self.known, self.tried, self.pipeline = name, port, known, tried, pipeline
        self.acknowledged = 0
        self.failed = None

    def run(self):
        try:
            connection = Connection(self.port)
            number = max(self.tried.values(), default=0)
            while True:
                written = []
                for _ in range(self.pipeline):
                    number += 1
                    key = f"{self.name}:{number % KEYS}"
                    self.tried[key] = number
                    written.append((key, number))
                connection.send(b"".join(command("SET", key, value) for key, value in written))
                for key, value in written:
                    said = connection.reply()
                    if said == "+OK":
                        self.known[key] = value
                        self.acknowledged += 1
                    elif not said.startswith("-UNAVAILABLE"):
                        self.failed = said
                        return
        except OSError:
            pass


class Books:
    """What all clients have written, over the rounds."""

    def __init__(self, clients=4):
        self.clients = [({}, {}) for _ in range(clients)]
        self.acknowledged = 0

    def write(self, server, seconds, meanwhile=lambda: None, end_of=Server.kill):
        at_work = [Client(str(i), server.port, known, tried, pipeline=1 + 7 * (i % 2))
                   for i, (known, tried) in enumerate(self.clients)]
        for each in at_work:
            each.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            meanwhile()
            time.sleep(0.01)
        said = end_of(server)
        for each in at_work:
            each.join()
            self.acknowledged += each.acknowledged
            if each.failed:
                sys.exit(f"a client heard {each.failed}; the server said {said}")

    def lost(self, port):
        """The keys that do not have what was acknowledged. Those that are right count from now on as they are."""
        connection = Connection(port)
        lost = []
        for known, tried in self.clients:
            keys = list(tried)
            found = connection.call("MGET", *keys) if keys else []
            for key, value in zip(keys, found):
                number = int(value or 0)
                if not known.get(key, 0) <= number <= tried[key]:
                    lost.append((key, number, known.get(key, 0), tried[key]))
                elif number:
                    known[key] = number
        connection.close()
        return lost


def expect_nothing_lost(books, server, what):
    lost = books.lost(server.port)
    if lost:
        sys.exit(f"{what}: {len(lost)} keys are not as acknowledged (key, found, acknowledged, sent): {lost[:5]}")


def check_kills(folder, dice):
    books, number = Books(), 0
    while number < 24 or (books.acknowledged < 500 and number < ROUNDS_MOST):
        number += 1
        with Server(PROGRAM, "--data", folder, "--fsync", "always", "--compact-bytes", 30_000) as server:
            if server.port is None:
                sys.exit(f"it did not start again: {server.stop()[1]}")
            expect_nothing_lost(books, server, f"kill -9, round {number}")
            books.write(server, dice.uniform(0.02, 0.2))
    sizes = [each.stat().st_size for each in Path(folder).glob("shard-*.log")]
    if books.acknowledged < 500 or max(sizes) > 500_000:
        sys.exit(f"kill -9: {books.acknowledged} acknowledged, and logs of {sizes} bytes: too little happened")
    return books.acknowledged


def check_crashes(folder, dice):
    """Under load each shard crashes many times; then the process is killed."""
    books = Books()
    with Server(PROGRAM, "--data", folder, "--fsync", "always", "--compact-bytes", 30_000) as server:
        crasher = Connection(server.port)
        books.write(server, 1.0, lambda: check(crasher.call("DEBUG", "CRASH-SHARD", dice.randrange(4)), "+OK", "CRASH"))
    with Server(PROGRAM, "--data", folder, "--fsync", "always") as server:
        expect_nothing_lost(books, server, "crashes of shards")
    # A crash takes nothing back of what was acknowledged without an fsync either: the log outlives the shard.
    with Server(PROGRAM, "--data", folder, "--fsync", "everysec") as server:
        c = Connection(server.port)
        for number in range(1, 200):
            check(c.call("SET", "crashed", number), "+OK", "SET")
            if number % 20 == 0:
                for shard in range(4):
                    check(c.call("DEBUG", "CRASH-SHARD", shard), "+OK", "CRASH-SHARD")
            check(c.call("GET", "crashed"), str(number).encode(), "GET after a crash with fsync everysec")
        check(server.stop()[0], 0, "the exit status")
    with Server(PROGRAM, "--data", folder) as server:
        check(Connection(server.port).call("GET", "crashed"), b"199", "GET after an orderly end with fsync everysec")
    return books.acknowledged


def check_orderly_ends(base):
    """What is acknowledged before it is written is written in the end, however slow the disk is."""
    power = PowerCuts(base / "slow", base / "slow_mirror")
    (power.mirror / "slow-fsync").touch()
    books = Books()
    for fsync, status in (("everysec", 0), ("no", 0)):
        with power.start(fsync, "--shards", 1) as server:
            # Its end comes while the log synchronizes what a second has brought, and much waits behind that.
            books.write(server, 1.25, end_of=Server.stop)
            check(server.process.returncode, status, f"the exit status with fsync {fsync}")
        with power.start(fsync, "--shards", 1) as server:
            expect_nothing_lost(books, server, f"an orderly end with fsync {fsync} and a slow disk")
            server.kill()
    return books.acknowledged


class PowerCuts(power_cut.PowerCuts):
    def __init__(self, folder, mirror):
        super().__init__(folder, mirror, LIBRARY)

    def start(self, fsync, *more):
        return Server(PROGRAM, "--data", self.folder, "--fsync", fsync, *more, environment=self.environment)


def check_power_cuts(base, dice):
    power = PowerCuts(base / "power", base / "mirror")
    books, number = Books(), 0
    while number < 20 or (books.acknowledged < 300 and number < ROUNDS_MOST):
        number += 1
        with power.start("always", "--compact-bytes", 30_000) as server:
            if server.port is None:
                sys.exit(f"after a power cut it did not start: {server.stop()[1]}")
            expect_nothing_lost(books, server, f"power cut {number}")
            books.write(server, dice.uniform(0.02, 0.15))
        power.cut(dice)
    if books.acknowledged < 300:
        sys.exit(f"power cuts: only {books.acknowledged} were acknowledged")

    # This looks in the right place: without fsync the same cut does lose what was acknowledged.
    power = PowerCuts(base / "careless", base / "careless_mirror")
    for _ in range(ROUNDS_MOST):
        careless = Books()
        with power.start("no") as server:
            careless.write(server, 0.2)
        power.cut(random.Random(1))
        with power.start("no") as server:
            if careless.lost(server.port):
                return books.acknowledged
    sys.exit("with fsync no a power cut lost nothing: the power cut is none")


def check_bad_disks(base):
    power = PowerCuts(base / "bad", base / "bad_mirror")
    with power.start("always") as server:
        if not (power.mirror / "above").exists():
            sys.exit("the name of a new folder is not synchronized")
        c = Connection(server.port)
        check(c.call("SET", "a", "before"), "+OK", "SET")
        (power.mirror / "fail-write").touch()
        said = c.call("SET", "a", "lost")
        if not said.startswith("-MISCONF") or "No space left" not in said:
            sys.exit(f"a full disk: {said!r}")
        check(c.call("GET", "a"), b"before", "GET after a write that a full disk refused")
        if not c.call("INCR", "n").startswith("-MISCONF"):
            sys.exit("a write is taken though the disk is full")
        (power.mirror / "fail-write").unlink()
        deadline = time.monotonic() + 20
        while c.call("SET", "a", "after") != "+OK":
            if time.monotonic() > deadline:
                sys.exit("there is room again, and nothing is written")
            time.sleep(0.05)
        (power.mirror / "fail-fsync").touch()
        said = c.call("SET", "a", "unknown")
        if not said.startswith("-MISCONF") or "Input/output error" not in said:
            sys.exit(f"an fsync that fails: {said!r}")
        check(c.call("GET", "a"), b"after", "GET after an fsync that failed")
        (power.mirror / "fail-fsync").unlink()
        time.sleep(1.1)
        if "restarted" not in c.call("SET", "a", "again"):
            sys.exit("after an fsync that failed something is written before a restart")
        server.kill()
    power.cut(random.Random(3))
    with power.start("always") as server:
        c = Connection(server.port)
        check([c.call("GET", "a"), c.call("GET", "n"), c.call("SET", "a", "anew")], [b"after", None, "+OK"], "after a restart")

    power = PowerCuts(base / "full", base / "full_mirror")
    with power.start("everysec") as server:
        c = Connection(server.port)
        (power.mirror / "fail-write").touch()
        deadline = time.monotonic() + 20
        while not (said := c.call("SET", "b", "kept")).startswith("-MISCONF"):
            if time.monotonic() > deadline:
                sys.exit("everysec: writes are taken though the disk is full")
        # Over several shards: one refuses, and the others do their part.
        keys = [f"x{i}" for i in range(20)]
        said = c.call("MSET", "b", "spread", *(word for each in keys for word in (each, "new")))
        if not said.startswith("-MISCONF"):
            sys.exit(f"MSET, of which one shard refuses its part: {said!r}")
        refuses = zlib.crc32(b"b") % 4
        wanted = [None if zlib.crc32(each.encode()) % 4 == refuses else b"new" for each in keys]
        if len(set(wanted)) != 2:
            sys.exit("the keys of MSET are not spread over the shards")
        check([c.call("GET", each) for each in ("b", *keys)], [b"kept", *wanted], "what MSET did where one shard refused")
        for shard in range(4):
            check(c.call("DEBUG", "CRASH-SHARD", shard), "+OK", "CRASH-SHARD")
        check(c.call("GET", "b"), b"kept", "GET after a crash while the disk is full")
        (power.mirror / "fail-write").unlink()
        while c.call("SET", "c", "later") != "+OK":
            if time.monotonic() > deadline:
                sys.exit("everysec: there is room again, and nothing is written")
            time.sleep(0.05)
        check(server.stop()[0], 0, "the exit status")
    with power.start("everysec") as server:
        c = Connection(server.port)
        check([c.call("GET", "b"), c.call("GET", "c")], [b"kept", b"later"], "what was acknowledged while the disk was full")
        (power.mirror / "fail-write").touch()
        check(c.call("SET", "b", "lost"), "+OK", "SET")
        said = server.stop()[1]
        if "is lost" not in said:
            sys.exit(f"an end with a full disk: {said!r}")


def check_lost_logs(base):
    """A log that ends for good acknowledges nothing any more, and nobody waits for it."""
    for fsync in ("always", "everysec"):
        power = PowerCuts(base / f"lost-{fsync}", base / f"lost-{fsync}_mirror")
        with power.start(fsync, "--shards", 1) as server:
            c = Connection(server.port)
            check(c.call("SET", "a", "before"), "+OK", "SET")
            (power.mirror / "throw-write").touch()
            deadline = time.monotonic() + 20
            while not (said := c.call("SET", "a", "lost")).startswith("-MISCONF the log has failed"):
                if said != "+OK" or fsync == "always" or time.monotonic() > deadline:
                    sys.exit(f"SET with fsync {fsync}, when the log has ended: {said!r}")
            check(c.call("DEBUG", "CRASH-SHARD", 0), "+OK", "CRASH-SHARD")
            said = c.call("SET", "a", "lost")
            if not said.startswith("-MISCONF the log has failed"):
                sys.exit(f"SET of the next life with fsync {fsync}, when the log has ended: {said!r}")
            server.kill()


def written_folder(folder):
    with Server(PROGRAM, "--data", folder, "--fsync", "always", "--shards", 1) as server:
        c = Connection(server.port)
        for number in range(100):
            check(c.call("SET", f"key{number}", number), "+OK", "SET")
        server.kill()
    return Path(folder) / "shard-0.log"


def check_files(base):
    def expect_refusal(what, folder, words, *options):
        before = {each: each.read_bytes() for each in Path(folder).iterdir()}
        with Server(PROGRAM, "--data", folder, *(options or ("--shards", 1))) as server:
            status, said = server.stop()
        if server.port is not None or status != 1 or words not in said:
            sys.exit(f"{what}: exit status {status}, and it said {said!r}")
        check({each: each.read_bytes() for each in Path(folder).iterdir()}, before, f"{what}: the files")

    def expect_cut(what, folder, keys):
        with Server(PROGRAM, "--data", folder, "--shards", 1) as server:
            if server.port is None:
                sys.exit(f"{what}: it does not start: {server.stop()[1]}")
            check(Connection(server.port).call("DBSIZE"), keys, what)
            said = server.stop()[1]
        if "torn tail" not in said:
            sys.exit(f"{what}: it did not say so, but {said!r}")

    log = written_folder(base / "files")
    folder, good = log.parent, log.read_bytes()
    for what, change, keys in [("a tail of zeros", good + bytes(500), 100), ("a torn tail", good[:-1], 99),
                               ("half a front", good + good[52:68], 100), ("a damaged last frame", good[:-3] + b"???", 99)]:
        log.write_bytes(change)
        expect_cut(what, folder, keys)
    for what, change, words in [
        ("a byte in the middle", good[:1000] + bytes([good[1000] ^ 1]) + good[1001:], "no torn tail"),
        ("a hole in the middle", good[:1000] + bytes(600) + good[1600:], "no torn tail"),
        ("bytes that are missing", good[:1000] + good[1100:], "no torn tail"),
        ("a header's byte", good[:20] + b"?" + good[21:], "header"), ("another file", b"hello", "no log of kv_server"),
        ("an empty file", b"", "no log of kv_server"), ("a folder's worth of noise", random.Random(5).randbytes(9_999), "no log"),
    ]:
        log.write_bytes(change)
        expect_refusal(what, folder, words)
    log.write_bytes(good)
    expect_refusal("another number of shards", folder, "--shards 1", "--shards", 2)
    log.unlink()
    expect_refusal("a log that is missing", folder, "is missing")
    log.write_bytes(good)
    meta = folder / "kv_server.meta"
    said = meta.read_bytes()
    for what, change in [("a damaged meta file", b"nonsense"), ("an empty meta file", b""), ("a meta file of no shards", said.replace(b"1\n", b"0\n")),
                         ("a meta file of too many shards", said.replace(b"shards 1", b"shards 1025")),
                         ("a meta file that was edited", said.replace(b"shards 1", b"shards 01")), ("a long meta file", said + bytes(200))]:
        meta.write_bytes(change)
        expect_refusal(what, folder, "kv_server.meta: it is damaged")
    meta.unlink()
    expect_refusal("logs without a meta file", folder, "no kv_server.meta")
    meta.write_bytes(said)
    with Server(PROGRAM, "--data", folder, "--shards", 1) as server:
        check(Connection(server.port).call("DBSIZE"), 100, "the good file")
        with Server(PROGRAM, "--data", folder, "--shards", 1) as second:
            status, said = second.stop()
        if second.port is not None or status != 1 or "another kv_server" not in said:
            sys.exit(f"a second server in one folder: {status}, {said!r}")
    # A client writes what looks like a frame that came later, in a value whose own frame is torn. The frame before it has
    # to be in the file, or both would be one.
    forged = base / "forged" / "shard-0.log"
    with Server(PROGRAM, "--data", base / "forged", "--fsync", "no", "--shards", 1) as server:
        c = Connection(server.port)
        empty = forged.stat().st_size
        check(c.call("SET", "a", 1), "+OK", "SET")
        deadline = time.monotonic() + 20
        while forged.stat().st_size == empty:
            if time.monotonic() > deadline:
                sys.exit("a forged frame in a torn one: the log does not grow")
            time.sleep(0.001)
        covered = struct.pack("<QQQ", 9, 9, 4) + b"fake"
        frames = [mark + struct.pack("<I", zlib.crc32(covered, salt)) + covered for mark, salt in ((b"KVF1", 0), (bytes(4), 0))]
        check(c.call("SET", "b", b"".join(frames)), "+OK", "SET")
        check(server.stop()[0], 0, "the exit status")
    forged.write_bytes(forged.read_bytes()[:-1])
    expect_cut("a forged frame in a torn one", base / "forged", 1)
    # Of a folder that an older version has made each log says so, and says it once.
    older = base / "older"
    with Server(PROGRAM, "--data", older, "--shards", 8) as server:
        check(server.stop()[0], 0, "the exit status")
    logs = sorted(older.glob("shard-*.log"))
    for each in logs:
        each.write_bytes(each.read_bytes().replace(b"coppice kv log 2", b"coppice kv log 1"))
    for fsync in ("always", "everysec", "no"):
        with Server(PROGRAM, "--data", older, "--shards", 8, "--fsync", fsync) as server:
            status, said = server.stop()
        check((server.port, status), (None, 1), "a folder of an older version")
        check(sorted(said.splitlines()), [f"kv_server: {each}: it is a log of another version of kv_server, or damaged" for each in logs],
              "what is said of a folder of an older version")
    foreign = base / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("the only copy")
    expect_refusal("a folder of somebody else's", foreign, "not empty")
    (folder / "shard-0.log.new").write_bytes(b"half a snapshot")
    meta.write_bytes(meta.read_bytes().replace(b"shards 1", b"shards 2"))
    expect_refusal("a log that is missing beside half a snapshot", folder, "is missing", "--shards", 2)
    meta.write_bytes(meta.read_bytes().replace(b"shards 2", b"shards 1"))
    for each in (log, meta):
        each.unlink()
        os.mkfifo(each)
        with Server(PROGRAM, "--data", folder, "--shards", 1) as server:
            check((server.port, server.stop()[0]), (None, 1), f"a pipe that nobody writes to as {each.name}")
    for bad in ("/proc/self/mem", "/dev/null", "/nowhere/at/all"):
        with Server(PROGRAM, "--data", bad) as server:
            check((server.port, server.stop()[0]), (None, 1), f"--data {bad}")


def check_contents(base):
    """All that can be written down comes back, over compactions too."""
    folder = base / "contents"
    options = ("--data", folder, "--fsync", "no", "--compact-bytes", 2_000)
    with Server(PROGRAM, *options) as server:
        c = Connection(server.port)
        check(c.call("CONFIG", "GET", "appendonly"), [b"appendonly", b"yes"], "CONFIG GET appendonly with --data")
        for words, wanted in [
            (("SET", "plain", b"\x00\r\n\xff"), "+OK"), (("SET", "", "empty key"), "+OK"), (("SET", "void", ""), "+OK"),
            (("APPEND", "grows", "a"), 1), (("APPEND", "grows", "b"), 2), (("INCRBY", "n", 41), 41), (("INCR", "n"), 42),
            (("SET", "late", "x", "EX", 1000), "+OK"), (("INCR", "ttl"), 1), (("EXPIRE", "ttl", 500), 1),
            (("SET", "kept", "x", "EX", 500), "+OK"), (("PERSIST", "kept"), 1), (("SET", "gone", 1), "+OK"), (("DEL", "gone"), 1),
            (("SETNX", "new", "x"), 1), (("SET", "taken", 1), "+OK"), (("GETDEL", "taken"), b"1"),
            (("SET", "short", 1, "PX", 1), "+OK"), (("SET", "big", b"x" * 3_000_000), "+OK"), (("MSET", "m1", 1, "m2", 2), "+OK"),
        ]:
            check(c.call(*words), wanted, str(words)[:60])
        for number in range(2_000):
            c.send(command("SET", f"often{number % 3}", number))
        for number in range(2_000):
            check(c.reply(), "+OK", "SET")
        check(server.stop()[0], 0, "the exit status")
    sizes = sum(each.stat().st_size for each in folder.glob("shard-*.log"))
    if not 3_000_000 < sizes < 6_300_000:
        sys.exit(f"the logs have {sizes} bytes")
    with Server(PROGRAM, *options) as server:
        c = Connection(server.port)
        found = c.call("MGET", "plain", "", "void", "grows", "n", "kept", "gone", "new", "taken", "short", "m1", "m2", "often2")
        check(found, [b"\x00\r\n\xff", b"empty key", b"", b"ab", b"42", b"x", None, b"x", None, None, b"1", b"2", b"1997"], "MGET")
        check(len(c.call("GET", "big")), 3_000_000, "a big value")
        check([990 < c.call("TTL", "late") <= 1000, 490 < c.call("TTL", "ttl") <= 500, c.call("TTL", "kept")],
              [True, True, -1], "TTL")
        check(c.call("FLUSHALL"), "+OK", "FLUSHALL")
        server.stop()
    with Server(PROGRAM, *options) as server:
        check(Connection(server.port).call("DBSIZE"), 0, "DBSIZE after FLUSHALL")


def main():
    dice = random.Random(int(os.environ.get("KV_SEED", "7")))
    with tempfile.TemporaryDirectory(prefix="kv-") as name:
        base = Path(name)
        check_contents(base)
        check_files(base)
        check_bad_disks(base)
        check_lost_logs(base)
        print("orderly ends:", check_orderly_ends(base), "writes acknowledged, none lost")
        print("kill -9:", check_kills(base / "kills", dice), "writes acknowledged, none lost")
        print("crashes of shards:", check_crashes(base / "crashes", dice), "writes acknowledged, none lost")
        print("power cuts:", check_power_cuts(base, dice), "writes acknowledged, none lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
