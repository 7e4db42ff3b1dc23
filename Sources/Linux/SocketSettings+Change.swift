import CLinux
import Glibc

/// What was asked of a held socket, and isn't the same any more.
extension SocketSettings {
  public typealias Failures = [(key: String, errno: Errno)]

  /// Makes of a socket that is as `before` says what these say. What is asked for no longer becomes what a new socket has.
  func change(_ file: borrowing OwnedFD, from before: SocketSettings, _ transport: SocketSetting.Transport) -> Failures
  {
    let wanted = options.filter { $0.applies(to: transport) }
    var failures: Failures = []
    for option in before.options where option.applies(to: transport) {
      guard !wanted.contains(where: { $0.option == option.option }) else { continue }
      do throws(Errno) { try option.reset(on: file, transport) } catch { failures.append((option.key, error)) }
    }
    for option in wanted where !before.options.contains(option) {
      do throws(Errno) { try option.set(on: file) } catch { failures.append((option.key, error)) }
    }
    return failures
  }
}

extension SocketSetting {
  /// As a socket that was just made has it.
  fileprivate func reset(on file: borrowing OwnedFD, _ transport: Transport) throws(Errno) {
    let type = Int32((transport.isDatagram ? SOCK_DGRAM : SOCK_STREAM).rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let fresh = OwnedFD(owning: try call { socket(transport.domain, type, 0) })
    let (level, name) = option.number
    var bytes = [UInt8](repeating: 0, count: 16)
    var length = socklen_t(bytes.count)
    _ = try call { unsafe getsockopt(fresh.number, level, name, &bytes, &length) }
    if option == .receiveBuffer || option == .sendBuffer {
      // The kernel tells twice what is to be set (socket(7)).
      var size = bytes.prefix(4).reversed().reduce(Int32(0)) { $0 << 8 | Int32($1) } / 2
      bytes = unsafe withUnsafeBytes(of: &size) { unsafe Array($0) }
      length = 4
    }
    let number = file.number
    _ = try call { unsafe setsockopt(number, level, name, bytes, length) }
  }
}

extension ReuseportGroup {
  /// For both sockets, and those to come.
  public mutating func change(to new: SocketSettings) -> SocketSettings.Failures {
    let transport = SocketSetting.Transport.tcp(address.family)
    let failures = new.change(current.descriptor, from: settings, transport)
    let changesBacklog = new.backlog != settings.backlog
    if changesBacklog, current.isListening { try? current.listen(backlog: new.backlog) }
    switch next {
    case .some(let next):
      _ = new.change(next.descriptor, from: settings, transport)
      if changesBacklog { try? next.listen(backlog: new.backlog) }
    case .none: break
    }
    settings = new
    return failures
  }
}

extension DatagramGroup {
  /// For both sockets, and those to come.
  public mutating func change(to new: SocketSettings) -> SocketSettings.Failures {
    let transport = SocketSetting.Transport.udp(address.family)
    let failures = new.change(current.descriptor, from: settings, transport)
    switch next {
    case .some(let next): _ = new.change(next.descriptor, from: settings, transport)
    case .none: break
    }
    settings = new
    return failures
  }
}

extension UnixGenerations {
  /// For both sockets, and those to come.
  public mutating func change(to new: SocketSettings) -> SocketSettings.Failures {
    let failures = new.change(current.descriptor, from: settings, .unix)
    let changesBacklog = kind.listens && new.backlog != settings.backlog
    if changesBacklog, !current.isShutDown() { try? current.listen(backlog: new.backlog) }
    switch next {
    case .some(let next):
      _ = new.change(next.descriptor, from: settings, .unix)
      if changesBacklog { try? next.listen(backlog: new.backlog) }
    case .none: break
    }
    settings = new
    return failures
  }
}

extension UnixSocket {
  public func change(from before: SocketSettings, to new: SocketSettings) -> SocketSettings.Failures {
    new.change(descriptor, from: before, .unix)
  }
}
