#!/usr/bin/env python3
"""examples/kv_server beside redis-server with one I/O thread, both driven by redis-benchmark over the loopback: 50 clients,
pipelines of 1 and 16, GET and SET. The two take turns, round after round, so that both see the same machine; what is shown
is the median of the rounds, and ours over theirs; and the processor's time a request takes of each server, which other
work on the machine changes less. Ours has as many threads as theirs, one, unless --workers says otherwise. Exits with 1 when
a target is missed, with 77 without redis.

    benchmarks/kv_server.py KV_SERVER [--workers N] [--rounds N] [--requests N]"""

import argparse
import csv
import io
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

LEAST_RATE, MOST_P99 = 0.9, 1.5


def start_ours(program, workers):
    process = subprocess.Popen([program, "--port", "0", "--workers", str(workers)], stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline().rsplit(" ", 1)[1])


def start_theirs():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                                "--io-threads", "1"], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    # Whoever answers there has to be ours: another server's figures would be taken for its.
    while f"process_id:{process.pid}\r\n".encode() not in subprocess.run(
            ["redis-cli", "-p", str(port), "INFO", "server"], capture_output=True).stdout:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            sys.exit(f"redis-server does not answer on port {port}")
        time.sleep(0.05)
    return process, port


def processor_seconds(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(port, pipeline, requests):
    ran = subprocess.run(["redis-benchmark", "-p", str(port), "-c", "50", "-P", str(pipeline), "-n", str(requests), "-t", "get,set",
                          "--csv"], capture_output=True, text=True, check=True)
    return {row["test"]: (float(row["rps"]), float(row["p99_latency_ms"])) for row in csv.DictReader(io.StringIO(ran.stdout))}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("program")
    arguments.add_argument("--workers", type=int, default=1)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--requests", type=int, default=200_000, help="of each test with a pipeline of 1; ten times that with 16")
    options = arguments.parse_args()
    if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
        print("redis-server and redis-benchmark are needed (packages redis-server, redis-tools)", file=sys.stderr)
        return 77

    servers = {"kv_server": start_ours(options.program, options.workers), "redis-server": start_theirs()}
    missed = 0
    try:
        print("| test | pipeline | kv_server, requests/s | redis-server | ratio | p99 ms | redis-server | ratio | |")
        print("|---|---|---|---|---|---|---|---|---|")
        for pipeline in (1, 16):
            results = {name: [] for name in servers}
            spent = dict.fromkeys(servers, 0.0)
            for turn in range(options.rounds + 1):  # the first one warms up
                for name, (process, port) in servers.items():
                    before = processor_seconds(process)
                    got = measure(port, pipeline, options.requests * (1 if pipeline == 1 else 10))
                    if turn:
                        results[name].append(got)
                        spent[name] += processor_seconds(process) - before
            for test in ("GET", "SET"):
                (ours, our_p99), (theirs, their_p99) = (
                    [statistics.median(each[test][i] for each in results[name]) for i in (0, 1)] for name in servers)
                is_met = ours / theirs >= LEAST_RATE and our_p99 <= MOST_P99 * their_p99
                missed += not is_met
                print(f"| {test} | {pipeline} | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.2f}× | {our_p99:.3f} | {their_p99:.3f} | "
                      f"{our_p99 / their_p99:.2f}× | {'ok' if is_met else '**missed**'} |", flush=True)
            requests = 2 * options.rounds * options.requests * (1 if pipeline == 1 else 10)
            ours, theirs = (spent[name] / requests * 1e6 for name in servers)
            print(f"| processor, µs a request | {pipeline} | {ours:.2f} | {theirs:.2f} | {ours / theirs:.2f}× | | | | |", flush=True)
    finally:
        for process, _ in servers.values():
            process.terminate()
            process.wait()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
