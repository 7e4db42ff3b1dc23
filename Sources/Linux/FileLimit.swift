import Glibc

/// RLIMIT_NOFILE: sockets are what we hold, so as many as we may have.
public struct FileLimit: Equatable, Sendable {
  public let soft: UInt64
  public let hard: UInt64

  /// Ours at present; nil: the kernel doesn't say.
  public static var current: FileLimit? {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
    return FileLimit(soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max))
  }

  /// Raises our soft limit to the hard one. Returns what it was before the first such call, which is what a service should get:
  /// programs that use select(2), or that close every number there could be, rely on a low one.
  public static func raise() throws(Errno) -> FileLimit { try raised.get() }

  private static let raised: Result<FileLimit, Errno> = {
    do throws(Errno) {
      var limit = rlimit()
      _ = try call { unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
      let before = FileLimit(soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max))
      limit.rlim_cur = limit.rlim_max
      _ = try call { unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
      return .success(before)
    } catch { return .failure(error) }
  }()

  /// Descriptors that what is held for long leaves alone: the start of a service takes some, and whoever asks for the status one.
  public var reserve: UInt64 { max(8, min(64, soft / 8)) }

  /// Whether something that is held for long can still be opened. The kernel gives the lowest free number.
  public var hasRoom: Bool {
    do throws(Errno) {
      let lowestFree = try OwnedFD.null()
      return UInt64(lowestFree.number) < soft - min(soft, reserve)
    } catch { return false }
  }
}
