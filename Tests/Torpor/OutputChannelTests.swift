import Foundation
import Glibc
import Testing

@testable import Torpor

/// Our own log, where the disk is full for a while.
@Suite(.serialized) struct OutputChannelTests {
  @Test(.enabled(if: geteuid() == 0, "needs root, to have a small disk of its own"))
  func aFullDiskCostsWhatIsSaidMeanwhile() throws {
    let directory = try TestDirectory()
    try #require(mount("tmpfs", directory.path, "tmpfs", 0, "size=8k") == 0)
    defer { umount(directory.path) }
    let filler = directory.path("filler")
    try directory.write([UInt8](repeating: 0, count: 4096), to: "filler")
    let file = open(directory.path("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    try #require(file >= 0)
    defer { close(file) }
    let channel = try OutputChannel(file, loop: EventLoop())
    channel.write("before\n")
    // The last page of the disk ends in the middle of it.
    channel.write(String(repeating: "x", count: 8000) + "\n")
    channel.write("lost\n")
    #expect(channel.droppedBytes > 3900)
    try #require(unlink(filler) == 0)
    channel.write("after\n")
    let lines = try #require(directory.text("log")).split(separator: "\n")
    #expect(lines.first == "before" && lines.last == "after" && lines.count == 3)
  }

  @Test func nobodyReadsWhatIsSaidToAClosedPipe() throws {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    _ = signal(SIGPIPE, SIG_IGN)
    let channel = try OutputChannel(ends[1], loop: EventLoop())
    close(ends[0])
    defer { close(ends[1]) }
    channel.write("one\n")
    let dropped = channel.droppedBytes
    channel.write("two\n")
    #expect(channel.droppedBytes == dropped)
  }
}
