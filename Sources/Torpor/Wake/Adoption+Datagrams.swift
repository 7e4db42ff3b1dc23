import Linux

extension Adoption {
  /// A bind() of a UDP socket.
  func answerBind(_ request: borrowing Request, toDatagrams address: SocketAddress, isIPv6Only: Bool) throws(Errno) {
    let call = request.call
    let held = datagrams.map { socket in
      AddressMatch.Held(
        index: socket.index, address: socket.address, isIPv6Only: socket.group.isIPv6Only,
        isAdopted: adopted.contains(socket.index))
    }
    guard
      let match = AddressMatch(bind: address, isIPv6Only: isIPv6Only, among: held),
      let socket = datagrams.first(where: { $0.index == match.index })
    else {
      noteStranger("udp:\(address)")
      return listener.letGo(call)
    }
    if !match.alsoCovered.isEmpty {
      let names = datagrams.filter { match.alsoCovered.contains($0.index) }.map(\.name).joined(separator: ", ")
      warn("it asked for udp:\(address) and gets \(socket.name) only, not \(names): hold udp:\(address) instead")
    }
    if try request.file.descriptor.inode() != socket.group.current.descriptor.inode() {
      socket.group.adoptOptions(from: request.file.descriptor)
      try place(socket.group.current.descriptor, for: request)
    }
    listener.succeed(call)
    noteBinder(call.thread)
    note(socket.index)
  }
}
