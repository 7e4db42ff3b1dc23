import Linux

/// Holds the sockets of a service.
struct SocketHolder {
  let options: ServiceOptions
  let relays: ServiceRelays
  let loop: EventLoop
  /// Hears of what can be done without.
  var warn: (String) -> Void = { _ in }

  /// Holds every address that was named, those of `present` as they are. What was made already when one can't be held is let go
  /// of again.
  func hold(keeping present: [any HeldSocket]) throws(ServiceError) -> [any HeldSocket] {
    var held: [(socket: any HeldSocket, nameIndex: Int)] = []
    do throws(ServiceError) {
      for (nameIndex, address) in options.listen.enumerated() {
        for socket in try hold(address, keeping: present, index: held.count, nameIndex: nameIndex) {
          held.append((socket, nameIndex))
        }
      }
    } catch {
      for entry in held where !present.contains(where: { $0 === entry.socket }) { entry.socket.release() }
      throw error
    }
    for (index, entry) in held.enumerated() {
      entry.socket.index = index
      entry.socket.nameIndex = entry.nameIndex
    }
    return held.map(\.socket)
  }

  private func hold(
    _ address: ListenAddress, keeping present: [any HeldSocket], index: Int, nameIndex: Int
  ) throws(ServiceError) -> [any HeldSocket] {
    var held: [any HeldSocket] = []
    func next() -> Int { index + held.count }
    do throws(ServiceError) {
      switch address.kind {
      case .tcp(let sockets):
        for socket in sockets.map({ $0.beside(named(.tcp)) }) {
          let kept = present.first {
            ($0 as? HeldTCPSocket).map { $0.address == socket.address || $0.address == socket.fallback } ?? false
          }
          if let kept {
            held.append(kept)
          } else if let made = try hold(
            socket, address.settings, index: next(), nameIndex: nameIndex)
          {
            held.append(made)
          }
        }
      case .udp(let sockets):
        for socket in sockets.map({ $0.beside(named(.udp)) }) {
          if let kept = present.first(where: { $0 is HeldDatagramSocket && $0.name == "udp:\(socket.address)" }) {
            held.append(kept)
          } else if let made = try holdDatagrams(
            socket, address.settings, index: next(), nameIndex: nameIndex)
          {
            held.append(made)
          }
        }
      case .unix(let name, let type) where name.isAbstract:
        let kept = present.first { ($0 as? HeldAbstractSocket).map { $0.address == name && $0.type == type } ?? false }
        held.append(
          try keep(kept) { () throws(ServiceError) in
            try holdAbstract(name, type, address.settings, index: next(), nameIndex: nameIndex)
          })
      case .unix(let path, let type):
        let kept = present.first { ($0 as? HeldUnixSocket).map { $0.address == path && $0.type == type } ?? false }
        held.append(
          try keep(kept) { () throws(ServiceError) in
            try hold(path, type, of: address, index: next(), nameIndex: nameIndex)
          })
      case .fifo(let path):
        let kept = present.first { $0 is HeldFIFO && $0.name == address.names.first }
        held.append(
          try keep(kept) { () throws(ServiceError) in
            try holdFIFO(path, of: address, index: next(), nameIndex: nameIndex)
          })
      }
    } catch {
      for socket in held where !present.contains(where: { $0 === socket }) { socket.release() }
      throw error
    }
    return held
  }

  private func keep(
    _ kept: (any HeldSocket)?, _ make: () throws(ServiceError) -> any HeldSocket
  ) throws(ServiceError) -> any HeldSocket {
    if let kept { return kept }
    return try make()
  }

  private enum Transport { case tcp, udp }

  /// All that is to be held of one kind.
  private func named(_ transport: Transport) -> [ListenAddress.Socket] {
    options.listen.flatMap { address -> [ListenAddress.Socket] in
      switch (address.kind, transport) {
      case (.tcp(let sockets), .tcp), (.udp(let sockets), .udp): sockets
      case (.tcp, .udp), (.udp, .tcp), (.unix, _), (.fifo, _): []
      }
    }
  }

  private func tell(_ failures: [(key: String, errno: Errno)], _ name: String) {
    for failure in failures { warn("\(failure.key)= can't be set on \(name): \(failure.errno)") }
  }

  private func hold(
    _ socket: ListenAddress.Socket, _ settings: SocketSettings, index: Int, nameIndex: Int
  ) throws(ServiceError) -> HeldTCPSocket? {
    try Self.checkRoom("\(socket.address)")
    do throws(Errno) {
      let held = try HeldTCPSocket(
        socket, index: index, nameIndex: nameIndex, settings: settings, relays: relays, loop: loop)
      tell(settings.failures(of: .tcp(held.address.family)), held.name)
      return held
    } catch {
      if socket.isOptional, HeldTCPSocket.meansNoIPv6(error) { return nil }
      throw Self.refusal(socket.address, error)
    }
  }

  private func holdDatagrams(
    _ socket: ListenAddress.Socket, _ settings: SocketSettings, index: Int, nameIndex: Int
  ) throws(ServiceError) -> HeldDatagramSocket? {
    try Self.checkRoom("udp:\(socket.address)")
    do throws(Errno) {
      let held = try HeldDatagramSocket(socket, index: index, nameIndex: nameIndex, settings: settings, loop: loop)
      tell(settings.failures(of: .udp(held.address.family)), held.name)
      return held
    } catch {
      if socket.isOptional, HeldTCPSocket.meansNoIPv6(error) { return nil }
      guard error == .inUse else { throw Self.refusal(socket.address, error) }
      throw ServiceError("udp:\(socket.address) is in use by another process: stop it, or listen elsewhere")
    }
  }

