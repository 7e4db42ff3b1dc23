import Glibc
import Lifecycle
import Linux

import struct Units.Shared

/// How one service is started and stopped: the commands around its main process, in their order, and its signals.
///
/// It stands between the core, for which a service is one process and those that it leaves behind, and the processes. What the core
/// asks for is done by several; what they tell is passed on when it is true of the whole. Nothing waits: each step is ended by an
/// event or by a deadline.
final class Execution {
  enum Phase: Equatable {
    case idle
    /// Commands before the main process.
    case preparing
    /// The main process runs, or has `hasRemained`.
    case main
    /// ExecStop=, before the signals.
    case stopping
    /// It has been told to end.
    case ending
    /// No process is left but what is run now: ExecStopPost=, and what removes its directories.
    case cleaning
  }

  private var sharedOptions: Shared<ServiceOptions>
  var options: ServiceOptions { sharedOptions.value }
  var settings: ExecutionSettings { options.execution }
  private(set) var launcher: Launcher
  let processes: ServiceProcesses
  let loop: EventLoop
  var directories: ServiceDirectories { ServiceDirectories(options) }

  var phase = Phase.idle
  var sequence: CommandSequence?
  var alarm: Alarm?
  /// Its main process has ended well, and that isn't its end (RemainAfterExit=).
  var hasRemained = false
  /// How the main process has ended, when the core is yet to be told.
  var untoldExit: (status: ExitStatus, hasSuccessor: Bool)?
  /// How it ended, for ExecStopPost=.
  var result = ExecutionResult()
  /// A command has failed, so that the service has, however its main process ends now.
  var failedStatus: ExitStatus?
  /// It was not to be started, as ExecCondition= or a condition of its unit says, and hasn't failed.
  private(set) var wasUnwanted = false
  /// ExecReload= runs: who waits for it.
  var onReloaded: ((String?) -> Void)?
  var isReady = false
  var hasHandedOver = false
  /// The core has been told that there is a main process, or that there is none.
  private var isStartAnswered = true
  /// It is to end before it has a main process, in which the core believes then.
  private var isStartCancelled = false
  /// The last process has ended before the core was told of the main one's end.
  var isGoneUntold = false
  /// The second order to stop: nothing is spared any more.
  var isForced = false
  /// It is stopped to be started again at once.
  var isRestarting = false
  /// Names this life of the service for its logs.
  private(set) var invocation = ""

  /// Starts the main process.
  var startMain: (() throws(LaunchFailure) -> Void)?
  /// Where the streams of the other commands lead.
  var standard: (() -> StandardDescriptors?)?
  /// NOTIFY_SOCKET for those that may speak to it.
  var notifySocket: (() -> String?)?
  var onEvent: (Event) -> Void = { _ in }
  /// A command has failed: why, for the report that follows.
  var onFailure: (String) -> Void = { _ in }
  var onWarning: (String) -> Void = { _ in }

  init(_ options: Shared<ServiceOptions>, launcher: Launcher, processes: ServiceProcesses, loop: EventLoop) {
    sharedOptions = options
    self.launcher = launcher
    self.processes = processes
    self.loop = loop
    processes.onMainExit = { [weak self] in self?.mainExited($0, hasSuccessor: $1) }
    processes.onAllGone = { [weak self] in self?.allGone() }
    lookForPIDFile()
  }

  private func lookForPIDFile() {
    processes.designated = options.execution.pidFile == nil ? nil : { [weak self] in self?.pidFromFile }
  }

  /// What its owner wants from now on: of an instance that runs, its end.
  func replace(_ options: Shared<ServiceOptions>, launcher: Launcher) {
    sharedOptions = options
    self.launcher = launcher
    lookForPIDFile()
  }

  /// Whether an instance has commands beside its main process, which need its streams, too.
  var hasCommands: Bool {
    let lists = [
      settings.condition, settings.startPre, settings.startPost, settings.stop, settings.stopPost, settings.reload,
    ]
    return settings.start.count > 1 || settings.directories.contains { $0.kind == .runtime }
      || lists.contains { !$0.isEmpty }
  }

  /// ExecStopPost= or what removes directories runs: the core's impatience isn't meant for it.
  var isCleaning: Bool { phase == .cleaning && !isForced }

  // MARK: starting

