#!/usr/bin/env python3
"""Measures torpord with many units, which nobody uses, and prints the tables of docs/benchmarks.md. Loopback only; ends only
what it started. With --xinetd, the same of xinetd, which needs its package."""

import argparse
import contextlib
import os
import platform
import re
import resource
import signal
import subprocess
import tempfile
import time

from common import context_switches, cpu_microseconds, descriptor_count, memory_kib

PORT = 18000


def address(number):
    """Each of 127.0.0.0/8 is an address of this machine."""
    return f"127.0.{1 + number // 200}.{1 + number % 200}"


def write_units(directory, count):
    for number in range(count):
        with open(os.path.join(directory, f"unit-{number:05}.torpor"), "w") as file:
            file.write(f"[Socket]\nListenStream={address(number)}:{PORT}\n[Service]\nExecStart=/bin/cat\n")


def write_xinetd(path, count):
    with open(path, "w") as file:
        file.write("defaults\n{\n  instances = 1\n}\n")
        for number in range(count):
            file.write(
                f"service unit-{number:05}\n{{\n  type = UNLISTED\n  socket_type = stream\n  protocol = tcp\n  wait = yes\n"
                f"  user = root\n  bind = {address(number)}\n  port = {PORT}\n  server = /bin/cat\n}}\n")


def listeners():
    with open("/proc/net/tcp") as file:
        return sum(1 for line in file if re.match(rf"\s*\d+: [0-9A-F]{{8}}:{PORT:04X} \S+ 0A ", line))


def wait_for_listeners(process, count, seconds=300):
    end = time.monotonic() + seconds
    while listeners() < count:
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"{process.args[0]} has {listeners()} of {count} sockets and no more come")
        time.sleep(0.02)


@contextlib.contextmanager
def torpord(program, directory, count):
    """Yields the process and the seconds until it was ready."""
    units = os.path.join(directory, f"units-{count}")
    os.mkdir(units)
    write_units(units, count)
    errors = open(os.path.join(directory, f"errors-{count}"), "w+")
    start = time.perf_counter()
    process = subprocess.Popen(
        [program, "--unit-path", units] + [
            word for kind in ("runtime", "state", "log")
            for word in (f"--{kind}-directory", os.path.join(directory, f"{kind}-{count}"))],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        wait_for_line(process, errors.name, "; control at ")
        took = time.perf_counter() - start
        if listeners() != count:
            raise SystemExit(f"torpord holds {listeners()} of {count} sockets")
        yield process, took, errors.name, units
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        errors.close()


def wait_for_line(process, path, text, seconds=300, times=1):
    end = time.monotonic() + seconds
    while open(path).read().count(text) < times:
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"torpord did not say '{text}': {open(path).read()[-2000:]}")
        time.sleep(0.005)


def quiet(pid, seconds):
    """Wakeups and microseconds of CPU."""
    time.sleep(2)
    before = context_switches(pid)[0], cpu_microseconds(pid)
    time.sleep(seconds)
    return context_switches(pid)[0] - before[0], cpu_microseconds(pid) - before[1]


def measure_torpord(options, directory):
    yield "| torpord | until READY | Rss | private and written | a further socket | descriptors |"
    yield "|---|---|---|---|---|---|"
    first = None
    for count in (1, options.units):
        with torpord(options.torpord, directory, count) as (process, took, errors, units):
            rss, _, written = memory_kib(process.pid)
            first = first or written
            each = "" if count == 1 else f"{(written - first) * 1024 / (count - 1):.0f} bytes"
            yield (
                f"| {count} units | {took * 1e3:.0f} ms | {rss} KiB | {written} KiB | {each} | "
                f"{descriptor_count(process.pid)} |")
            if count == 1:
                continue
            wakeups, cpu = quiet(process.pid, options.seconds)
            yield ""
            yield f"Dormant for {options.seconds} s: {wakeups} wakeups, {cpu:.0f} µs of CPU."
            if options.torpor:
                start = time.perf_counter()
                subprocess.run(
                    [options.torpor, "status", "--socket", os.path.join(directory, f"runtime-{count}/control")],
                    stdout=subprocess.DEVNULL, check=True)
                yield f"`torpor status`: {(time.perf_counter() - start) * 1e3:.0f} ms."
            start = time.perf_counter()
            process.send_signal(signal.SIGHUP)
            wait_for_line(process, errors, "reloaded: ")
            yield f"A reload without changes: {(time.perf_counter() - start) * 1e3:.0f} ms."
            for name in os.listdir(units)[: count // 2]:
                os.unlink(os.path.join(units, name))
            start = time.perf_counter()
            process.send_signal(signal.SIGHUP)
            wait_for_line(process, errors, "reloaded: ", times=2)
            yield f"A reload that removes half of them: {(time.perf_counter() - start) * 1e3:.0f} ms."


def measure_xinetd(options, directory):
    yield "| xinetd | until all listen | Rss | private and written | a further socket | descriptors |"
    yield "|---|---|---|---|---|---|"
    first = None
    for count in (1, options.units):
        path = os.path.join(directory, f"xinetd-{count}.conf")
        write_xinetd(path, count)
        start = time.perf_counter()
        process = subprocess.Popen(
            [options.xinetd, "-dontfork", "-f", path, "-pidfile", path + ".pid", "-filelog", path + ".log"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for_listeners(process, count)
            took = time.perf_counter() - start
            rss, _, written = memory_kib(process.pid)
            first = first or written
            each = "" if count == 1 else f"{(written - first) * 1024 / (count - 1):.0f} bytes"
            yield (
                f"| {count} services | {took * 1e3:.0f} ms | {rss} KiB | {written} KiB | {each} | "
                f"{descriptor_count(process.pid)} |")
            if count > 1:
                wakeups, cpu = quiet(process.pid, options.seconds)
                yield ""
                yield f"Dormant for {options.seconds} s: {wakeups} wakeups, {cpu:.0f} µs of CPU."
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def main():
    parser = argparse.ArgumentParser(description="Measures torpord with many units.")
    parser.add_argument("--torpord", required=True, help="the release build")
    parser.add_argument("--torpor", help="to measure its status, too")
    parser.add_argument("--xinetd", help="to measure the same of it")
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < options.units + 200:
        raise SystemExit(f"{options.units} sockets need a higher limit of files than {hard} (ulimit -Hn)")
    # The peers don't raise it by themselves.
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"Linux {platform.release()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        for line in measure_torpord(options, directory):
            print(line, flush=True)
        if options.xinetd:
            print(flush=True)
            for line in measure_xinetd(options, directory):
                print(line, flush=True)


if __name__ == "__main__":
    main()
