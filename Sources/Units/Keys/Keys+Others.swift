/// Keys of systemd.exec(5) and systemd.resource-control(5) that are not implemented, by the reason.
extension Keys {
  static func processOthers(_ section: String) -> [Key] {
    [
      Key.others(
        section, .hardening("the service sees the whole file system"), harmless: ["no", "disabled"],
        """
        ProtectSystem ProtectHome PrivateTmp ReadOnlyPaths InaccessiblePaths NoExecPaths TemporaryFileSystem \
        ReadOnlyDirectories InaccessibleDirectories PrivateMounts
        """),
      Key.others(
        section, .hardening("no namespace is made for it"), harmless: ["no"],
        """
        PrivateDevices PrivateNetwork PrivateUsers PrivateIPC NetworkNamespacePath IPCNamespacePath ProtectHostname
        """),
      Key.others(
        section, .hardening("the kernel's interfaces are open to it as to any process of its user"),
        harmless: ["no", "default", "all"],
        """
        ProtectKernelTunables ProtectKernelModules ProtectKernelLogs ProtectClock ProtectControlGroups ProtectProc \
        ProcSubset KeyringMode
        """),
      Key.others(
        section, .hardening("no system call is filtered"), harmless: ["no"],
        """
        SystemCallFilter SystemCallArchitectures SystemCallErrorNumber SystemCallLog MemoryDenyWriteExecute \
        RestrictNamespaces RestrictRealtime RestrictSUIDSGID RestrictAddressFamilies LockPersonality Personality
        """),
      Key.others(section, .hardening("no BPF program is loaded for it"), "RestrictFileSystems"),
      Key.others(
        section, .hardening("its capabilities are those that its user has"),
        "CapabilityBoundingSet AmbientCapabilities SecureBits"),
      Key.others(
        section, .hardening("it has no label or profile of its own"),
        "SELinuxContext AppArmorProfile SmackProcessLabel"),
      Key.others(
        section, .refused("the service would run on another file system than it asks for"),
        """
        RootDirectory RootImage RootImageOptions RootHash RootHashSignature RootVerity ExtensionDirectories \
        ExtensionImages MountImages
        """),
      Key.others(
        section, .ignored("nothing is mounted for it"), harmless: ["no"],
        "BindPaths BindReadOnlyPaths MountFlags MountAPIVFS"),
      Key.others(
        section, .refused("no user is made for it; name one by User="), "DynamicUser"),
      Key.others(
        section, .refused("it would run without the credentials that it asks for"),
        "SetCredential SetCredentialEncrypted LoadCredential LoadCredentialEncrypted"),
      Key.others(section, .refused("no session is opened by PAM"), "PAMName"),
      Key.others(
        section, .refused("its standard input is a socket or nothing"), "StandardInputText StandardInputData"),
      Key.others(
        section, .ignored("a service has no terminal"), harmless: ["no"],
        "TTYPath TTYReset TTYVHangup TTYVTDisallocate TTYRows TTYColumns UtmpIdentifier UtmpMode"),
      Key.others(
        section, .ignored("its output goes to its log as it is"),
        """
        SyslogFacility SyslogLevel SyslogLevelPrefix LogLevelMax LogRateLimitIntervalSec LogRateLimitBurst LogExtraFields \
        LogNamespace
        """),
      Key.others(
        section, .ignored("it is scheduled as any process; Nice= is applied"), harmless: ["no", "other", "default"],
        """
        CPUSchedulingPolicy CPUSchedulingPriority CPUSchedulingResetOnFork CPUAffinity NUMAPolicy NUMAMask \
        TimerSlackNSec
        """),
      Key.others(section, .ignored("what it leaves of System V IPC stays"), harmless: ["no"], "RemoveIPC"),
      Key.others(section, .ignored("the default applies"), "CoredumpFilter"),
      Key.others(section, .ignored("programs without a directory are looked up in the default PATH"), "ExecSearchPath"),
      Key.others(
        section, .ignored("there is nothing that cleans its directories"), harmless: ["infinity"], "TimeoutCleanSec"),
    ].flatMap { $0 }
  }

  static func resourceOthers(_ section: String) -> [Key] {
    [
      Key.others(
        section, .hardening("no limit is put on its control group"), harmless: ["infinity", "100%"],
        """
        MemoryMax MemoryHigh MemorySwapMax MemoryLimit TasksMax CPUQuota CPUQuotaPeriodSec AllowedCPUs StartupAllowedCPUs \
        AllowedMemoryNodes StartupAllowedMemoryNodes IOReadBandwidthMax IOWriteBandwidthMax IOReadIOPSMax IOWriteIOPSMax \
        BlockIOReadBandwidth BlockIOWriteBandwidth
        """),
      Key.others(
        section, .hardening("its devices and its network are not filtered"), harmless: ["auto"],
        """
        DeviceAllow DevicePolicy IPAddressDeny IPIngressFilterPath IPEgressFilterPath BPFProgram SocketBindDeny \
        RestrictNetworkInterfaces
        """),
      Key.others(
        section, .notNeeded("it is an exception from what isn't forbidden"),
        "IPAddressAllow SocketBindAllow ReadWritePaths ReadWriteDirectories ExecPaths"),
      Key.others(
        section, .ignored("its control group has no weights or guarantees"), harmless: ["0"],
        """
        CPUWeight StartupCPUWeight CPUShares StartupCPUShares IOWeight StartupIOWeight IODeviceWeight \
        IODeviceLatencyTargetSec BlockIOWeight StartupBlockIOWeight BlockIODeviceWeight MemoryMin MemoryLow \
        DefaultMemoryMin DefaultMemoryLow
        """),
      Key.others(
        section, .notNeeded("what the kernel counts is read where it is there"),
        "CPUAccounting MemoryAccounting IOAccounting BlockIOAccounting TasksAccounting IPAccounting"),
      Key.others(
        section, .ignored("its control group is the manager's to make"), harmless: ["no"],
        "Slice Delegate DisableControllers"),
      Key.others(
        section, .ignored("systemd-oomd doesn't know of it"), harmless: ["auto", "none"],
        "ManagedOOMSwap ManagedOOMMemoryPressure ManagedOOMMemoryPressureLimit ManagedOOMPreference"),
    ].flatMap { $0 }
  }
}
