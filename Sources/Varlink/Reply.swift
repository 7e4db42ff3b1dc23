import FoundationEssentials

/// Replies as bytes, each with its NUL.
public enum Reply {
  /// - Parameter continues: another one follows.
  public static func encode(_ parameters: some Encodable, continues: Bool = false) -> [UInt8] {
    message(Success(parameters: parameters, continues: continues ? true : nil))
  }

  /// - Parameter name: the full one, with its interface's.
  public static func encodeError(_ name: String, _ parameters: some Encodable) -> [UInt8] {
    message(Failure(error: name, parameters: parameters))
  }

  public static func encode(_ error: StandardError) -> [UInt8] { encodeError(error.name, error.parameters) }

  /// A call, for the other side of a connection.
  public static func encodeCall(
    _ method: String, _ parameters: some Encodable, more: Bool = false, oneway: Bool = false
  ) -> [UInt8] {
    message(
      Request(method: method, parameters: parameters, more: more ? true : nil, oneway: oneway ? true : nil))
  }

  private static func message(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Numbers that JSON has no words for must not cost a client its reply.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "infinity", negativeInfinity: "-infinity", nan: "nan")
    guard let data = try? encoder.encode(value) else { preconditionFailure("a reply that can't be written as JSON") }
    return Array(data) + [0]
  }

  private struct Success<Parameters: Encodable>: Encodable {
    let parameters: Parameters
    let continues: Bool?
  }

  private struct Failure<Parameters: Encodable>: Encodable {
    let error: String
    let parameters: Parameters
  }

  private struct Request<Parameters: Encodable>: Encodable {
    let method: String
    let parameters: Parameters
    let more: Bool?
    let oneway: Bool?
  }
}

/// A reply as a client gets it.
public struct ReceivedReply: Sendable {
  /// Another one follows.
  public let continues: Bool
  /// The full name; nil: it is a success.
  public let error: String?
  private let message: Data

  /// nil: it isn't a reply at all.
  public init?(_ bytes: [UInt8]) {
    guard (try? JSONText.check(bytes, depthMax: Call.defaultDepthMax)) != nil,
      let header = try? JSONDecoder().decode(Header.self, from: Data(bytes))
    else { return nil }
    message = Data(bytes)
    continues = header.continues ?? false
    error = header.error
  }

  /// Its parameters, or those of its error; nil: they are of another type.
  public func parameters<Parameters: Decodable>(as type: Parameters.Type) -> Parameters? {
    if let envelope = try? JSONDecoder().decode(Envelope<Parameters>.self, from: message) { return envelope.parameters }
    // Left out, where there are none.
    return try? JSONDecoder().decode(Parameters.self, from: Data("{}".utf8))
  }

  private struct Header: Decodable {
    let continues: Bool?
    let error: String?
  }

  private struct Envelope<Parameters: Decodable>: Decodable { let parameters: Parameters }
}
