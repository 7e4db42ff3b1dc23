import Linux

extension Adoption {
  /// Puts a held socket in the place of the one that a bind() is about, wherever the server has that one.
  func place(_ held: borrowing OwnedFD, for request: borrowing Request) throws(Errno) {
    let thread = request.call.thread
    let inode = try request.file.inode()

    // O_NONBLOCK and O_ASYNC belong to the open file, which we and every process of the service share: a server that
    // counts on blocking would spin on EAGAIN. O_ASYNC is our own here (ArrivalSignal).
    let signals = try held.statusFlags() & ArrivalSignal.statusFlag
    try held.setStatusFlags(try request.file.statusFlags() & ~ArrivalSignal.statusFlag | signals)

    // Close-on-exec belongs to the number. A server may have duplicated its socket, and may have registered it in epoll,
    // before bind: both would go on with the socket that is replaced here.
    let wanted = "socket:[\(inode)]"
    var places: [(number: Int32, closesOnExec: Bool)] = []
    var registrations: [(epoll: Int32, registration: ProcessFiles.Registration)] = []
    var epolls: [Int32] = []
    for number in ProcessFiles.descriptors(of: thread) {
      switch ProcessFiles.file(of: thread, number: number) {
      case wanted: places.append((number, ProcessFiles.closesOnExec(thread, number: number)))
      case "anon_inode:[eventpoll]": epolls.append(number)
      case .some, nil: break
      }
    }
    for epoll in epolls {
      for place in places {
        registrations += ProcessFiles.registrations(in: epoll, of: thread, for: place.number, inode: inode)
          .map { (epoll, $0) }
      }
    }
    // /proc may have been unreadable (a process that isn't dumpable): the number itself is known in any case.
    if !places.contains(where: { $0.number == request.number }) { places.append((request.number, true)) }
    for place in places {
      try listener.place(held, at: place.number, closesOnExec: place.closesOnExec, for: request.call)
    }
    // Their old registrations went with the old socket.
    for (epoll, registration) in registrations {
      do throws(Errno) {
        let instance = try ProcessHandle.file(ofThread: thread, number: epoll)
        try SeccompListener.register(
          held, as: registration.number, in: instance, events: registration.events, data: registration.data)
      } catch { warn("cannot restore the service's epoll registration of a held socket", error) }
    }
  }
}
