import CLinux
import Glibc

/// What is asked of a held socket besides its address: the same of every socket that takes its place.
public struct SocketSettings: Equatable, Sendable {
  /// Connections that can wait; the kernel takes no more than net.core.somaxconn.
  public var backlog: Int32
  /// Set before bind(2), in this order.
  public var options: [SocketSetting]
  /// Of a FIFO, in bytes; nil: the kernel's default.
  public var pipeSize: Int32?

  /// What systemd and the kernel's own default (net.core.somaxconn) agree on.
  public static let defaultBacklog: Int32 = 4096

  public init(
    backlog: Int32 = Self.defaultBacklog, options: [SocketSetting] = [], pipeSize: Int32? = nil
  ) {
    self.backlog = backlog
    self.options = options
    self.pipeSize = pipeSize
  }

  /// Sets what there is of this kind of socket. An option that can't be set is passed over, unless the socket would take what it
  /// must not without it.
  func apply(to file: borrowing OwnedFD, _ transport: SocketSetting.Transport) throws(Errno) {
    for option in options where option.applies(to: transport) {
      do throws(Errno) { try option.set(on: file) } catch {
        if option.isEssential { throw error }
      }
    }
  }

  /// Which of them can't be set here, and why: tried on a socket that is nobody's.
  public func failures(of transport: SocketSetting.Transport) -> [(key: String, errno: Errno)] {
    let wanted = options.filter { $0.applies(to: transport) }
    guard !wanted.isEmpty else { return [] }
    let type = Int32((transport.isDatagram ? SOCK_DGRAM : SOCK_STREAM).rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let number = socket(transport.domain, type, 0)
    guard number >= 0 else { return [] }
    let probe = OwnedFD(owning: number)
    var failures: [(key: String, errno: Errno)] = []
    for option in wanted {
      do throws(Errno) { try option.set(on: probe) } catch { failures.append((option.key, error)) }
    }
    return failures
  }
}

/// An option of a held socket: setsockopt(2).
public struct SocketSetting: Equatable, Sendable {
  public enum Transport: Equatable, Sendable {
    case tcp(SocketAddress.Family)
    case udp(SocketAddress.Family)
    case unix

    var domain: Int32 {
      switch self {
      case .tcp(let family), .udp(let family): Int32(family.rawValue)
      case .unix: AF_UNIX
      }
    }

    var isDatagram: Bool {
      if case .udp = self { true } else { false }
    }
  }

  /// Which sockets have it.
  public enum Scope: Equatable, Sendable { case all, tcp, udp, inet, ipv6, udpOverIPv6, unix }

  public enum Value: Equatable, Sendable {
    case number(Int32)
    case text(String)
  }

  /// The key of a unit file that asks for it.
  public let key: String
  let scope: Scope
  let option: Option
  let value: Value
  /// Without it the socket would take what it must not.
  let isEssential: Bool

  public init(
    _ key: String, _ scope: Scope, _ option: Option, _ value: Value = .number(1), isEssential: Bool = false
  ) {
    self.key = key
    self.scope = scope
    self.option = option
    self.value = value
    self.isEssential = isEssential
  }

  func applies(to transport: Transport) -> Bool {
    switch (scope, transport) {
    case (.all, _), (.tcp, .tcp), (.udp, .udp), (.inet, .tcp), (.inet, .udp), (.unix, .unix): true
    case (.ipv6, .tcp(let family)), (.ipv6, .udp(let family)), (.udpOverIPv6, .udp(let family)): family == .v6
    default: false
    }
  }

  func set(on file: borrowing OwnedFD) throws(Errno) {
    let (level, name) = option.number
    if let privileged = option.privileged, (try? set(level, privileged, on: file)) != nil { return }
    try set(level, name, on: file)
  }

  private func set(_ level: Int32, _ option: Int32, on file: borrowing OwnedFD) throws(Errno) {
    let number = file.number
    switch value {
    case .number(var value):
      _ = try call { unsafe setsockopt(number, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) }
    case .text(let text):
      let bytes = Array(text.utf8) + [0]
      _ = try call { unsafe setsockopt(number, level, option, bytes, socklen_t(bytes.count)) }
    }
  }
}
