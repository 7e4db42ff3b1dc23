import FoundationEssentials

/// What is checked of a text before it is decoded.
enum JSONText {
  /// Why a text isn't taken.
  enum Refusal: Error, Equatable {
    case notUTF8
    case tooDeep(limit: Int)
  }

  /// The decoder calls itself for each level, so that a text of a million brackets would be a matter of our stack.
  /// It would also take UTF-16, in which brackets can't be counted like this.
  static func check(_ bytes: [UInt8], depthMax: Int) throws(Refusal) {
    guard String(validating: bytes, as: UTF8.self) != nil else { throw .notUTF8 }
    var depth = 0
    var isInString = false
    var isEscaped = false
    for byte in bytes {
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isInString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        if depth > depthMax { throw .tooDeep(limit: depthMax) }
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default: break
      }
    }
  }
}

/// Any JSON value, for what has no type of its own.
public enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// nil: it isn't JSON, or nested deeper than a call may be.
  public init?(_ bytes: [UInt8]) {
    guard (try? JSONText.check(bytes, depthMax: Call.defaultDepthMax)) != nil,
      let value = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes))
    else { return nil }
    self = value
  }
}

extension JSONValue: Decodable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }
}
