// Runs the schedules of the seeds START ..< END. At the first that violates one of the invariants named it prints its seed
// and the invariant. Others are passed over: a mutant is known by what it breaks.
//
// probe PROFILE START END INVARIANT...

import Simulation

let arguments = CommandLine.arguments
guard arguments.count > 4, let profile = Profile(rawValue: arguments[1]), let start = UInt64(arguments[2]),
  let end = UInt64(arguments[3]), start <= end
else { fatalError("usage: probe PROFILE START END INVARIANT...") }
let invariants = Set(arguments.dropFirst(4))

for seed in start..<end {
  guard let violation = Schedule(seed: seed, profile: profile).run().violations.first else { continue }
  guard invariants.contains(violation.invariant.rawValue) else { continue }
  print(seed, violation.invariant.rawValue)
  break
}
