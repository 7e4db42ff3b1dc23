// swift-tools-version: 6.2
import PackageDescription

/// Every target: Swift 6 mode, and a warning is an error.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]
/// Those that touch the kernel's memory: each unsafe use is marked as one.
let kernel: [SwiftSetting] = strict + [.strictMemorySafety()]

let package = Package(
  name: "torpor",
  products: [
    .executable(name: "torpor", targets: ["torpor"]),
    .executable(name: "torpord", targets: ["torpord"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .target(name: "CLinux", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
    .target(name: "Linux", dependencies: ["CLinux"], swiftSettings: kernel),
    .target(name: "Lifecycle", swiftSettings: strict),
    .target(name: "Units", swiftSettings: strict),
    .target(name: "Varlink", swiftSettings: strict),
    .target(
      name: "Torpor", dependencies: ["Lifecycle", "Linux", "Units", "Varlink"],
      exclude: ["Control/io.torpor.Manager.varlink"], swiftSettings: kernel, plugins: ["EmbedShim"]),
    // Compiles Sources/shim, which is preloaded into services, and puts it into the program.
    .plugin(name: "EmbedShim", capability: .buildTool(), path: "Sources/shim/Plugin"),
    .executableTarget(
      name: "torpor",
      dependencies: ["Torpor", "Units", "Varlink", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: kernel),

    .executableTarget(
      name: "torpord",
      dependencies: ["Torpor", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: kernel),

    // An ordinary little server, for `make demo`.
    .executableTarget(name: "greeter", path: "Examples/greeter", exclude: ["README.md"], swiftSettings: strict),

    // Tools of the tests: clients that hammer, and a server that behaves oddly.
    .executableTarget(
      name: "hammer", dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Tests/hammer", swiftSettings: strict),
    .executableTarget(
      name: "hostile", path: "Tests/hostile", publicHeadersPath: ".",
      cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
    .executableTarget(
      name: "confined", path: "Tests/confined", publicHeadersPath: ".",
      cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
    .executableTarget(
      name: "fakemanager", dependencies: ["Torpor", "Linux"], path: "Tests/fakemanager", swiftSettings: strict),
    .executableTarget(
      name: "unitrun", dependencies: ["Lifecycle", "Torpor", "Linux"], path: "Tests/unitrun", swiftSettings: strict),
    .executableTarget(name: "oddserver", path: "Tests/oddserver", swiftSettings: strict),
    .target(name: "Simulation", dependencies: ["Lifecycle"], path: "Tests/Simulation/Kernel", swiftSettings: strict),
    .executableTarget(
      name: "simulate",
      dependencies: ["Simulation", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Tests/Simulation/Command", swiftSettings: strict),

    .testTarget(name: "LifecycleTests", dependencies: ["Lifecycle"], path: "Tests/Lifecycle", swiftSettings: strict),
    .testTarget(name: "UnitsTests", dependencies: ["Units"], path: "Tests/Units", swiftSettings: strict),
    .testTarget(
      name: "SimulationTests", dependencies: ["Simulation"], path: "Tests/Simulation/Schedules", swiftSettings: strict),
    // Compiles mutants of the core by itself; the probe is a program that runs them.
    .testTarget(
      name: "MutantTests", dependencies: ["Simulation"], path: "Tests/Simulation/Mutants", exclude: ["Probe"],
      swiftSettings: strict),
    .testTarget(name: "VarlinkTests", dependencies: ["Varlink"], path: "Tests/Varlink", swiftSettings: strict),
    .testTarget(name: "LinuxTests", dependencies: ["Linux"], path: "Tests/Linux", swiftSettings: strict),
    .testTarget(name: "TorporTests", dependencies: ["Torpor", "Varlink"], path: "Tests/Torpor", swiftSettings: strict),
    .testTarget(
      name: "ServerTests",
      dependencies: [
        "torpor", "torpord", "hammer", "oddserver", "hostile", "confined", "greeter", "fakemanager", "unitrun",
        "Varlink",
      ],
      path: "Tests/Servers", swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu11
)
