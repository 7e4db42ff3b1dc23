/// Puts a unit together from what was found, and checks what only the whole can show.
struct UnitAssembly {
  private var unit: Unit
  private let specifiers: Specifiers
  var diagnostics: [Diagnostic] = []
  /// All that was read, to point into.
  private var entries: [Entry] = []
  /// What messages point at if there is no entry to point at.
  private var mainFile = ""
  /// Whether there is a unit of that name, without a suffix.
  var isKnown: (String) -> Bool = { _ in true }

  init(name: String, specifiers: Specifiers) {
    let at = name.utf8.firstIndex(of: UInt8(ascii: "@"))
    unit = Unit(name: name, instance: at.map { String(name[name.utf8.index(after: $0)...]) })
    self.specifiers = specifiers
  }

  /// A .torpor file, and sockets that name its service in files of their own.
  mutating func add(torpor source: UnitSource, sockets: [UnitSource], hidden: [String]) {
    let fragment = read(source, idle(of: sockets) + source.entries)
    // It needn't listen by itself if others do.
    if sockets.isEmpty || !fragment.socket.listen.isEmpty { add(fragment, of: source) }
    take(fragment)
    for socket in sockets { add(socket: socket) }
    tell(hidden: hidden, by: source, "as this file has both of its parts")
    if let entry = source.last("Socket", "Service"), !entry.isReset {
      diagnostics.append(
        entry.diagnostic(.error, "'Service=' has no place in a .torpor file: its service is in [Service]"))
    }
    UnitChecks.check(unit, entries, mainFile: mainFile, isKnown: isKnown, &diagnostics)
  }

  mutating func add(sockets: [UnitSource], hidden: [String], service find: (UnitName) -> UnitSource.Found) {
    for source in sockets { add(socket: source) }
    guard let first = sockets.first, let wanted = serviceName else { return }
    tell(hidden: hidden, by: first, "as this file is in an earlier directory")
    switch find(wanted) {
    case .source(let source): take(read(source, idle(of: sockets) + source.entries))
    case .missing: tell(first, "\(first.name) starts \(wanted), and there is no such file in the unit directories")
    case .masked: tell(first, "\(first.name) starts \(wanted), which is masked")
    case .alias(let other):
      tell(first, "\(first.name) starts \(wanted), which is a link to '\(other)' that leads nowhere")
    case .unreadable(let path, let reason):
      tell(first, "\(first.name) starts \(wanted), and \(path) can't be read: \(reason)")
    }
    UnitChecks.check(unit, entries, mainFile: mainFile, isKnown: isKnown, &diagnostics)
  }

  /// What socket units say of the service's rest is read with the service's own.
  private func idle(of sockets: [UnitSource]) -> [Entry] {
    sockets.flatMap { $0.entries.filter { $0.section == "X-Idle" } }
  }

  private mutating func add(socket source: UnitSource) {
    let fragment = read(source, source.entries.filter { $0.section != "X-Idle" })
    for key in ["OnFailure", "OnSuccess"] {
      guard let entry = source.last("Unit", key), !entry.isReset else { continue }
      diagnostics.append(entry.diagnostic(.warning, "'\(key)=' of a socket unit is ignored: its service's counts"))
    }
    add(fragment, of: source)
  }

  private mutating func add(_ fragment: Fragment, of source: UnitSource) {
    var socket = fragment.socket
    socket.conditions = fragment.unit.conditions
    if !fragment.socketCommands.isEmpty { socket.commands = Shared(fragment.socketCommands) }
    socket.unitName = source.name.description
    unit.sockets.append(socket)
  }

  /// NAME.service, or the template of which each connection gets an instance.
  private var serviceName: UnitName? {
    let name = UnitName("\(unit.name).service")
    return unit.socket.accept ? name?.with(instance: "") : name
  }

  private mutating func tell(_ source: UnitSource, _ message: String) {
    let entry = source.last("Socket", "Service")
    diagnostics.append(
      entry?.diagnostic(.error, at: 0, message)
        ?? Diagnostic(.error, file: source.file.path, position: Position(line: 1, column: 1), message: message))
  }

  private mutating func tell(hidden: [String], by source: UnitSource, _ reason: String) {
    for path in hidden {
      unit.shadowed.append(path)
      diagnostics.append(
        Diagnostic(
          .warning, file: source.file.path, position: Position(line: 1, column: 1),
          message: "\(path) is not read, \(reason)"))
    }
  }

  private mutating func read(_ source: UnitSource, _ entries: [Entry]) -> Fragment {
    if mainFile.isEmpty { mainFile = source.file.path }
    var specifiers = specifiers.of(source.name, file: source.file.path)
    if source.name.isTemplate {
      // A connection's instance has a name only when it is there.
      for letter: Character in ["i", "I", "f"] { specifiers[letter] = nil }
    }
    var reader = FragmentReader(kind: source.name.kind, specifiers: specifiers)
    reader.read(entries)
    unit.files += source.files
    unit.shadowed += source.shadowed
    diagnostics += source.diagnostics + reader.diagnostics
    self.entries += entries
    return reader.fragment
  }

  private mutating func take(_ fragment: Fragment) {
    unit.unit = fragment.unit
    unit.service = fragment.service
    unit.idle = fragment.idle
  }

  func finished(isStrict: Bool, keepsNotes: Bool) -> Unit {
    var unit = unit
    unit.diagnostics = keepsNotes ? diagnostics : diagnostics.filter { $0.severity != .note }
    if isStrict {
      for index in unit.diagnostics.indices where unit.diagnostics[index].isHardening {
        unit.diagnostics[index].severity = .error
      }
    }
    return unit
  }
}
