import Glibc

/// The three calls of epoll(7). Swift's Glibc module doesn't have <sys/epoll.h>, so they are found by name.
struct Epoll {
  let descriptor: Int32

  private typealias Create = @convention(c) (Int32) -> Int32
  private typealias Control = @convention(c) (Int32, Int32, Int32, UnsafeMutableRawPointer?) -> Int32
  private typealias Wait = @convention(c) (Int32, UnsafeMutableRawPointer?, Int32, Int32) -> Int32

  private static let controlAdd: Int32 = 1
  private static let controlDelete: Int32 = 2
  private static let eventIn: UInt32 = 1
  /// `struct epoll_event` is packed on x86-64 alone.
  #if arch(x86_64)
    private static let eventBytes = 12
    private static let dataOffset = 4
  #else
    private static let eventBytes = 16
    private static let dataOffset = 8
  #endif

  init() {
    descriptor = Self.function("epoll_create1", as: Create.self)(0)
    guard descriptor >= 0 else { dieOfSystemError("epoll_create1") }
  }

  func add(_ watched: Int32) {
    var event = [UInt8](repeating: 0, count: Self.eventBytes)
    let status = event.withUnsafeMutableBytes { bytes in
      bytes.storeBytes(of: Self.eventIn, as: UInt32.self)
      bytes.storeBytes(of: UInt64(watched), toByteOffset: Self.dataOffset, as: UInt64.self)
      return Self.function("epoll_ctl", as: Control.self)(descriptor, Self.controlAdd, watched, bytes.baseAddress)
    }
    guard status == 0 else { dieOfSystemError("epoll_ctl") }
  }

  func remove(_ watched: Int32) {
    _ = Self.function("epoll_ctl", as: Control.self)(descriptor, Self.controlDelete, watched, nil)
  }

  /// Those that are ready now.
  func ready() -> [Int32] {
    var events = [UInt8](repeating: 0, count: Self.eventBytes * 16)
    return events.withUnsafeMutableBytes { bytes in
      let count = Self.function("epoll_wait", as: Wait.self)(descriptor, bytes.baseAddress, 16, 0)
      return (0..<Int(max(0, count))).map { index in
        Int32(bytes.loadUnaligned(fromByteOffset: index * Self.eventBytes + Self.dataOffset, as: UInt64.self))
      }
    }
  }

  private static func function<Function>(_ name: String, as type: Function.Type) -> Function {
    guard let symbol = dlsym(nil, name) else { die("cannot find \(name)", exitCode: 1) }
    return unsafeBitCast(symbol, to: type)
  }
}
