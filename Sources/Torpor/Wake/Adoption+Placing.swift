import Linux

extension Adoption {
  /// Puts a held socket in the place of the one that a bind() is about, wherever the server has that one.
  func place(_ held: borrowing OwnedFD, for request: borrowing Request) throws(Errno) {
    // O_NONBLOCK and O_ASYNC belong to the open file, which we and every process of the service share: a server that
    // counts on blocking would spin on EAGAIN. O_ASYNC is our own here (ArrivalSignal).
    let signals = try held.statusFlags() & ArrivalSignal.statusFlag
    try held.setStatusFlags(try request.file.descriptor.statusFlags() & ~ArrivalSignal.statusFlag | signals)
    try listener.place(held, for: request)
  }
}
