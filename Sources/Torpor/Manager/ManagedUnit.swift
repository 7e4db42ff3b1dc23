import Lifecycle
import Linux
import Units

/// One unit of a manager: what its files say, the sockets that are held for it, and who waits for what to become of it.
final class ManagedUnit {
  let name: String
  /// As it is applied.
  var definition: Unit
  /// As its files say since the last reload, where that waits for the service to be dormant.
  var pendingDefinition: Shared<Unit>?
  /// nil: nothing is held, and `problem` says why.
  var service: (any HeldService)?
  var problem: String?
  /// Commands around its sockets are run now, or its sockets are closed between two of them.
  var commands: SocketCommandRun?
  /// They have failed: not tried again before its files are read again.
  var commandsHaveFailed = false
  private var startsWhenHeld = false
  /// When OnFailure= or OnSuccess= has last started others.
  var hasTriggeredAt: UInt64?
  /// It was told to end.
  var isEnding = false
  /// Why what its files say since the last reload isn't applied.
  var refusal: String?
  /// What was said of its files, but for protections that it doesn't have: these are told when it is read, and by `torpor why`.
  var remarks: [String] = []
  /// Its files are gone: it goes, too, as soon as nobody uses it.
  var isRemoved = false
  /// nil: nobody has held it yet.
  private var madeHolds: UnitHolds?
  let host: UnitHost

  private var wakeWaiters: [Waiter<WakeOutcome>] = []
  /// Those who have asked while the last instance was leaving: they wait for the start that follows.
  private var nextWakeWaiters: [Waiter<WakeOutcome>] = []
  private var restWaiters: [Waiter<RestOutcome>] = []
  private(set) var verification: VerificationAttempt?

  private struct Waiter<Outcome> {
    let completion: (Result<Outcome, ControlFailure>) -> Void
  }

  init(_ definition: Unit, host: UnitHost) {
    name = definition.name
    self.definition = definition
    self.host = host
    remarks = Self.remarks(definition.diagnostics)
  }

  /// Who wants it to stay up.
  var holds: [UnitHold] { madeHolds?.all ?? [] }

  /// What to add to, or to take from.
  var holdsToChange: UnitHolds {
    if let madeHolds { return madeHolds }
    let made = UnitHolds(loop: host.loop)
    made.onChange = { [weak self] in self?.holdsChanged() }
    madeHolds = made
    return made
  }

  var connectionService: ConnectionService? { service as? ConnectionService }
  /// The last that this instance, or the last one, has written.
  var lastLines: [String] { output?.lastLines(10) ?? [] }
  private var output: LoggedOutput? { single?.output as? LoggedOutput }

  /// The kind of service that can be woken and rested; nil: each connection has a process of its own, or nothing is held.
  var single: Service? { service as? Service }

  var phase: UnitStatus.State {
    if let commands, service == nil || !commands.isLeaving { return commands.isLeaving ? .stopping : .starting }
    guard let service else { return .invalid }
    return service.phase
  }

  /// Neither held nor gone: what is asked of it waits.
  var isInTransition: Bool { commands != nil || isEnding }

  /// Nothing of it is left that somebody has to wait for.
  var isOver: Bool { service == nil && commands == nil }

  /// Holds its sockets. What can't be held is told, and tried again at the next reload.
  func hold() {
    guard isOver else { return }
    if let reason = ConditionCheck.unmet(definition.holdConditions) { return tellInvalid("not held: \(reason)") }
    if definition.hasSocketCommands { return prepareAndHold() }
    if makeService() { begin() }
  }

  /// What it needs may have become free.
  func holdAgain() {
    if !commandsHaveFailed { hold() }
  }

  /// Makes its sockets. Returns whether they are held.
  func makeService() -> Bool {
    do throws(ServiceError) {
      let made = try host.makeService(definition)
      connect(made)
      service = made
      problem = nil
      return true
    } catch {
      tellInvalid(error.description)
      return false
    }
  }

  /// It is told once, as it is tried again whenever another unit has gone.
  func tellInvalid(_ reason: String) {
    if problem != reason { host.voice.narrator(for: name).warn(reason) }
    problem = reason
  }

