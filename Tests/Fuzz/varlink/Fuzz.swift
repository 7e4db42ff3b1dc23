// A stream of bytes as a client of the control socket may send it: taken apart, decoded as calls of every kind of parameters, and as
// replies. The first byte says in which chunks it comes, which must make no difference.

private struct Parameters: CallParameters {
  static let names = ["name", "seconds", "id", "names"]
  let name: String
  let seconds: Double?
  let id: Int?
  let names: [String]?
}

private let limitBytes = 4096

private func messages(_ bytes: ArraySlice<UInt8>, chunk: Int) -> [[UInt8]]? {
  var reader = MessageReader(limitBytes: limitBytes)
  var messages: [[UInt8]] = []
  var rest = bytes
  while !rest.isEmpty {
    reader.append(rest.prefix(chunk))
    rest = rest.dropFirst(chunk)
    do throws(MessageReader.TooLong) {
      while let message = try reader.next() { messages.append(message) }
    } catch { return nil }
    precondition(reader.pendingBytes <= limitBytes)
  }
  return messages
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let data, count > 0 else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  let stream = bytes.dropFirst()
  let whole = messages(stream, chunk: max(1, stream.count))
  let parts = messages(stream, chunk: Int(bytes[0]) + 1)
  precondition(whole == parts, "a stream means the same however it is cut")
  for message in whole ?? [] {
    precondition(!message.contains(0) && message.count <= limitBytes)
    if let call = try? Call(message) {
      _ = call.interface
      if let parameters = try? call.parameters(as: Parameters.self) {
        // What was understood can be said again.
        let reply = Reply.encode(["name": parameters.name])
        precondition(reply.last == 0 && reply.dropLast().allSatisfy { $0 != 0 })
        precondition(
          ReceivedReply(Array(reply.dropLast()))?.parameters(as: [String: String].self)?["name"] == parameters.name)
      }
      _ = try? call.parameters(as: NoParameters.self)
    }
    if let reply = ReceivedReply(message) { _ = reply.parameters(as: JSONValue.self) }
    _ = JSONValue(message)
    _ = try? InterfaceDescription(parsing: String(decoding: message, as: UTF8.self))
  }
  return 0
}
