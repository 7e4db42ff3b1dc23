import Linux

/// What the manager tells: a line an event on stderr, and all of it to the journal and to whoever monitors.
final class ManagerVoice {
  private let channel: OutputChannel
  /// journald takes a line's priority from its beginning (sd-daemon(3)).
  private let marksPriority: Bool
  /// Takes each record.
  var onRecord: ((Narrator.Record, _ sentence: String?) -> Void)?

  init(loop: EventLoop) throws(Errno) {
    channel = try OutputChannel(2, loop: loop)
    marksPriority = Launcher.variable("JOURNAL_STREAM") != nil
  }

  /// For the service of one unit. `onTold` is called after it was told.
  func narrator(for unit: String) -> Narrator {
    Narrator(name: unit) { [weak self] record, sentence in
      guard let self else { return }
      let record = record()
      // That nothing runs is what 10,000 units would say at the start.
      if let sentence, record.event != "dormant" { write(Self.line(unit, sentence), isWarning: record.isWarning) }
      onRecord?(record, sentence)
    }
  }

  /// "redis: is dormant again …" and "redis: woken by …", whatever the sentence begins with.
  static func line(_ unit: String, _ sentence: String) -> String {
    for prefix in ["\(unit): ", "\(unit) "] where sentence.hasPrefix(prefix) {
      return "\(unit): \(sentence.dropFirst(prefix.count))"
    }
    return "\(unit): \(sentence)"
  }

  /// About one unit, by the manager.
  func tell(_ record: Narrator.Record, _ sentence: String, of unit: String, isWarning: Bool) {
    write(Self.line(unit, sentence), isWarning: isWarning)
    onRecord?(record, sentence)
  }

  /// About the manager itself.
  func say(_ message: String) { write("torpord: \(message)", isWarning: false) }

  func warn(_ message: String) {
    write("torpord: \(message)", isWarning: true)
    var record = Narrator.Record(event: "warning", service: "torpord")
    record.message = message
    onRecord?(record, message)
  }

  private func write(_ line: String, isWarning: Bool) {
    // A unit's file could have anything in it.
    let text = String(line.map { $0.isNewline ? " " : $0 })
    channel.write((marksPriority ? (isWarning ? "<4>" : "<6>") : "") + text + "\n")
  }

  func finish() { channel.finish() }
}

extension Narrator.Record {
  var isWarning: Bool { ["warning", "failed", "never-bound", "stop-timed-out", "rest-impossible"].contains(event) }
}
