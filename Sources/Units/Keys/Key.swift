/// What is known of a key of unit files: the manual page is made of this, and the reader goes by it.
public struct Key: Sendable {
  public enum Status: Equatable, Sendable {
    case implemented
    /// Another spelling of a key, which systemd keeps for old files.
    case alias(of: String)
    /// An error, as the service can't be what the file asks for.
    case refused(String)
    /// A warning: it changes nothing, and this is why.
    case ignored(String)
    /// A warning, or an error where the caller is strict: the service would run without a protection.
    case hardening(String)
    /// A note: what it asks for is so anyhow, or is not a manager's business.
    case notNeeded(String)
  }

  public let section: String
  public let name: String
  /// What kind of value it takes, for people.
  public let type: String
  /// As it would be written; empty: there is none.
  public let defaultText: String
  public let meaning: String
  public let status: Status
  /// Values that ask for nothing, so that nothing is to be said of them: "no" for most.
  let harmless: Set<String>
  let read: @Sendable (inout Fragment, inout Value) throws(ValueError) -> Void

  typealias Reader = @Sendable (inout Fragment, inout Value) throws(ValueError) -> Void

  static func implemented(
    _ section: String, _ name: String, _ type: String, default defaultText: String = "", _ meaning: String,
    _ read: @escaping Reader
  ) -> Key {
    Key(
      section: section, name: name, type: type, defaultText: defaultText, meaning: meaning, status: .implemented,
      harmless: [], read: read)
  }

  /// Keys that share a reason for not being implemented.
  static func others(_ section: String, _ status: Status, harmless: Set<String> = [], _ names: String) -> [Key] {
    names.split(separator: " ").map { name in
      Key(
        section: section, name: String(name), type: "", defaultText: "", meaning: "", status: status,
        harmless: harmless, read: { _, _ in })
    }
  }

  static func alias(_ section: String, _ name: String, of other: String) -> Key {
    others(section, .alias(of: other), name)[0]
  }

  /// Whether an empty value asks for something, instead of taking back what was asked for before.
  var isEmptyMeant: Bool { name == "CapabilityBoundingSet" }

  /// Keys of one kind that are reset together, by whichever of them.
  var resetGroup: String {
    if case .alias(let other) = status { return other }
    if section == "Unit" { return ["Condition", "Assert"].first { name.hasPrefix($0) } ?? name }
    return section == "Socket" && name.hasPrefix("Listen") ? "Listen" : name
  }

  /// Whether a value asks for nothing.
  func isHarmless(_ text: String) -> Bool {
    if NumberSyntax.boolean(text) == false, harmless.contains("no") { return true }
    return harmless.contains(text)
  }
}

/// What one unit, with its drop-ins, says: all sections that it may have.
struct Fragment: Equatable {
  var unit = UnitSection()
  var socket = SocketSection()
  var socketCommands = SocketCommands()
  var service = ServiceSection()
  var idle = IdleSection()
}
