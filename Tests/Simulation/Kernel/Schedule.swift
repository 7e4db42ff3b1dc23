import Lifecycle

/// One life of a service under the simulated kernel, decided by a seed: the same seed is the same schedule, step for step.
public struct Schedule {
  public let seed: UInt64
  public let profile: Profile
  /// A bug to put into the kernel or the shell.
  public let fault: Fault?

  public init(seed: UInt64, profile: Profile = .tcp, fault: Fault? = nil) {
    self.seed = seed
    self.profile = profile
    self.fault = fault
  }

  /// Runs it to its end, or to the first violation. A trace costs more than the run does: ask for one when a seed has failed.
  public func run(isTracing: Bool = false) -> Outcome {
    var world = World(seed: seed, profile: profile, fault: fault, isTracing: isTracing)
    return world.run()
  }
}
