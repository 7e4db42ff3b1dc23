import Glibc
import Lifecycle
import Linux

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

  private(set) var options: ServiceOptions
  var settings: ExecutionSettings { options.execution }
  private(set) var launcher: Launcher
  let processes: ServiceProcesses
  let loop: EventLoop
  private var directories: ServiceDirectories

  var phase = Phase.idle
  var sequence: CommandSequence?
  private var alarm: Alarm?
  /// Its main process has ended well, and that isn't its end (RemainAfterExit=).
  var hasRemained = false
  /// How the main process has ended, when the core is yet to be told.
  var untoldExit: (status: ExitStatus, hasSuccessor: Bool)?
  /// How it ended, for ExecStopPost=.
  var result = ExecutionResult()
  /// A command has failed, so that the service has, however its main process ends now.
  var failedStatus: ExitStatus?
  var isReady = false
  private var hasHandedOver = false
  /// The core has been told that there is a main process, or that there is none.
  private var isStartAnswered = true
  /// It is to end before it has a main process, in which the core believes then.
  private var isStartCancelled = false
  /// The last process has ended before the core was told of the main one's end.
  private var isGoneUntold = false
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

  init(_ options: ServiceOptions, launcher: Launcher, processes: ServiceProcesses, loop: EventLoop) {
    self.options = options
    self.launcher = launcher
    self.processes = processes
    self.loop = loop
    directories = ServiceDirectories(options)
    processes.onMainExit = { [weak self] in self?.mainExited($0, hasSuccessor: $1) }
    processes.onAllGone = { [weak self] in self?.allGone() }
    lookForPIDFile()
  }

  private func lookForPIDFile() {
    processes.designated = options.execution.pidFile == nil ? nil : { [weak self] in self?.pidFromFile }
  }

  /// What its owner wants from now on: of an instance that runs, its end.
  func replace(_ options: ServiceOptions, launcher: Launcher) {
    self.options = options
    self.launcher = launcher
    directories = ServiceDirectories(options)
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
      case .unwanted(let text): failStart("\(options.name) is not to be started: \(text)")
      case .failed(let text, let status):
        result.note(status)
        failStart(text)
      case .cancelled: failStart(nil)
      }
    }
  }

  private func begin() {
    phase = .preparing
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

  /// The core has another process for the main one.
  func handedOver() {
    guard settings.kind == .forking, !hasHandedOver else { return }
    hasHandedOver = true
    runStartPost()
  }

  private func runStartPost(then: (() -> Void)? = nil) {
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
  private func fail(_ text: String, _ status: ExitStatus) {
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

  // MARK: what the processes tell

  private func mainExited(_ raw: ExitStatus, hasSuccessor: Bool) {
    let status = settings.isClean(raw) ? .exited(code: 0) : raw
    if settings.kind == .oneshot || settings.remainAfterExit, phase == .main, status.isSuccess {
      result.note(raw)
      return mainIsDone(status, hasSuccessor: hasSuccessor)
    }
    if hasSuccessor, status.isSuccess, phase == .main {
      onEvent(.mainExited(status, hasSuccessor: true))
      return
    }
    result.note(raw)
    switch phase {
    case .main where !settings.stop.isEmpty && failedStatus == nil && (isReady || settings.kind != .notify):
      // systemd runs them, too, when a service has left by itself.
      untoldExit = (status, hasSuccessor)
      runStop()
    case .stopping: untoldExit = (status, hasSuccessor)
    case .idle, .preparing, .main, .ending, .cleaning: tellExit(status, hasSuccessor: hasSuccessor)
    }
  }

  func tellExit(_ status: ExitStatus, hasSuccessor: Bool) {
    phase = .ending
    set(alarmIn: nil)
    let event = Event.mainExited(failedStatus ?? status, hasSuccessor: hasSuccessor && failedStatus == nil)
    guard settings.killMode != .process else {
      // With that the core takes all for over.
      processes.letGo()
      return clean { [weak self] in self?.onEvent(event) }
    }
    onEvent(event)
    if isGoneUntold { allGone() }
  }

  /// A oneshot service, or one that remains, has done what it was started for.
  private func mainIsDone(_ status: ExitStatus, hasSuccessor: Bool) {
    // What a service that isn't oneshot has left behind goes on in its place.
    if hasSuccessor, settings.kind != .oneshot { return onEvent(.mainExited(status, hasSuccessor: true)) }
    hasRemained = settings.remainAfterExit
    let then = { [weak self] in
      guard let self else { return }
      if hasRemained {
        if settings.kind == .oneshot { becameReady() }
      } else if settings.stop.isEmpty {
        tellExit(status, hasSuccessor: false)
      } else {
        untoldExit = (status, false)
        runStop()
      }
    }
    if settings.kind == .oneshot { runStartPost(then: then) } else { then() }
  }

  private func allGone() {
    // The main process's end is told first, when its commands have ended.
    isGoneUntold = hasRemained || untoldExit != nil
    guard !isGoneUntold else { return }
    clean { [weak self] in self?.onEvent(.allProcessesGone) }
  }

  // MARK: the end of everything

  /// ExecStopPost=, then the directories that go with it.
  func clean(_ then: @escaping () -> Void) {
    phase = .cleaning
    let removed = directories.toRemove(isRestarting: isRestarting)
    var steps = Self.steps("ExecStopPost", settings.stopPost)
    if !removed.isEmpty {
      steps.append(CommandSequence.Step(key: "RuntimeDirectory", command: directories.removal(of: removed)))
    }
    let finish = { [weak self] in
      guard let self else { return }
      do throws(LaunchFailure) { try directories.finishRemoval(of: removed) } catch { onWarning("\(error)") }
      set(alarmIn: nil)
      sequence = nil
      phase = .idle
      then()
    }
    guard !steps.isEmpty, !isForced else { return finish() }
    run(steps, within: options.stopTimeout, killsLeftovers: true, variables: result.variables) { [weak self] outcome in
      guard let self else { return }
      if case .failed(let text, _) = outcome { onWarning(text) }
      processes.clear(finish)
    }
  }

  // MARK: commands

  static func steps(
    _ key: String, _ commands: some Sequence<CommandLine>, areConditions: Bool = false
  ) -> [CommandSequence.Step] {
    commands.map { CommandSequence.Step(key: key, command: $0, isCondition: areConditions) }
  }

  /// What the main process is told besides its sockets. `torpor run` adds nothing to what a command finds.
  var mainProcessVariables: [String] {
    settings.baseEnvironment == .minimal ? ["INVOCATION_ID=\(invocation)"] : []
  }

  /// What the commands that a running service is the subject of are told.
  var mainVariables: [String] { processes.mainPID.map { ["MAINPID=\($0)"] } ?? [] }

  /// `limit`: what still runs then is killed, and has failed.
  func run(
    _ steps: [CommandSequence.Step], within limit: Duration?, killsLeftovers: Bool = false, variables: [String],
    _ end: @escaping (CommandSequence.Outcome) -> Void
  ) {
    sequence?.abandon(signal: SIGTERM)
    let made = CommandSequence(
      steps, processes: processes, killsLeftovers: killsLeftovers, isSuccess: { $0 == .exited(code: 0) },
      start: { [weak self] command throws(LaunchFailure) in
        guard let self, let standard = standard?() else { throw LaunchFailure("its output has nowhere to go") }
        var own = variables + ["INVOCATION_ID=\(invocation)"]
        if settings.acceptedNotifications == .exec || settings.acceptedNotifications == .all,
          let socket = notifySocket?()
        {
          own.append("NOTIFY_SOCKET=\(socket)")
        }
        return try launcher.start(command, variables: own, standard: standard, processes: processes)
      },
      end: { [weak self] outcome in
        self?.set(alarmIn: nil)
        self?.sequence = nil
        end(outcome)
      })
    sequence = made
    set(alarmIn: limit) { [weak self] in self?.sequenceIsLate(limit ?? .zero) }
    made.run()
  }

  private func sequenceIsLate(_ limit: Duration) {
    guard let sequence else { return }
    let name = sequence.currentName ?? "a command"
    switch phase {
    case .preparing:
      onFailure("\(name) still ran after \(TimeSpan.describe(limit)) and was killed")
      sequence.cancel(signal: SIGKILL)
    case .main:
      sequence.abandon(signal: SIGKILL)
      self.sequence = nil
      fail("\(name) still ran after \(TimeSpan.describe(limit)) and was killed", .signalled(SIGKILL, dumpedCore: false))
    case .stopping:
      // The main process has left by itself: the core knows of no stop that could take too long.
      onWarning("\(name) still ran after \(TimeSpan.describe(limit)) and was killed")
      sequence.cancel(signal: SIGKILL)
    case .cleaning:
      onWarning("\(name) still ran after \(TimeSpan.describe(limit)) and was killed")
      sequence.cancel(signal: SIGKILL)
    case .idle, .ending: break
    }
  }

  /// One moment at most is awaited at a time; a service that sleeps has no timer.
  func set(alarmIn limit: Duration?, _ onDue: @escaping () -> Void = {}) {
    guard let limit else {
      alarm = nil
      return
    }
    if alarm == nil { alarm = Alarm(loop: loop) }
    alarm?.onDue = onDue
    alarm?.set(to: MonotonicClock.now() + limit.nanoseconds)
  }

  private static func randomName() -> String {
    (0..<2).map { _ in
      let digits = String(UInt64.random(in: .min ... .max), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