  private func holdAbstract(
    _ name: UnixAddress, _ type: UnixSocket.Kind, _ settings: SocketSettings, index: Int, nameIndex: Int
  ) throws(ServiceError) -> HeldAbstractSocket {
    try Self.checkRoom("\(type.prefix)\(name)")
    do throws(Errno) {
      let held = try HeldAbstractSocket(
        name, type: type, index: index, nameIndex: nameIndex, settings: settings, loop: loop)
      tell(settings.failures(of: .unix), held.name)
      return held
    } catch {
      guard error == .inUse else { throw ServiceError("cannot listen on \(type.prefix)\(name): \(error)") }
      let holder = NameHolder.describe(name) ?? "another process"
      throw ServiceError("\(type.prefix)\(name) is in use by \(holder): stop it, or listen elsewhere")
    }
  }

  private func holdFIFO(
    _ path: UnixAddress, of address: ListenAddress, index: Int, nameIndex: Int
  ) throws(ServiceError) -> HeldFIFO {
    try Self.checkRoom("fifo:\(path)")
    let access = address.access ?? options.socketAccess
    let size = address.settings.pipeSize
    do throws(FIFO.Refusal) {
      let held = try HeldFIFO(
        path.description, index: index, nameIndex: nameIndex, access: access, pipeSize: size, loop: loop)
      if let size, held.fifo.size < size {
        warn("PipeSize= can't be set on \(held.name): it is \(held.fifo.size) bytes")
      }
      held.links = links(of: address, to: path, access)
      return held
    } catch {
      switch error {
      case .noFIFO: throw ServiceError("\(path) is there already and is no FIFO: remove it, or listen elsewhere")
      case .heldByAnother: throw ServiceError("\(path) is held by another torpor: stop it, or listen elsewhere")
      case .kernel(let errno): throw ServiceError("cannot hold fifo:\(path): \(errno)")
      }
    }
  }

  private func links(of address: ListenAddress, to path: UnixAddress, _ access: SocketAccess) -> PathLinks? {
    guard !address.symlinks.isEmpty else { return nil }
    return PathLinks(
      address.symlinks, to: path.description, directoryMode: access.directoryMode, failed: warn)
  }

  private func hold(
    _ path: UnixAddress, _ type: UnixSocket.Kind, of address: ListenAddress, index: Int, nameIndex: Int
  ) throws(ServiceError) -> HeldUnixSocket {
    try Self.checkRoom("\(path)")
    let access = address.access ?? options.socketAccess
    do throws(UnixGenerations.Refusal) {
      let held = try HeldUnixSocket(
        path, type: type, index: index, nameIndex: nameIndex, access: access, settings: address.settings,
        relays: relays, loop: loop)
      tell(address.settings.failures(of: .unix), held.name)
      held.links = links(of: address, to: path, access)
      return held
    } catch { throw Self.refusal(path, error) }
  }

  /// Before the kernel refuses it, so that what is held already can still be started.
  private static func checkRoom(_ name: String) throws(ServiceError) {
    guard let limit = FileLimit.current, !limit.hasRoom else { return }
    throw ServiceError(
      "cannot listen on \(name): no more than \(limit.soft) files may be open here (RLIMIT_NOFILE), and \(limit.reserve) of "
        + "them are kept to start services with: raise LimitNOFILE= of torpord.service, or 'ulimit -Hn' where we are started"
    )
  }

  private static func refusal(_ address: SocketAddress, _ error: Errno) -> ServiceError {
    switch error {
    case .inUse:
      let holder = PortHolder.describe(address).map { "by \($0)" } ?? "by another process"
      return ServiceError("\(address) is in use \(holder): stop it, or listen elsewhere")
    case .notAvailable: return ServiceError("cannot listen on \(address): it is no address of this machine")
    case .accessDenied:
      return ServiceError("cannot listen on \(address): \(error) (ports below 1024 take root or CAP_NET_BIND_SERVICE)")
    default: return ServiceError("cannot listen on \(address): \(error)")
    }
  }

  private static func refusal(_ path: UnixAddress, _ refusal: UnixGenerations.Refusal) -> ServiceError {
    switch refusal {
    case .inUse(let pid):
      let name = pid.flatMap { pid in ProcessFiles.name(of: pid).map { SocketOwner(pid: pid, name: $0).description } }
      return ServiceError("\(path) is in use by \(name ?? "another process"): stop it, or listen elsewhere")
    case .heldByAnother: return ServiceError("\(path) is held by another torpor: stop it, or listen elsewhere")
    case .noSocket: return ServiceError("\(path) is there already and is no socket: remove it, or listen elsewhere")
    case .inTheWay(let name):
      return ServiceError("cannot listen on \(path): \(name) is in the way, which is no directory of ours; remove it")
    case .kernel(let error):
      return ServiceError("cannot listen on \(path): \(error) (its directory must be writable for us)")
    }
  }
}
