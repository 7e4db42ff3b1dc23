import Glibc
import Testing

@testable import Units

/// The units of Examples/units, which people copy.
@Suite struct ExampleUnitTests {
  private static let directory: String = {
    let project = #filePath.split(separator: "/").dropLast(4)
    return "/" + (project + ["Examples", "units"]).joined(separator: "/")
  }()

  @Test func nothingIsSaidOfThem() {
    let set = UnitLoader(files: Disk(), directories: [Self.directory], isStrict: true).loadAll()
    #expect(
      set.units.map(\.name) == [
        "apache2", "mariadb", "memcached", "nginx", "php8.2-fpm", "postgresql", "redis-server",
      ])
    #expect(set.units.flatMap(\.diagnostics).map(\.description) == [])
    for unit in set.units {
      #expect(unit.isUsable)
      #expect(unit.socket.listen.isEmpty == false)
      #expect(unit.idle.timeout != nil)
      #expect(unit.unit.description.isEmpty == false)
    }
  }

  /// Each program that they name, as far as its server is installed here.
  @Test func theirProgramsAreWhereDebianHasThem() {
    let set = UnitLoader(files: Disk(), directories: [Self.directory]).loadAll()
    #expect(set.units.count == 7)
    for unit in set.units {
      guard let program = unit.service.execStart.first?.path, access(program, F_OK) == 0 else { continue }
      for command in unit.service.execStartPre + unit.service.execReload + [unit.idle.verifyCheck].compactMap({ $0 }) {
        #expect(access(command.path, X_OK) == 0, "\(unit.name): \(command.path)")
      }
    }
  }
}
