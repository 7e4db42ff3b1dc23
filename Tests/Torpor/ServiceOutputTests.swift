import Foundation
import Glibc
import Linux
import Testing

@testable import Torpor

@Suite struct StandardStreamTests {
  @Test(arguments: [
    ("inherit", StandardStream.inherit), ("null", .null), ("journal", .journal), ("syslog", .journal),
    ("socket", .socket), ("log", .log), ("file:/a b:c", .file("/a b:c")), ("append:/x", .append("/x")),
    ("truncate:/x", .truncate("/x")),
  ])
  func valuesAreRead(text: String, stream: StandardStream) throws {
    #expect(try StandardStream(parsing: text) == stream)
    #expect(try StandardStream(parsing: stream.description) == stream)
  }

  @Test(arguments: [
    ("journal+console", "no console"), ("tty", "no console"), ("kmsg", "no console"), ("fd:x", "passed descriptors"),
    ("file:relative", "'relative' is not an absolute path"), ("append:", "'' is not an absolute path"),
    ("", "'' is none of inherit"), ("Journal", "none of"), ("file", "none of"),
  ])
  func whatIsNotSupportedIsSaid(text: String, why: String) {
    #expect {
      _ = try StandardStream(parsing: text)
    } throws: { error in
      "\(error)".contains(why)
    }
  }
}

@Suite(.serialized) struct ServiceOutputTests {
  private final class Scene {
    let directory: TestDirectory
    let output: ServiceOutput
    var warnings: [String] = []

    init() throws {
      directory = try TestDirectory()
      let logs = LogDirectory(directory.path("logs"))
      output = ServiceOutput(logs: logs, journalPath: directory.path("journal.sock"))
      logs.onWarning = { [unowned self] in warnings.append($0) }
      output.onWarning = { [unowned self] in warnings.append("\($0): \($1)") }
    }

    /// A service that says "out" and "err".
    func start(_ settings: ServiceOutput.Settings) throws { try run(output.open(for: "redis", settings)) }

    func start(_ settings: ServiceOutput.Settings, connection: borrowing OwnedFD) throws {
      try run(output.open(for: "redis", settings, connection: connection))
    }

    private func run(_ streams: consuming ServiceOutput.Streams) throws {
      let process = Process()
      process.executableURL = URL(filePath: "/bin/sh")
      process.arguments = ["-c", "echo out; echo err >&2"]
      process.standardOutput = FileHandle(fileDescriptor: streams.output.number, closeOnDealloc: false)
      process.standardError = FileHandle(fileDescriptor: streams.error.number, closeOnDealloc: false)
      try process.run()
      process.waitUntilExit()
    }
  }

  @Test func bothGoToTheLogByDefault() throws {
    let scene = try Scene()
    try scene.start(.init())
    #expect(scene.directory.text("logs/redis.log") == "out\nerr\n")
  }

  @Test func eachGoesWhereItIsSent() throws {
    let scene = try Scene()
    let (out, err) = (scene.directory.path("out"), scene.directory.path("err"))
    try scene.directory.write("12345678\n", to: "out")
    try scene.start(.init(output: .file(out), error: .append(err)))
    try scene.start(.init(output: .file(out), error: .append(err)))
    #expect(scene.directory.text("out") == "out\n5678\n")
    #expect(scene.directory.text("err") == "err\nerr\n")
    try scene.start(.init(output: .truncate(out), error: .truncate(out)))
    #expect(scene.directory.text("out") == "out\nerr\n")
    try scene.start(.init(output: .null, error: .log))
    #expect(scene.directory.text("logs/redis.log") == "err\n")
    #expect(scene.warnings.isEmpty)
  }

