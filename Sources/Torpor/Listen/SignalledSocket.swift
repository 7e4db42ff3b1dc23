import Linux

/// What tells its arrivals by a signal (`ArrivalSignal`): whatever is reached by a unix name, and FIFOs.
protocol SignalledSocket: HeldSocket {
  /// What the sense knows of it.
  var arrivals: Arrivals { get set }
  /// Nobody connects and is accepted: it is read.
  var hasMessages: Bool { get }
}

extension HeldUnixSocket {
  var hasMessages: Bool { !type.listens }
}

extension HeldSocket {
  /// Clients connect to it and are accepted.
  var hasConnections: Bool { kind != .datagram && !((self as? any SignalledSocket)?.hasMessages ?? false) }

  /// Its connections are streams of bytes.
  var isByteStream: Bool {
    switch self {
    case let path as HeldUnixSocket: path.type == .stream
    case let name as HeldAbstractSocket: name.type == .stream
    default: kind == .tcp
    }
  }
}

extension UnixSocket.Kind {
  /// As in an address that a person writes.
  var prefix: String {
    switch self {
    case .stream: ""
    case .sequencedPackets: "seqpacket:"
    case .datagrams: "dgram:"
    }
  }
}
