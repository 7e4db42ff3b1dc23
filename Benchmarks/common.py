"""What the measurements share: programs under test, free ports, and numbers from /proc."""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import statistics
import subprocess
import time


def free_port():
    """A port that is free on 127.0.0.1, below the ephemeral range, so that no client's own end can be on it."""
    for _ in range(1000):
        port = 20000 + int.from_bytes(os.urandom(2), "big") % 12000
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise SystemExit("no free port was found")


def compile_c(source, target):
    """With the Swift toolchain's clang, or with whatever cc is."""
    compiler = shutil.which("clang") or shutil.which("cc")
    if not compiler:
        raise SystemExit("a C compiler is needed: clang comes with the Swift toolchain")
    subprocess.run([compiler, "-O2", "-Wall", "-o", target, source], check=True)


@contextlib.contextmanager
def running(command):
    """A process that is ended by its pid at the end. In a session of its own, as one under Torpor is: the scheduler may
    share the processors out by session."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


class Torpor:
    """`torpor run --json`, and the events that it writes."""

    def __init__(self, program, ports, arguments, command):
        listen = [word for port in ports for word in ("-l", f"127.0.0.1:{port}")]
        self.process = subprocess.Popen(
            [program, "run", "--json", *listen, *arguments, "--", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.buffer = b""
        self.wait_for("dormant")

    @property
    def pid(self):
        return self.process.pid

    def wait_for(self, event, seconds=30):
        """Reads on until this event, which it returns."""
        end = time.monotonic() + seconds
        while True:
            line, newline, rest = self.buffer.partition(b"\n")
            if newline:
                self.buffer = rest
                record = json.loads(line)
                if record["event"] == event:
                    return record
                continue
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise SystemExit(f"torpor did not say '{event}' within {seconds} s")
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                raise SystemExit("torpor has ended")
            self.buffer += chunk

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.process.stdout.close()


def ask(port, request=b"x", seconds=10):
    """One connection, one question. Returns the seconds from connect to the first bytes of the answer, and these."""
    with socket.socket() as client:
        client.settimeout(seconds)
        start = time.perf_counter()
        client.connect(("127.0.0.1", port))
        client.sendall(request)
        answer = client.recv(256)
        took = time.perf_counter() - start
    if not answer:
        raise SystemExit(f"port {port} closed the connection without an answer")
    return took, answer


def wait_until_gone(pid, seconds=10):
    end = time.monotonic() + seconds
    while os.path.exists(f"/proc/{pid}"):
        if time.monotonic() > end:
            raise SystemExit(f"process {pid} is still there")
        time.sleep(0.001)


def memory_kib(pid):
    """Rss, Pss and Private_Dirty, which is what the program has written, of /proc/PID/smaps_rollup."""
    wanted = ("Rss", "Pss", "Private_Dirty")
    values = {}
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            name = line.split(":")[0]
            if name in wanted:
                values[name] = int(line.split()[1])
    return tuple(values[name] for name in wanted)


def descriptor_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def context_switches(pid):
    """Voluntary and not."""
    with open(f"/proc/{pid}/status") as file:
        return tuple(int(line.split()[1]) for line in file if "ctxt_switches" in line)


def cpu_microseconds(pid):
    """Time on a processor (schedstat counts nanoseconds; stat only ticks of 10 ms)."""
    with open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[0]) / 1e3


def quartiles(values):
    low, middle, high = statistics.quantiles(values, n=4)
    return low, middle, high