  /// From here on clients are served.
  func begin() {
    do throws(Errno) { try service?.begin() } catch {
      service = nil
      return tellInvalid("cannot begin: \(error)")
    }
    if !holds.isEmpty { single?.post(.pinned(true)) }
    if startsWhenHeld { single?.post(.startRequested) }
    startsWhenHeld = false
  }

  private func connect(_ service: any HeldService) {
    service.onEnd = { [weak self] in self?.ended() }
    (service as? ConnectionService)?.onDormant = { [weak self] in self?.lookWhenDormant() }
    guard let single = service as? Service else { return }
    single.onReport = { [weak self] in self?.hear($0) }
  }

  /// At the boot, and when it is new.
  func startIfAsked() {
    guard definition.idle.start == .boot else { return }
    guard service != nil, commands == nil else { return startsWhenHeld = true }
    single?.post(.startRequested)
  }

  // MARK: what happens to it

  private func hear(_ report: Report) {
    switch report {
    case .serving(let after):
      finish(&wakeWaiters, .success(WakeOutcome(wasRunning: false, milliseconds: TimeSpan.seconds(after) * 1000)))
    case .failed:
      let reason = single?.context.reason ?? "it could not be started"
      if verification == nil, single?.execution.wasUnwanted != true {
        runOnFailure(reason)
        host.trigger(definition.unit.onFailure, by: self)
      }
      endWakes(.failed(reason))
      finish(&restWaiters, .success(RestOutcome(wasDormant: false, bytesGivenBack: nil)))
    case .rested, .leftByItself, .stopped:
      endWakes(.failed("it has ended"))
      if report == .stopped { finish(&wakeWaiters, .failure(.failed("it has ended"))) }
      let bytes = single?.context.givenBackBytes.map { Int(clamping: $0) }
      finish(&restWaiters, .success(RestOutcome(wasDormant: false, bytesGivenBack: bytes)))
      if verification == nil { host.trigger(definition.unit.onSuccess, by: self) }
    // It waited for another try, and nobody for it.
    case .dormant:
      finish(&restWaiters, .success(RestOutcome(wasDormant: false, bytesGivenBack: nil)))
    case .thawed:
      finish(&wakeWaiters, .success(WakeOutcome(wasRunning: false, milliseconds: nil)))
    case .frozen:
      finish(&restWaiters, .success(RestOutcome(wasDormant: false, bytesGivenBack: nil)))
    case .restAborted:
      finish(&wakeWaiters, .success(WakeOutcome(wasRunning: true, milliseconds: nil)))
      finish(&restWaiters, .failure(.notNow("somebody uses it: \(usage)")))
    case .restImpossible:
      finish(&restWaiters, .failure(.failed(single?.context.reason ?? "it can't be put to rest now")))
    default: break
    }
    verification?.hear(report)
    // Not in the middle of the actions that this report is one of.
    if phase == .dormant { lookWhenDormant() }
  }

  /// An instance has ended. What was asked for while it did is asked of the next.
  private func endWakes(_ failure: ControlFailure) {
    finish(&wakeWaiters, .failure(failure))
    wakeWaiters = nextWakeWaiters
    nextWakeWaiters = []
  }

  private func lookWhenDormant() {
    guard isRemoved || pendingDefinition != nil else { return }
    // A start that is due would come first, as what the files said before.
    single?.post(.restRequested)
    host.later { [weak self] in self?.becameDormant() }
  }

  private func finish<Outcome>(_ waiters: inout [Waiter<Outcome>], _ result: Result<Outcome, ControlFailure>) {
    let all = waiters
    waiters = []
    // Whoever is told may ask for something else at once.
    for waiter in all { host.later { waiter.completion(result) } }
  }

  private var usage: String {
    let count = single?.connectionCount ?? 0
    return count == 0 ? "a client came meanwhile" : Narrator.count(count, "connection")
  }

  func becameDormant() {
    guard phase == .dormant, !isInTransition else { return }
    if isRemoved { return stop() }
    if let pendingDefinition { apply(pendingDefinition.value) }
    if !wakeWaiters.isEmpty { single?.post(.startRequested) }
  }

