import Foundation
import Testing

/// Servers that take connections while they load, and answer them only to say so.
enum LoadingServer {
  static let pythonProgram = RealServer.python.program

  /// Loads for 300 ms; until then it answers "-LOADING" and after it "+PONG". What it does besides is said by its arguments.
  private static let script = """
    import os, select, signal, socket, sys, threading, time
    where, flags = sys.argv[1], sys.argv[2:]
    if "crash" in flags and not os.path.exists(sys.argv[0] + ".crashed"):
        open(sys.argv[0] + ".crashed", "w").close(); crash = True
    else: crash = False
    state = {"answer": b"-LOADING\\r\\n"}
    if where.isdigit():
        listener = socket.socket(); listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", int(where)))
    else:
        listener = socket.socket(socket.AF_UNIX)
        if os.path.exists(where): os.unlink(where)
        listener.bind(where)
    listener.listen(64)

    def converse(c):
        with c:
            c.setblocking(True)
            while c.recv(100): c.sendall(state["answer"])
    def take(l):
        try: c, _ = l.accept()
        except BlockingIOError: return
        threading.Thread(target=converse, args=(c,), daemon=True).start()
    def ready(text=b"STATUS=up\\nREADY=1\\n"):
        name = os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if "sendto" in flags: s.sendto(text, name)
        elif "connected" in flags: s.connect(name); s.sendall(text)
        else: s.sendmsg([text], [], socket.MSG_NOSIGNAL, name)
        state["answer"] = b"+PONG\\r\\n"
    def forever(l):
        while True: take(l)

    if "fork-before" in flags:
        if os.fork() == 0:
            state["answer"] = b"+PONG\\r\\n"; forever(listener)
    if "fork-briefly" in flags:
        if os.fork() == 0:
            time.sleep(0.32); listener.close(); time.sleep(100)
    if "blocked" in flags: threading.Thread(target=forever, args=(listener,), daemon=True).start()
    wait, numbers = select.epoll(), [listener]
    if "dup" in flags: numbers.append(listener.dup())
    if "fork-before" not in flags and "blocked" not in flags:
        listener.setblocking(False)
        wait.register(numbers[-1].fileno(), select.EPOLLIN)
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        for _ in wait.poll(max(0, end - time.monotonic())): take(numbers[-1])
    if crash: sys.exit(1)
    if "never" in flags: time.sleep(100)
    ready(b"READY=10\\nSTATUS=READY=1")
    state["answer"] = b"-LOADING\\r\\n"
    ready()
    if "twice" in flags: ready(b"RELOADING=1"); ready()
    if "fork-after" in flags:
        listener.setblocking(True)
        for _ in range(2):
            if os.fork() == 0: forever(listener)
        signal.pause()
    if "fork-before" in flags or "blocked" in flags: signal.pause()
    while True:
        for _ in wait.poll(): take(numbers[-1])
    """

  /// - Parameter place: a port or a path.
  static func command(_ place: String, _ flags: [String], in directory: TemporaryDirectory) throws -> [String] {
    guard let pythonProgram else { throw SystemFailure("find python3", ENOENT) }
    return [pythonProgram, "-SE", try directory.write(script, to: "loading.py"), place] + flags
  }

  // MARK: redis

  /// 800,000 keys, over 80 MB, which take redis about a second to load.
  static func makeDataset() throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    let path = directory.path("redis.sock")
    let program = try #require(RealServer.redis.program)
    let redis = try ChildProcess([
      program, "--port", "0", "--unixsocket", path, "--save", "", "--rdbcompression", "no", "--dir", directory.path,
      "--enable-debug-command", "local",
    ])
    defer { redis.killAndWait() }
    // Until it listens.
    for _ in 0..<100 {
      if (try? Client.ask(.unix(path), .ping)) != nil { break }
      usleep(50_000)
    }
    let filling = Exchange(request: "DEBUG POPULATE 800000 key 100\r\nSAVE\r\n", reply: .exactly("+OK\r\n+OK\r\n"))
    try Client.ask(.unix(path), filling, within: .seconds(60))
    let size = try FileManager.default.attributesOfItem(atPath: directory.path("dump.rdb"))[.size] as? Int
    try #require(try #require(size) > 80_000_000)
    return directory
  }

  static func redis(_ arguments: [String], _ dataset: TemporaryDirectory) -> [String] {
    [RealServer.redis.program ?? "redis-server"] + arguments + [
      "--supervised", "systemd", "--save", "", "--dir", dataset.path,
    ]
  }

  // MARK: PostgreSQL

  /// One that was built to notify systemd, and the user that it insists on.
  static let postgres: String? = {
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
    let programs = folders.sorted().reversed().map { "/usr/lib/postgresql/\($0)/bin" }
    return programs.first { folder in
      let program = try? Data(contentsOf: URL(fileURLWithPath: folder + "/postgres"), options: .mappedIfSafe)
      return program?.range(of: Data("libsystemd.so".utf8)) != nil
    }
  }()

  static let hasPostgres = postgres != nil && Machine.isRoot && getpwnam("postgres") != nil

  /// A new cluster.
  static func initializePostgres(in directory: TemporaryDirectory) throws -> String {
    directory.makeWorldWritable()
    let data = directory.path("data")
    let folder = try #require(postgres)
    let initdb = try ChildProcess([
      Machine.find("setpriv") ?? "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--",
      folder + "/initdb", "-D", data, "-A", "trust", "--no-sync", "-U", "postgres",
    ])
    defer { initdb.killAndWait() }
    guard initdb.waitForExit(within: .seconds(60)) == .exited(0) else {
      throw SystemFailure("initialize a cluster: \(initdb.errors.text)", EIO)
    }
    return data
  }

  /// A client's first message (protocol 3.0, user and database postgres), answered by "ready for query".
  static let postgresSession = Exchange(
    request: "\0\0\0\u{17}\0\u{3}\0\0user\0postgres\0\0", reply: .text(suffix: "Z\0\0\0\u{5}I"))
}
