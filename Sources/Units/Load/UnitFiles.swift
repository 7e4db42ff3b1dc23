/// Where unit files come from: a file system, or a test's idea of one.
public protocol UnitFiles {
  /// The names of what is in a directory, in any order; nil: there is no such directory. Throws where it can't be read.
  func list(_ directory: String) throws(UnreadableDirectory) -> [String]?
  /// What is at a path.
  func read(_ path: String) -> UnitFileContents
}

/// A directory that is there, or may be: what is in it isn't known, which is not to say that nothing is.
public struct UnreadableDirectory: Error, Equatable, Sendable {
  /// What the kernel said.
  public let reason: String

  public init(_ reason: String) { self.reason = reason }
}

public enum UnitFileContents: Equatable, Sendable {
  case bytes([UInt8])
  /// A link to /dev/null, or an empty file: the unit isn't to be.
  case masked
  /// A symbolic link to a unit of another name in one of the unit directories: "redis.service" for redis-server.service.
  case alias(of: String)
  case missing
  /// What the kernel said.
  case unreadable(String)
}

/// Files in memory, by path.
public struct MemoryFiles: UnitFiles, Sendable {
  private var contents: [String: UnitFileContents] = [:]
  private var names: [String: [String]] = [:]

  public init() {}

  public subscript(_ path: String) -> UnitFileContents {
    get { contents[path] ?? .missing }
    set {
      if contents.updateValue(newValue, forKey: path) == nil { add(path) }
    }
  }

  public mutating func set(_ path: String, _ text: String) {
    self[path] = text.isEmpty ? .masked : .bytes(Array(text.utf8))
  }

  private mutating func add(_ path: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return }
    let directory = String(path[..<slash])
    let isNew = names[directory] == nil
    names[directory, default: []].append(String(path[path.utf8.index(after: slash)...]))
    if isNew { add(directory) }
  }

  public func list(_ directory: String) -> [String]? { names[directory] }
  public func read(_ path: String) -> UnitFileContents { self[path] }
}
