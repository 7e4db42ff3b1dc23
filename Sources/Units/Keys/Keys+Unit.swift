extension Keys {
  static let unit: [Key] = [
    .implemented("Unit", "Description", "text", "What the service is, for people.") {
      fragment, value throws(ValueError) in
      fragment.unit.description = try value.string()
    },
    .implemented(
      "Unit", "Documentation", "addresses", "Where its documentation is: https:, man:, info: or file: addresses."
    ) {
      fragment, value throws(ValueError) in
      fragment.unit.documentation += try value.strings()
    },
    .implemented(
      "Unit", "StartLimitIntervalSec", "time span", default: "10s",
      "The time over which failed starts are counted. 0 or infinity: they are not. A service that was put to rest and woken has not failed."
    ) { fragment, value throws(ValueError) in
      fragment.unit.startLimitInterval = try value.timeout()
    },
    .implemented(
      "Unit", "StartLimitBurst", "number", default: "5",
      "More failed starts than this within StartLimitIntervalSec= and the service backs off."
    ) { fragment, value throws(ValueError) in
      fragment.unit.startLimitBurst = try value.unsigned()
    },
    .implemented(
      "Unit", "OnFailure", "units",
      "Units of this manager that are started when this one has failed, at most once in 10 s."
    ) { fragment, value throws(ValueError) in
      fragment.unit.onFailure += try value.strings(.full)
    },
    .implemented(
      "Unit", "OnSuccess", "units",
      "Units of this manager that are started when this one has been put to rest, or has ended well by itself, at most once in 10 s."
    ) { fragment, value throws(ValueError) in
      fragment.unit.onSuccess += try value.strings(.full)
    },
  ]

  static let conditions: [Key] =
    Condition.Kind.allCases.map { condition($0, isAssertion: false) }
    + Condition.Kind.allCases.map { condition($0, isAssertion: true) }

  private static func condition(_ kind: Condition.Kind, isAssertion: Bool) -> Key {
    let meaning =
      isAssertion
      ? "As Condition\(kind.rawValue)=, and it is a failure if it isn't so."
      : "\(conditionMeaning(kind)) A socket unit whose conditions aren't met isn't held until a reload at which they are; those of a service are looked at before each start. '!' in front means the opposite; of those with '|' one is enough."
    return .implemented("Unit", "\(isAssertion ? "Assert" : "Condition")\(kind.rawValue)", conditionType(kind), meaning)
    {
      fragment, value throws(ValueError) in
      fragment.unit.conditions.append(try Condition(kind, isAssertion: isAssertion, value))
    }
  }

  private static func conditionType(_ kind: Condition.Kind) -> String {
    switch kind {
    case .user: "user, number, or @system"
    case .group: "group or number"
    case .host: "host name, pattern, or machine ID"
    case .architecture: "architecture, or native"
    case .virtualization: "boolean, vm, container, or a name"
    case .kernelCommandLine: "word, or NAME=VALUE"
    case .environment: "variable, or NAME=VALUE"
    case .firstBoot: "boolean"
    case let kind: kind == .pathExistsGlob ? "pattern" : "path"
    }
  }

  private static func conditionMeaning(_ kind: Condition.Kind) -> String {
    switch kind {
    case .pathExists: "The path is there."
    case .pathExistsGlob: "Something matches the pattern, glob(7)."
    case .pathIsDirectory: "It is a directory."
    case .pathIsSymbolicLink: "It is a symbolic link."
    case .pathIsMountPoint: "Something is mounted there."
    case .pathIsReadWrite: "Its file system can be written to."
    case .directoryNotEmpty: "It is a directory with something in it."
    case .fileNotEmpty: "It is a file with something in it."
    case .fileIsExecutable: "It is a file that can be executed."
    case .user: "The manager runs as this user."
    case .group: "The manager is in this group."
    case .host: "This machine has that name."
    case .architecture: "This machine is of that kind."
    case .virtualization: "This is a virtual machine or a container."
    case .kernelCommandLine: "The kernel was started with that."
    case .environment: "The manager has that variable."
    case .firstBoot: "The machine is booted for the first time."
    }
  }

  private static let noOrder = "all sockets are held from the beginning, so that nothing has to be started in an order"
  private static let noDependency =
    "no other unit is started or stopped for it; a connection to a held socket starts what holds it"
  /// Keys that name other units. Of one that names none but its own parts, or what systemd alone has, nothing is missed.
  static let dependencies: Set<String> = [
    "Requires", "Requisite", "BindsTo", "Upholds", "Conflicts", "PartOf", "PropagatesReloadTo", "ReloadPropagatedFrom",
    "PropagatesStopTo", "StopPropagatedFrom", "RequiresOverridable", "RequisiteOverridable",
  ]
  private static let noCondition = "this is not checked, and taken to be so"
  private static let noAction = "no action is taken on the machine"

  static let unitOthers: [Key] = [
    Key.others(
      "Unit", .notNeeded(noOrder),
      "After Before Wants DefaultDependencies IgnoreOnIsolate AllowIsolate CollectMode SourcePath"),
    Key.others(
      "Unit", .ignored(noDependency),
      """
      Requires Requisite BindsTo Upholds Conflicts PartOf PropagatesReloadTo ReloadPropagatedFrom PropagatesStopTo \
      StopPropagatedFrom JoinsNamespaceOf RequiresOverridable RequisiteOverridable RequiresMountsFor
      """),
    Key.others(
      "Unit", .ignored("there are no jobs: a start ends by TimeoutStartSec="), harmless: ["infinity", "0", "none"],
      """
      OnSuccessJobMode OnFailureJobMode OnFailureIsolate JobTimeoutSec JobRunningTimeoutSec JobTimeoutAction \
      JobTimeoutRebootArgument
      """),
    Key.others(
      "Unit", .ignored("a person may always start and stop it, and it rests by [X-Idle]"), harmless: ["no"],
      "StopWhenUnneeded RefuseManualStart RefuseManualStop"),
    Key.others(
      "Unit", .ignored(noAction), harmless: ["none"],
      """
      StartLimitAction FailureAction SuccessAction FailureActionExitStatus SuccessActionExitStatus RebootArgument
      """),
    [
      .alias("Unit", "StartLimitInterval", of: "StartLimitIntervalSec"), .alias("Unit", "BindTo", of: "BindsTo"),
      .alias("Unit", "PropagateReloadTo", of: "PropagatesReloadTo"),
      .alias("Unit", "PropagateReloadFrom", of: "ReloadPropagatedFrom"),
    ],
    Key.others(
      "Unit", .ignored(noCondition), (otherConditions + ["Firmware"]).map { "Condition\($0)" }.joined(separator: " ")),
    Key.others("Unit", .ignored(noCondition), otherConditions.map { "Assert\($0)" }.joined(separator: " ")),
  ].flatMap { $0 }

  private static let otherConditions = [
    "PathIsEncrypted", "NeedsUpdate", "KernelVersion", "Credential", "Security", "Capability", "ACPower", "Memory",
    "CPUFeature", "CPUs", "ControlGroupController", "OSRelease", "MemoryPressure", "CPUPressure", "IOPressure",
  ]

  static let installOthers = Key.others(
    "Install", .notNeeded("every unit of the unit directories is held; there is nothing to enable"),
    "Alias WantedBy RequiredBy Also DefaultInstance")
}