  private func ended() {
    service = nil
    guard definition.hasSocketCommands else { return over() }
    // Its sockets are closed when it is gone, which is in the middle of telling so.
    host.later { [weak self] in self?.cleanUp() }
  }

  /// Nothing of it is left: for good, or until it is held as its files say now.
  func over() {
    commands = nil
    isEnding = false
    if isRemoved || host.isStopping { return host.gone(self) }
    guard let pending = pendingDefinition else { return }
    definition = pending.value
    pendingDefinition = nil
    commandsHaveFailed = false
    // Its sockets are closed when nobody is in the middle of it any more.
    host.later { [weak self] in if let self, !isRemoved, !host.isStopping { hold() } }
  }

  // MARK: what is asked of it

  func wake(_ completion: @escaping (Result<WakeOutcome, ControlFailure>) -> Void) {
    if wait({ $0.wake(completion) }) { return }
    guard let single, !isInTransition else { return completion(.failure(refusal(of: "woken"))) }
    switch phase {
    case .running, .draining: completion(.success(WakeOutcome(wasRunning: true, milliseconds: nil)))
    case .stopping where single.isEnding: completion(.failure(.notNow("it is being stopped")))
    case .stopping:
      nextWakeWaiters.append(Waiter(completion: completion))
      single.post(.startRequested)
    default:
      wakeWaiters.append(Waiter(completion: completion))
      single.post(.startRequested)
    }
  }

  func rest(_ completion: @escaping (Result<RestOutcome, ControlFailure>) -> Void) {
    guard let single, commands == nil else { return completion(.failure(refusal(of: "put to rest"))) }
    if let hold = holds.first { return completion(.failure(.notNow("it is held by \(hold.holder)"))) }
    takeBackStart(of: single)
    if phase == .dormant { return completion(.success(RestOutcome(wasDormant: true, bytesGivenBack: nil))) }
    restWaiters.append(Waiter(completion: completion))
    single.post(.restRequested)
    if phase == .dormant { finish(&restWaiters, .success(RestOutcome(wasDormant: false, bytesGivenBack: nil))) }
  }

  /// What was asked for last holds. Of a start that is under way a rest is what follows.
  private func takeBackStart(of single: Service) {
    let withdrawn = ControlFailure.notNow("it was asked to rest meanwhile")
    finish(&nextWakeWaiters, .failure(withdrawn))
    guard phase == .dormant else { return }
    finish(&wakeWaiters, .failure(withdrawn))
    single.post(.restRequested)
  }

  /// ExecReload=.
  func reloadService(_ completion: @escaping (Result<NoOutcome, ControlFailure>) -> Void) {
    guard let single, !isInTransition else { return completion(.failure(refusal(of: "reloaded"))) }
    guard phase == .running else {
      return completion(.failure(.notNow("it is \(phase.rawValue), and reads its configuration when it starts")))
    }
    single.execution.reload { problem in
      completion(problem.map { .failure(.failed($0)) } ?? .success(NoOutcome()))
    }
  }

  private func refusal(of what: String) -> ControlFailure {
    if let problem { return .failed(problem) }
    if isInTransition { return .notNow("its sockets are being made or closed") }
    return .notNow("each of its connections has a process of its own, which can't be \(what)")
  }

  private func holdsChanged() {
    single?.post(.pinned(!holds.isEmpty))
    host.holdsChanged(name, holds)
  }

  /// Starts it with nobody waiting, checks it, and puts it to rest again.
  func verify(_ completion: @escaping (UnitVerification) -> Void) {
    if wait({ $0.verify(completion) }) { return }
    let run = VerificationAttempt(self, host: host)
    verification = run
    run.begin { [weak self] in
      self?.verification = nil
      completion($0)
    }
  }

  /// OnFailure=: somebody wants to hear of it. It is told what by its environment, and nobody waits for it.
  func runOnFailure(_ reason: String) {
    guard let command = definition.idle.onFailure else { return }
    let words = UnitTranslation.line(command)
    host.run(words, variables: ["TORPOR_UNIT=\(name)", "TORPOR_REASON=\(reason)"]) { [weak self] problem in
      guard let self else { return }
      host.voice.narrator(for: name).warn("OnFailure=\(words.path) \(problem)")
    }
  }
}
