import Linux

/// A unit file, made of what `torpor add` is told.
public struct UnitDraft: Sendable {
  public var listen: [ListenAddress]
  /// With its arguments; not empty.
  public var command: [String]
  /// As it is written, in systemd's syntax.
  public var idle: String?
  public var user: String?

  public init(listen: [ListenAddress], command: [String], idle: String? = nil, user: String? = nil) {
    self.listen = listen
    self.command = command
    self.idle = idle
    self.user = user
  }

  public var text: String {
    var lines = ["", "[Service]"]
    if let user { lines.append("User=\(user)") }
    lines.append("ExecStart=" + command.map(Self.quote).joined(separator: " "))
    if let idle { lines += ["", "[X-Idle]", "TimeoutSec=\(idle)"] }
    return socketText + lines.joined(separator: "\n") + "\n"
  }

  /// Its section [Socket] alone.
  var socketText: String {
    var lines = ["[Socket]"]
    for address in listen { lines += Self.lines(address) }
    if let name = listen.compactMap(\.name).first { lines.append("FileDescriptorName=\(name)") }
    return lines.joined(separator: "\n") + "\n"
  }

  /// One for each of its sockets: "8080" alone is every address of the machine to systemd, and the loopback's to us.
  private static func lines(_ address: ListenAddress) -> [String] {
    switch address.kind {
    case .tcp, .udp:
      let key = if case .udp = address.kind { "ListenDatagram" } else { "ListenStream" }
      if let port = wildcardPort(address.text) { return ["\(key)=\(port)"] }
      return address.sockets.map { "\(key)=\(text(of: $0.address, typed: address.text))" }
    case .unix(let name, .stream): return ["ListenStream=\(literal(name.description))"]
    case .unix(let name, .sequencedPackets): return ["ListenSequentialPacket=\(literal(name.description))"]
    case .unix(let name, .datagrams): return ["ListenDatagram=\(literal(name.description))"]
    case .fifo(let path): return ["ListenFIFO=\(literal(path.description))"]
    }
  }

  /// A link-local address's interface is behind the port, by the name that it was given: its number may be another one tomorrow.
  private static func text(of address: SocketAddress, typed: String) -> String {
    guard address.scope != 0, let percent = typed.firstIndex(of: "%") else { return address.description }
    let interface = typed[typed.index(after: percent)...].prefix { $0 != "]" }
    return "[\(address.host)]:\(address.port)%%\(interface)"
  }

  /// A percent sign would begin a specifier.
  private static func literal(_ text: String) -> String { text.replacing("%", with: "%%") }

  /// Of "*:8080", which holds both families.
  private static func wildcardPort(_ text: String) -> Substring? {
    let address = text.hasPrefix("udp:") ? text.dropFirst(4) : text[...]
    return address.hasPrefix("*:") ? address.dropFirst(2) : nil
  }

  /// A word of a command line as systemd reads it (systemd.service(5), "Command lines"): it comes out as it went in.
  static func quote(_ word: String) -> String {
    let doubled = word.replacing("%", with: "%%").replacing("$", with: "$$")
    let isPlain =
      !doubled.isEmpty && doubled != ";"
      && doubled.unicodeScalars.allSatisfy { scalar in
        scalar.isASCII && scalar.value > 0x20 && scalar.value != 0x7F && !"\"'\\".unicodeScalars.contains(scalar)
      }
    if isPlain { return doubled }
    let escaped = doubled.unicodeScalars.map { scalar in
      switch scalar {
      case "\"": "\\\""
      case "\\": "\\\\"
      case "\n": "\\n"
      case "\t": "\\t"
      case "\r": "\\r"
      default: String(scalar)
      }
    }
    return "\"" + escaped.joined() + "\""
  }
}
