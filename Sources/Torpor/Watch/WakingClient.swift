import Linux

/// The client that woke a service, as the kernel knows it.
enum WakingClient {
  case tcp(TCPConnection)
  /// A datagram's sender.
  case udp(SocketAddress)
  /// By its socket's inode, and the path that it has connected to.
  case unix(inode: UInt32, path: String)

  init?(tcp: TCPConnection?, udp: SocketAddress?, unix: (inode: UInt32, name: String)?) {
    if let tcp {
      self = .tcp(tcp)
    } else if let udp {
      self = .udp(udp)
    } else if let unix {
      self = .unix(inode: unix.inode, path: unix.name)
    } else {
      return nil
    }
  }

  /// For a person. With its process, /proc is searched for 20 ms at most.
  func described(withProcess: Bool) -> Narrator.Context.Client {
    let limit = Duration.milliseconds(20)
    switch self {
    case .tcp(let connection):
      return Narrator.Context.Client(
        address: connection.remote.description,
        process: withProcess ? SocketOwner.ofClient(connection, within: limit) : nil)
    case .udp(let sender):
      // Its process is long gone to other things, and may have sent it by a socket that is closed.
      return Narrator.Context.Client(address: sender.description, process: nil)
    case .unix(let inode, let path):
      // A unix client has no address of its own.
      return Narrator.Context.Client(
        address: nil, socket: path, process: withProcess ? SocketOwner.find(inode: inode, within: limit) : nil)
    }
  }
}
