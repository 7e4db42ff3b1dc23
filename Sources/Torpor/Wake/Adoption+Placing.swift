import Linux

extension Adoption {
  /// Puts a held socket in the place of the one that a bind() is about, wherever the server has that one.
  func place(_ held: borrowing OwnedFD, for request: borrowing Request) throws(Errno) {
    let thread = request.call.thread
    let inode = try request.file.descriptor.inode()

    // O_NONBLOCK and O_ASYNC belong to the open file, which we and every process of the service share: a server that
    // counts on blocking would spin on EAGAIN. O_ASYNC is our own here (ArrivalSignal).
    let signals = try held.statusFlags() & ArrivalSignal.statusFlag
    try held.setStatusFlags(try request.file.descriptor.statusFlags() & ~ArrivalSignal.statusFlag | signals)

    // Close-on-exec belongs to the number. A server may have duplicated its socket, and may have registered it in epoll,
    // before bind: both would go on with the socket that is replaced here.
    let begin = MonotonicClock.now()
    let found = SocketPlaces(
      of: inode, at: request.number, thread: thread, looksFurther: scanBudget.isLeft(at: begin))
    scanBudget.spend(since: begin, until: MonotonicClock.now())
    if found.isCut {
      warn(
        "the service has so many descriptors, or calls bind() so often, that duplicates and epoll registrations of a held "
          + "socket may have been missed")
    }
    for place in found.places {
      try listener.place(held, at: place.number, closesOnExec: place.closesOnExec, for: request.call)
    }
    // Their old registrations went with the old socket.
    for (epoll, registration) in found.registrations { try register(held, registration, in: epoll, of: request.call) }
  }

  private func register(
    _ held: borrowing OwnedFD, _ registration: ProcessFiles.Registration, in epoll: Int32, of call: SeccompListener.Call
  ) throws(Errno) {
    do throws(Errno) {
      guard ProcessFiles.file(of: call.thread, number: epoll) == "anon_inode:[eventpoll]" else { return }
      let instance = ForeignFile(try ProcessHandle.file(ofThread: call.thread, number: epoll), disposal)
      try SeccompListener.register(
        held, as: registration.number, in: instance.descriptor, events: registration.events, data: registration.data)
    } catch {
      guard listener.isValid(call) else { throw error }
      warn("cannot restore the service's epoll registration of a held socket", error)
    }
  }
}
