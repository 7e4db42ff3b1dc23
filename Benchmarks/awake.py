#!/usr/bin/env python3
"""Measures what torpord takes while many services are awake and have clients, and prints the table of docs/benchmarks.md. Loopback
only; ends only what it started."""

import argparse
import contextlib
import math
import os
import platform
import resource
import signal
import socket
import subprocess
import tempfile
import time

from common import compile_c, context_switches, cpu_microseconds, descriptor_count, memory_kib
import units
from units import wait_for_line

# Clients of one process: its descriptors are limited, too.
CLIENTS_MAX = 10_000


def address(number, options):
    """A port for each, or one port at an address for each. Below the ephemeral range, and where nobody else is."""
    return (units.address(number), 18001) if options.one_port else ("127.0.99.1", 20000 + number)


def write_units(directory, program, options):
    for number in range(options.services):
        host, port = address(number, options)
        with open(os.path.join(directory, f"unit-{number:04}.torpor"), "w") as file:
            file.write(
                f"[Socket]\nListenStream={host}:{port}\n[Service]\nExecStart={program}\n"
                f"[X-Idle]\nTimeoutSec={options.idle_seconds}\nConnections={options.connections_mode}\n")


@contextlib.contextmanager
def torpord(options, directory, program):
    folder = os.path.join(directory, "units")
    os.mkdir(folder)
    write_units(folder, program, options)
    with open(os.path.join(directory, "errors"), "w+") as errors:
        process = subprocess.Popen(
            [options.torpord, "--unit-path", folder] + [
                word for kind in ("runtime", "state", "log")
                for word in (f"--{kind}-directory", os.path.join(directory, kind))],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            wait_for_line(process, errors.name, "; control at ")
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def keep_clients(numbers, options):
    """A client for each of these; each was answered, so that its service runs and has accepted it."""
    kept = []
    for number in numbers:
        client = socket.socket()
        client.settimeout(60)
        client.connect(address(number % options.services, options))
        kept.append(client)
        client.sendall(b"x")
    for client in kept:
        if client.recv(1) != b"x":
            raise SystemExit("a service gave no answer")
    return kept


@contextlib.contextmanager
def clients(options):
    """Processes that hold the clients until they are ended."""
    processes = []
    try:
        for first in range(0, options.connections, CLIENTS_MAX):
            reading, writing = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(reading)
                status = 1
                try:
                    kept = keep_clients(
                        range(first, min(first + CLIENTS_MAX, options.connections)), options)
                    os.write(writing, b"x")
                    while kept:
                        signal.pause()
                finally:
                    os._exit(status)
            os.close(writing)
            processes.append(pid)
            answer = os.read(reading, 1)
            os.close(reading)
            if answer != b"x":
                raise SystemExit("the clients could not all be served")
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def measure(options, directory):
    program = os.path.join(directory, "keeper")
    compile_c(os.path.join(os.path.dirname(os.path.abspath(__file__)), "keeper.c"), program)
    # 16 looks in an idle time. Whole intervals, so that each has its share.
    interval = options.idle_seconds / 16
    seconds = math.ceil(options.seconds / interval) * interval
    with torpord(options, directory, program) as process:
        start = time.perf_counter()
        with clients(options):
            took = time.perf_counter() - start
            # Beyond the first looks, and what is still to be done for the starts.
            time.sleep(max(30, min(interval, 60)))
            before = context_switches(process.pid), cpu_microseconds(process.pid)
            time.sleep(seconds)
            after = context_switches(process.pid), cpu_microseconds(process.pid)
            cpu = after[1] - before[1]
            looks = seconds / interval
            rss, _, written = memory_kib(process.pid)
            print(
                f"| {options.services} | {options.connections} | {options.idle} | {looks:.0f} in {seconds:.0f} s | "
                f"{after[0][0] - before[0][0]} | {cpu / 1e3:.1f} ms | {cpu / 1e3 / looks:.1f} ms | "
                f"{cpu / 1e6 / seconds * 100:.3f} % | {written} KiB | {descriptor_count(process.pid)} | {took:.1f} s |",
                flush=True)


def seconds_of(text):
    for unit, factor in (("min", 60), ("s", 1), ("h", 3600)):
        if text.endswith(unit) and text[:-len(unit)].isdigit():
            return int(text[:-len(unit)]) * factor
    raise argparse.ArgumentTypeError(f"'{text}' is no time such as 30min")


def main():
    parser = argparse.ArgumentParser(description="Measures torpord with many services that are awake.")
    parser.add_argument("--torpord", required=True, help="the release build")
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=20_000, help="of all of them together")
    parser.add_argument("--idle", default="30min", help="their timeout")
    parser.add_argument("--connections-mode", choices=("open", "active"), default="open")
    parser.add_argument("--one-port", action="store_true", help="the same port for all, at an address for each")
    parser.add_argument("--seconds", type=int, default=60, help="to measure for; rounded up to whole intervals of looks")
    parser.add_argument("--no-title", action="store_true", help="a further row of the same table")
    options = parser.parse_args()
    options.idle_seconds = seconds_of(options.idle)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if not options.no_title:
        print(f"Linux {platform.release()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
        print(
            "| services | connections | timeout | looks | wakeups | CPU | of each look | of a processor | "
            "private and written | descriptors | all served after |")
        print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        measure(options, directory)


if __name__ == "__main__":
    main()
