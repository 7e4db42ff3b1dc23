import Foundation
import Simulation

/// Makes probes: programs that run schedules with the real core or with a mutant of it.
///
/// The simulation is compiled once, with optimisation, against the module of the unedited core. A mutant differs from that in
/// the bodies of functions of one file, so that the object of that file takes the place of the unedited one when the probe is
/// linked. That would prove nothing if the optimiser had copied bodies of the core into the simulation: so it is told not to
/// (`-disable-cmo`), and the core is compiled file by file, and without optimisation. It runs half as fast then, and takes a
/// sixth of a second to compile; most mutants are seen within a hundred seeds.
struct Workshop: Sendable {
  private let directory: URL
  private let compiler: String
  /// The core as it is, made the same way as the mutants are.
  let unedited: Probe

  /// A program that runs schedules.
  struct Probe: Sendable {
    let path: String
  }

  /// The first schedule that violates one of the invariants.
  struct Sighting: Equatable, Sendable {
    let seed: UInt64
    let invariant: Invariant
  }

  private static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  private static let core = package.appendingPathComponent("Sources/Lifecycle")
  private static let simulation = package.appendingPathComponent("Tests/Simulation/Kernel")
  private static let probe = package.appendingPathComponent("Tests/Simulation/Mutants/Probe")
  static let document = package.appendingPathComponent("docs/testing.md")

  private static let compileSeconds = 300.0
  /// A bound for a machine that has much else to do; alone it takes a third of that.
  private static let runSeconds = 400.0

  init() throws {
    compiler = try Toolchain.compiler()
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("torpor-mutants-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    unedited = Probe(path: directory.appendingPathComponent("unedited").path)
    do {
      let sources = try Self.sources(in: Self.core)
      try run(["-emit-module", "-parse-as-library", "-module-name", "Lifecycle"] + module("Lifecycle"), sources)
      for source in sources {
        try compile(source, among: sources, to: path(source.lastPathComponent + ".o"))
      }
      try run(
        ["-c", "-O", "-whole-module-optimization", "-disable-cmo", "-parse-as-library", "-module-name", "Simulation"]
          + ["-emit-module", "-o", path("Simulation.o")] + module("Simulation"), try Self.sources(in: Self.simulation))
      try run(["-c", "-O", "-disable-cmo", "-o", path("main.o")], try Self.sources(in: Self.probe))
      try link(sources.map { path($0.lastPathComponent + ".o") }, to: unedited)
    } catch {
      remove()
      throw error
    }
  }

  /// Removes everything that was made.
  func remove() { try? FileManager.default.removeItem(at: directory) }

  static func edit(_ mutant: Mutant) throws -> String {
    try mutant.apply(to: String(contentsOf: core.appendingPathComponent(mutant.file), encoding: .utf8))
  }

  func makeProbe(of mutant: Mutant) throws -> Probe {
    let edited = directory.appendingPathComponent(mutant.name + ".swift")
    try Self.edit(mutant).write(to: edited, atomically: true, encoding: .utf8)
    let others = try Self.sources(in: Self.core).filter { $0.lastPathComponent != mutant.file }
    try compile(edited, among: others + [edited], to: path(mutant.name + ".o"))
    let probe = Probe(path: path(mutant.name))
    try link(others.map { path($0.lastPathComponent + ".o") } + [path(mutant.name + ".o")], to: probe)
    return probe
  }

  /// nil: every schedule is in order, or violates others only.
  func run(
    _ probe: Probe, in profile: Profile, seeds: Range<UInt64>, for invariants: [Invariant]
  ) throws -> Sighting? {
    let command = Command(
      program: probe.path,
      arguments: [profile.rawValue, "\(seeds.lowerBound)", "\(seeds.upperBound)"] + invariants.map(\.rawValue))
    let output = try command.run(within: Self.runSeconds, in: directory)
    if output.isEmpty { return nil }
    let words = output.split { $0 == " " || $0 == "\n" }
    guard words.count == 2, let seed = UInt64(words[0]), let invariant = Invariant(rawValue: String(words[1])) else {
      throw Command.Failure(description: "\(probe.path) has printed what it shouldn't: \(output)")
    }
    return Sighting(seed: seed, invariant: invariant)
  }

  // MARK: the compiler

  /// One file of the core by itself, as the compiler's driver has it done without whole-module optimisation.
  private func compile(_ source: URL, among sources: [URL], to object: String) throws {
    let others = sources.filter { $0 != source }
    try run(
      ["-frontend", "-c", "-Onone", "-disable-objc-interop", "-parse-as-library", "-module-name", "Lifecycle"]
        + ["-o", object, "-primary-file", source.path], others)
  }

  private func run(_ arguments: [String], _ sources: [URL]) throws {
    let common = [
      "-swift-version", "6", "-suppress-warnings", "-I", directory.path, "-module-cache-path", path("cache"),
    ]
    let command = Command(program: compiler, arguments: arguments + common + sources.map(\.path))
    _ = try command.run(within: Self.compileSeconds, in: directory)
  }

  private func link(_ core: [String], to probe: Probe) throws {
    let objects = [path("main.o"), path("Simulation.o")] + core
    let command = Command(program: compiler, arguments: objects + ["-o", probe.path])
    _ = try command.run(within: Self.compileSeconds, in: directory)
  }

  private func module(_ name: String) -> [String] { ["-emit-module-path", path(name + ".swiftmodule")] }

  private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

  private static func sources(in directory: URL) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "swift" }.sorted { $0.path < $1.path }
  }
}
