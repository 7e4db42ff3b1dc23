/// All keys of one section, in the order of the manual.
public struct KeyTable: Sendable {
  public let section: String
  public let keys: [Key]
  private let byName: [String: Int]

  init(_ section: String, _ groups: [[Key]]) {
    self.section = section
    keys = groups.flatMap { $0 }
    byName = Dictionary(keys.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  public subscript(_ name: String) -> Key? { byName[name].map { keys[$0] } }

  /// The key that somebody may have meant.
  func suggestion(for name: String) -> String? {
    let source = Array(name.utf8)
    guard (3...64).contains(source.count) else { return nil }
    let limit = max(source.count / 4, 1)
    var best: (distance: Int, name: String)?
    for key in keys {
      let target = Array(key.name.utf8)
      // A name of quite another length can't be near.
      guard abs(target.count - source.count) <= limit else { continue }
      let distance = EditDistance.between(source, target)
      if distance <= limit, distance < best?.distance ?? .max { best = (distance, key.name) }
    }
    return best?.name
  }

  public static let unit = KeyTable("Unit", [Keys.unit, Keys.conditions, Keys.unitOthers])
  public static let service = KeyTable(
    "Service",
    [
      Keys.commands, Keys.service, Keys.serviceTimes,
      Keys.process("Service", \.service.execution), Keys.environment("Service", \.service.execution),
      Keys.directories("Service", \.service.execution), Keys.limits("Service", \.service.execution),
      Keys.killing("Service", \.service.killing), Keys.serviceOthers, Keys.processOthers("Service"),
      Keys.resourceOthers("Service"),
    ])
  public static let socket = KeyTable(
    "Socket",
    [
      Keys.listening, Keys.socket, Keys.socketOptions, Keys.socketCommands, Keys.socketProcess, Keys.socketOthers,
      Keys.processOthers("Socket"), Keys.resourceOthers("Socket"),
    ])
  public static let install = KeyTable("Install", [Keys.installOthers])
  public static let idle = KeyTable("X-Idle", [Keys.idle])

  /// In the order in which a person meets them.
  public static let all: [KeyTable] = [socket, service, idle, unit, install]

  static func named(_ section: String) -> KeyTable? {
    switch section {
    case "Unit": unit
    case "Service": service
    case "Socket": socket
    case "Install": install
    case "X-Idle": idle
    default: nil
    }
  }
}

/// Where the keys are written down, in files of their own.
enum Keys {}

/// How many characters have to be changed, put in, left out or exchanged with their neighbour.
enum EditDistance {
  static func between(_ left: [UInt8], _ right: [UInt8]) -> Int {
    func folded(_ bytes: [UInt8]) -> [UInt8] { bytes.map { $0.isLetter ? $0 | 0x20 : $0 } }
    let (left, right) = (folded(left), folded(right))
    var before: [Int] = []
    var row = Array(0...right.count)
    for (i, byte) in left.enumerated() {
      var next = [i + 1]
      for (j, other) in right.enumerated() {
        var cost = min(row[j] + (byte == other ? 0 : 1), row[j + 1] + 1, next[j] + 1)
        if i > 0, j > 0, byte == right[j - 1], left[i - 1] == other { cost = min(cost, before[j - 1] + 1) }
        next.append(cost)
      }
      before = row
      row = next
    }
    return row[right.count]
  }
}
