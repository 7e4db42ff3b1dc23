import Foundation

/// A few lines of a Python server at whatever unix name: it answers redis's PING with its PONG, at each message or connection.
/// It takes its socket by LISTEN_FDS where it gets one.
enum FixedServer {
  static var isInstalled: Bool { RealServer.python.program != nil }

  private static let script = """
    import os, signal, socket, sys, time
    name, kind = sys.argv[1], sys.argv[2]
    types = {"stream": socket.SOCK_STREAM, "seqpacket": socket.SOCK_SEQPACKET, "dgram": socket.SOCK_DGRAM}
    given = int(os.environ.get("LISTEN_FDS", "0")) if os.environ.get("LISTEN_PID") == str(os.getpid()) else 0
    if given:
      s = socket.socket(fileno=3)
    else:
      s = socket.socket(socket.AF_UNIX, types[kind])
      if name.startswith("@"):
        name = "\\0" + name[1:]
      else:
        try: os.unlink(name)
        except FileNotFoundError: pass
      s.bind(name)
      if kind != "dgram": s.listen(100)
    if len(sys.argv) > 3:
      # As a syslog server: what comes is written down and not answered.
      while True:
        data = s.recv(4096)
        with open(sys.argv[3], "ab") as log: log.write(data + b"\\n")
    if kind == "dgram":
      while True:
        data, sender = s.recvfrom(4096)
        s.sendto(b"+PONG\\r\\n", sender)
    def leave(*_):
      # As servers do that finish their turn first: whom they accept meanwhile they close.
      time.sleep(0.02)
      try:
        while True: s.accept()
      except BlockingIOError: os._exit(0)
    if sys.argv[1].startswith("@"): signal.signal(signal.SIGTERM, leave)
    import selectors
    selector = selectors.DefaultSelector()
    s.setblocking(False)
    selector.register(s, selectors.EVENT_READ)
    while True:
      for key, _ in selector.select():
        if key.fileobj is s:
          try: connection = s.accept()[0]
          except BlockingIOError: continue
          selector.register(connection, selectors.EVENT_READ)
        else:
          try: data = key.fileobj.recv(4096)
          except ConnectionError: data = b""
          if data: key.fileobj.send(b"+PONG\\r\\n" * data.count(b"PING"))
          else:
            selector.unregister(key.fileobj)
            key.fileobj.close()
    """

  static func command(for endpoint: Endpoint, in directory: TemporaryDirectory, log: String? = nil) throws -> [String] {
    guard let program = RealServer.python.program else { throw SystemFailure("find python3", ENOENT) }
    let kind = endpoint.type == SOCK_SEQPACKET ? "seqpacket" : endpoint.type == SOCK_DGRAM ? "dgram" : "stream"
    // Without site-packages it starts in a tenth of the time.
    return [program, "-S", try directory.write(script, to: "server.py"), endpoint.path ?? "", kind]
      + (log.map { [$0] } ?? [])
  }

  /// Writes down what it reads from a FIFO, a line each.
  private static let reader = """
    import os, sys
    given = int(os.environ.get("LISTEN_FDS", "0")) if os.environ.get("LISTEN_PID") == str(os.getpid()) else 0
    fifo = 3 if given else os.open(sys.argv[1], os.O_RDONLY)
    while True:
      data = os.read(fifo, 4096)
      if not data: break
      with open(sys.argv[2], "ab") as log: log.write(data)
    """

  static func reader(of fifo: String, log: String, in directory: TemporaryDirectory) throws -> [String] {
    guard let program = RealServer.python.program else { throw SystemFailure("find python3", ENOENT) }
    return [program, "-S", try directory.write(reader, to: "reader.py"), fifo, log]
  }
}
