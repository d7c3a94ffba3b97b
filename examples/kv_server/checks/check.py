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
import tempfile
import threading
import time

from client import Connection, Server, check, command


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
        (("EXPIRE", "a", "10000"), 1), (("PERSIST", "a"), 1), (("PERSIST", "a"), 0),
        (("PEXPIRE", "a", "-1"), 1), (("GET", "a"), None), (("SETNX", "n", "1"), 1), (("SETNX", "n", "2"), 0),
        (("GETDEL", "n"), b"1"), (("GETDEL", "n"), None), (("SELECT", "0"), "+OK"),
        (("SELECT", "1"), "-ERR DB index is out of range"), (("CONFIG", "GET", "save"), [b"save", b""]),
        (("NONSENSE",), "-ERR unknown command 'NONSENSE'"), (("GET",), "-ERR wrong number of arguments for 'get' command"),
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
    check(c.call("EXPIRE", "k2", "10000"), 1, "EXPIRE")
    left = c.call("TTL", "k2")
    if not 9_000 < left <= 10_000:
        sys.exit(f"of 10,000 seconds {left} are left")
    check([c.call("PERSIST", "k2"), c.call("TTL", "k2")], [1, -1], "PERSIST")
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
    check(c.call("SET", "slow", "value"), "+OK", "SET")
    large = b"x" * 10_000_000
    check(c.call("SET", "large", large), "+OK", "SET of ten million bytes")
    check(c.call("GET", "large"), large, "GET of ten million bytes")
    c.send(command("GET", "slow"))
    c.socket.shutdown(socket.SHUT_WR)
    check(c.reply(), b"value", "a reply after a half-close")
    check(c.is_closed(), True, "the end after a half-close")


def check_more_commands(port):
    c = Connection(port)
    check(c.call("FLUSHALL"), "+OK", "FLUSHALL")
    for words, wanted in [
        (("MSET", "{t}a", "1", "{t}b", "2"), "+OK"), (("MGET", "{t}a", "none", "{t}b"), [b"1", None, b"2"]),
        (("EXISTS", "{t}a", "{t}b", "none"), 2), (("DEL", "{t}a", "{t}b", "none"), 2),
        (("MULTI",), "+OK"), (("MULTI",), "-ERR MULTI calls can not be nested"), (("SET", "{t}a", "1"), "+QUEUED"),
        (("INCR", "{t}a"), "+QUEUED"), (("MGET", "{t}a", "{t}none"), "+QUEUED"), (("PING",), "+QUEUED"),
        (("APPEND", "{t}b", "x"), "+QUEUED"), (("INCR", "{t}b"), "+QUEUED"), (("PUBLISH", "nobody", "x"), "+QUEUED"),
        (("EXEC",), ["+OK", 2, [b"2", None], "+PONG", 1, "-ERR value is not an integer or out of range", 0]),
        (("EXEC",), "-ERR EXEC without MULTI"), (("DISCARD",), "-ERR DISCARD without MULTI"),
        (("MULTI",), "+OK"), (("EXEC",), []), (("MULTI",), "+OK"), (("SET", "{t}a", "9"), "+QUEUED"), (("DISCARD",), "+OK"),
        (("GET", "{t}a"), b"2"), (("MULTI",), "+OK"), (("SET", "{t}a", "9"), "+QUEUED"),
        (("NONSENSE",), "-ERR unknown command 'NONSENSE'"),
        (("EXEC",), "-EXECABORT Transaction discarded because of previous errors."), (("GET", "{t}a"), b"2"),
        (("MULTI",), "+OK"), (("SUBSCRIBE", "x"), "-ERR Command not allowed inside a transaction"),
        (("EXEC",), "-EXECABORT Transaction discarded because of previous errors."),
        (("CLIENT", "GETNAME"), None), (("CLIENT", "SETNAME", "me"), "+OK"), (("CLIENT", "GETNAME"), b"me"),
        (("CLIENT", "SETNAME", "a b"), "-ERR Client names cannot contain spaces, newlines or special characters."),
        (("COMMAND", "COUNT"), len(c.call("COMMAND"))), (("CONFIG", "GET", "data*"), [b"databases", b"1"]),
        (("CONFIG", "GET", "appendonly"), [b"appendonly", b"no"]), (("CONFIG", "GET", "nothing"), []),
        (("KEYS", "*a" * 513), "-ERR a pattern is too long"), (("PSUBSCRIBE", "x" * 1025), "-ERR a pattern is too long"),
        (("SCAN", "0", "MATCH", "x" * 1025), "-ERR a pattern is too long"), (("KEYS", "x" * 1024), []),
        (("SCAN", "0", "COUNT", "junk"), "-ERR value is not an integer or out of range"),
        (("SCAN", "0", "COUNT", "0"), "-ERR syntax error"), (("SCAN", "0", "COUNT"), "-ERR syntax error"),
        (("HELLO", "4"), "-NOPROTO unsupported protocol version"),
        (("UNSUBSCRIBE",), [b"unsubscribe", None, 0]), (("PUBLISH", "nobody", "x"), 0), (("RESET",), "+RESET"),
        (("CLIENT", "GETNAME"), None),
    ]:
        check(c.call(*words), wanted, " ".join(words))
    apart = [f"apart{i}" for i in range(20)]
    check(c.call("MULTI"), "+OK", "MULTI")
    said = [c.call("SET", key, "1") for key in apart]
    if not any(each.startswith("-CROSSSLOT") for each in said):
        sys.exit(f"a transaction over several shards: {said}")
    check(c.call("EXEC"), "-EXECABORT Transaction discarded because of previous errors.", "EXEC over several shards")
    check(c.call("EXISTS", *apart), 0, "EXISTS of what was not done")
    entry = next(each for each in c.call("COMMAND") if each[0] == b"mset")
    check(entry, [b"mset", -3, ["+write"], 1, -1, 2], "COMMAND's entry of MSET")