  @Test func aPathThatCannotBeWrittenIsToldOnceAndTheServiceStarts() throws {
    let scene = try Scene()
    let path = scene.directory.path("missing/out")
    for _ in 0..<3 { try scene.start(.init(output: .append(path))) }
    #expect(scene.warnings == ["redis: cannot write '\(path)': No such file or directory; this output is lost"])
    mkfifo(scene.directory.path("fifo"), 0o600)
    try scene.start(.init(output: .file(scene.directory.path("fifo"))))
    #expect(scene.warnings.count == 2)
  }

  @Test func aConnectionIsTheOutput() throws {
    let scene = try Scene()
    var numbers: [Int32] = [0, 0]
    #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &numbers) == 0)
    let ours = OwnedFD(owning: numbers[0])
    let theirs = OwnedFD(owning: numbers[1])
    try scene.start(.init(output: .socket, error: .socket), connection: theirs)
    var buffer = [UInt8](repeating: 0, count: 100)
    let count = try ours.read(into: &buffer)
    #expect(String(decoding: buffer[..<count], as: UTF8.self) == "out\nerr\n")
    try scene.start(.init(output: .socket))
    #expect(scene.warnings == ["redis: it has no socket of its own: its output is lost"])
  }

  // MARK: journald's protocol

  /// Takes connections as journald does: its header is seven lines, and what follows are messages.
  private func serve(_ listener: borrowing UnixSocket) throws -> (header: [String], text: String) {
    let connection = try listener.accept()
    guard let connection = consume connection else { throw POSIXError(.ENOTCONN) }
    try connection.descriptor.setNonBlocking(false)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = try connection.descriptor.read(into: &buffer)
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    return (lines.prefix(7).map(String.init), lines.dropFirst(7).joined(separator: "\n"))
  }

  private func listen(_ scene: Scene) throws -> UnixSocket {
    let listener = try UnixSocket(.stream)
    let address = try #require(UnixAddress(path: scene.directory.path("journal.sock")))
    try listener.bind(to: address)
    try listener.listen(backlog: 8)
    return listener
  }

  @Test func journaldIsToldWhoSpeaks() throws {
    let scene = try Scene()
    let listener = try listen(scene)
    try scene.start(.init(output: .journal))
    let plain = try serve(listener)
    // Identifier, unit, priority, level prefix, and to syslog, the kernel's log, the console.
    #expect(plain.header == ["redis", "redis.service", "6", "1", "0", "0", "0"])
    #expect(plain.text == "out\nerr\n")
    var settings = ServiceOutput.Settings(output: .journal, error: .journal)
    settings.identifier = "my\nredis"
    settings.priority = 3
    settings.hasLevelPrefix = false
    try scene.start(settings)
    let named = try serve(listener)
    #expect(named.header == ["myredis", "redis.service", "3", "0", "0", "0", "0"])
    #expect(scene.warnings.isEmpty)
  }

  @Test func aServiceWaitsForItsReaderAsItWouldAtAPipe() throws {
    let scene = try Scene()
    let listener = try listen(scene)
    let streams = try scene.output.open(for: "redis", .init(output: .journal))
    let flags = try streams.output.statusFlags()
    #expect(flags & O_NONBLOCK == 0)
    _ = listener
  }

  @Test func whereThereIsNoJournaldALogFileIsWritten() throws {
    let scene = try Scene()
    for _ in 0..<2 { try scene.start(.init(output: .journal)) }
    #expect(scene.directory.text("logs/redis.log") == "out\nerr\nout\nerr\n")
    #expect(
      scene.warnings == [
        "redis: journald can't be reached at '\(scene.directory.path)/journal.sock' (No such file or directory):"
          + " output goes to '\(scene.directory.path)/logs' instead"
      ])
    // Nobody answers: it isn't waited for.
    let listener = try listen(scene)
    defer { listener.shutDown(Int32(SHUT_RDWR)) }
    for _ in 0..<12 { try scene.start(.init(output: .journal)) }
    #expect(scene.directory.text("logs/redis.log")?.hasPrefix("out\nerr\nout\nerr\nout\nerr\n") == true)
  }
}
