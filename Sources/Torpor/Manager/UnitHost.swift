import Linux
import Units

/// What a unit has of its manager.
final class UnitHost {
  let loop: EventLoop
  let voice: ManagerVoice
  let output: ServiceOutput
  let trimmer: LogTrimmer
  /// One dump of the kernel's sockets answers all services that look in one turn of the loop.
  private let tables: SocketTables
  let translation: UnitTranslation
  /// Seconds since 1970.
  let startedAt = WallClock.now()
  private let laterAlarm: Alarm
  private var postponed: [() -> Void] = []
  /// Nothing is held anew.
  var isStopping = false
  var onHoldsChanged: ((_ unit: String, [UnitHold]) -> Void)?
  /// Nothing of a unit is left.
  var onGone: ((ManagedUnit) -> Void)?

  init(loop: EventLoop, voice: ManagerVoice, output: ServiceOutput, translation: UnitTranslation) {
    self.loop = loop
    self.voice = voice
    self.output = output
    self.translation = translation
    trimmer = LogTrimmer(loop: loop)
    tables = SocketTables(loop: loop)
    laterAlarm = Alarm(loop: loop)
    laterAlarm.onDue = { [weak self] in self?.runPostponed() }
  }

  func options(_ unit: Unit) throws(ServiceError) -> ServiceOptions {
    var options = try translation.options(of: unit)
    if let lastOptions { options.share(with: lastOptions) }
    lastOptions = options
    return options
  }

  func output(of unit: Unit) -> Shared<ServiceOutput.Settings> {
    var settings = Shared(translation.output(of: unit))
    if let lastOutput { settings.join(lastOutput) }
    lastOutput = settings
    return settings
  }

  // Thousands of units are mostly alike, and come one after the other.
  private var lastOptions: ServiceOptions?
  private var lastOutput: Shared<ServiceOutput.Settings>?
  private weak var lastService: Service?

  func makeService(_ unit: Unit) throws(ServiceError) -> any HeldService {
    let options = try options(unit)
    let narrator = voice.narrator(for: unit.name)
    let logged = LoggedOutput(unit.name, self.output(of: unit), by: output, trimmer: trimmer)
    if options.handover == .inetd {
      return try ConnectionService(options, loop: loop, narrator: narrator, output: logged)
    }
    let service = try Service(options, loop: loop, tables: tables, narrator: narrator, output: logged)
    if let lastService { service.lifecycle.share(with: lastService.lifecycle) }
    lastService = service
    return service
  }

  func holdsChanged(_ unit: String, _ holds: [UnitHold]) { onHoldsChanged?(unit, holds) }

  func gone(_ unit: ManagedUnit) { onGone?(unit) }

  /// Runs a command of the manager's own. `onProblem` hears why it could not be started or how it failed.
  func run(_ command: CommandLine, variables: [String], onProblem: @escaping (String) -> Void) {
    let environment =
      Environment.all.filter { variable in
        !ServiceOptions.ownVariables.contains { variable.hasPrefix($0 + "=") }
      } + variables
    do throws(Errno) {
      let path = try CommandPath.resolve(command.path, path: Launcher.variable("PATH"))
      let nothing = try OwnedFD.null()
      var spawn = Spawn(path: path, arguments: command.arguments(environment: environment), environment: environment)
      spawn.standardInput = nothing.number
      let process: Spawn.Process
      do throws(Spawn.Failure) { process = try spawn.run() } catch {
        return onProblem("cannot be started: \(error.errno)")
      }
      loop.children.watch(process.handle.pid) { status in
        let end = ServiceProcesses.exitStatus(status)
        if !end.isSuccess { onProblem(Narrator.describe(end)) }
      }
    } catch { onProblem("cannot be started: \(error)") }
  }

  /// In a later turn of the loop, in the order in which they came.
  func later(_ body: @escaping () -> Void) {
    postponed.append(body)
    if postponed.count == 1 { laterAlarm.set(to: MonotonicClock.now()) }
  }

  private func runPostponed() {
    let bodies = postponed
    postponed = []
    for body in bodies { body() }
  }
}
