"""(b) Requests a second once the service runs: held by Torpor against started by hand. No proxy, so they should agree."""

import statistics
import subprocess
import time

from common import Torpor, context_switches, cpu_microseconds, free_port, running


def measure(torpor, redis, benchmark, pairs):
    options = ["--bind", "127.0.0.1", "--save", "", "--port"]
    alone, held_port = free_port(), free_port()
    with (
        running([redis, *options, str(alone)]),
        Torpor(torpor, [held_port], ["--start"], [redis, *options, str(held_port)]) as held,
    ):
        held.wait_for("serving")
        time.sleep(0.3)
        yield f"| redis-benchmark, {pairs} pairs | by hand | torpor | ratio of each pair: median (lowest to highest) |"
        yield "|---|---|---|---|"
        for name, arguments in (
            ("GET, 20 connections kept", ["-c", "20", "-n", "50000"]),
            ("GET, a connection for each", ["-c", "20", "-n", "5000", "-k", "0"]),
        ):
            before = cpu_microseconds(held.pid), context_switches(held.pid)
            rates = {alone: [], held_port: []}
            for pair in range(pairs):
                # A B, then B A: whatever drifts hits both alike.
                for port in (alone, held_port) if pair % 2 == 0 else (held_port, alone):
                    rates[port].append(_requests_per_second(benchmark, port, arguments))
            ratios = [held_rate / rate for held_rate, rate in zip(rates[held_port], rates[alone])]
            yield (
                f"| {name} | {statistics.median(rates[alone]):,.0f}/s | {statistics.median(rates[held_port]):,.0f}/s |"
                f" {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) |")
            cpu = (cpu_microseconds(held.pid) - before[0]) / 1e3
            switches = context_switches(held.pid)[0] - before[1][0]
            yield f"| torpor itself meanwhile | | {cpu:.1f} ms of CPU, {switches} wakeups | |"


def measure_filter(program, rounds):
    """The one thing that stays with an adopted service: a filter that each of its system calls passes."""
    values = [[float(word) for word in subprocess.check_output([program], text=True).split()] for _ in range(rounds)]
    without, with_filter = (statistics.median(column) for column in zip(*values))
    yield f"A system call of a service: {without:.0f} ns, with the filter {with_filter:.0f} ns (medians of {rounds} runs)."


def _requests_per_second(benchmark, port, arguments):
    command = [benchmark, "-h", "127.0.0.1", "-p", str(port), "-t", "get", "--csv", *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(output.splitlines()[-1].split(",")[1].strip('"'))
