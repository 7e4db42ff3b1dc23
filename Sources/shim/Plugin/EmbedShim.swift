import Foundation
import PackagePlugin

/// Makes ShimImage.swift of Sources/shim: the library that is preloaded into services, as bytes in the program.
@main struct EmbedShim: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
    let directory = context.package.directoryURL.appending(path: "Sources/shim")
    let script = directory.appending(path: "embed.sh")
    let sources = ["shim.c", "places.c", "places.h", "calls.h", "protocol.h", "exports.map"]
    let result = context.pluginWorkDirectoryURL.appending(path: "ShimImage.swift")
    return [
      .buildCommand(
        displayName: "Embedding the preloaded library", executable: URL(fileURLWithPath: "/bin/sh"),
        arguments: [script.path, directory.path, result.path],
        inputFiles: [script] + sources.map { directory.appending(path: $0) }, outputFiles: [result])
    ]
  }
}
