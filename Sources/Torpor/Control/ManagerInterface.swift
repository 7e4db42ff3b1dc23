/// The text of io.torpor.Manager.varlink, which programs ask for (GetInterfaceDescription).
public enum ManagerInterface {
  public static let name = "io.torpor.Manager"

  /// The same as the file beside this one, as a test sees to.
  public static let description = """
    # Torpor's manager: which units there are, how they are, and what shall become of them.
    #
    # Times are seconds since 1970, UTC. What isn't known or doesn't apply is left out. Root and the manager's own user may call;
    # others are answered by org.varlink.service.PermissionDenied.
    interface io.torpor.Manager

    type State (dormant, starting, running, draining, freezing, frozen, stopping, failed, invalid)

    # A start that failed, or a service that died.
    type Failure (
      time: float,
      reason: string,
      lastLine: ?string
    )

    # What came of checking that a service can be started.
    type Verification (
      name: string,
      time: float,
      passed: bool,
      seconds: float,
      message: string,
      lastLines: []string
    )

    # Somebody wants a service to stay up. Without an end: for as long as the connection lives by which it was asked for.
    type Holding (
      id: int,
      since: float,
      until: ?float,
      holder: string,
      reason: ?string
    )

    # How a unit is. memoryBytes, pid: of what runs. idleInSeconds: until it could rest, if nothing happens.
    # retryInSeconds: until it is tried again, when it has failed.
    type Unit (
      name: string,
      state: State,
      since: float,
      sockets: []string,
      connections: int,
      idleInSeconds: ?float,
      wakesToday: int,
      memoryBytes: ?int,
      pid: ?int,
      lastFailure: ?Failure,
      retryInSeconds: ?float,
      verification: ?Verification,
      holds: []Holding,
      file: string,
      warnings: []string
    )

    # What a unit was read as. No idleTimeoutSeconds: it never rests.
    type Settings (
      command: []string,
      description: ?string,
      dropIns: []string,
      idleTimeoutSeconds: ?float,
      handover: string,
      rest: string,
      user: ?string,
      logFile: ?string
    )

    # One source of evidence, and what it says of a running service.
    type Sense (
      name: string,
      verdict: (busy, quiet),
      since: ?float,
      evidence: []string
    )

    # Why a unit is awake, or isn't.
    type Explanation (
      name: string,
      state: State,
      since: float,
      senses: []Sense,
      earliestRest: ?float,
      holds: []Holding,
      restedBecause: ?string,
      restedAt: ?float,
      wakesOn: []string,
      wokenBy: ?string,
      wokenAt: ?float,
      lastFailure: ?Failure,
      retryInSeconds: ?float,
      advice: []string
    )

    # Something that happened. unit is left out where it is about the manager itself. New events may be added at any time.
    type Event (
      time: float,
      event: string,
      unit: ?string,
      message: ?string,
      client: ?string,
      pid: ?int,
      seconds: ?float,
      reason: ?string
    )

    # All units. Several replies with 'more'; without, one, or ExpectedMore if there are more than 128 units.
    method List() -> (units: []Unit)

    # No settings: the unit is invalid, as its file has a mistake.
    method Describe(name: string) -> (unit: Unit, settings: ?Settings)

    method Explain(name: string) -> (explanation: Explanation)

    # Starts the service, if it isn't running, and answers when it serves.
    method Wake(name: string) -> (wasRunning: bool, milliseconds: ?float)

    # Puts the service to rest without waiting for its idle time, and answers when nothing of it is left. NotNow if it is in use.
    method Rest(name: string) -> (wasDormant: bool, bytesGivenBack: ?int)

    # Keeps a service from being put to rest, for this time or, without it, for as long as this connection lives. Starts nothing.
    method Hold(name: string, seconds: ?float, reason: ?string) -> (hold: Holding)

    # Ends one hold of a unit, or all. Answers how many that were.
    method Release(name: string, id: ?int) -> (released: int)

    # Starts, checks and rests each of these units, or all of them, one after the other. With 'more' a reply for each.
    method Verify(names: ?[]string) -> (verifications: []Verification)

    # Reads all unit files again. Units whose files have problems stay as they were.
    method Reload() -> (
      added: []string,
      changed: []string,
      removed: []string,
      unchanged: int,
      problems: []string
    )

    # Has a service that runs read its own configuration again: its ExecReload= commands. NotNow if it isn't running.
    method ReloadService(name: string) -> ()

    # Tells what happens from now on, until the connection ends. The first event is "subscribed". To be called with 'more'.
    # Who reads too slowly is told so (TooSlow) and has to call again.
    method Monitor() -> (event: Event)

    error NoSuchUnit (name: string)

    # It can't be done as things are.
    error NotNow (reason: string)

    # It was tried and failed.
    error Failed (reason: string)

    # More events came than were read.
    error TooSlow ()

    # So many clients are connected, and all of them have something under way.
    error TooManyClients (limit: int)

    # What came is no call. The connection is closed.
    error BadMessage (reason: string)

    """
}