def check_transactions(port):
    """Nobody ever sees a transaction half done: two keys that are changed together are the same in each look."""
    c = Connection(port)
    check(c.call("MSET", "{m}1", "0", "{m}2", "0"), "+OK", "MSET")
    stop, torn = threading.Event(), []

    def look():
        mine = Connection(port)
        while not stop.is_set():
            one, two = mine.call("MGET", "{m}1", "{m}2")
            if one != two:
                torn.append((one, two))

    def change():
        mine = Connection(port)
        while not stop.is_set():
            mine.send(command("MULTI") + command("INCR", "{m}1") + command("INCR", "{m}2") + command("EXEC"))
            got = [mine.reply() for _ in range(4)]
            if got[:3] != ["+OK", "+QUEUED", "+QUEUED"] or got[3][0] != got[3][1]:
                torn.append(got)

    threads = [threading.Thread(target=each) for each in (look, change, change)]
    for each in threads:
        each.start()
    time.sleep(0.3)
    deadline = time.monotonic() + 60
    while not torn and int(c.call("GET", "{m}1")) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    for each in threads:
        each.join()
    check(torn, [], "transactions")
    if int(c.call("GET", "{m}1")) < 20:
        sys.exit("hardly any transaction was done")


def check_channels(port):
    publisher, exact, pattern, modern = (Connection(port) for _ in range(4))
    check(exact.call("SUBSCRIBE", "news.tea"), [b"subscribe", b"news.tea", 1], "SUBSCRIBE")
    check(exact.call("SUBSCRIBE", "*"), [b"subscribe", b"*", 2], "SUBSCRIBE of a star, which is no pattern")
    check(pattern.call("PSUBSCRIBE", "n?ws.[a-t]*"), [b"psubscribe", b"n?ws.[a-t]*", 1], "PSUBSCRIBE")
    check(modern.call("HELLO", "3")[b"proto"], 3, "HELLO 3")
    check(modern.call("SUBSCRIBE", "news.tea", ""), ("push", b"subscribe", b"news.tea", 1), "SUBSCRIBE in RESP3")
    check(modern.reply(), ("push", b"subscribe", b"", 2), "SUBSCRIBE of two")
    check(publisher.call("PUBLISH", "news.tea", "hot"), 3, "PUBLISH")
    check(publisher.call("PUBLISH", "news.wine", "red"), 0, "PUBLISH to nobody")
    check(publisher.call("PUBLISH", "", "empty"), 1, "PUBLISH to the empty channel")
    check(publisher.call("PUBLISH", "*", "star"), 1, "PUBLISH to the star")
    check(exact.reply(), [b"message", b"news.tea", b"hot"], "a message")
    check(exact.reply(), [b"message", b"*", b"star"], "a message")
    check(pattern.reply(), [b"pmessage", b"n?ws.[a-t]*", b"news.tea", b"hot"], "a message by a pattern")
    check(modern.reply(), ("push", b"message", b"news.tea", b"hot"), "a push")
    check(modern.reply(), ("push", b"message", b"", b"empty"), "a push")
    check(exact.call("GET", "x"), "-ERR Can't execute 'get': only (P)SUBSCRIBE / (P)UNSUBSCRIBE / PING / QUIT / RESET are "
          "allowed in this context", "GET of who listens in RESP2")
    check(exact.call("PING"), [b"pong", b""], "PING of who listens")
    check(modern.call("GET", "none"), None, "GET of who listens in RESP3")
    check(exact.call("UNSUBSCRIBE", "news.tea"), [b"unsubscribe", b"news.tea", 1], "UNSUBSCRIBE")
    check(exact.call("UNSUBSCRIBE"), [b"unsubscribe", b"*", 0], "UNSUBSCRIBE of all")
    check(pattern.call("PUNSUBSCRIBE"), [b"punsubscribe", b"n?ws.[a-t]*", 0], "PUNSUBSCRIBE of all")
    check(publisher.call("PUBLISH", "news.tea", "cold"), 1, "PUBLISH")
    modern.close()
    deadline = time.monotonic() + 20
    while publisher.call("PUBLISH", "news.tea", "gone") != 0 and time.monotonic() < deadline:
        pass
    check(publisher.call("PUBLISH", "news.tea", "gone"), 0, "PUBLISH when all have gone")
    # Who hears of it finds done what was done before it, however they were sent; and nothing is lost or out of turn.
    check(exact.call("SUBSCRIBE", "done"), [b"subscribe", b"done", 1], "SUBSCRIBE")
    for i in range(300):
        publisher.send(command("SET", f"done{i}", i) + command("PUBLISH", "done", f"done{i}"))
        check(exact.reply(), [b"message", b"done", f"done{i}".encode()], "a message")
        check(pattern.call("GET", f"done{i}"), str(i).encode(), "what was set before it was published")
    for _ in range(300):
        check([publisher.reply(), publisher.reply()], ["+OK", 1], "SET and PUBLISH in one piece")


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
    # As a person at a terminal has it, in both protocols.
    typed = "MULTI\nINCR {s}n\nINCR {s}n\nEXEC\nPUBLISH c x\nHELLO 3\nCONFIG GET save\nGET none\nCOMMAND COUNT\n"
    said = subprocess.run(cli, input=typed, capture_output=True, text=True, timeout=30, check=True).stdout
    for wanted in ("OK\nQUEUED\nQUEUED\n1\n2\n0\n", "proto 3", "save"):
        if wanted not in said:
            sys.exit(f"redis-cli says {said!r}, without {wanted!r}")
    for version in ("-2", "-3"):
        listener = subprocess.Popen(cli + [version, "PSUBSCRIBE", "n*"], stdout=subprocess.PIPE, text=True)
        said = [listener.stdout.readline().strip() for _ in range(3)]
        check(said, ["psubscribe", "n*", "1"], f"redis-cli {version} PSUBSCRIBE")
        subprocess.run(cli + ["PUBLISH", "news", "hello"], capture_output=True, timeout=30, check=True)
        said = [listener.stdout.readline().strip() for _ in range(4)]
        check(said, ["pmessage", "n*", "news", "hello"], f"redis-cli {version} hears")
        listener.kill()
        listener.communicate()

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


