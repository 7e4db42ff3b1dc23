import Foundation

/// What came of a `torpor run` that should end by itself.
struct Outcome {
  let status: ExitStatus?
  let errors: String

  init(of arguments: [String], wrapper: [String] = [], binaries: Binaries = .built) throws {
    let process = try ChildProcess(wrapper + [binaries.torpor, "run"] + arguments)
    status = process.waitForExit(within: .seconds(10))
    process.killAndWait()
    _ = process.errors.waitForEnd(within: .seconds(5))
    errors = process.errors.text
  }
}