  /// Answers by `spawned` or `spawnFailed`, at once where nothing has to be run before.
  func start() {
    begin()
    if let reason = options.startCheck?() {
      wasUnwanted = true
      return failStart("\(options.name) is not to be started: \(reason)")
    }
    do throws(LaunchFailure) { try directories.make() } catch { return failStart("\(error)") }
    let steps =
      Self.steps("ExecCondition", settings.condition, areConditions: true)
      + Self.steps("ExecStartPre", settings.startPre)
      + Self.steps("ExecStart", settings.start.dropLast())
    guard !steps.isEmpty else { return spawnMain() }
    // The core's own deadline begins at the same moment and doesn't know that there is no main process yet.
    let limit = options.startTimeout.map { $0 - $0 / 32 }
    run(steps, within: limit, killsLeftovers: true, variables: []) { [weak self] outcome in
      guard let self else { return }
      switch outcome {
      case .done: spawnMain()
      case .unwanted(let text):
        wasUnwanted = true
        failStart("\(options.name) is not to be started: \(text)")
      case .failed(let text, let status):
        result.note(status)
        failStart(text)
      case .cancelled: failStart(nil)
      }
    }
  }

  private func begin() {
    phase = .preparing
    wasUnwanted = false
    hasRemained = false
    untoldExit = nil
    failedStatus = nil
    isReady = false
    hasHandedOver = false
    isForced = false
    isRestarting = false
    result = ExecutionResult()
    isStartAnswered = false
    isStartCancelled = false
    isGoneUntold = false
    invocation = Self.randomName()
    processes.newInstance(mark: settings.baseEnvironment == .minimal ? "INVOCATION_ID=\(invocation)" : nil)
  }

  private func spawnMain() {
    do throws(LaunchFailure) { try startMain?() } catch { return failStart(error.description) }
    phase = .main
    isStartAnswered = true
    onEvent(.spawned)
    switch settings.kind {
    case .simple, .exec: runStartPost()
    case .notify, .forking, .oneshot: break
    }
  }

  /// nil: it has been told already why.
  func failStart(_ text: String?) {
    if let text { onFailure(text) }
    result.noteFailure()
    processes.clear { [weak self] in
      self?.clean { [weak self] in self?.answerFailedStart() }
    }
  }

  private func answerFailedStart() {
    isStartAnswered = true
    guard isStartCancelled else { return onEvent(.spawnFailed) }
    onEvent(.mainExited(.unknown, hasSuccessor: false))
    onEvent(.allProcessesGone)
  }

  /// Ends what is run before the main process. Returns whether that was not yet there.
  func cancelStart(isAtOnce: Bool) -> Bool {
    guard !isStartAnswered else { return false }
    isStartCancelled = true
    if phase == .preparing { sequence?.cancel(signal: isAtOnce ? SIGKILL : SIGTERM) }
    return true
  }

  /// READY=1, or what else tells that it is up.
  func becameReady() {
    guard !isReady else { return }
    isReady = true
    guard settings.kind == .notify, !settings.startPost.isEmpty, phase == .main else { return onEvent(.notifiedReady) }
    runStartPost { [weak self] in self?.onEvent(.notifiedReady) }
  }

  /// It has gone to the background.
  func handedOver() {
    guard settings.kind == .forking, !hasHandedOver else { return }
    hasHandedOver = true
    runStartPost()
  }

  func runStartPost(then: (() -> Void)? = nil) {
    guard !settings.startPost.isEmpty else { return then?() ?? () }
    let steps = Self.steps("ExecStartPost", settings.startPost)
    run(steps, within: options.startTimeout, variables: mainVariables) { [weak self] outcome in
      switch outcome {
      case .done: then?()
      case .failed(let text, let status): self?.fail(text, status)
      case .unwanted, .cancelled: break
      }
    }
  }

  /// What runs is ended, and the end is a failure.
  func fail(_ text: String, _ status: ExitStatus) {
    onFailure(text)
    onWarning(text)
    failedStatus = status
    result.note(status)
    guard phase == .main else { return }
    if processes.mainPID == nil { return endRemaining() }
    phase = .ending
    set(alarmIn: options.stopTimeout) { [weak self] in self?.processes.killAll() }
    processes.signalMain(stopSignals)
  }

  /// It has said nothing for too long (WatchdogSec=).
  func watchdogExpired() {
    guard phase == .main, !hasRemained else { return }
    phase = .ending
    result.noteWatchdog()
    processes.signalMain([settings.watchdogSignal])
    onEvent(.watchdogExpired)
  }
}
