import Linux

import enum Units.EnvironmentSyntax
import class Units.SourceFile

extension EnvironmentFile {
  /// "NAME=VALUE", in their order. Throws a sentence that names the file.
  ///
  /// - Parameter tell: hears of what is no variable and is passed over, with its file, line and column.
  func read(tell: (String) -> Void) throws(LaunchFailure) -> [String] {
    let paths = RegularFile.matching(path)
    guard !paths.isEmpty else {
      if mayBeMissing { return [] }
      throw LaunchFailure("no environment file matches '\(path)'")
    }
    var variables: [String] = []
    for path in paths {
      do throws(Errno) {
        let contents = EnvironmentSyntax.file(SourceFile(path: path, bytes: try RegularFile.contents(of: path)))
        variables += contents.variables.map { "\($0.name)=\($0.value)" }
        for problem in contents.problems { tell(problem.description) }
      } catch {
        if mayBeMissing, error == .noEntry { continue }
        let reason = error == .invalid ? "it is no regular file" : "\(error)"
        throw LaunchFailure("cannot read the environment file '\(path)': \(reason)")
      }
    }
    return variables
  }
}
