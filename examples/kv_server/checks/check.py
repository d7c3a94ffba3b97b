#!/usr/bin/env python3
"""Starts kv_server on a free port and checks every reply: of a raw connection, of redis-cli, and of redis-benchmark
while shards and connections crash. Exits with 77 where redis-tools are not installed, after all that needs none."""

import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from client import Connection, check, command


def check_commands(port):
    c = Connection(port)
    for words, wanted in [
        (("PING",), "+PONG"), (("ping", "hi"), b"hi"), (("ECHO", "x"), b"x"), (("FLUSHALL",), "+OK"),
        (("SET", "a", "1"), "+OK"), (("GET", "a"), b"1"), (("GET", "none"), None), (("INCR", "a"), 2),
        (("INCRBY", "a", "40"), 42), (("DECR", "a"), 41), (("APPEND", "a", "x"), 3), (("STRLEN", "a"), 3),
        (("INCR", "a"), "-ERR value is not an integer or out of range"),
        (("SET", "m", "9223372036854775807"), "+OK"), (("INCR", "m"), "-ERR increment or decrement would overflow"),
        (("SET", "a", "2", "NX"), None), (("SET", "b", "2", "XX"), None), (("SET", "a", "3", "XX"), "+OK"),
        (("SET", "a", "3", "NX", "XX"), "-ERR syntax error"),
        (("SET", "a", "3", "EX", "0"), "-ERR invalid expire time in 'set' command"),
        (("SET", "a", "3", "PX", "9223372036854775807"), "-ERR invalid expire time in 'set' command"),
        (("MSET", "k1", "v1", "k2", "v2", "k3", "v3"), "+OK"), (("MGET", "k1", "none", "k3"), [b"v1", None, b"v3"]),
        (("MSET", "k1"), "-ERR wrong number of arguments for 'mset' command"),
        (("EXISTS", "k1", "k2", "none", "k1"), 3), (("DEL", "k1", "none"), 1), (("DBSIZE",), 4),
        (("TYPE", "a"), "+string"), (("TYPE", "none"), "+none"), (("TTL", "a"), -1), (("TTL", "none"), -2),
        (("EXPIRE", "a", "100"), 1), (("TTL", "a"), 100), (("PERSIST", "a"), 1), (("PERSIST", "a"), 0),
        (("PEXPIRE", "a", "-1"), 1), (("GET", "a"), None), (("SETNX", "n", "1"), 1), (("SETNX", "n", "2"), 0),
        (("GETDEL", "n"), b"1"), (("GETDEL", "n"), None), (("SELECT", "0"), "+OK"),
        (("SELECT", "1"), "-ERR DB index is out of range"), (("CONFIG", "GET", "save"), [b"save", b""]),
        (("NONSENSE",), "-ERR unknown command 'nonsense'"), (("GET",), "-ERR wrong number of arguments for 'get' command"),
        (("DEBUG", "CRASH-SHARD", "99"), "-ERR DEBUG CRASH-CONNECTION, or DEBUG CRASH-SHARD and a shard's number"),
    ]:
        check(c.call(*words), wanted, " ".join(words))
    check(sorted(c.call("KEYS", "k*")), [b"k2", b"k3"], "KEYS")
    cursor, seen = b"0", []
    while True:
        cursor, keys = c.call("SCAN", cursor.decode(), "MATCH", "k?", "COUNT", "10")
        seen += keys
        if cursor == b"0":
            break
    check(sorted(seen), [b"k2", b"k3"], "SCAN")
    check(c.call("SET", "p", "1", "PX", "30"), "+OK", "SET PX")
    deadline = time.monotonic() + 20
    while c.call("GET", "p") is not None and time.monotonic() < deadline:
        pass
    check(c.call("DBSIZE"), 3, "DBSIZE after an expiry")
    hello = c.call("HELLO", "3")
    check(hello[b"proto"], 3, "HELLO 3")
    check(c.call("GET", "none"), None, "GET in RESP3")


def check_pipelines(port):
    c = Connection(port)
    count = 5_000
    c.send(b"".join(command("SET", f"p{i}", i) + command("GET", f"p{i}") + command("PING") for i in range(count)))
    for i in range(count):
        check([c.reply(), c.reply(), c.reply()], ["+OK", str(i).encode(), "+PONG"], f"pipeline at {i}")
    c.send(b"SET inline 'a b'\r\n\r\nGET inline\n")
    check([c.reply(), c.reply()], ["+OK", b"a b"], "inline commands")
    for byte in command("SET", "slow", "value") + command("GET", "slow"):
        c.send(bytes([byte]))
    check([c.reply(), c.reply()], ["+OK", b"value"], "a byte at a time")
    large = b"x" * 10_000_000
    check(c.call("SET", "large", large), "+OK", "SET of ten million bytes")
    check(c.call("GET", "large"), large, "GET of ten million bytes")
    c.send(command("GET", "slow"))
    c.socket.shutdown(socket.SHUT_WR)
    check(c.reply(), b"value", "a reply after a half-close")
    check(c.is_closed(), True, "the end after a half-close")


