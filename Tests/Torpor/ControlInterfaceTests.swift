import Foundation
import Testing
import Varlink

@testable import Torpor

@Suite struct ControlInterfaceTests {
  private func interface() throws -> InterfaceDescription {
    try InterfaceDescription(parsing: ManagerInterface.description)
  }

  @Test func theFileIsWhatIsTold() throws {
    let project = (0..<3).reduce(#filePath) { path, _ in (path as NSString).deletingLastPathComponent }
    let file = try String(
      contentsOfFile: "\(project)/Sources/Torpor/Control/io.torpor.Manager.varlink", encoding: .utf8)
    #expect(file == ManagerInterface.description)
    #expect(try interface().name == ManagerInterface.name)
  }

  @Test func everyMethodHasAHandlerThatTakesItsParameters() throws {
    let methods = try interface().methods
    #expect(Set(methods.keys) == Set(ControlMethod.allCases.map(\.rawValue)))
    for method in ControlMethod.allCases {
      #expect(methods[method.rawValue]?.parameters.map(\.name) == method.parameters.names, "\(method)")
    }
  }

  @Test func theEnumerationsAreTheProgramsOwn() throws {
    let interface = try interface()
    #expect(interface.types["State"] == .enumeration(UnitStatus.State.allCases.map(\.rawValue)))
    guard case .structure(let fields) = interface.types["Sense"] else {
      Issue.record("there is no type Sense")
      return
    }
    #expect(
      fields.first { $0.name == "verdict" }?.type == .enumeration(SenseReport.Verdict.allCases.map(\.rawValue)))
  }

  @Test func everyNamedTypeIsThere() throws {
    let interface = try interface()
    func check(_ type: InterfaceDescription.ValueType) {
      switch type {
      case .named(let name): #expect(interface.types[name] != nil, "\(name)")
      case .array(let wrapped), .dictionary(let wrapped), .optional(let wrapped): check(wrapped)
      case .structure(let fields): for field in fields { check(field.type) }
      case .bool, .int, .float, .string, .object, .enumeration: break
      }
    }
    for type in interface.types.values { check(type) }
    for method in interface.methods.values { check(.structure(method.parameters + method.reply)) }
    for fields in interface.errors.values { check(.structure(fields)) }
  }
}
