#!/usr/bin/env python3
"""Measures torpord with many units, which nobody uses, and prints the tables of docs/benchmarks.md. Loopback only; ends only
what it started. With --xinetd, the same of xinetd, which needs its package. With --systemd, of a running systemd, by its
process number: a container's, for instance. Its units are put into /run/systemd/system and removed again."""

import argparse
import contextlib
import os
import platform
import random
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time

from common import (
    compile_c, context_switches, cpu_microseconds, descriptor_count, memory_kib, quartiles, wait_until_gone)

PORT = 18000
TARGET = "torpor-benchmark"


def address(number):
    """Each of 127.0.0.0/8 is an address of this machine."""
    return f"127.0.{1 + number // 200}.{1 + number % 200}"


def write_units(directory, count, service):
    for number in range(count):
        with open(os.path.join(directory, f"unit-{number:05}.torpor"), "w") as file:
            # Words of its own, as real units have.
            file.write(
                f"[Socket]\nListenStream={address(number)}:{PORT}\n[Service]\nExecStart={service} --unit {number}\n")


def write_systemd(directory, count):
    """Returns the names of the files."""
    files = {f"{TARGET}.target": "[Unit]\n" + "".join(f"Wants=unit-{number:05}.socket\n" for number in range(count))}
    for number in range(count):
        files[f"unit-{number:05}.socket"] = f"[Socket]\nListenStream={address(number)}:{PORT}\n"
        files[f"unit-{number:05}.service"] = f"[Service]\nExecStart=/bin/cat unit-{number:05}\n"
    for name, text in files.items():
        with open(os.path.join(directory, name), "w") as file:
            file.write(text)
    return list(files)


def write_xinetd(path, count):
    with open(path, "w") as file:
        file.write("defaults\n{\n  instances = 1\n}\n")
        for number in range(count):
            file.write(
                f"service unit-{number:05}\n{{\n  type = UNLISTED\n  socket_type = stream\n  protocol = tcp\n  wait = yes\n"
                f"  user = root\n  bind = {address(number)}\n  port = {PORT}\n  server = /bin/cat\n}}\n")


def listeners(pid="self"):
    """In the network namespace of a process."""
    with open(f"/proc/{pid}/net/tcp") as file:
        return sum(1 for line in file if re.match(rf"\s*\d+: [0-9A-F]{{8}}:{PORT:04X} \S+ 0A ", line))


def wait_for_listeners(process, count, seconds=300):
    end = time.monotonic() + seconds
    while listeners() < count:
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"{process.args[0]} has {listeners()} of {count} sockets and no more come")
        time.sleep(0.02)


@contextlib.contextmanager
def torpord(program, directory, count, service):
    """Yields the process and the seconds until it was ready."""
    units = os.path.join(directory, f"units-{count}")
    os.mkdir(units)
    write_units(units, count, service)
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
    time.sleep(2)
    before = context_switches(pid)[0], cpu_microseconds(pid)
    time.sleep(seconds)
    wakeups, cpu = context_switches(pid)[0] - before[0], cpu_microseconds(pid) - before[1]
    return f"Dormant for {seconds} s: {wakeups} wakeups, {cpu:.0f} µs of CPU."


def wake(number):
    """Returns the seconds from connect to the first byte of the answer, when the service has ended again."""
    with socket.socket() as client:
        client.settimeout(10)
        start = time.perf_counter()
        client.connect((address(number), PORT))
        client.sendall(b"x")
        answer = client.recv(256)
        took = time.perf_counter() - start
    wait_until_gone(int(answer))
    return took


def measure_wakes(numbers):
    times = []
    for number in numbers:
        times.append(wake(number))
        # The manager has seen it go.
        time.sleep(0.03)
    low, middle, high = (value * 1e3 for value in quartiles(times))
    return f"median {middle:.2f} ms (quartiles {low:.2f} and {high:.2f} ms)"


