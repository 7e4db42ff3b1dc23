import Linux

/// Where the output of services goes: descriptors for each start. Whatever can't be had is told once and replaced; a service
/// always starts.
public final class ServiceOutput {
  public struct Settings: Equatable, Sendable {
    public var output: StandardStream
    public var error: StandardStream
    /// SyslogIdentifier=; nil: the unit's name.
    public var identifier: String?
    /// SyslogLevel= and SyslogLevelPrefix=
    public var priority = 6
    public var hasLevelPrefix = true
    public var logSizeMax = LogFile.sizeMaxDefault

    public init(output: StandardStream = .log, error: StandardStream = .inherit) {
      self.output = output
      self.error = error
    }
  }

  /// What a start is given, to be closed by us when the service has it.
  struct Streams: ~Copyable {
    let output: OwnedFD
    let error: OwnedFD
    /// Where the lines of this start begin in the log file; nil when it doesn't write to one.
    let mark: LogFile.Mark?
  }

  private let logs: LogDirectory
  private let journalPath: String
  private var hasWarnedOfJournal = false
  /// What has been told, once each: a unit and a path of its own.
  private var told: Set<String> = []
  var onWarning: ((_ unit: String, _ message: String) -> Void)?

  public init(logs: LogDirectory, journalPath: String = JournalStream.socketPath) {
    self.logs = logs
    self.journalPath = journalPath
  }

  public func log(of unit: String, _ settings: Settings) -> LogFile {
    LogFile(unit, in: logs, sizeMax: settings.logSizeMax)
  }

  /// Throws only where there is not even a descriptor for /dev/null.
  func open(for unit: String, _ settings: Settings) throws(Errno) -> Streams {
    let none: OwnedFD? = nil
    return try open(unit, settings, none)
  }

  /// `connection`: what `socket` stands for.
  func open(for unit: String, _ settings: Settings, connection: borrowing OwnedFD) throws(Errno) -> Streams {
    let duplicate: OwnedFD? = try connection.duplicate()
    return try open(unit, settings, duplicate)
  }

  private func open(
    _ unit: String, _ settings: Settings, _ connection: borrowing OwnedFD?
  ) throws(Errno) -> Streams {
    var mark: LogFile.Mark?
    let output = try one(settings.output, unit, settings, connection, &mark)
    // The same file twice would be two positions in it, and journald would have two streams.
    if settings.error == .inherit || settings.error == settings.output {
      let error = try output.duplicate()
      return Streams(output: output, error: error, mark: mark)
    }
    // Its own lines come last to mind when it fails, but they are what tells why.
    let error = try one(settings.error, unit, settings, connection, &mark)
    return Streams(output: output, error: error, mark: mark)
  }

  private func one(
    _ stream: StandardStream, _ unit: String, _ settings: Settings, _ connection: borrowing OwnedFD?,
    _ mark: inout LogFile.Mark?
  ) throws(Errno) -> OwnedFD {
    switch stream {
    case .null: return try .null()
    case .inherit: return try OwnedFD.duplicate(of: 1)
    case .socket: return try duplicate(connection, unit)
    case .log: return try logFile(unit, settings, &mark)
    case .journal:
      var journal = JournalStream(identifier: settings.identifier ?? unit, unit: unit + ".service")
      journal.priority = settings.priority
      journal.hasLevelPrefix = settings.hasLevelPrefix
      do throws(Errno) { return try journal.connect(to: journalPath) } catch {
        if !hasWarnedOfJournal {
          onWarning?(
            unit, "journald can't be reached at '\(journalPath)' (\(error)): output goes to '\(logs.path)' instead")
        }
        hasWarnedOfJournal = true
        return try logFile(unit, settings, &mark)
      }
    case .file, .append, .truncate:
      do throws(Errno) {
        let file = try OutputFile.open(stream)
        told.remove("\(unit) \(stream)")
        return file
      } catch {
        if told.insert("\(unit) \(stream)").inserted {
          onWarning?(unit, "cannot write '\(stream.path ?? "")': \(error); this output is lost")
        }
        return try .null()
      }
    }
  }

  private func duplicate(_ connection: borrowing OwnedFD?, _ unit: String) throws(Errno) -> OwnedFD {
    switch connection {
    case .some(let connection): return try connection.duplicate()
    case .none:
      if told.insert("\(unit) socket").inserted { onWarning?(unit, "it has no socket of its own: its output is lost") }
      return try .null()
    }
  }

  private func logFile(
    _ unit: String, _ settings: Settings, _ mark: inout LogFile.Mark?
  ) throws(Errno) -> OwnedFD {
    switch log(of: unit, settings).open() {
    case .some(let opened):
      mark = opened.mark
      return opened.takeDescriptor()
    case .none: return try .null()
    }
  }
}

extension LogFile.Opened {
  consuming func takeDescriptor() -> OwnedFD { descriptor }
}
