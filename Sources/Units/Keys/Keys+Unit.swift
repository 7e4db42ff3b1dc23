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
  ]

  private static let noOrder = "all sockets are held from the beginning, so that nothing has to be started in an order"
  private static let noDependency =
    "no other unit is started or stopped for it; a connection to a held socket starts what holds it"
  private static let noCondition = "conditions are not checked, and the service is held regardless"
  private static let noAction = "no action is taken on the machine"

  static let unitOthers: [Key] = [
    Key.others(
      "Unit", .notNeeded(noOrder),
      "After Before Wants DefaultDependencies IgnoreOnIsolate AllowIsolate CollectMode SourcePath"),
    Key.others(
      "Unit", .ignored(noDependency),
      """
      Requires Requisite BindsTo Upholds Conflicts PartOf PropagatesReloadTo ReloadPropagatedFrom PropagatesStopTo \
      StopPropagatedFrom JoinsNamespaceOf RequiresOverridable RequisiteOverridable RequiresMountsFor OnSuccess
      """),
    Key.others(
      "Unit", .ignored("no other unit is started when it has failed; OnFailure= in [X-Idle] runs a command"),
      "OnFailure"),
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
      "Unit", .ignored(noCondition), (conditions + ["Firmware"]).map { "Condition\($0)" }.joined(separator: " ")),
    Key.others("Unit", .ignored(noCondition), conditions.map { "Assert\($0)" }.joined(separator: " ")),
  ].flatMap { $0 }

  private static let conditions = [
    "PathExists", "PathExistsGlob", "PathIsDirectory", "PathIsSymbolicLink", "PathIsMountPoint", "PathIsReadWrite",
    "PathIsEncrypted", "DirectoryNotEmpty", "FileNotEmpty", "FileIsExecutable", "NeedsUpdate", "FirstBoot",
    "Architecture",
    "Virtualization", "Host", "KernelCommandLine", "KernelVersion", "Credential", "Security", "Capability", "ACPower",
    "Memory", "CPUFeature", "CPUs", "Environment", "User", "Group", "ControlGroupController", "OSRelease",
    "MemoryPressure", "CPUPressure", "IOPressure",
  ]

  static let installOthers = Key.others(
    "Install", .notNeeded("every unit of the unit directories is held; there is nothing to enable"),
    "Alias WantedBy RequiredBy Also DefaultInstance")
}