def check_floods_of_crashes(program):
    """A shard that has keys to load bears any flood of crashes. One that has none may have one too many: then the server
    says so and ends, rather than that it stays and serves nobody."""
    flood = command("DEBUG", "CRASH-SHARD", 0) * 300 + command("PING")
    with tempfile.TemporaryDirectory(prefix="kv-") as folder:
        with Server(program, "--data", folder, stderr=subprocess.DEVNULL) as server:
            c = Connection(server.port)
            check(c.call("MSET", *(f"key{i // 2}" if i % 2 == 0 else i for i in range(40))), "+OK", "MSET")
            c.send(flood)
            check([c.reply() for _ in range(301)], ["+OK"] * 300 + ["+PONG"], "a flood of crashes")
            check(c.call("DBSIZE"), 20, "DBSIZE after a flood of crashes")
    with Server(program) as server:
        c = Connection(server.port)
        c.send(flood)
        said = server.process.communicate(timeout=20)[1]
        check((server.process.returncode, "it cannot go on: " in said), (1, True), f"the end after 300 crashes ({said!r})")


def main():
    server = subprocess.Popen([sys.argv[1], "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(server.stdout.readline().rsplit(" ", 1)[1])
        check_commands(port)
        check_pipelines(port)
        check_more_commands(port)
        check_transactions(port)
        check_channels(port)
        check_crashes(port)
        has_tools = shutil.which("redis-cli") and shutil.which("redis-benchmark")
        if has_tools:
            check_redis_tools(port)
        server.send_signal(signal.SIGTERM)
        check(server.wait(timeout=20), 0, "the exit status after SIGTERM")
    finally:
        server.kill()
    check_floods_of_crashes(sys.argv[1])
    if not has_tools:
        print("skipped: redis-cli and redis-benchmark are not here (package redis-tools); all else held")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
