#!/usr/bin/env python3
"""kv_server over TLS: redis-cli and redis-benchmark where they know it, Python's ssl, and peers that speak no TLS or none at
all. check_tls.py KV_SERVER [--no-memory]. Exits with 77 where there is no openssl to make a certificate with."""

import random
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

from client import Connection, Server, check, command, memory

MEMORY = "--no-memory" not in sys.argv


def make_certificate(folder, name):
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return certificate, key


class Secure(Connection):
    def __init__(self, port, certificate, version=None):
        context = ssl.create_default_context(cafile=str(certificate))
        if version:
            context.minimum_version = context.maximum_version = version
        plain = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket = context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)
        self.file = self.socket.makefile("rb")


def check_clients(port, certificate):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        c = Secure(port, certificate, version)
        check(c.call("SET", "a", version), "+OK", f"SET over {version}")
        large = random.Random(3).randbytes(10_000_000)
        check(c.call("SET", "large", large), "+OK", "SET of ten million bytes")
        check(c.call("GET", "large"), large, "GET of ten million bytes")
        count = 3_000
        # From one thread: OpenSSL's connections are not for two, and ssl does not see to that. The replies fit into the kernel.
        c.send(b"".join(command("SET", f"p{i}", i) + command("GET", f"p{i}") for i in range(count)))
        for i in range(count):
            check([c.reply(), c.reply()], ["+OK", str(i).encode()], f"pipeline at {i}")
        for byte in command("GET", "a"):
            c.send(bytes([byte]))
        check(c.reply(), str(int(version)).encode(), "a byte at a time")
        check(c.call("QUIT"), "+OK", "QUIT")
        check(c.file.read(1), b"", "the end, as TLS announces it")
    warnings.simplefilter("ignore", DeprecationWarning)  # it is asked for because it is old
    late = ssl.create_default_context(cafile=str(certificate))
    late.maximum_version = ssl.TLSVersion.TLSv1_1
    late.set_ciphers("ALL:@SECLEVEL=0")
    try:
        late.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=20), server_hostname="localhost")
        sys.exit("TLS 1.1 is accepted")
    except (ssl.SSLError, ConnectionError):
        pass


