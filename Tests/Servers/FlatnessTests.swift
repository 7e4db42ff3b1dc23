import Foundation
import Testing

extension ServerTests {
  /// A manager that has woken and rested a service ten thousand times has the descriptors and the memory of one that has a
  /// few times. `TORPOR_CYCLES` makes the round longer.
  @Suite struct FlatnessTests {
    static let cycles = Machine.number("TORPOR_CYCLES", default: 400)

    @Test func descriptorsAndMemoryStayFlat() throws {
      try OddServer.run(idle: "1ms") { torpor, endpoint in
        try cycle(torpor, endpoint, times: 100)
        let before = try measure(torpor)
        try cycle(torpor, endpoint, times: Self.cycles)
        let after = try measure(torpor)
        print(
          "flat: \(Self.cycles) cycles: descriptors \(before.descriptors) → \(after.descriptors),",
          "private memory \(before.kilobytes) → \(after.kilobytes) kB")
        #expect(after.descriptors <= before.descriptors)
        // What malloc keeps differs by what came last; a leak of 100 bytes a cycle is more over the long round.
        #expect(after.kilobytes <= before.kilobytes + 512)
      }
    }

    private func cycle(_ torpor: TorporProcess, _ endpoint: Endpoint, times: Int) throws {
      for _ in 0..<times {
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.rested)
      }
    }

    private func measure(_ torpor: TorporProcess) throws -> (descriptors: Int, kilobytes: Int) {
      let directory = "/proc/\(torpor.pid)"
      // What belongs to a rest's helpers is closed a moment after the rest: the least of some readings is what stays.
      var readings: [Int] = []
      for _ in 0..<10 {
        readings.append(try FileManager.default.contentsOfDirectory(atPath: directory + "/fd").count)
        usleep(20_000)
      }
      let descriptors = readings.min() ?? 0
      let rollup = try String(contentsOfFile: directory + "/smaps_rollup", encoding: .utf8)
      let kilobytes = rollup.split(separator: "\n").filter { $0.hasPrefix("Private_Dirty:") }
        .compactMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }.reduce(0, +)
      return (descriptors, kilobytes)
    }
  }
}
