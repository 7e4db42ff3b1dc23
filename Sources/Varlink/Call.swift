import FoundationEssentials

/// A call as it came: which method, how its replies are wanted, and its parameters, still to be decoded.
public struct Call: Sendable {
  /// What can't be understood as a call at all. The connection is of no more use.
  public enum Malformed: Error, Equatable, Sendable {
    case notUTF8
    case notJSON
    case tooDeep(limit: Int)
  }

  /// "org.example.Interface.Method".
  public let method: String
  /// Several replies may come; all but the last say that it continues.
  public let more: Bool
  /// No reply is wanted.
  public let oneway: Bool
  /// The connection shall speak another protocol afterwards.
  public let upgrade: Bool
  private let message: Data

  public static let defaultDepthMax = 32

  /// Throws `.malformed` for what isn't JSON, and `.standard` for a JSON object that is no call, which can be answered.
  public init(_ bytes: [UInt8], depthMax: Int = Self.defaultDepthMax) throws(CallError) {
    do throws(JSONText.Refusal) { try JSONText.check(bytes, depthMax: depthMax) } catch {
      switch error {
      case .notUTF8: throw .malformed(.notUTF8)
      case .tooDeep(let limit): throw .malformed(.tooDeep(limit: limit))
      }
    }
    message = Data(bytes)
    let header: Header
    do { header = try JSONDecoder().decode(Header.self, from: message) } catch {
      guard let error = error as? DecodingError, let name = error.fieldName else { throw .malformed(.notJSON) }
      throw .standard(.invalidParameter(name))
    }
    method = header.method
    more = header.more ?? false
    oneway = header.oneway ?? false
    upgrade = header.upgrade ?? false
  }

  /// The interface's part of the method's name; nil: it has none.
  public var interface: Substring? { method.lastIndex(of: ".").map { method[..<$0] } }

  /// Decodes the parameters. One that the method doesn't have is refused, too: it was meant to do something.
  public func parameters<Parameters: CallParameters>(
    as type: Parameters.Type
  ) throws(StandardError) -> Parameters {
    do { return try JSONDecoder().decode(Envelope<Parameters>.self, from: message).parameters } catch {
      if let unknown = error as? UnknownParameter { throw .invalidParameter(unknown.name) }
      guard let error = error as? DecodingError else { throw .invalidParameter("parameters") }
      throw .invalidParameter(error.fieldName(within: "parameters") ?? "parameters")
    }
  }

  private struct Header: Decodable {
    let method: String
    let more: Bool?
    let oneway: Bool?
    let upgrade: Bool?
  }
}

/// Why a message isn't a call.
public enum CallError: Error, Equatable, Sendable {
  case malformed(Call.Malformed)
  case standard(StandardError)
}

/// What a method takes.
public protocol CallParameters: Decodable {
  /// Every name that there is.
  static var names: [String] { get }
}

/// Of a method that takes none.
public struct NoParameters: CallParameters, Encodable {
  public static let names: [String] = []
  public init() {}
}

/// The only part of a call that differs in type.
private struct Envelope<Parameters: CallParameters>: Decodable {
  let parameters: Parameters

  private enum CodingKeys: CodingKey { case parameters }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    if let given = try container.decodeIfPresent(Checked<Parameters>.self, forKey: .parameters) {
      parameters = given.value
    } else {
      // A call that names none: those that must be given are missed by their names.
      parameters = try JSONDecoder().decode(Parameters.self, from: Data("{}".utf8))
    }
  }
}

private struct Checked<Parameters: CallParameters>: Decodable {
  let value: Parameters

  init(from decoder: any Decoder) throws {
    let given = try decoder.container(keyedBy: AnyKey.self).allKeys
    if let unknown = given.map(\.stringValue).sorted().first(where: { !Parameters.names.contains($0) }) {
      throw UnknownParameter(name: unknown)
    }
    value = try Parameters(from: decoder)
  }
}

private struct UnknownParameter: Error { let name: String }

private struct AnyKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

extension DecodingError {
  /// The outermost field that is missing or of another type than it should be; nil: the whole isn't an object, or isn't JSON.
  fileprivate var fieldName: String? { path.first?.stringValue }

  /// The same within the field `outer`, or without it, where that was left out.
  fileprivate func fieldName(within outer: String) -> String? {
    path.first { $0.stringValue != outer }?.stringValue
  }

  private var path: [any CodingKey] {
    switch self {
    case .keyNotFound(let key, let context): context.codingPath + [key]
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context): context.codingPath
    @unknown default: []
    }
  }
}
