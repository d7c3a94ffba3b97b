#!/usr/bin/env python3
"""Is unkind to kv_server: nonsense, lengths that are lies, clients that are slow, that never read or that do nothing, ten
thousand of them. Each hears an error or is closed, the server's memory stays bounded, and a client beside them is served
as ever. check_hostile.py KV_SERVER [--no-memory]: with a sanitizer memory says nothing."""

import os
import random
import resource
import socket
import sys
import threading
import time

from client import Connection, Server, check, command, memory

MEMORY = "--no-memory" not in sys.argv
SLOWEST = 2.0 if MEMORY else 10.0  # seconds that the server works before it replies to a client that did nothing wrong


def worked(server):
    """Seconds of processor time of its own: what others take of the machine is not in it."""
    with open(f"/proc/{server.process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Neighbour(threading.Thread):
    """A client beside them. None of its replies comes behind much work for others."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.connection = Connection(server.port, timeout=100)
        self.stop = threading.Event()
        self.slowest, self.count, self.failure = 0.0, 0, None

    def run(self):
        try:
            while not self.stop.wait(0.001):
                self.count += 1
                began = worked(self.server)
                if self.connection.call("INCR", "neighbour") != self.count:
                    self.failure = "a reply is wrong"
                    return
                self.slowest = max(self.slowest, worked(self.server) - began)
        except (OSError, AssertionError) as error:
            self.failure = str(error)

    def end(self):
        deadline = time.monotonic() + 60
        while self.count < 10 and self.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.stop.set()
        self.join()
        if self.failure or self.count < 10:
            sys.exit(f"the client beside hostile ones: {self.failure}, {self.count} replies")
        if self.slowest > SLOWEST:
            sys.exit(f"the server has worked for {self.slowest:.1f} s before it replied to a client beside hostile ones")
        return self.slowest


def expect_growth_below(server, before, most, what):
    grown = memory(server) - before
    if MEMORY and grown > most:
        sys.exit(f"{what}: the server has grown by {grown:,} bytes; it may by {most:,}")


def check_nonsense(server):
    before = memory(server)
    for data, wanted in [
        (b"*1\r\n$2147483648\r\n", "-ERR Protocol error: invalid bulk length"),
        (b"*1\r\n$-5\r\n", "-ERR Protocol error: invalid bulk length"),
        (b"*1\r\n$99999999999999999999\r\n", "-ERR Protocol error: invalid bulk length"),
        (b"*2147483648\r\n", "-ERR Protocol error: invalid multibulk length"),
        (b"*1\r\n" * 100_000, "-ERR Protocol error: expected '$', got '*'"),
        (b"GET 'x\r\n", "-ERR Protocol error: unbalanced quotes in request"),
        (b"x" * 70_000, "-ERR Protocol error: too big inline request"),
        (b"*1\r\n$3\r\nabcde\r\n", "-ERR Protocol error: expected CRLF after a bulk string"),
    ]:
        c = Connection(server.port)
        c.send(data)
        check(c.reply(), wanted, f"hostile {data[:30]!r}")
        try:
            c.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        check(c.is_closed(), True, f"the end after {data[:30]!r}")
    dice = random.Random(7)
    for _ in range(200):
        c = Connection(server.port)
        try:
            c.send(dice.randbytes(dice.choice((1, 20, 2_000, 20_000))))
            if dice.random() < 0.5:
                c.send(dice.choice((b"*", b"$", b"*3\r\n", b"\r\n", b"*-1\r\n", b"*0\r\n$")) + dice.randbytes(50))
        except OSError:
            pass
        c.close()
    # Nothing is reserved for what is announced: a hundred clients say that half a gibibyte comes, and a million words.
    liars = [Connection(server.port) for _ in range(100)]
    for liar in liars:
        liar.send(b"*1048576\r\n$536870912\r\nabc")
    check(Connection(server.port).call("PING"), "+PONG", "PING beside liars")
    expect_growth_below(server, before, 20_000_000, "lengths that are lies")
    for liar in liars:
        liar.close()


def check_one_byte_writes(server):
    c = Connection(server.port)
    c.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in command("SET", "slow", "value") + command("GET", "slow") + b"PING\r\n":
        c.send(bytes([byte]))
    check([c.reply(), c.reply(), c.reply()], ["+OK", b"value", "+PONG"], "a byte at a time")


def check_slow_loris(program):
    with Server(program, "--patience", 1, stderr=None) as server:
        idle = Connection(server.port)
        busy = Connection(server.port)
        slow = [Connection(server.port) for _ in range(50)]
        began = time.monotonic()
        for each in slow:
            each.send(b"*2\r\n$3\r\nGET\r\n$1000\r\n")
        one = Connection(server.port)
        one.send(b"*2\r\n")  # of which nothing is left to look at
        ended = {}
        while len(ended) < len(slow) and time.monotonic() - began < 20:
            check(busy.call("PING"), "+PONG", "PING beside slow ones")
            time.sleep(0.1)
            for number, each in enumerate(slow):
                if number in ended:
                    continue
                try:
                    each.send(b"x")  # a byte now and then is no request
                except OSError:
                    ended[number] = time.monotonic() - began
        if len(ended) < len(slow) or not 0.9 < min(ended.values()):
            sys.exit(f"of {len(slow)} requests that never end {len(ended)} were ended, after {sorted(ended.values())}")
        check([one.reply(), one.is_closed()], ["-ERR the request took too long to come", True], "a request that is late")
        check(idle.call("PING"), "+PONG", "PING of who has said nothing for longer than that")
        # Many that each come in time are no late one; one that the machine has held up may be.
        pieces, deadline = 0, time.monotonic() + 60
        while pieces < 8 and time.monotonic() < deadline:
            began = time.monotonic()
            busy.send(b"*1\r\n$4\r\nPI")
            time.sleep(0.2)
            busy.send(b"NG\r\n")
            said = busy.reply()
            if said != "+PONG" and time.monotonic() - began > 0.9:
                pieces, busy = 0, Connection(server.port)
                continue
            check(said, "+PONG", "a request in two pieces")
            pieces += 1
        check(pieces, 8, "requests in two pieces, one after the other")


def check_never_reads(server):
    c = Connection(server.port)
    check(c.call("SET", "large", b"x" * 1_000_000), "+OK", "SET")
    before = memory(server)
    greedy = [Connection(server.port) for _ in range(3)]
    for each in greedy:
        each.socket.settimeout(0.2)
        try:
            while True:
                each.send(command("GET", "large") * 100)
        except OSError:
            pass  # it is not read from any more
    expect_growth_below(server, before, 64_000_000, "clients that ask and never read")
    check(c.call("PING"), "+PONG", "PING beside those that never read")
    for each in greedy:
        each.close()
    # A subscriber that never reads is given up when too much waits for it.
    deaf, publisher = Connection(server.port), Connection(server.port)
    check(deaf.call("SUBSCRIBE", "loud"), [b"subscribe", b"loud", 1], "SUBSCRIBE")
    before = memory(server)
    heard = [publisher.call("PUBLISH", "loud", b"y" * 1_000_000) for _ in range(150)]
    check(heard[0], 1, "PUBLISH")
    deadline = time.monotonic() + 20
    while publisher.call("PUBLISH", "loud", "more") != 0:
        if time.monotonic() > deadline:
            sys.exit("a subscriber that never reads is not closed")
        time.sleep(0.01)
    expect_growth_below(server, before, 200_000_000, "a subscriber that never reads")


def check_large_replies(program):
    """A request of 30 KB whose answer would be 3 GB, of several shards: neither is held, however little each of them has."""
    with Server(program, stderr=None) as server:
        c = Connection(server.port, timeout=120)  # under ThreadSanitizer gigabytes are copied for half a minute
        for number in range(4):
            check(c.call("SET", f"large{number}", b"x" * 1_000_000), "+OK", "SET")
        check(c.call("MGET", *(f"large{number % 4}" for number in range(3_000))), "-ERR the answer is too large", "MGET of 3 GB")
        check([len(each) for each in c.call("MGET", *(f"large{number % 4}" for number in range(8)))], [1_000_000] * 8, "MGET of 8 MB")
        with open(f"/proc/{server.process.pid}/status") as status:
            most = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
        print(f"an answer of 3 GB that was refused took {most / 1e6:.0f} MB")
        if MEMORY and most > 700_000_000:
            sys.exit(f"an answer that is refused: the server has had {most:,} bytes")


def check_slower_reader(program):
    """Who does not read at once is not reset for a reply that is larger than what may be unsent, however much is before it."""
    with Server(program, stderr=None) as server:
        c = Connection(server.port)
        check([c.call("SET", "b", b"x" * 68_000_000), c.call("SET", "a", b"y" * 900_000)], ["+OK", "+OK"], "SET")
        for before in range(3, 7):
            slower = socket.socket()
            slower.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            slower.settimeout(20)
            slower.connect(("127.0.0.1", server.port))
            slower.sendall(command("GET", "a") * before + command("GET", "b"))
            time.sleep(0.25)  # until the kernel has no more room for it
            left = before * (900_000 + len(b"$900000\r\n\r\n")) + 1_000_000
            try:
                while left > 0:
                    left -= len(slower.recv(min(left, 1_000_000))) or sys.exit("a slower reader is closed")
            except ConnectionResetError:
                sys.exit(f"a slower reader is reset, with {before} replies before a large one")
            slower.close()


def check_never_takes(program):
    """Who takes nothing of its reply is closed after a while."""
    with Server(program, "--patience", 1, stderr=None) as server:
        c = Connection(server.port)
        for piece in range(1, 201):  # each comes in time also where the machine is busy
            check(c.call("APPEND", "large", b"x" * 100_000), piece * 100_000, "APPEND")
        stuck = Connection(server.port)
        stuck.send(command("GET", "large"))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                stuck.send(b"PING\r\n")
            except OSError:
                return
            check(c.call("PING"), "+PONG", "PING beside one who takes nothing")
            time.sleep(0.05)
        sys.exit("who takes nothing of a reply is not closed")


def check_idle(program):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(10_000, hard - 1_000)
    with Server(program, stderr=None) as server:
        warm = [Connection(server.port) for _ in range(300)]
        for each in warm:
            check(each.call("GET", "none"), None, "GET")
        for each in warm:
            each.close()
        before = memory(server)
        idle = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(count)]
        check(Connection(server.port).call("SET", "large", b"x" * 50_000), "+OK", "SET")
        for each in idle[::5]:  # what a large request and its reply have needed is not kept
            each.sendall(command("ECHO", b"y" * 20_000) + command("GET", "large"))
            left = len(b"$20000\r\n\r\n$50000\r\n\r\n") + 70_000
            while left > 0:
                left -= len(each.recv(left)) or sys.exit("one of many is closed")
        for first in range(0, count, 100):  # all at once, what is under way would be measured as well
            some = idle[first:first + 100]
            for each in some:
                each.sendall(command("GET", "none"))
            for each in some:
                check(each.recv(100), b"$-1\r\n", "GET of one of many")
        check(Connection(server.port).call("PING"), "+PONG", "PING beside them")
        per_one = (memory(server) - before) / count
        print(f"{count} idle connections, each after a GET: {per_one:.0f} bytes each")
        if MEMORY and per_one > 2_048:
            sys.exit(f"an idle connection costs {per_one:.0f} bytes")
        # One in a hundred begins a request, announces much and stays silent: it holds little more than its bytes.
        before = memory(server)
        for each in idle[1::100]:
            each.sendall(b"PING\r\n*1048576\r\n$536870912\r\nabc")
        for each in idle[1::100]:  # it has been read, then
            check(each.recv(100), b"+PONG\r\n", "PING of one that begins another request")
        grown = (memory(server) - before) / len(idle[1::100])
        print(f"one that has begun a request: {grown:.0f} bytes more")
        if MEMORY and grown > 4_096:
            sys.exit(f"a connection that has begun a request costs {grown:.0f} bytes more")
        neighbour = Neighbour(server)
        neighbour.start()
        for each in idle[::2]:
            each.close()
        print(f"while {count // 2} of them went, the most work before a reply to another took {neighbour.end() * 1000:.0f} ms")
        for each in idle:
            each.close()
        check(server.stop()[0], 0, "the exit status")


def main():
    program = sys.argv[1]
    with Server(program, stderr=None) as server:
        neighbour = Neighbour(server)
        neighbour.start()
        check_nonsense(server)
        check_one_byte_writes(server)
        check_never_reads(server)
        print(f"the most work before a reply to a client beside hostile ones took {neighbour.end() * 1000:.0f} ms")
    check_slow_loris(program)
    check_large_replies(program)
    check_slower_reader(program)
    check_never_takes(program)
    check_idle(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