def check_hostile(port):
    other = Connection(port)
    check(other.call("SET", "here", "still"), "+OK", "SET")
    for data, wanted in [
        (b"*1\r\n$2147483648\r\n", "-ERR Protocol error: invalid bulk length"),
        (b"*1\r\n$-5\r\n", "-ERR Protocol error: invalid bulk length"),
        (b"*2147483648\r\n", "-ERR Protocol error: invalid multibulk length"),
        (b"*1\r\n*1\r\n*1\r\n", "-ERR Protocol error: expected '$', got '*'"),
        (b"GET 'x\r\n", "-ERR Protocol error: unbalanced quotes in request"),
        (b"x" * 70_000, "-ERR Protocol error: too big inline request"),
    ]:
        c = Connection(port)
        c.send(data)
        check(c.reply(), wanted, f"hostile {data[:30]!r}")
        c.socket.shutdown(socket.SHUT_WR)
        check(c.is_closed(), True, f"the end after {data[:30]!r}")
    dice = random.Random(7)
    for _ in range(50):
        c = Connection(port)
        try:
            c.send(dice.randbytes(2_000))
        except OSError:
            pass
        c.socket.close()
    check(other.call("GET", "here"), b"still", "a connection beside hostile ones")


def check_crashes(port):
    other = Connection(port)
    c = Connection(port)
    c.send(command("DEBUG", "CRASH-CONNECTION"))
    check(c.is_closed(), True, "CRASH-CONNECTION")
    check(other.call("PING"), "+PONG", "a connection beside one that crashed")
    check(other.call("FLUSHALL"), "+OK", "FLUSHALL")
    keys = [f"c{i}" for i in range(100)]
    for key in keys:
        check(other.call("SET", key, "1"), "+OK", "SET")
    check(other.call("DEBUG", "CRASH-SHARD", "0"), "+OK", "CRASH-SHARD")
    left = other.call("DBSIZE")
    if not 0 < left < 100:
        sys.exit(f"after a crash of one of four shards there are {left} of 100 keys")
    for key in keys:
        check(other.call("SET", key, "2"), "+OK", "SET after a crash")
    check(other.call("DBSIZE"), 100, "DBSIZE after a crash")


def check_redis_tools(port):
    cli = ["redis-cli", "-p", str(port)]
    for words, wanted in [(["SET", "cli", "value"], "OK"), (["GET", "cli"], "value"), (["INCR", "n"], "1"),
                          (["-3", "GET", "cli"], "value"), (["SCAN", "9"], "0")]:
        got = subprocess.run(cli + words, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
        check(got, wanted, "redis-cli " + " ".join(words))

    stop = threading.Event()

    def crash():
        c = Connection(port)
        while not stop.wait(0.02):
            check(c.call("DEBUG", "CRASH-SHARD", random.randrange(4)), "+OK", "CRASH-SHARD meanwhile")
            Connection(port).send(command("DEBUG", "CRASH-CONNECTION"))

    crasher = threading.Thread(target=crash)
    crasher.start()
    for pipeline in ("1", "16"):
        ran = subprocess.run(
            ["redis-benchmark", "-p", str(port), "-c", "50", "-n", "20000", "-P", pipeline, "-t", "set,get,incr,mset", "--csv"],
            capture_output=True, text=True, timeout=90)
        said = ran.stdout + ran.stderr
        if ran.returncode != 0 or len(re.findall(r'^"(SET|GET|INCR|MSET)', ran.stdout, re.M)) != 4:
            sys.exit(f"redis-benchmark -P {pipeline}: {ran.returncode}\n{said}")
    stop.set()
    crasher.join()
    got = subprocess.run(cli + ["SET", "after", "all"], capture_output=True, text=True, timeout=30).stdout.strip()
    check(got, "OK", "redis-cli after the benchmark")


def main():
    server = subprocess.Popen([sys.argv[1], "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(server.stdout.readline().rsplit(" ", 1)[1])
        check_commands(port)
        check_pipelines(port)
        check_hostile(port)
        check_crashes(port)
        has_tools = shutil.which("redis-cli") and shutil.which("redis-benchmark")
        if has_tools:
            check_redis_tools(port)
        server.send_signal(signal.SIGTERM)
        check(server.wait(timeout=20), 0, "the exit status after SIGTERM")
    finally:
        server.kill()
    if not has_tools:
        print("skipped: redis-cli and redis-benchmark are not here (package redis-tools); all else held")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
