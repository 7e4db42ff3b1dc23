/// An interface as its file describes it (varlink.org, Interface Definition).
public struct InterfaceDescription: Equatable, Sendable {
  public var name: String
  public var methods: [String: Method] = [:]
  public var types: [String: ValueType] = [:]
  public var errors: [String: [Field]] = [:]

  public struct Method: Equatable, Sendable {
    public var parameters: [Field]
    public var reply: [Field]

    public init(parameters: [Field], reply: [Field]) {
      self.parameters = parameters
      self.reply = reply
    }
  }

  public struct Field: Equatable, Sendable {
    public var name: String
    public var type: ValueType

    public init(name: String, type: ValueType) {
      self.name = name
      self.type = type
    }
  }

  public indirect enum ValueType: Equatable, Sendable {
    case bool, int, float, string
    /// Any JSON object.
    case object
    /// One of the interface's own.
    case named(String)
    case array(ValueType)
    /// Keys are strings.
    case dictionary(ValueType)
    case optional(ValueType)
    case structure([Field])
    case enumeration([String])
  }

  /// Why `value` isn't of that type, with the path to what is wrong; nil: it is.
  public func mismatch(of value: JSONValue, with type: ValueType, at path: String = "") -> String? {
    switch (type, value) {
    case (.bool, .bool), (.int, .integer), (.float, .integer), (.float, .number), (.string, .string),
      (.object, .object), (.optional, .null):
      return nil
    case (.optional(let wrapped), _): return mismatch(of: value, with: wrapped, at: path)
    case (.named(let name), _):
      guard let named = types[name] else { return "\(path): there is no type \(name)" }
      return mismatch(of: value, with: named, at: path)
    case (.array(let element), .array(let values)):
      return values.indices.lazy.compactMap { mismatch(of: values[$0], with: element, at: "\(path)[\($0)]") }.first
    case (.dictionary(let element), .object(let entries)):
      return entries.keys.sorted().lazy.compactMap { key in
        entries[key].flatMap { mismatch(of: $0, with: element, at: "\(path)[\(key)]") }
      }.first
    case (.enumeration(let names), .string(let name)) where names.contains(name): return nil
    case (.structure(let fields), .object(let entries)): return mismatch(of: entries, with: fields, at: path)
    default: return "\(path): \(value) is no \(type)"
    }
  }

  private func mismatch(of entries: [String: JSONValue], with fields: [Field], at path: String) -> String? {
    if let unknown = entries.keys.sorted().first(where: { key in !fields.contains { $0.name == key } }) {
      return "\(path).\(unknown): there is no such field"
    }
    for field in fields {
      if let value = entries[field.name] {
        if let mismatch = mismatch(of: value, with: field.type, at: "\(path).\(field.name)") { return mismatch }
      } else if case .optional = field.type {
        continue
      } else {
        return "\(path).\(field.name): it is missing"
      }
    }
    return nil
  }
}
