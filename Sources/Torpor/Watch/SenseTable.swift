import Linux
import Units

/// How each sense is made, and how `--senses` names them. Their names are those of `Senses=`, and of `IdleSection.Sense` alone.
public enum SenseTable {
  typealias Name = IdleSection.Sense

  /// nil: it isn't a sense of its own, or not of this service.
  static func make(_ name: Name, _ subject: SenseSubject) -> (any Sense)? {
    switch name {
    // These are what a rest must not lose: they are looked at by themselves, at each step of it, and always.
    case .connections: nil
    case .channels: ChannelSense(subject)
    case .processing: ProcessingSense(subject)
    }
  }

  /// What is told under these names has keys of its own, or none.
  static let busyCheck = "busy-check"
  static let notify = "notify"
  static let messages = "messages"
  static let connections = Name.connections.rawValue

  public static let defaultNames = Set(Name.allCases.filter(\.isDefault).map(\.rawValue))

  public struct UnknownName: Error, Equatable, Sendable, CustomStringConvertible {
    public let name: String
    public var description: String { "there is no sense '\(name)': \(Name.list) are known" }
  }

  /// Names with spaces or commas between them. Connections are among them in any case.
  public static func names(in text: String) throws(UnknownName) -> Set<String> {
    var names: Set<String> = [connections]
    for word in text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "\t" }) {
      guard let name = Name(rawValue: String(word)) else { throw UnknownName(name: String(word)) }
      names.insert(name.rawValue)
    }
    return names
  }
}

/// What a sense may know of the service that it looks at.
struct SenseSubject {
  let options: WatchOptions
  let processes: any ProcessSource
  /// What comes by the held sockets is no business of the other senses.
  let heldAddresses: () -> [SocketAddress]
  let heldUnixInodes: () -> Set<UInt32>
}

/// The processes of a service, as the senses see them.
protocol ProcessSource: AnyObject {
  /// Those that are alive.
  var pids: [Int32] { get }
  /// nil: there is none, as of a oneshot service that has done its work. Where there is one, `pids` can't truly be empty.
  var mainPID: Int32? { get }
  /// Of their cgroup; nil where they have none of their own.
  var cgroupProcessorTime: UInt64? { get }
  /// Of their cgroup, and of those that they have made below it; nil where they have none of their own.
  var cgroupIDs: [UInt64]? { get }
}
