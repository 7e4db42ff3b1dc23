/// A server of the options that its socket has, in Python.
enum OptionServer {
  /// Answers each connection with what its listener, and the connection itself, say of their options.
  static let script = """
    import os, socket
    listener = socket.socket(fileno=3)
    def options(s):
      inet = s.family != socket.AF_UNIX
      values = {"rcvbuf": s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
        "priority": s.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY),
        "passcred": 0 if inet else s.getsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED)}
      if inet:
        values["keepalive"] = s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        values["idle"] = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        values["count"] = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
        values["nodelay"] = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        values["ttl"] = s.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)
        values["tos"] = s.getsockopt(socket.IPPROTO_IP, socket.IP_TOS)
        values["mark"] = s.getsockopt(socket.SOL_SOCKET, socket.SO_MARK)
        values["freebind"] = s.getsockopt(socket.IPPROTO_IP, 15)
        values["device"] = s.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\\0").decode()
      return " ".join(f"{k}={v}" for k, v in values.items())
    while True:
      connection, _ = listener.accept()
      text = f"{os.getpid()}\\n{options(listener)}\\n{options(connection)}\\n"
      connection.sendall(text.encode())
      connection.close()

    """
}
