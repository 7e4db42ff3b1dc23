#!/usr/bin/env python3
"""Measures Torpor on this machine and prints the tables of docs/benchmarks.md. Needs Python 3.10 and a C compiler, and
redis-server and redis-benchmark for the parts that use them. Loopback only; ends only what it started."""

import argparse
import os
import platform
import shutil
import tempfile

import dormant
import relay
import steady
import wake
from common import compile_c

HERE = os.path.dirname(os.path.abspath(__file__))


def parts(torpor, wakes, redis_wakes, pairs, seconds, directory):
    service, activator, bind_filter = (os.path.join(directory, name) for name in ("service", "activator", "filter"))
    for program in (service, activator, bind_filter):
        compile_c(os.path.join(HERE, os.path.basename(program) + ".c"), program)
    redis, benchmark = shutil.which("redis-server"), shutil.which("redis-benchmark")
    yield "a. Wake", wake.measure(torpor, service, activator, wakes)
    if redis:
        yield "a. Wake of a real server", wake.measure_redis(torpor, redis, redis_wakes)
    if redis and benchmark:
        yield "b. Steady state", steady.measure(torpor, redis, benchmark, pairs)
    yield "b. The filter", steady.measure_filter(bind_filter, 11)
    yield "c. Size", dormant.measure_size(torpor, service)
    if redis and benchmark:
        yield "g. Relay", relay.measure(torpor, redis, benchmark, max(3, pairs // 3))
    yield "d, e. Quiet", dormant.measure_quiet(torpor, service, seconds)


def main():
    parser = argparse.ArgumentParser(description="Measures Torpor on this machine.")
    parser.add_argument("--torpor", required=True, help="the release build")
    parser.add_argument("--wakes", type=int, default=200)
    parser.add_argument("--redis-wakes", type=int, default=40)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    print(f"Linux {platform.release()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        measured = parts(
            os.path.abspath(options.torpor), options.wakes, options.redis_wakes, options.pairs, options.seconds,
            directory)
        for title, lines in measured:
            print(f"\n### {title}\n", flush=True)
            for line in lines:
                print(line, flush=True)


if __name__ == "__main__":
    main()
