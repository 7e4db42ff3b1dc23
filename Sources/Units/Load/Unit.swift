/// A service and its sockets, as unit files describe them.
public struct Unit: Equatable, Sendable {
  /// Without a suffix: "redis", "postgresql@15-main". That of the service.
  public let name: String
  /// Of a template; nil: it is none.
  public let instance: String?
  /// Every file that was read for it, in the order in which later ones win.
  public internal(set) var files: [String] = []
  /// Files of the same names that these hide.
  public internal(set) var shadowed: [String] = []
  /// The service's `[Unit]`.
  public internal(set) var unit: UnitSection {
    get { sharedUnit.value }
    set { sharedUnit = Shared(newValue) }
  }
  /// One for each socket unit, in the order of their names; more than one where several name the same service.
  public internal(set) var sockets: [SocketSection] = []
  public internal(set) var service: ServiceSection {
    get {
      var service = sharedService.value
      service.execution = sharedExecution.value
      return service
    }
    set {
      sharedExecution = Shared(newValue.execution)
      var service = newValue
      service.execution = ProcessSettings()
      sharedService = Shared(service)
    }
  }
  public internal(set) var idle: IdleSection {
    get { sharedIdle.value }
    set { sharedIdle = Shared(newValue) }
  }
  /// In the order of the files.
  public internal(set) var diagnostics: [Diagnostic] = []

  /// The one that is named as the service is, or the first.
  public var socket: SocketSection { sockets.first ?? SocketSection() }
  /// Whether it can be held and started.
  public var isUsable: Bool { !diagnostics.contains(where: \.isError) }
  /// If `[X-Idle]` doesn't say: inetd with `Accept=yes`, inetd-wait where the socket is the standard input, else auto.
  public var handover: IdleSection.Handover {
    if let handover = idle.handover { return handover }
    if socket.accept { return .inetd }
    return service.execution.standardInput == .socket ? .inetdWait : .auto
  }

  /// Whether both say the same of what is to be done.
  public func isSame(as other: Unit) -> Bool {
    name == other.name && instance == other.instance && unit == other.unit && sockets == other.sockets
      && service == other.service && idle == other.idle
  }

  init(name: String, instance: String?) {
    self.name = name
    self.instance = instance
  }

  private var sharedUnit = Shared(UnitSection())
  /// All of it but `execution`, in which fewer units differ.
  private var sharedService = Shared(ServiceSection())
  private var sharedExecution = Shared(ProcessSettings())
  private var sharedIdle = Shared(IdleSection())

  /// Has what is the same in `other` in common with it.
  mutating func share(with other: Unit) {
    sharedUnit.join(other.sharedUnit)
    sharedService.join(other.sharedService)
    sharedExecution.join(other.sharedExecution)
    sharedIdle.join(other.sharedIdle)
  }
}
