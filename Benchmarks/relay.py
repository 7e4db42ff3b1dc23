"""(g) What a relay costs: the same redis-server, asked directly and through `--handover relay`, by turns."""

import statistics
import subprocess
import time

from common import Torpor, cpu_microseconds, free_port


def measure(torpor, redis, benchmark, pairs):
    front, back = free_port(), free_port()
    options = ["--start", "--handover", "relay", "--to", f"127.0.0.1:{back}"]
    with Torpor(torpor, [front], options, [redis, "--bind", "127.0.0.1", "--save", "", "--port", str(back)]) as held:
        held.wait_for("serving")
        time.sleep(0.3)
        yield f"| redis-benchmark, {pairs} pairs | direct | relayed | ratio: median (lowest to highest) | latency p50 |"
        yield "|---|---|---|---|---|"
        for name, arguments, bytes_each in (
            ("GET, 1 connection kept", ["-t", "get", "-c", "1", "-n", "10000"], 0),
            ("GET, 20 connections kept", ["-t", "get", "-c", "20", "-n", "50000"], 0),
            ("GET of 1 MB, 4 connections kept", ["-t", "set,get", "-c", "4", "-n", "1000", "-d", "1000000"], 1e6),
            # Few: their TIME_WAITs slow every connect() down, direct or not.
            ("GET, a connection for each", ["-t", "get", "-c", "20", "-n", "300", "-k", "0"], 0),
        ):
            before = cpu_microseconds(held.pid)
            found = {front: [], back: []}
            for pair in range(pairs):
                # A B, then B A: whatever drifts hits both alike.
                for port in (back, front) if pair % 2 == 0 else (front, back):
                    found[port].append(_measure(benchmark, port, arguments))
            rates = {port: [rate for rate, _ in values] for port, values in found.items()}
            latencies = {port: statistics.median(latency for _, latency in values) for port, values in found.items()}
            ratios = [relayed / direct for relayed, direct in zip(rates[front], rates[back])]
            shown = {port: _show(statistics.median(values), bytes_each) for port, values in rates.items()}
            yield (
                f"| {name} | {shown[back]} | {shown[front]} |"
                f" {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
                f" {latencies[back]:.2f} ms, {latencies[front]:.2f} ms |")
            yield f"| torpor itself meanwhile | | {(cpu_microseconds(held.pid) - before) / 1e6:.1f} s of CPU | | |"


def _show(rate, bytes_each):
    return f"{rate * bytes_each / 1e6:,.0f} MB/s" if bytes_each else f"{rate:,.0f}/s"


def _measure(benchmark, port, arguments):
    command = [benchmark, "-h", "127.0.0.1", "-p", str(port), "--csv", *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms",…: the last line is GET's.
    fields = [field.strip('"') for field in output.splitlines()[-1].split(",")]
    return float(fields[1]), float(fields[4])
