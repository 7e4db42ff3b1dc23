import Linux

/// What a server does to a held path: it binds it, and before that may try whether somebody is there, and remove what is.
extension Adoption {
  /// A bind() by a path: ours if it leads to a held one. `PATH.PID.tmp` is, too, as haproxy binds that and renames it.
  func answerBind(_ call: Call, to address: UnixAddress) throws(Errno) {
    guard !paths.isEmpty || !abstracts.isEmpty, let request = try request(call),
      let type = UnixSocket.kind(of: request.file.descriptor)
    else { return listener.letGo(call) }
    if address.isAbstract { return try answerBind(request, to: address, type) }
    guard let match = match(address.name, of: call, takesTemporary: true), match.socket.type == type else {
      noteStranger(address.description)
      return listener.letGo(call)
    }
    let socket = match.socket
    // Of datagrams nobody can be turned away by an answer: they are read when it is ready to.
    let isDeferred = type.listens && isDeferred(request, .path(socket))
    // Bound already, by an earlier bind() or as one of LISTEN_FDS.
    if !isDeferred, try request.file.descriptor.inode() != socket.group.current.descriptor.inode() {
      socket.group.adoptOptions(from: request.file.descriptor)
      try place(socket.group.current.descriptor, for: request)
    }
    let creator =
      ProcessFiles.creator(call.thread)
      ?? ProcessFiles.Creator(user: Account.effectiveUser, group: .max, mask: 0o022)
    do throws(Errno) {
      try socket.noteBind(by: creator, fileMode: try request.file.descriptor.mode(), suffix: match.suffix)
    } catch {
      // The socket is the right one, and its path is where it was: only its mode or owner aren't what they would be.
      warn("cannot make \(socket.name) what the service's own bind() would have made", error)
    }
    // Answered first: what readiness brings with it costs time, and whatever the server does next comes to us later.
    listener.succeed(call)
    noteBinder(call.thread)
    if !isDeferred { note(socket.index) }
  }

  /// Abstract names are compared byte by byte, as the kernel does (unix(7)).
  private func answerBind(_ request: borrowing Request, to name: UnixAddress, _ type: UnixSocket.Kind) throws(Errno) {
    let call = request.call
    guard let socket = abstracts.first(where: { $0.address == name && $0.type == type }) else {
      noteStranger(type.prefix + name.description)
      return listener.letGo(call)
    }
    if try request.file.descriptor.inode() != socket.socket.descriptor.inode() {
      socket.adoptOptions(from: request.file.descriptor)
      try place(socket.socket.descriptor, for: request)
    }
    listener.succeed(call)
    noteBinder(call.thread)
    note(socket.index)
  }

  /// A server tries whether another one listens before it takes a path over. While it starts it is refused, as nobody does;
  /// it would find the queue that we hold for it, and give up.
  func answerConnect(_ call: Call) {
    guard isStarting?() ?? false, !paths.isEmpty || !abstracts.isEmpty,
      let bytes = listener.address(of: call), let address = UnixAddress(sockaddr: bytes),
      let index = heldIndex(address, of: call), !adopted.contains(index), listener.isValid(call)
    else { return listener.letGo(call) }
    listener.fail(call, .refused)
  }

  private func heldIndex(_ address: UnixAddress, of call: Call) -> Int? {
    if address.isAbstract { return abstracts.first { $0.address == address }?.index }
    return match(address.name, of: call, takesTemporary: false)?.socket.index
  }

  /// A server removes its socket's file before it binds it anew, and again when it ends. By then the path leads to the next
  /// instance's clients already. So it is told that this was done.
  func answerUnlink(_ call: Call) {
    let isAt = call.kind == .unlinkat
    // AT_FDCWD is negative.
    let number = isAt ? Int32(truncatingIfNeeded: call.arguments[0]) : -1
    guard let path = listener.path(of: call),
      match(path, of: call, from: number >= 0 ? number : nil, takesTemporary: false) != nil
        || isFIFO(path, of: call, from: number >= 0 ? number : nil),
      listener.isValid(call)
    else { return listener.letGo(call) }
    listener.succeed(call)
  }

  // MARK: which path it is

  private func match(
    _ path: [UInt8], of call: Call, from directory: Int32? = nil, takesTemporary: Bool
  ) -> (socket: HeldUnixSocket, suffix: String?)? {
    let slash = path.lastIndex(of: UInt8(ascii: "/"))
    let base = Array(path[(slash.map { $0 + 1 } ?? 0)...])
    // By its last component first: nearly every path is none of ours, and no more has to be known of it.
    let candidates = paths.compactMap { socket -> (HeldUnixSocket, String?)? in
      let held = socket.group.baseName
      if base == held { return (socket, nil) }
      guard takesTemporary, base.starts(with: held) else { return nil }
      let suffix = String(decoding: base.dropFirst(held.count), as: UTF8.self)
      return Self.isTemporary(suffix) ? (socket, suffix) : nil
    }
    guard !candidates.isEmpty, let found = parent(of: path, of: call, from: directory) else { return nil }
    return candidates.first { candidate in (try? candidate.0.group.parentIdentity()) == found }
  }

  private func isFIFO(_ path: [UInt8], of call: Call, from directory: Int32?) -> Bool {
    let base = Array(path.split(separator: UInt8(ascii: "/")).last ?? [])
    let candidates = fifos.filter { $0.fifo.baseName == base }
    guard !candidates.isEmpty, let found = parent(of: path, of: call, from: directory) else { return false }
    return candidates.contains { (try? $0.fifo.parentIdentity()) == found }
  }

  private func parent(of path: [UInt8], of call: Call, from directory: Int32?) -> FileIdentity? {
    let slash = path.lastIndex(of: UInt8(ascii: "/"))
    let parent = slash.map { $0 == 0 ? "/" : String(decoding: path[..<$0], as: UTF8.self) } ?? ""
    return listener.directory(of: call, path: parent, from: directory)
  }

  /// ".4711.tmp".
  static func isTemporary(_ suffix: String) -> Bool {
    guard suffix.hasPrefix("."), suffix.hasSuffix(".tmp"), suffix.utf8.count > 5 else { return false }
    return suffix.dropFirst().dropLast(4).allSatisfy { $0.isASCII && $0.isNumber }
  }
}
