"""What the checks of kv_server have in common: a client of its protocol, and the server as a process."""

import signal
import socket
import subprocess
import sys


class Connection:
    def __init__(self, port, timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError(f"no reply, but {line!r}")
        kind, rest = line[:1], line[1:-2]
        if kind in b"+-":
            return line[:-2].decode()
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        if kind == b">":
            return ("push", *[self.reply() for _ in range(int(rest))])
        if kind == b"%":
            return {self.reply(): self.reply() for _ in range(int(rest))}
        if kind == b"_":
            return None
        raise AssertionError(f"not a reply: {line!r}")

    def call(self, *words):
        self.send(command(*words))
        return self.reply()

    def is_closed(self):
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.file.close()
        self.socket.close()


def command(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def memory(server):
    """Bytes that are the process's own."""
    with open(f"/proc/{server.process.pid}/smaps_rollup") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Anonymous:"))


def check(got, wanted, what):
    if got != wanted:
        sys.exit(f"{what}: {got!r} instead of {wanted!r}")


class Server:
    """A kv_server on a free port; `port` is None when it did not start: then `stop()` says why."""

    def __init__(self, program, *options, environment=None, stderr=subprocess.PIPE):
        self.process = subprocess.Popen([program, "--port", "0", *map(str, options)], stdout=subprocess.PIPE,
                                        stderr=stderr, text=True, env=environment)
        said = self.process.stdout.readline()
        self.port = int(said.rsplit(" ", 1)[1]) if said else None

    def kill(self):
        self.process.kill()
        return self.process.communicate(timeout=20)[1]

    def stop(self):
        """Its exit status, and what it said on stderr."""
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=20)[1]
        return self.process.returncode, said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