def measure_torpord(options, directory):
    yield "| torpord | until READY | Rss | private and written | a further socket | descriptors |"
    yield "|---|---|---|---|---|---|"
    first = None
    service = os.path.join(directory, "service")
    compile_c(os.path.join(os.path.dirname(os.path.abspath(__file__)), "service.c"), service)
    # The first wake of a unit is to be compared with the first wake of another.
    with torpord(options.torpord, directory, options.wakes, service):
        few = measure_wakes(range(options.wakes))
    for count in (1, options.units):
        with torpord(options.torpord, directory, count, service) as (process, took, errors, units):
            rss, _, written = memory_kib(process.pid)
            first = first or written
            each = "" if count == 1 else f"{(written - first) * 1024 / (count - 1):.0f} bytes"
            yield (
                f"| {count} units | {took * 1e3:.0f} ms | {rss} KiB | {written} KiB | {each} | "
                f"{descriptor_count(process.pid)} |")
            if count == 1:
                continue
            yield ""
            yield quiet(process.pid, options.seconds)
            many = measure_wakes(random.sample(range(count), options.wakes))
            yield f"First wakes of {options.wakes} units: {few}; of {options.wakes} of {count} units: {many}."
            if options.wake_all:
                for number in range(count):
                    wake(number)
                time.sleep(1)
                _, _, woken = memory_kib(process.pid)
                yield (
                    f"After each has been woken once: {woken} KiB private and written, "
                    f"{(woken - first) * 1024 / (count - 1):.0f} bytes for a further socket, "
                    f"{descriptor_count(process.pid)} descriptors.")
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
                yield ""
                yield quiet(process.pid, options.seconds)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def systemctl(pid, *words):
    subprocess.run(
        ["nsenter", "--target", str(pid), "--mount", "--pid", "--cgroup", "--root", "--wd=/", "systemctl", *words],
        check=True, stdout=subprocess.DEVNULL)


def measure_systemd(options, directory):
    pid = options.systemd
    units = f"/proc/{pid}/root/run/systemd/system"
    os.makedirs(units, exist_ok=True)
    _, _, before = memory_kib(pid)
    yield "| systemd | daemon-reload | until all listen | Rss | private and written | a further socket | descriptors |"
    yield "|---|---|---|---|---|---|---|"
    first = None
    for count in (1, options.units):
        files = write_systemd(units, count)
        try:
            start = time.perf_counter()
            systemctl(pid, "daemon-reload")
            reloaded = time.perf_counter()
            systemctl(pid, "start", f"{TARGET}.target")
            while listeners(pid) < count:
                time.sleep(0.02)
            took = time.perf_counter() - reloaded
            time.sleep(2)
            rss, _, written = memory_kib(pid)
            first = first or written
            each = "" if count == 1 else f"{(written - first) * 1024 / (count - 1):.0f} bytes"
            yield (
                f"| {count} sockets | {(reloaded - start) * 1e3:.0f} ms | {took * 1e3:.0f} ms | {rss} KiB | {written} KiB | "
                f"{each} | {descriptor_count(pid)} |")
            if count > 1:
                yield ""
                yield quiet(pid, options.seconds)
                start = time.perf_counter()
                systemctl(pid, "daemon-reload")
                yield f"A daemon-reload without changes: {(time.perf_counter() - start) * 1e3:.0f} ms."
            systemctl(pid, "stop", "unit-*.socket", f"{TARGET}.target")
        finally:
            for name in files:
                os.unlink(os.path.join(units, name))
            systemctl(pid, "daemon-reload")
    yield f"Without any of these units {before} KiB were private and written."


def main():
    parser = argparse.ArgumentParser(description="Measures torpord with many units.")
    parser.add_argument("--torpord", help="the release build")
    parser.add_argument("--torpor", help="to measure its status, too")
    parser.add_argument("--xinetd", help="to measure the same of it")
    parser.add_argument("--systemd", type=int, metavar="PID", help="to measure the same of it; needs root and nsenter")
    parser.add_argument("--wakes", type=int, default=50)
    parser.add_argument("--wake-all", action="store_true", help="measure what is left of a life, too")
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
        for program, measure in (
            (options.torpord, measure_torpord), (options.xinetd, measure_xinetd), (options.systemd, measure_systemd)):
            for line in measure(options, directory) if program else ():
                print(line, flush=True)
            print(flush=True)


if __name__ == "__main__":
    main()
