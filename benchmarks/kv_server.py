#!/usr/bin/env python3
"""examples/kv_server beside redis-server with one I/O thread, both driven by redis-benchmark over the loopback: 50 clients,
pipelines of 1 and 16, GET and SET. The two take turns, round after round, so that both see the same machine; what is shown
is the median of the rounds, and ours over theirs. Exits with 1 when a target is missed, with 77 without redis.

    benchmarks/kv_server.py KV_SERVER [--rounds N] [--requests N]"""

import argparse
import csv
import io
import shutil
import statistics
import subprocess
import sys
import time

LEAST_RATE, MOST_P99 = 0.9, 1.5


def start_ours(program):
    process = subprocess.Popen([program, "--port", "0"], stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline().rsplit(" ", 1)[1])


def start_theirs(port=17_379):
    process = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                                "--io-threads", "1"], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while subprocess.run(["redis-cli", "-p", str(port), "PING"], capture_output=True).stdout != b"PONG\n":
        if time.monotonic() > deadline:
            sys.exit("redis-server does not answer")
        time.sleep(0.05)
    return process, port


def measure(port, pipeline, requests):
    ran = subprocess.run(["redis-benchmark", "-p", str(port), "-c", "50", "-P", str(pipeline), "-n", str(requests), "-t", "get,set",
                          "--csv"], capture_output=True, text=True, check=True)
    return {row["test"]: (float(row["rps"]), float(row["p99_latency_ms"])) for row in csv.DictReader(io.StringIO(ran.stdout))}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("program")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--requests", type=int, default=200_000, help="of each test with a pipeline of 1; ten times that with 16")
    options = arguments.parse_args()
    if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
        print("redis-server and redis-benchmark are needed (packages redis-server, redis-tools)", file=sys.stderr)
        return 77

    servers = {"kv_server": start_ours(options.program), "redis-server": start_theirs()}
    missed = 0
    try:
        print("| test | pipeline | kv_server, requests/s | redis-server | ratio | p99 ms | redis-server | ratio | |")
        print("|---|---|---|---|---|---|---|---|---|")
        for pipeline in (1, 16):
            results = {name: [] for name in servers}
            for turn in range(options.rounds + 1):  # the first one warms up
                for name, (_, port) in servers.items():
                    got = measure(port, pipeline, options.requests * (1 if pipeline == 1 else 10))
                    if turn:
                        results[name].append(got)
            for test in ("GET", "SET"):
                (ours, our_p99), (theirs, their_p99) = (
                    [statistics.median(each[test][i] for each in results[name]) for i in (0, 1)] for name in servers)
                is_met = ours / theirs >= LEAST_RATE and our_p99 <= MOST_P99 * their_p99
                missed += not is_met
                print(f"| {test} | {pipeline} | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.2f}× | {our_p99:.3f} | {their_p99:.3f} | "
                      f"{our_p99 / their_p99:.2f}× | {'ok' if is_met else '**missed**'} |", flush=True)
    finally:
        for process, _ in servers.values():
            process.terminate()
            process.wait()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
