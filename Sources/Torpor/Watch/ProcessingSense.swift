import Lifecycle
import Linux

/// Sees a service that computes, reads or writes for nobody who is connected: a long query whose client has gone, a backup, a
/// collection of garbage, a job of its own.
///
/// Its processor time since the last look is compared with a share of one processor. A look can follow another within
/// milliseconds, when the timeout is short; so what was used is summed up for a second at least, and what a second's share
/// allows is allowed in any shorter time. Storage is judged alike. Last, a thread that is at work at the moment of the look is.
final class ProcessingSense: Sense {
  private let processes: any ProcessSource
  private let threshold: Double
  /// Where the sums begin.
  private var base: Reading?

  /// Any server's housekeeping is beneath it.
  static let storageBytesPerSecond = 256.0 * 1024
  static let shortestWindow = Duration.seconds(1)
  /// Of a service with more, the first are looked at.
  private static let processesMax = 256
  private static let threadsMax = 512
  /// Where no cgroup adds their times up, with more nothing is known.
  private static let timedMax = 2048
  private static let unread =
    "its processor time can't be read, neither in its cgroup (cpu.stat) nor in /proc, where \(timedMax) processes are looked at"

  init(_ subject: SenseSubject) {
    processes = subject.processes
    threshold = subject.options.processingThreshold
  }

  func begin(at now: Instant) { base = read(processes.pids, at: now) }

  func look(_ table: SocketTable, at now: Instant) -> Verdict {
    let pids = processes.pids
    guard let reading = read(pids, at: now) else { return .blind(Self.unread) }
    guard let base else {
      self.base = reading
      return .busy(["it has just been started"])
    }
    let usage = reading.usage(since: base)
    let verdict = judge(usage, pids)
    if verdict.isBusy || usage.duration >= Self.shortestWindow { self.base = reading }
    return verdict
  }

  func explain(_ table: SocketTable, at now: Instant) -> Verdict {
    let pids = processes.pids
    guard let base, let reading = read(pids, at: now) else { return .blind(Self.unread) }
    return judge(reading.usage(since: base), pids)
  }

  private func judge(_ usage: Usage, _ pids: [Int32]) -> Verdict {
    let seconds = max(TimeSpan.seconds(usage.duration), TimeSpan.seconds(Self.shortestWindow))
    let isComputing = usage.processorSeconds > threshold * seconds
    let isTransferring = usage.storageBytes > Self.storageBytesPerSecond * seconds
    let lines = [usage.processorText] + (usage.storageBytes > 0 ? [usage.storageText] : [])
    if isComputing || isTransferring { return .busy(lines) }
    guard countsThreads, let thread = workingThread(of: pids) else { return .quiet(lines) }
    let name = ProcessFiles.name(of: thread.thread) ?? "?"
    let doing = thread.isWaitingForStorage ? "waits for storage" : "is running"
    return .busy(lines + ["thread \(thread.thread) (\(name)) \(doing)"])
  }

  /// Whoever allows more than any server's housekeeping takes has decided that some computing is no work.
  private var countsThreads: Bool { threshold <= WatchOptions().processingThreshold }

  private func workingThread(of pids: [Int32]) -> ProcessFiles.WorkingThread? {
    var left = Self.threadsMax
    for pid in pids.prefix(Self.processesMax) where left > 0 {
      if let found = ProcessFiles.workingThread(of: pid, limit: &left) { return found }
    }
    return nil
  }

  // MARK: reading

  /// nil: nothing can be known of its processor time.
  private func read(_ pids: [Int32], at now: Instant) -> Reading? {
    var reading = Reading(at: now, cgroup: processes.cgroupProcessorTime)
    if reading.cgroup == nil {
      if pids.count > Self.timedMax { return nil }
      for pid in pids { reading.processorTimes[pid] = ProcessFiles.processorTime(of: pid) }
    }
    for pid in pids.prefix(Self.processesMax) { reading.storageBytes[pid] = ProcessFiles.storageBytes(of: pid) }
    // Where there is a main process, none seen is nothing seen.
    let hasProcesses = !pids.isEmpty || processes.mainPID != nil
    return reading.cgroup == nil && reading.processorTimes.isEmpty && hasProcesses ? nil : reading
  }

  /// Sums at one moment. Of single processes they are kept apart, as one that ends takes its own with it.
  struct Reading {
    let at: Instant
    let cgroup: UInt64?
    var processorTimes: [Int32: UInt64] = [:]
    var storageBytes: [Int32: UInt64] = [:]

    func usage(since base: Reading) -> Usage {
      let processor =
        if let cgroup, let before = base.cgroup {
          cgroup >= before ? cgroup - before : cgroup
        } else {
          Self.sum(processorTimes, since: base.processorTimes)
        }
      return Usage(
        duration: at.since(base.at), processorSeconds: Double(processor) / 1e9,
        storageBytes: Double(Self.sum(storageBytes, since: base.storageBytes)))
    }

    /// A process that wasn't there before has used all of its own since.
    static func sum(_ now: [Int32: UInt64], since before: [Int32: UInt64]) -> UInt64 {
      now.reduce(0) { total, item in
        let last = before[item.key] ?? 0
        // Smaller: another process that has got the number.
        return total &+ (item.value >= last ? item.value - last : item.value)
      }
    }
  }

  struct Usage: Equatable {
    let duration: Duration
    let processorSeconds: Double
    let storageBytes: Double

    var processorText: String {
      let seconds = max(TimeSpan.seconds(duration), 1e-3)
      return "cpu \(Numbers.percent(processorSeconds / seconds)) over \(TimeSpan.describe(duration))"
    }
    var storageText: String { "\(Numbers.bytes(storageBytes)) read and written over \(TimeSpan.describe(duration))" }
  }
}

/// Numbers as a person reads them.
enum Numbers {
  /// Of one processor: "0.2 %", "35 %".
  static func percent(_ share: Double) -> String {
    let percent = share * 100
    let tenths = (percent * 10).rounded() / 10
    return percent >= 10 ? "\(Int(percent.rounded())) %" : "\(tenths) %"
  }

  /// "512 bytes", "1.2 MB".
  static func bytes(_ count: Double) -> String {
    guard count >= 1000 else { return "\(Int(count)) bytes" }
    var value = count
    var unit = "kB"
    value /= 1000
    for larger in ["MB", "GB", "TB"] where value >= 1000 {
      value /= 1000
      unit = larger
    }
    return value >= 10 ? "\(Int(value.rounded())) \(unit)" : "\((value * 10).rounded() / 10) \(unit)"
  }
}
