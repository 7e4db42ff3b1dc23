"""(c) to (e): memory, descriptors, wakeups and CPU while nothing happens."""

import time

from common import Torpor, ask, context_switches, cpu_microseconds, descriptor_count, free_port, memory_kib


def measure_size(torpor, service):
    yield "| dormant torpor | Rss | Pss | private and written | descriptors |"
    yield "|---|---|---|---|---|"
    for count in (1, 11, 51):
        with Torpor(torpor, [free_port() for _ in range(count)], [], [service]) as held:
            rss, pss, written = memory_kib(held.pid)
            name = "1 socket" if count == 1 else f"{count} sockets"
            yield f"| {name} | {rss} KiB | {pss} KiB | {written} KiB | {descriptor_count(held.pid)} |"
    port = free_port()
    with Torpor(torpor, [port], ["--idle", "20ms"], [service, "--stay", "--port", str(port)]) as held:
        for _ in range(20):
            ask(port)
            held.wait_for("dormant")
        rss, pss, written = memory_kib(held.pid)
        count = descriptor_count(held.pid)
        yield f"| 1 socket, after 20 lives of its service | {rss} KiB | {pss} KiB | {written} KiB | {count} |"


def measure_quiet(torpor, service, seconds):
    """All three at once, as none of them should do anything."""
    ports = [free_port() for _ in range(3)]
    stay = [service, "--stay", "--port"]
    with (
        Torpor(torpor, [ports[0]], [], [*stay, str(ports[0])]) as fresh,
        Torpor(torpor, [ports[1]], ["--idle", "20ms"], [*stay, str(ports[1])]) as rested,
        Torpor(torpor, [ports[2]], ["--idle", "30min"], [*stay, str(ports[2])]) as awake,
    ):
        ask(ports[1])
        rested.wait_for("dormant")
        ask(ports[2])
        awake.wait_for("serving")
        time.sleep(1)
        watched = {
            "dormant, never woken": fresh.pid,
            "dormant again after a life": rested.pid,
            "service awake, nobody there, --idle 30min": awake.pid,
        }
        before = {pid: (context_switches(pid), cpu_microseconds(pid)) for pid in watched.values()}
        time.sleep(seconds)
        yield f"| torpor over {seconds} s | voluntary switches (wakeups) | other switches | CPU |"
        yield "|---|---|---|---|"
        for name, pid in watched.items():
            switches = [now - then for now, then in zip(context_switches(pid), before[pid][0])]
            cpu = cpu_microseconds(pid) - before[pid][1]
            yield f"| {name} | {switches[0]} | {switches[1]} | {cpu:.0f} µs |"