def check_strangers(port, certificate):
    neighbour = Secure(port, certificate)
    check(neighbour.call("SET", "n", 1), "+OK", "SET")
    dice = random.Random(11)
    for data in [b"PING\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 70_000, *(dice.randbytes(500) for _ in range(20))]:
        c = Connection(port)
        try:
            c.send(data)
            c.socket.shutdown(socket.SHUT_WR)
            while c.socket.recv(4_096):  # an alert, at most
                pass
        except OSError:
            pass
        c.close()
    # Gone in the midst of it: before, in, and after the handshake, and with replies on their way.
    for _ in range(20):
        Connection(port).close()
        c = Secure(port, certificate)
        c.send(command("GET", "large") * 5)
        if dice.random() < 0.5:
            c.socket.recv(10)
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        c.close()
    check(neighbour.call("INCR", "n"), 2, "INCR beside strangers")


def check_slow_ones(port, certificate):
    """With --patience 1. Who never begins, and who stops in the midst of it, is closed in time."""

    def secure():
        for _ in range(20):
            try:
                return Secure(port, certificate)
            except OSError:  # the machine has held us up for longer than that
                pass
        return Secure(port, certificate)

    neighbour = secure()
    check(neighbour.call("SET", "n", 1), "+OK", "SET")
    for piece in range(1, 11):
        check(neighbour.call("APPEND", "large", b"x" * 100_000), piece * 100_000, "APPEND")
    silent, halting = Connection(port), Connection(port)
    halting.send(b"\x16\x03\x01\x02\x00\x01\x00")
    for each in (silent, halting):
        check(each.is_closed(), True, "who does not come to terms")  # or it takes longer than a client waits
    # One who asks and does not read is closed as well.
    deaf = secure()
    deaf.send(command("GET", "large") * 20)
    deadline = time.monotonic() + 20
    try:
        while time.monotonic() < deadline:
            deaf.send(b"PING\r\n")
            time.sleep(0.05)
        sys.exit("who takes nothing of a reply is not closed")
    except OSError:
        pass
    check(neighbour.call("INCR", "n"), 2, "INCR beside them")


def check_tools(port):
    cli = ["redis-cli", "-p", str(port), "--tls", "--insecure"]
    said = subprocess.run([*cli, "SET", "cli", "value"], capture_output=True, text=True, timeout=30)
    if "Unrecognized option" in said.stderr + said.stdout:
        return print("redis-cli knows no TLS here")
    check(said.stdout.strip(), "OK", "redis-cli --tls SET")
    said = subprocess.run([*cli, "GET", "cli"], capture_output=True, text=True, timeout=30, check=True)
    check(said.stdout.strip(), "value", "redis-cli --tls GET")
    ran = subprocess.run(["redis-benchmark", "-p", str(port), "--tls", "--insecure", "-c", "20", "-n", "5000", "-P", "8", "-t",
                          "set,get", "--csv"], capture_output=True, text=True, timeout=90)
    check((ran.returncode, ran.stdout.count("\n")), (0, 3), "redis-benchmark --tls")


def check_files(program, folder, certificate, key):
    _, other_key = make_certificate(folder, "other")
    (folder / "noise").write_bytes(b"noise")
    for words, options in [
        ("cannot use the certificate", ("--tls-cert", folder / "nothing", "--tls-key", key)),
        ("cannot use the certificate", ("--tls-cert", folder / "noise", "--tls-key", key)),
        ("cannot use the private key", ("--tls-cert", certificate, "--tls-key", folder / "noise")),
        ("private key", ("--tls-cert", certificate, "--tls-key", other_key)),
        ("--tls-key", ("--tls-cert", certificate)),
    ]:
        with Server(program, *options) as server:
            status, said = server.stop()
        if server.port is not None or status != 1 or words not in said:
            sys.exit(f"{options}: exit status {status}, and it said {said!r}")


def check_memory(program, certificate, key):
    """What an idle connection costs. Most of it is OpenSSL's, and its version's to say: so the bound is twice what was seen."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with Server(program, "--tls-cert", certificate, "--tls-key", key, stderr=None) as server:
            warm = [Secure(server.port, certificate, version) for _ in range(50)]
            for each in warm:
                check(each.call("GET", "none"), None, "GET")
                each.close()
            before = memory(server)
            idle = [Secure(server.port, certificate, version) for _ in range(500)]
            for each in idle:
                check(each.call("GET", "none"), None, "GET")
            per_one = (memory(server) - before) / len(idle)
            print(f"an idle connection over {version.name}, after a GET: {per_one:.0f} bytes")
            if MEMORY and per_one > 30_000:
                sys.exit(f"an idle connection over {version.name} costs {per_one:.0f} bytes")


def main():
    if not shutil.which("openssl"):
        print("skipped: openssl is not here")
        return 77
    program = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="kv-tls-") as name:
        folder = Path(name)
        certificate, key = make_certificate(folder, "server")
        check_files(program, folder, certificate, key)
        check_memory(program, certificate, key)
        with Server(program, "--tls-cert", certificate, "--tls-key", key, "--patience", 1, stderr=None) as server:
            check_slow_ones(server.port, certificate)
        with Server(program, "--tls-cert", certificate, "--tls-key", key, stderr=None) as server:
            check_clients(server.port, certificate)
            check_strangers(server.port, certificate)
            if shutil.which("redis-cli") and shutil.which("redis-benchmark"):
                check_tools(server.port)
            open_one = Secure(server.port, certificate)
            check(open_one.call("PING"), "+PONG", "PING")
            check(server.stop()[0], 0, "the exit status")
            check(open_one.file.read(1), b"", "the end, announced, when the server stops")
    return 0


if __name__ == "__main__":
    sys.exit(main())
