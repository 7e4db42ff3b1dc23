import Linux

/// The manager's memory: `journal.jsonl` in its state directory, a line an event, and what they amount to.
///
/// Each event is one write(2) at the end of the file. Nothing is synchronized to the disk, so a power failure may cost the last
/// seconds; a killed manager costs nothing. Whatever can't be written is told once, and held in memory alone.
public final class EventJournal {
  public static let sizeMaxDefault = 4 << 20
  static let name = "journal.jsonl"
  static let oldName = "journal.jsonl.1"
  static let newName = "journal.jsonl.new"

  public internal(set) var state = JournalState()
  public let path: String
  let sizeMax: Int
  let clock: LocalTime
  let onWarning: (String) -> Void
  var directory: PrivateDirectory?
  var file: OwnedFD?
  /// Bytes of the file, all of which are complete lines.
  var sizeBytes = 0
  /// The file gives way to a new one before it is larger.
  var rotatesAtBytes: Int
  private var lostEvents = 0
  private var isTroubled = false

  /// Reads what is there, and goes on where it ends. `directory`: made if it isn't there.
  public convenience init(
    _ directory: String, sizeMax: Int = sizeMaxDefault, onWarning: @escaping (String) -> Void
  ) { self.init(directory, sizeMax: sizeMax, clock: .system, onWarning: onWarning) }

  init(_ path: String, sizeMax: Int, clock: LocalTime, onWarning: @escaping (String) -> Void) {
    self.path = path
    self.sizeMax = sizeMax
    self.clock = clock
    self.onWarning = onWarning
    rotatesAtBytes = sizeMax
    do throws(PrivateDirectory.Refusal) {
      let opened = try PrivateDirectory(path)
      load(opened)
      openFile(opened)
      directory = consume opened
    } catch { onWarning("no events are written to '\(path)': \(error)") }
  }

  /// A manager has begun: what ran in an earlier boot of the machine no longer does.
  public func begin() {
    var record = Narrator.Record(event: JournalLine.managerStarted, service: "torpord")
    record.boot = ProcessFiles.contents(of: "/proc/sys/kernel/random/boot_id").map { String($0.prefix { $0 != "\n" }) }
    record.pid = ProcessFiles.ownProcess
    append(record)
  }

  func append(_ record: Narrator.Record) {
    // That a unit is still dormant is no event: 10,000 units would say so at each start.
    if record.event == "dormant", (state.units[record.service]?.phase ?? .dormant) == .dormant { return }
    let line = JournalLine.encode(record)
    // Before it is folded: the new file's first lines say what was before it.
    if sizeBytes + line.bytes.count > rotatesAtBytes { rotate() }
    state.fold(line.record, clock: clock)
    if lostEvents > 0, write(lossLine()) { lostEvents = 0 }
    if !write(line.bytes) { lostEvents += 1 }
  }

  private func lossLine() -> [UInt8] {
    var record = Narrator.Record(event: "warning", service: "torpord")
    record.message = "\(Narrator.count(lostEvents, "event")) before this could not be written"
    return JournalLine.encode(record).bytes
  }

  private func write(_ line: [UInt8]) -> Bool {
    let written: Int
    do throws(Errno) {
      switch file {
      case .some(let file): written = try file.write(line)
      case .none: return false
      }
    } catch {
      tell(error)
      return false
    }
    if written == line.count {
      sizeBytes += written
      isTroubled = false
      return true
    }
    // The disk is full: a part of a line is worth nothing.
    tell(Errno.noSpace)
    cutBack()
    return false
  }

  private func cutBack() {
    switch file {
    case .some(let file): try? file.truncate(to: sizeBytes)
    case .none: break
    }
  }

  private func tell(_ errno: Errno) {
    if !isTroubled {
      onWarning("events can't be written to '\(path)/\(Self.name)': \(errno); they are lost until they can")
    }
    isTroubled = true
  }

  // MARK: the beginning

  private func load(_ directory: borrowing PrivateDirectory) {
    directory.remove(Self.newName)
    fold(directory, [Self.name])
    // A manager, or the machine, ended before everything that was known was in the new file.
    if !state.isComplete, (try? directory.status(Self.oldName)) != nil { fold(directory, [Self.oldName, Self.name]) }
  }

  private func fold(_ directory: borrowing PrivateDirectory, _ names: [String]) {
    state = JournalState()
    for name in names {
      var firstGarbage: Int?
      let garbageBefore = state.garbageLines
      do throws(Errno) {
        guard try directory.status(name) != nil else { continue }
        let file = try directory.open(name, for: .reading)
        _ = try LineReader.forward(file) { line, number in
          if !state.fold(line, clock: clock), firstGarbage == nil { firstGarbage = number }
        }
      } catch { onWarning("cannot read '\(path)/\(name)': \(LogDirectory.describe(error)); what it says is not known") }
      if let firstGarbage {
        let count = state.garbageLines - garbageBefore
        onWarning("\(path)/\(name):\(firstGarbage): \(Narrator.count(count, "line")) not understood, and passed over")
      }
    }
  }

  private func openFile(_ directory: borrowing PrivateDirectory) {
    do throws(Errno) {
      let opened = try directory.open(Self.name, for: .appending)
      sizeBytes = try opened.status().sizeBytes
      let readable = try directory.open(Self.name, for: .reading)
      let end = try LineReader.end(readable, size: sizeBytes)
      if end < sizeBytes {
        onWarning("\(path)/\(Self.name): the last line is torn, and cut off (\(sizeBytes - end) bytes)")
        try opened.truncate(to: end)
        sizeBytes = end
      }
      file = consume opened
    } catch { onWarning("cannot write '\(path)/\(Self.name)': \(LogDirectory.describe(error)); events are lost") }
  }
}
