import Linux

/// Holds the sockets of a service.
struct SocketHolder {
  let options: ServiceOptions
  let relays: Relays
  let unixRelays: UnixRelays
  let leftovers: Leftovers
  let loop: EventLoop

  /// Holds every address that was named. What is held already when one can't be is let go of again.
  func hold() throws(ServiceError) -> [any HeldSocket] {
    var held: [any HeldSocket] = []
    do throws(ServiceError) {
      for (nameIndex, address) in options.listen.enumerated() {
        switch address.kind {
        case .tcp(let sockets):
          for socket in sockets {
            if let made = try hold(socket, index: held.count, nameIndex: nameIndex) { held.append(made) }
          }
        case .udp(let sockets):
          for socket in sockets {
            if let made = try holdDatagrams(socket, index: held.count, nameIndex: nameIndex) { held.append(made) }
          }
        case .unix(let name, let type) where name.isAbstract:
          held.append(try holdAbstract(name, type, index: held.count, nameIndex: nameIndex))
        case .unix(let path, let type):
          held.append(try hold(path, type, index: held.count, nameIndex: nameIndex))
        case .fifo(let path):
          held.append(try holdFIFO(path, index: held.count, nameIndex: nameIndex))
        }
      }
    } catch {
      for socket in held { socket.release() }
      throw error
    }
    return held
  }

  private func hold(
    _ socket: ListenAddress.Socket, index: Int, nameIndex: Int
  ) throws(ServiceError) -> HeldTCPSocket? {
    do throws(Errno) {
      return try HeldTCPSocket(socket, index: index, nameIndex: nameIndex, relays: relays, loop: loop)
    } catch {
      if socket.isOptional, HeldTCPSocket.meansNoIPv6(error) { return nil }
      throw Self.refusal(socket.address, error)
    }
  }

  private func holdDatagrams(
    _ socket: ListenAddress.Socket, index: Int, nameIndex: Int
  ) throws(ServiceError) -> HeldDatagramSocket? {
    do throws(Errno) {
      return try HeldDatagramSocket(socket, index: index, nameIndex: nameIndex, loop: loop)
    } catch {
      if socket.isOptional, HeldTCPSocket.meansNoIPv6(error) { return nil }
      guard error == .inUse else { throw Self.refusal(socket.address, error) }
      throw ServiceError("udp:\(socket.address) is in use by another process: stop it, or listen elsewhere")
    }
  }

  private func holdAbstract(
    _ name: UnixAddress, _ type: UnixSocket.Kind, index: Int, nameIndex: Int
  ) throws(ServiceError) -> HeldAbstractSocket {
    do throws(Errno) {
      return try HeldAbstractSocket(name, type: type, index: index, nameIndex: nameIndex, loop: loop)
    } catch {
      guard error == .inUse else { throw ServiceError("cannot listen on \(type.prefix)\(name): \(error)") }
      let holder = NameHolder.describe(name) ?? "another process"
      throw ServiceError("\(type.prefix)\(name) is in use by \(holder): stop it, or listen elsewhere")
    }
  }

  private func holdFIFO(_ path: UnixAddress, index: Int, nameIndex: Int) throws(ServiceError) -> HeldFIFO {
    do throws(FIFO.Refusal) {
      return try HeldFIFO(
        path.description, index: index, nameIndex: nameIndex, access: options.socketAccess, loop: loop)
    } catch {
      switch error {
      case .noFIFO: throw ServiceError("\(path) is there already and is no FIFO: remove it, or listen elsewhere")
      case .heldByAnother: throw ServiceError("\(path) is held by another torpor: stop it, or listen elsewhere")
      case .kernel(let errno): throw ServiceError("cannot hold fifo:\(path): \(errno)")
      }
    }
  }

  private func hold(
    _ path: UnixAddress, _ type: UnixSocket.Kind, index: Int, nameIndex: Int
  ) throws(ServiceError) -> HeldUnixSocket {
    do throws(UnixGenerations.Refusal) {
      return try HeldUnixSocket(
        path, type: type, index: index, nameIndex: nameIndex, access: options.socketAccess, relays: unixRelays,
        leftovers: leftovers, loop: loop)
    } catch { throw Self.refusal(path, error) }
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
