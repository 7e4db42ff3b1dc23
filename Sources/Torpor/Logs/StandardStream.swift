/// A value of `StandardOutput=` or `StandardError=`, in systemd's words and one of ours: `log`.
public enum StandardStream: Hashable, Sendable, CustomStringConvertible {
  /// The manager's own standard output; for standard error, the service's standard output.
  case inherit
  case null
  /// journald's stream socket; a log file where nobody listens there.
  case journal
  /// The connection, for a service that gets one of its own (`Accept=yes`), or its only listening socket.
  case socket
  /// `NAME.log` in the log directory.
  case log
  /// Written from its beginning; what is there isn't removed.
  case file(String)
  case append(String)
  case truncate(String)

  /// Why a value can't be had.
  public struct Mistake: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
  }

  public init(parsing text: String) throws(Mistake) {
    switch text {
    case "inherit": self = .inherit
    case "null": self = .null
    // systemd takes the first for the second since version 246.
    case "syslog", "journal": self = .journal
    case "socket": self = .socket
    case "log": self = .log
    case "journal+console", "syslog+console", "kmsg", "kmsg+console", "tty":
      throw Mistake(
        description: "'\(text)' is not supported: services are given no console and no kernel log; say journal or log")
    default:
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, let make = Self.maker(parts[0]) else {
        if parts[0] == "fd" {
          throw Mistake(description: "'\(text)' is not supported: passed descriptors can't be standard streams")
        }
        throw Mistake(
          description:
            "'\(text)' is none of inherit, null, journal, socket, log, file:PATH, append:PATH, truncate:PATH")
      }
      guard parts[1].hasPrefix("/") else {
        throw Mistake(description: "'\(parts[1])' is not an absolute path")
      }
      self = make(parts[1])
    }
  }

  private static func maker(_ word: String) -> ((String) -> StandardStream)? {
    switch word {
    case "file": { .file($0) }
    case "append": { .append($0) }
    case "truncate": { .truncate($0) }
    default: nil
    }
  }

  public var description: String {
    switch self {
    case .inherit: "inherit"
    case .null: "null"
    case .journal: "journal"
    case .socket: "socket"
    case .log: "log"
    case .file(let path): "file:\(path)"
    case .append(let path): "append:\(path)"
    case .truncate(let path): "truncate:\(path)"
    }
  }

  /// nil: it is no path.
  var path: String? {
    switch self {
    case .file(let path), .append(let path), .truncate(let path): path
    case .inherit, .null, .journal, .socket, .log: nil
    }
  }
}
