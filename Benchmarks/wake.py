"""(a) From connect to the first byte of the answer: what a wake costs, and how much of it is Torpor's."""

import random
import statistics
import time

from common import Torpor, ask, free_port, quartiles, running, wait_until_gone


def measure(torpor, service, activator, rounds):
    """The trivial service, in every way by turns, in a new order each round. Lines of a table."""
    ports = {name: free_port() for name in ("running", "activator", "torpor, LISTEN_FDS", "torpor, its own bind()")}
    times = {name: [] for name in ports}
    fds, adopt = ports["torpor, LISTEN_FDS"], ports["torpor, its own bind()"]
    with (
        running([service, "--stay", "--port", str(ports["running"])]),
        running([activator, str(ports["activator"]), service]),
        # The activator's service ends by itself after one answer; Torpor's are put to rest.
        Torpor(torpor, [fds], ["--handover", "listen-fds", "--idle", "20ms"], [service, "--stay"]),
        Torpor(torpor, [adopt], ["--idle", "20ms"], [service, "--stay", "--port", str(adopt)]),
    ):
        time.sleep(0.3)
        for _ in range(rounds):
            for name in random.sample(list(ports), len(ports)):
                took, answer = ask(ports[name])
                times[name].append(took)
                if name != "running":
                    wait_until_gone(int(answer))
                # Whoever started it has seen it go and listens again.
                time.sleep(0.03)
    floor = statistics.median(times["activator"])
    yield f"| trivial service, {rounds} wakes each | quartile | median | quartile | over the activator |"
    yield "|---|---|---|---|---|"
    for name, values in times.items():
        low, middle, high = (value * 1e3 for value in quartiles(values))
        over = "" if name == "running" else f"{middle - floor * 1e3:+.2f} ms"
        yield f"| {name} | {low:.2f} ms | {middle:.2f} ms | {high:.2f} ms | {over} |"


def measure_redis(torpor, redis, rounds):
    """A real server: woken, against started by hand and asked until it answers."""
    options = ["--bind", "127.0.0.1", "--save", "", "--port"]
    by_hand, woken = [], []
    port = free_port()
    with Torpor(torpor, [port], ["--idle", "50ms"], [redis, *options, str(port)]) as held:
        for _ in range(rounds):
            by_hand.append(_start_by_hand([redis, *options], free_port()))
            took, _ = ask(port, b"PING\r\n")
            woken.append(took)
            held.wait_for("dormant")
            time.sleep(0.03)
    yield f"| redis-server, {rounds} starts each | quartile | median | quartile |"
    yield "|---|---|---|---|"
    for name, values in (("started by hand, asked every 0.2 ms", by_hand), ("torpor", woken)):
        yield "| " + name + " | " + " | ".join(f"{value * 1e3:.1f} ms" for value in quartiles(values)) + " |"


def _start_by_hand(command, port):
    start = time.perf_counter()
    with running([*command, str(port)]):
        while True:
            try:
                ask(port, b"PING\r\n")
                return time.perf_counter() - start
            except ConnectionRefusedError:
                time.sleep(0.0002)
