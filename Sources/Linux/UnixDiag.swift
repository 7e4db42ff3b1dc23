import CLinux
import Glibc

/// NETLINK_SOCK_DIAG about unix sockets, one question at a time (net/unix/diag.c).
///
/// A dump shows the sockets that some process has, of our own network namespace: a connection that waits in a queue isn't
/// among them, and neither is one whose client lives in another namespace, as it belongs to that one. Its listener's queue
/// shows both.
public struct UnixDiag: ~Copyable {
  /// Whose name a socket has: accepted connections show their listener's. As the kernel counts both, which need not be what
  /// stat(2) says.
  public struct File: Hashable, Sendable {
    public let inode: UInt32
    public let device: UInt32
  }

  /// One socket.
  public struct Entry: Equatable, Sendable {
    public let type: UInt8
    public let state: UInt8
    public let inode: UInt32
    public let cookie: UInt64
    public var address: UnixAddress?
    public var file: File?
    /// The other end's inode; 0 when no process has it: it waits to be accepted.
    public var peer: UInt32?
    /// Of a listener: the inodes of its waiting clients, in their order; 0 for one that has gone. nil: too many to be shown.
    public var waiting: [UInt32]?
    /// Of a listener: how many wait.
    public var queueLength: UInt32?
    /// RCV_SHUTDOWN 1, SEND_SHUTDOWN 2.
    public var shutDown: UInt8 = 0

    public init(type: UInt8, state: UInt8, inode: UInt32, cookie: UInt64) {
      self.type = type
      self.state = state
      self.inode = inode
      self.cookie = cookie
    }

    public var isEstablished: Bool { state == 1 }
    public var isListening: Bool { state == 10 }
  }

  private let descriptor: OwnedFD
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)
  private var sequence: UInt32 = 0

  public init() throws(Errno) {
    let type = Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    descriptor = try OwnedFD(owning: try call { Glibc.socket(AF_NETLINK, type, 4 /* NETLINK_SOCK_DIAG */) }).kept()
  }

  /// All connections, both their ends.
  public mutating func connections() throws(SockDiagError) -> [Entry] {
    try ask(UnixDiagRequest(inode: nil, states: 1 << 1, show: [.name, .file, .peer], sequence: 0))
  }

  /// All listeners.
  public mutating func listeners() throws(SockDiagError) -> [Entry] {
    try ask(UnixDiagRequest(inode: nil, states: 1 << 10, show: [.name, .file, .queueLength], sequence: 0))
  }

  /// One socket of our network namespace; nil when there is none with this inode.
  public mutating func socket(inode: UInt32) throws(SockDiagError) -> Entry? {
    let all: UnixDiagRequest.Show = [.name, .file, .peer, .queueLength]
    do throws(SockDiagError) {
      return try ask(UnixDiagRequest(inode: inode, show: all.union(.waiting), sequence: 0)).first
    } catch {
      switch error {
      case .kernel(.noEntry): return nil
      case .kernel(Errno(EMSGSIZE)):
        // An answer to this question is a page at most: some 900 clients wait, and their number has to do.
        return try ask(UnixDiagRequest(inode: inode, show: all, sequence: 0)).first
      case .kernel, .malformed: throw error
      }
    }
  }

  private mutating func ask(_ request: UnixDiagRequest) throws(SockDiagError) -> [Entry] {
    sequence &+= 1
    var request = request
    request.sequence = sequence
    let number = descriptor.number
    var found: [Entry] = []
    do throws(Errno) {
      let bytes = request.bytes
      _ = try call { unsafe send(number, bytes, bytes.count, 0) }
    } catch { throw .kernel(error) }
    while true {
      let count: Int
      do throws(Errno) {
        // The kernel answers within the call that asked, or goes on with a dump within this one: it doesn't wait.
        let capacity = buffer.count
        count = try call { unsafe recv(number, &buffer, capacity, 0) }
      } catch { throw .kernel(error) }
      let isDone = try unsafe UnixDiagMessage.parse(
        buffer.span.bytes.extracting(first: count), sequence: sequence, into: &found)
      if isDone { return found }
    }
  }
}
