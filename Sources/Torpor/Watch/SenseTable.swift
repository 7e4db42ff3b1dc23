/// The senses that there are: their names for `Senses=` and `--senses`, what they mean, and how each is made.
public enum SenseTable {
  /// One of them.
  public struct Row: Sendable {
    public let name: String
    /// Asked where nothing else is said.
    public let isDefault: Bool
    /// A sentence for a person who chooses.
    public let meaning: String
    /// nil: it isn't a sense of its own, or not of this service.
    let make: @Sendable (SenseSubject) -> (any Sense)?
  }

  public static let rows: [Row] = [
    Row(
      name: "connections", isDefault: true,
      meaning: "Somebody is connected to a held address, waits there, or was connected since the last look. Always "
        + "asked.",
      // These are what a rest must not lose: they are looked at by themselves, at each step of it.
      make: { _ in nil }),
    Row(
      name: "channels", isDefault: true,
      meaning: "Somebody is connected to another address that the service has bound by itself, or data went by a "
        + "connection that it has made.",
      make: { ChannelSense($0) }),
    Row(
      name: "processing", isDefault: true,
      meaning:
        "Its processes have used more than ProcessingThreshold= of a processor since the last look, or have read "
        + "or written much, or one is at it at this moment.",
      make: { ProcessingSense($0) }),
  ]

  /// What `BusyCheck=` says is told under this name. It has a key of its own.
  static let busyCheck = "busy-check"

  public static let defaultNames = Set(rows.filter(\.isDefault).map(\.name))

  public struct UnknownName: Error, Equatable, Sendable, CustomStringConvertible {
    public let name: String
    public var description: String {
      "there is no sense '\(name)': \(SenseTable.rows.map(\.name).joined(separator: ", ")) are known"
    }
  }

  /// Names with spaces or commas between them. Connections are among them in any case.
  public static func names(in text: String) throws(UnknownName) -> Set<String> {
    var names: Set<String> = ["connections"]
    for word in text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "\t" }) {
      guard rows.contains(where: { $0.name == word }) else { throw UnknownName(name: String(word)) }
      names.insert(String(word))
    }
    return names
  }
}

/// What a sense may know of the service that it looks at.
struct SenseSubject {
  let options: WatchOptions
  let processes: any ProcessSource
  /// What comes by the held sockets is no business of the other senses.
  let heldPorts: () -> Set<UInt16>
  let heldUnixInodes: () -> Set<UInt32>
}

/// The processes of a service, as the senses see them.
protocol ProcessSource: AnyObject {
  /// Those that are alive.
  var pids: [Int32] { get }
  /// Of their cgroup; nil where they have none of their own.
  var cgroupProcessorTime: UInt64? { get }
  var cgroupID: UInt64? { get }
}
