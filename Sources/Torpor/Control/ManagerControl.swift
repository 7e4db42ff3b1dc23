/// What the control socket asks of the manager.
///
/// Everything is called from the event loop. What takes time answers by its completion, exactly once, in a later turn or at once;
/// whoever asked may be gone by then, which is not the manager's concern. Names are those of units, as a person typed them.
public protocol ManagerControl: AnyObject {
  /// Every unit that was read, in the order in which they are shown. Asked for once a list.
  var unitNames: [String] { get }

  /// How a unit is now; nil: there is none of that name. Cheap: a list of thousands asks for each, a few in each turn of the loop.
  func status(of name: String) -> UnitStatus?

  /// What a unit was read as; nil: there is none of that name, or its file has a mistake.
  func settings(of name: String) -> UnitSettings?

  /// Why a unit is awake or not; nil: there is none of that name, or its file has a mistake. It may look into /proc and at sockets, for milliseconds.
  func explanation(of name: String) -> UnitExplanation?

  /// Starts a unit's service, if it isn't running. Completes when it serves, or can't be started.
  func wake(_ name: String, completion: @escaping (Result<WakeOutcome, ControlFailure>) -> Void)

  /// Puts a unit to rest without waiting for its idle time. Completes when no process is left; `.notNow` when it is in use or held.
  func rest(_ name: String, completion: @escaping (Result<RestOutcome, ControlFailure>) -> Void)

  /// Keeps a unit from being put to rest. Wakes nothing.
  ///
  /// - Parameters:
  ///   - seconds: until when from now; nil: until `release`, which is called when whoever asked has gone. Only a hold with an end
  ///     outlives the manager.
  ///   - reason: what a person said, for `why`.
  /// - Returns: the hold; its `id` is one that no other hold of the unit has had.
  func hold(
    _ name: String, seconds: Double?, reason: String?, by peer: ControlPeer
  ) throws(ControlFailure) -> UnitHold

  /// Ends one hold, or all that a unit has. Returns how many that were; an `id` that there isn't (any more) is none.
  func release(_ name: String, id: Int?) throws(ControlFailure) -> Int

  /// Starts a unit's service with nobody waiting, checks it, and puts it to rest again. Never more than one at a time: others wait.
  /// A service that is in use is checked as it runs. `.failed` means that it couldn't be tried; a service that fails the check is a
  /// result.
  func verify(_ name: String, completion: @escaping (Result<UnitVerification, ControlFailure>) -> Void)

  /// Reads all unit files again.
  func reload(completion: @escaping (Result<ReloadOutcome, ControlFailure>) -> Void)

  /// Has a service that runs read its own configuration again, by the commands that its unit names. Completes when they have ended.
  func reloadService(_ name: String, completion: @escaping (Result<NoOutcome, ControlFailure>) -> Void)
}

/// Why a call to the manager came to nothing. Each is an error of the interface.
public enum ControlFailure: Error, Equatable, Sendable {
  case noSuchUnit(String)
  /// It can't be done as things are: in use, held, stopping. A sentence without a full stop.
  case notNow(String)
  /// It was tried and failed. A sentence without a full stop.
  case failed(String)
}

/// Who asked.
public struct ControlPeer: Equatable, Sendable {
  public let pid: Int32
  public let user: UInt32
  /// The program's, as the kernel shows it; nil: gone already.
  public let name: String?

  public init(pid: Int32, user: UInt32, name: String?) {
    self.pid = pid
    self.user = user
    self.name = name
  }
}

public struct WakeOutcome: Codable, Equatable, Sendable {
  /// It served already.
  public var wasRunning: Bool
  /// From being asked until it served; nil: it did already.
  public var milliseconds: Double?

  public init(wasRunning: Bool, milliseconds: Double?) {
    self.wasRunning = wasRunning
    self.milliseconds = milliseconds
  }
}

public struct RestOutcome: Codable, Equatable, Sendable {
  /// Nothing was running.
  public var wasDormant: Bool
  /// Memory that the service had to itself; nil: not known.
  public var bytesGivenBack: Int?

  public init(wasDormant: Bool, bytesGivenBack: Int?) {
    self.wasDormant = wasDormant
    self.bytesGivenBack = bytesGivenBack
  }
}

/// It is done, and there is no more to say.
public struct NoOutcome: Codable, Equatable, Sendable {
  public init() {}
}

public struct ReloadOutcome: Codable, Equatable, Sendable {
  public var added: [String]
  public var changed: [String]
  public var removed: [String]
  /// How many are as they were.
  public var unchanged: Int
  /// What was wrong, each with its `file:line:column`. Units that it concerns are as they were before.
  public var problems: [String]

  public init(added: [String], changed: [String], removed: [String], unchanged: Int, problems: [String]) {
    self.added = added
    self.changed = changed
    self.removed = removed
    self.unchanged = unchanged
    self.problems = problems
  }
}
