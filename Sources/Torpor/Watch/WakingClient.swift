import Linux

/// The client that woke a service, as the kernel knows it.
enum WakingClient {
  case tcp(TCPConnection)
  /// By its socket's inode, and the path that it has connected to.
  case unix(inode: UInt32, path: String)

  init?(tcp: TCPConnection?, unix: (inode: UInt32, name: String)?) {
    if let tcp {
      self = .tcp(tcp)
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
    case .unix(let inode, let path):
      // A unix client has no address of its own.
      return Narrator.Context.Client(
        address: nil, socket: path, process: withProcess ? SocketOwner.find(inode: inode, within: limit) : nil)
    }
  }
}
