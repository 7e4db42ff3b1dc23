import Linux

/// Where a process has one socket: under which numbers, and registered in which epoll instances.
///
/// The process is the other side: it can have a million descriptors and registrations, so only so many are looked at.
struct SocketPlaces {
  struct Place {
    let number: Int32
    let closesOnExec: Bool
  }
  private(set) var places: [Place] = []
  private(set) var registrations: [(epoll: Int32, registration: ProcessFiles.Registration)] = []
  /// Not all was looked at.
  private(set) var isCut = false

  private static let descriptorsMax = 4096
  private static let placesMax = 64
  private static let epollsMax = 16
  private static let registrationsMax = 64

  /// `number`: one that it surely has. `looksFurther`: for others, too.
  init(of inode: UInt64, at number: Int32, thread: Int32, looksFurther: Bool) {
    if looksFurther { look(for: inode, of: thread) } else { isCut = true }
    // /proc may have been unreadable (a process that isn't dumpable): the number itself is known in any case.
    if !places.contains(where: { $0.number == number }) {
      let closesOnExec = looksFurther || ProcessFiles.closesOnExec(thread, number: number)
      places.append(Place(number: number, closesOnExec: closesOnExec))
    }
  }

  private mutating func look(for inode: UInt64, of thread: Int32) {
    let numbers = ProcessFiles.descriptors(of: thread, limit: Self.descriptorsMax)
    isCut = numbers.count == Self.descriptorsMax
    let wanted = "socket:[\(inode)]"
    var epolls: [Int32] = []
    for number in numbers {
      switch ProcessFiles.file(of: thread, number: number) {
      case wanted where places.count < Self.placesMax:
        places.append(Place(number: number, closesOnExec: ProcessFiles.closesOnExec(thread, number: number)))
      case "anon_inode:[eventpoll]" where epolls.count < Self.epollsMax: epolls.append(number)
      case wanted, "anon_inode:[eventpoll]": isCut = true
      case .some, nil: break
      }
    }
    let placed = Set(places.map(\.number))
    for epoll in epolls {
      let found = ProcessFiles.registrations(in: epoll, of: thread, for: placed, inode: inode)
      let room = Self.registrationsMax - registrations.count
      if found.count > room { isCut = true }
      registrations += found.prefix(room).map { (epoll, $0) }
    }
  }
}

/// How long one service may keep us busy with looking through its descriptors: a quarter of a second in ten.
struct ScanBudget {
  private var spent: UInt64 = 0
  private var begin: UInt64 = 0
  private static let window = Duration.seconds(10)
  private static let share = Duration.milliseconds(250)

  mutating func isLeft(at now: UInt64) -> Bool {
    if now - begin > Self.window.nanoseconds {
      begin = now
      spent = 0
    }
    return spent < Self.share.nanoseconds
  }

  mutating func spend(since start: UInt64, until end: UInt64) { spent += end - start }
}
