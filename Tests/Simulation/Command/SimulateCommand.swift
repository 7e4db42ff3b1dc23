import ArgumentParser
import Glibc
import Simulation

/// The command line. Exits with 0 when every invariant held, with 1 when one did not, with 2 when it was called wrongly.
@main
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Runs schedules of a simulated kernel from seeds, and checks that no connection is lost in any.",
    discussion: """
      A seed is a schedule, step for step: what fails once fails again. Ends after --seeds schedules, after --minutes, \
      or at the first violation, whichever is first; without --seeds only --minutes or a violation ends it.
      """)

  @Option(help: "How many schedules to run.")
  var seeds: UInt64?
  @Option(help: "The first seed.")
  var start: UInt64 = 0
  @Option(help: "End after so many minutes.")
  var minutes: Double?
  @Option(help: "What to simulate: tcp, unix, udp, freeze, succession, or all, where each seed has its own.")
  var profile = "all"
  @Option(help: "Print the whole trace of this seed instead.")
  var replay: UInt64?
  @Option(help: "How many threads run schedules.")
  var jobs = 2

  static func main() {
    do {
      let command = try parse()
      try command.run()
    } catch {
      let message = fullMessage(for: error)
      let code = exitCode(for: error)
      if !message.isEmpty {
        if code == .success { print(message) } else { complain(message) }
      }
      Glibc.exit(code == .validationFailure ? 2 : code.rawValue)
    }
  }

  func validate() throws {
    guard profile == "all" || Profile(rawValue: profile) != nil else {
      let names = Profile.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--profile \(profile): there are \(names), and all.")
    }
    guard (1...256).contains(jobs) else { throw ValidationError("--jobs must be from 1 to 256.") }
    guard minutes.map({ $0 > 0 && $0 <= 1_000_000 }) ?? true else {
      throw ValidationError("--minutes must be more than 0, and at most 1000000.")
    }
    guard seeds != 0 else { throw ValidationError("--seeds must be at least 1.") }
    if replay != nil {
      guard seeds == nil, minutes == nil else {
        throw ValidationError("--replay runs one seed: without --seeds and --minutes.")
      }
      return
    }
    guard seeds != nil || minutes != nil else {
      throw ValidationError("Say --seeds or --minutes to run schedules, or --replay to see one.")
    }
    guard !start.addingReportingOverflow(seeds ?? UInt64(jobs)).overflow else {
      throw ValidationError("--start and --seeds together are more than \(UInt64.max).")
    }
  }

  func run() throws {
    if let replay { return try show(replay) }
    let clock = ContinuousClock()
    let begin = clock.now
    let deadline = minutes.map { begin.advanced(by: .seconds($0 * 60)) }
    let end = seeds.map { start + $0 } ?? .max
    let tally: Tally
    do throws(Campaign.ThreadsExhausted) {
      tally = try Campaign(seeds: start..<end, profile: Profile(rawValue: profile), jobs: jobs, deadline: deadline)
        .run()
    } catch {
      throw ValidationError("There is no room for \(jobs) threads; try fewer --jobs.")
    }
    print(Report(tally: tally, profile: profile, elapsed: clock.now - begin).text)
    if tally.failure != nil { throw ExitCode.failure }
  }

  private static func complain(_ message: String) {
    var bytes = Array((message + "\n").utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      bytes.removeFirst(count)
    }
  }

  private func show(_ seed: UInt64) throws {
    let outcome = Schedule(seed: seed, profile: Profile(rawValue: profile) ?? Profile(of: seed)).run(isTracing: true)
    print(outcome.description(seed: seed))
    print(outcome.violations.isEmpty ? "no violation" : "VIOLATION")
    if !outcome.violations.isEmpty { throw ExitCode.failure }
  }
}
