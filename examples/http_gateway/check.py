#!/usr/bin/env python3
"""Starts http_gateway on a free port and checks every reply: of raw connections, of curl, and of clients that put, count
and read while shards and connections crash; then loads it with wrk meanwhile. Exits with 77 where curl or wrk is not
installed, after all that needs neither.

usage: check.py PROGRAM [--seed N]
"""
import argparse
import collections
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

ARGUMENTS = None
SCALE = float(os.environ.get("COPPICE_TEST_SCALE", "1"))
Reply = collections.namedtuple("Reply", "status headers body")


class Server:
    def __init__(self, *arguments, environment=None):
        self.process = subprocess.Popen([ARGUMENTS.program, "--port", "0", *map(str, arguments)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
        self.port = int(self.process.stdout.readline().split()[-1])
        # Crashes are reported on stderr: read away, or the pipe would fill.
        self.errors = threading.Thread(target=self.process.stderr.read, daemon=True)
        self.errors.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.errors.join()
        self.process.stdout.close()
        self.process.stderr.close()
        assert code == 0, f"the server ended with {code}"

    def peak_kilobytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


class Closed(Exception):
    pass


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read(self, has_body=True):
        try:
            first = self.file.readline()
            if not first:
                raise Closed
            version, status, _ = first.decode().split(" ", 2)
            assert version == "HTTP/1.1", first
            headers = {}
            while (line := self.file.readline()) != b"\r\n":
                if not line:
                    raise Closed
                name, value = line.decode().rstrip("\r\n").split(": ", 1)
                headers[name.lower()] = value
            if status == "100":
                return Reply(100, headers, None)
            length = int(headers["content-length"])
            body = self.file.read(length) if has_body else b""
            if has_body and len(body) < length:
                raise Closed
            return Reply(int(status), headers, json.loads(body) if body else None)
        except ConnectionResetError as error:
            raise Closed from error

    def ask(self, method, target, body=None):
        self.send(request(method, target, body))
        return self.read(method != "HEAD")

    def is_closed(self):
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True


def request(method, target, body=None, headers=()):
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    data = b"" if body is None else body if isinstance(body, bytes) else body.encode()
    if body is not None:
        lines.append(f"Content-Length: {len(data)}")
    return "\r\n".join([*lines, "", ""]).encode() + data


class Gateway(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(f"{ARGUMENTS.seed} {self.id()}")

    def assert_error(self, reply, status, text=""):
        self.assertEqual(reply.status, status, reply)
        self.assertEqual(reply.headers["content-type"], "application/json")
        self.assertEqual(set(reply.body), {"error", "status"})
        self.assertEqual(reply.body["status"], status)
        self.assertIn(text, reply.body["error"])

    def test_keys(self):
        with Server() as server, Connection(server.port) as c:
            self.assertEqual(c.ask("GET", "/").body, {"shards": 4})
            self.assert_error(c.ask("GET", "/keys/a"), 404, "no such key")
            put = c.ask("PUT", "/keys/a", '{"x": [1, 2, {"y": null}]}')
            self.assertEqual((put.status, put.body), (201, {"key": "a", "value": {"x": [1, 2, {"y": None}]}}))
            self.assertEqual(c.ask("PUT", "/keys/a", '"two"').status, 200)
            self.assertEqual(c.ask("GET", "/keys/a").body, {"key": "a", "value": "two"})
            head = c.ask("HEAD", "/keys/a")
            self.assertEqual((head.status, head.headers["content-length"]), (200, str(len('{"key":"a","value":"two"}'))))
            self.assertEqual(c.ask("DELETE", "/keys/a").status, 200)
            self.assert_error(c.ask("DELETE", "/keys/a"), 404)
            self.assertEqual(c.ask("POST", "/keys/n/increment").body, {"key": "n", "value": 1})
            self.assertEqual(c.ask("POST", "/keys/n/increment", "-42").body, {"key": "n", "value": -41})
            self.assert_error(c.ask("POST", "/keys/n/increment", "much"), 400, "not a whole number")
            c.ask("PUT", "/keys/n", str(2**63 - 1))
            self.assert_error(c.ask("POST", "/keys/n/increment"), 409)
            c.ask("PUT", "/keys/n", "[]")
            self.assert_error(c.ask("POST", "/keys/n/increment"), 409)
            strange = urllib.parse.quote('ä / "b"\n\0', safe="")
            self.assertEqual(c.ask("PUT", f"/keys/{strange}?query=1", "1").body["key"], 'ä / "b"\n\0')
            self.assertEqual(c.ask("GET", "/keys").body, {"keys": 2})
            gone = c.ask("POST", "/keys/n/crash")
            self.assert_error(gone, 503, "crashed")
            self.assertEqual(gone.headers["retry-after"], "1")
            self.assertEqual(c.ask("GET", "/keys/n").body["value"], [])

    def test_what_is_asked_for_wrongly(self):
        with Server() as server, Connection(server.port) as c:
            for method, target, status in [("GET", "/nothing", 404), ("GET", "/keys/a/b", 404), ("GET", "/crash/else", 404),
                                           ("POST", "/crash/shard/5", 404), ("POST", "/crash/shard/0", 404), ("POST", "/crash/shard/x", 404),
                                           ("GET", "/keys/%zz", 400), ("GET", "/keys/%4", 400), ("GET", "/keys/%ff", 400), ("OPTIONS", "*", 400),
                                           ("POST", "/", 405), ("POST", "/keys", 405), ("POST", "/keys/a", 405), ("GET", "/keys/a/increment", 405), ("PUT", "/keys/a/crash", 405),
                                           ("GET", "/crash/connection", 405), ("GET", "/crash/shard/1", 405)]:
                with self.subTest(method=method, target=target):
                    reply = c.ask(method, target)
                    self.assert_error(reply, status)
                    self.assertEqual("allow" in reply.headers, status == 405)
            for body in ("", "{", "{'a': 1}", "1 2", b"\xff", "[" * 500_000):
                self.assert_error(c.ask("PUT", "/keys/a", body), 400, "not JSON")
            deep = "[" * 400_000 + "]" * 400_000
            c.send(request("PUT", "/keys/deep", deep))
            line = c.file.readline()
            self.assertIn(b" 201 ", line)

    def test_what_is_not_http(self):
        host = b"Host: x\r\n"
        cases = [(b"hello\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n" + host + host + b"\r\n", 400),
                 (b"GET / HTTP/3.1\r\n" + host + b"\r\n", 400), (b"\x00" * 50, 400), (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
                 (b"PUT /keys/a HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n\r\n", 400),
                 (b"PUT /keys/a HTTP/1.1\r\n" + host + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
                 (b"PUT /keys/a HTTP/1.1\r\n" + host + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                 (b"PUT /keys/a HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
                 (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400), (b"CONNECT x:1 HTTP/1.1\r\n" + host + b"\r\n", 405),
                 (b"PUT /keys/a HTTP/1.1\r\n" + host + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
                 (b"PUT /keys/a HTTP/1.1\r\n" + host + b"Content-Length: 2000000\r\n\r\n", 413),
                 (b"PUT /keys/a HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n" + b"80000\r\n" + b"x" * 0x80000 + b"\r\n" + b"80001\r\n" + b"x" * 0x80001, 413),
                 (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n" + host + b"\r\n", 431), (b"GET / HTTP/1.1\r\nA: " + b"x" * 20_000, 431),
                 (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1_000, 431),
                 (b"PUT /keys/a HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"e" * 30_000, 431)]
        with Server() as server, Connection(server.port) as witness:
            for data, status in cases:
                with self.subTest(data=data[:60]), Connection(server.port) as c:
                    try:
                        c.send(data)
                    except (ConnectionResetError, BrokenPipeError):
                        pass
                    reply = c.read()
                    self.assert_error(reply, status)
                    self.assertEqual(reply.headers["connection"], "close")
                    self.assertTrue(c.is_closed())
                self.assertEqual(witness.ask("GET", "/").status, 200)

    def test_random_bytes_harm_nobody(self):
        with Server("--request-milliseconds", 300) as server, Connection(server.port) as witness:
            good = request("PUT", "/keys/a", '{"x": 1}') + request("GET", "/keys/a")
            for _ in range(max(20, int(300 * SCALE))):
                data = bytearray(good)
                for _ in range(self.random.randint(1, 6)):
                    data[self.random.randrange(len(data))] = self.random.randrange(256)
                with Connection(server.port) as c:
                    c.send(bytes(data))
                    c.socket.shutdown(socket.SHUT_WR)
                    try:
                        while True:
                            self.assertIn(c.read().status, (200, 201, 400, 404, 405, 408, 409, 413, 431))
                    except Closed:
                        pass
                self.assertEqual(witness.ask("GET", "/").status, 200)

    def test_pipelines_and_pieces(self):
        with Server() as server:
            data, wanted = b"", []
            for i in range(600):
                data += request("PUT", f"/keys/k{i % 50}", json.dumps(i)) + request("GET", f"/keys/k{i % 50}")
                wanted += [i, i]
            with Connection(server.port) as c:
                writer = threading.Thread(target=c.send, args=(data,))
                writer.start()
                self.assertEqual([c.read().body["value"] for _ in wanted], wanted)
                writer.join()
            pieces = data[:6_000]
            whole = pieces.count(b"PUT ") + pieces.count(b"GET ") - 1
            with Connection(server.port) as c:
                c.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                at = 0
                while at < len(pieces):
                    size = self.random.choice([1, 1, 2, 3, 50])
                    c.send(pieces[at:at + size])
                    at += size
                self.assertEqual([c.read().body["value"] for _ in range(whole)], wanted[:whole])

    def test_what_is_wrong_comes_behind_what_was_right(self):
        with Server() as server, Connection(server.port) as c:
            self.assertEqual(c.ask("PUT", "/keys/a", json.dumps("x" * 50_000)).status, 201)
            c.send(request("GET", "/keys/a") * 150 + b"nonsense\r\n\r\n" + request("GET", "/"))
            self.assertEqual([c.read().status for _ in range(150)], [200] * 150)
            self.assert_error(c.read(), 400)
            self.assertTrue(c.is_closed())

    def test_a_pipeline_of_large_answers_is_not_held_in_memory(self):
        # Nothing that was freed is to be kept by AddressSanitizer.
        with Server(environment={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}) as server:
            with Connection(server.port) as c:
                self.assertEqual(c.ask("PUT", "/keys/a", json.dumps("x" * 1_000_000)).status, 201)

            def peak_after(count):
                with Connection(server.port) as c:
                    c.send(request("GET", "/keys/a") * count)
                    for _ in range(count):
                        self.assertEqual(len(c.read().body["value"]), 1_000_000)
                return server.peak_kilobytes()

            few, many = peak_after(40), peak_after(200)  # both more than are at work at once
            print(f"\npeak memory after 40 and 200 answers of a megabyte: {few} and {many} KiB", flush=True)
            self.assertLess(many, 2 * few)

    def test_chunked_bodies(self):
        with Server() as server, Connection(server.port) as c:
            text = json.dumps({"text": "x" * 3_000}).encode()

            def send(size, extension):
                pieces = [text[i:i + size] for i in range(0, len(text), size)]
                chunks = b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces)
                c.send(b"PUT /keys/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: yes\r\n\r\n")

            for size, extension in ((1, b""), (7, b";name=value"), (1000, b";a"), (5000, b"")):
                send(size, extension)
                c.send(request("GET", "/keys/a"))
                self.assertIn(c.read().status, (200, 201))
                self.assertEqual(c.read().body["value"], json.loads(text))
            send(1, b";name=value")  # more of extensions than a header may have
            self.assert_error(c.read(), 431)

    def test_connections_live_as_long_as_was_said(self):
        with Server() as server:
            with Connection(server.port) as c:
                c.send(b"GET / HTTP/1.0\r\n\r\n")
                self.assertEqual(c.read().headers["connection"], "close")
                self.assertTrue(c.is_closed())
            with Connection(server.port) as c:
                c.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
                self.assertEqual([c.read().headers["connection"] for _ in range(2)], ["keep-alive"] * 2)
            with Connection(server.port) as c:
                c.send(request("GET", "/", headers=["Connection: close"]) + request("GET", "/keys/never"))
                self.assertEqual(c.read().headers["connection"], "close")
                self.assertTrue(c.is_closed())
            with Connection(server.port) as c:
                c.send(request("GET", "/", headers=["Connection: Upgrade", "Upgrade: h2c"]) + request("GET", "/"))
                self.assertEqual([c.read().status for _ in range(2)], [200, 200])
            with Connection(server.port) as c:
                c.send(b"PUT /keys/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
                self.assertEqual(c.read().status, 100)
                c.send(b"17")
                self.assertEqual(c.read().body["value"], 17)
            expecting = b"PUT /keys/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
            with Connection(server.port) as c:  # behind one that is not answered yet
                c.send(request("GET", "/keys/a") + expecting)
                self.assertEqual([c.read().status for _ in range(2)], [200, 100])
                c.send(b"18")
                self.assertEqual(c.read().body["value"], 18)
                c.send(request("GET", "/keys/a") + expecting + b"19" + request("GET", "/keys/a"))  # it does not wait
                self.assertEqual([c.read().body["value"] for _ in range(3)], [18, 19, 19])
            with Connection(server.port) as c:  # half-closed: what was asked is answered
                c.send(request("GET", "/") * 3)
                c.socket.shutdown(socket.SHUT_WR)
                self.assertEqual([c.read().status for _ in range(3)], [200] * 3)
                self.assertTrue(c.is_closed())
        with Server("--idle-seconds", 1, "--request-milliseconds", 400) as server:
            begun = time.monotonic()  # before the server knows of it
            with Connection(server.port) as c:  # says nothing
                self.assertTrue(c.is_closed())
                self.assertGreater(time.monotonic() - begun, 0.9)
            with Connection(server.port) as c:  # drips, until it is answered: no byte more, which would be met with a reset
                drops = iter(b"GET / HTTP/1.1\r\nHost: " + b"x" * 400)
                while not select.select([c.socket], [], [], 0.05)[0]:
                    c.send(bytes([next(drops)]))
                self.assert_error(c.read(), 408)
                self.assertTrue(c.is_closed())

    def test_more_connections_than_there_may_be(self):
        with Server("--connections", 3) as server:
            with Connection(server.port) as a, Connection(server.port) as b, Connection(server.port) as c:
                self.assertEqual([one.ask("GET", "/").status for one in (a, b, c)], [200] * 3)
                with Connection(server.port) as d:
                    self.assert_error(d.read(), 503, "too many")
                    self.assertTrue(d.is_closed())

    def test_drain(self):
        with Server() as server, Connection(server.port) as c:
            self.assertEqual(c.ask("GET", "/").status, 200)
            server.process.send_signal(signal.SIGTERM)
            self.assertTrue(c.is_closed())
            self.assertEqual(server.process.wait(20), 0)

    def test_every_reply_while_workers_crash(self):
        """Each client knows what its keys must hold: whatever was answered is there, whatever crashes."""
        with Server("--shards", 3) as server:
            over, wrong, counts = threading.Event(), [], [collections.Counter() for _ in range(7)]

            def client(number):
                pick, known, sums = random.Random(f"{ARGUMENTS.seed} {number}"), {}, {}
                c, count = Connection(server.port), counts[number]
                try:
                    while not over.is_set():
                        key = f"c{number}k{pick.randrange(20)}"
                        if pick.random() < 0.03:
                            try:
                                c.ask("POST", "/crash/connection")
                                raise AssertionError("it answered a crash")
                            except Closed:
                                c.close()
                                c, count["connections"] = Connection(server.port), count["connections"] + 1
                        if pick.random() < 0.03:
                            self.assert_error(c.ask("POST", f"/keys/{key}/crash"), 503, "crashed")
                            count[503] += 1
                        if pick.random() < 0.4:
                            value = pick.randrange(10**9)
                            reply = c.ask("PUT", f"/keys/{key}", str(value))
                            assert reply.status in (200, 201, 503), reply
                            # 503: it was done, or not; from now on either is right.
                            known[key] = {value} if reply.status != 503 else known.get(key, {None}) | {value}
                        elif pick.random() < 0.5:
                            reply = c.ask("GET", f"/keys/{key}")
                            assert reply.status in (200, 404, 503), reply
                            if reply.status != 503:
                                value = reply.body["value"] if reply.status == 200 else None
                                assert value in known.get(key, {None}), (key, value, known.get(key))
                                known[key] = {value}
                        else:
                            key = f"s{number}k{pick.randrange(5)}"
                            reply = c.ask("POST", f"/keys/{key}/increment")
                            assert reply.status in (200, 503), reply
                            low, high = sums.get(key, (0, 0))
                            if reply.status == 503:
                                sums[key] = (low, high + 1)
                            else:
                                assert low + 1 <= reply.body["value"] <= high + 1, (key, reply.body, low, high)
                                sums[key] = (reply.body["value"],) * 2
                        count[reply.status] += 1
                except Exception as error:  # what a thread raises is heard of by nobody
                    wrong.append(f"client {number}: {error!r}")
                c.close()

            def crasher():
                pick = random.Random(f"{ARGUMENTS.seed} crasher")
                with Connection(server.port) as c:
                    while not over.is_set():
                        if c.ask("POST", f"/crash/shard/{pick.randint(1, 3)}").status != 202:
                            wrong.append("a shard did not crash")
                        counts[-1]["shards"] += 1
                        time.sleep(0.002)

            threads = [threading.Thread(target=client, args=(number,)) for number in range(6)] + [threading.Thread(target=crasher)]
            for thread in threads:
                thread.start()
            # For a while, and until enough of each has happened: how long that takes is the machine's load.
            enough = lambda: all(sum(count[what] for count in counts) > 10 for what in (200, 201, 503, "shards", "connections"))
            begun = time.monotonic()
            while not wrong and time.monotonic() - begun < (max(1, 4 * SCALE) if enough() else 120):
                time.sleep(0.05)
            over.set()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])
            totals = sum(counts, collections.Counter())
            print(f"\n{dict(totals)}", flush=True)
            self.assertTrue(enough(), totals)

    @unittest.skipUnless(shutil.which("curl"), "there is no curl")
    def test_curl(self):
        with Server() as server, tempfile.NamedTemporaryFile("w") as file:
            url = f"http://127.0.0.1:{server.port}"

            def curl(*arguments):
                ran = subprocess.run(["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code} %{num_connects}", *arguments], capture_output=True, text=True)
                self.assertEqual(ran.returncode, 0, ran.stderr)
                return ran.stdout

            self.assertEqual(curl("-X", "PUT", "-d", '{"a":1}', f"{url}/keys/a"), '{"key":"a","value":{"a":1}}\n201 1')
            self.assertEqual(curl(f"{url}/keys/a", f"{url}/keys/a"), '{"key":"a","value":{"a":1}}\n200 1{"key":"a","value":{"a":1}}\n200 0')
            self.assertIn("HTTP/1.1 200 OK", curl("-I", f"{url}/keys/a"))
            self.assertIn("\n404 1", curl(f"{url}/keys/b"))
            self.assertEqual(curl("-0", f"{url}/keys/a"), '{"key":"a","value":{"a":1}}\n200 1')
            file.write(json.dumps("x" * 200_000))
            file.flush()
            for how in (["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"], []):
                self.assertIn("\n20", curl("-T", file.name, *how, f"{url}/keys/big"))
            self.assertIn("x" * 200_000, curl(f"{url}/keys/big"))
            self.assertIn("\n405 1", curl("-X", "PATCH", f"{url}/keys/a"))
            ran = subprocess.run(["curl", "-sS", "-X", "POST", f"{url}/crash/connection"], capture_output=True, text=True)
            self.assertNotEqual(ran.returncode, 0)
            self.assertIn('"shards":4', curl(url))

    @unittest.skipUnless(shutil.which("wrk"), "there is no wrk")
    def test_wrk_while_workers_crash(self):
        with Server() as server, tempfile.NamedTemporaryFile("w", suffix=".lua") as script, Connection(server.port) as c:
            # Each answer's body is looked at: the value that was put, or the error of a shard that has just crashed.
            script.write('''
                local made, good, gone, bad = 0, 0, 0, 0
                request = function()
                  made = made + 1
                  if made % 4 == 0 then return wrk.format("PUT", "/keys/w" .. made % 100, nil, '"v"') end
                  if made % 97 == 0 then return wrk.format("POST", "/keys/w" .. made % 100 .. "/crash") end
                  return wrk.format("GET", "/keys/w" .. made % 100)
                end
                response = function(status, headers, body)
                  if (status == 200 or status == 201) and body:find('"value":"v"', 1, true) then good = good + 1
                  elseif status == 503 and body:find('"error"', 1, true) then gone = gone + 1
                  else bad = bad + 1 end
                  total = good .. " " .. gone .. " " .. bad
                end
                local threads = {}
                setup = function(thread) table.insert(threads, thread) end
                done = function(summary)
                  for _, thread in ipairs(threads) do print("checked " .. (thread:get("total") or "0 0 0")) end
                  local e = summary.errors
                  print("errors " .. e.connect .. " " .. e.read .. " " .. e.write .. " " .. e.timeout)
                  print("rate " .. math.floor(summary.requests / summary.duration * 1e6))
                end''')
            script.flush()
            for number in range(100):
                self.assertEqual(c.ask("PUT", f"/keys/w{number}", '"v"').status, 201)
            seconds = max(1, int(3 * SCALE))
            # To wrk a reply that takes two seconds is an error: to us it is a machine that stood still.
            command = ["wrk", "-t2", "-c32", f"-d{seconds}s", "--timeout", "30s", "-s", script.name, f"http://127.0.0.1:{server.port}"]
            crashes, good, gone = 0, 0, 0
            for _ in range(20):  # once, but where next to nothing comes to be done in that time
                wrk = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
                while wrk.poll() is None:
                    self.assertEqual(c.ask("POST", f"/crash/shard/{self.random.randint(1, 4)}").status, 202)
                    with Connection(server.port) as other, self.assertRaises(Closed):
                        other.ask("POST", "/crash/connection")
                    crashes += 1
                    time.sleep(0.005)
                said, _ = wrk.communicate()
                checked = [list(map(int, line.split()[1:])) for line in said.splitlines() if line.startswith("checked")]
                errors = [line for line in said.splitlines() if line.startswith("errors")]
                print(f"\n{said.splitlines()[-1]} a second, {crashes} crashes of each kind; good, 503, wrong: {checked}", flush=True)
                self.assertEqual([bad for _, _, bad in checked], [0, 0], said)
                self.assertEqual(errors, ["errors 0 0 0 0"])
                good += sum(each[0] for each in checked)
                gone += sum(each[1] for each in checked)
                if good > 100 and gone > 1 and crashes > 10:
                    break
            self.assertGreater(good, 100)
            self.assertGreater(gone, 1)
            self.assertGreater(crashes, 10)


def main():
    global ARGUMENTS
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    ARGUMENTS, rest = parser.parse_known_args()
    print(f"seed {ARGUMENTS.seed}", flush=True)
    ran = unittest.main(argv=[sys.argv[0], *rest], verbosity=2, exit=False).result
    if not ran.wasSuccessful():
        sys.exit(1)
    if ran.skipped:
        sys.exit(77)


main()
