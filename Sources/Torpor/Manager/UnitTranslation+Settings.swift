import Lifecycle
import Linux
import Units

extension SocketSection {
  /// What is asked of each of its sockets.
  var settings: SocketSettings {
    SocketSettings(
      backlog: Int32(clamping: backlog), options: socketOptions.flatMap(\.settings),
      pipeSize: pipeSize.map { Int32(clamping: $0) })
  }
}

extension SocketOption {
  /// As setsockopt(2) takes it: of the sockets that have it.
  var settings: [SocketSetting] {
    func seconds(_ duration: Duration) -> SocketSetting.Value {
      .number(Int32(clamping: duration.components.seconds + (duration.components.attoseconds > 0 ? 1 : 0)))
    }
    switch self {
    case .keepAlive: return [SocketSetting(name, .tcp, .keepAlive)]
    case .keepAliveTime(let time): return [SocketSetting(name, .tcp, .keepIdle, seconds(time))]
    case .keepAliveInterval(let time): return [SocketSetting(name, .tcp, .keepInterval, seconds(time))]
    case .keepAliveProbes(let count):
      return [SocketSetting(name, .tcp, .keepCount, .number(Int32(clamping: count)))]
    case .noDelay: return [SocketSetting(name, .tcp, .noDelay)]
    case .priority(let number): return [SocketSetting(name, .all, .priority, .number(number))]
    case .receiveBuffer(let bytes): return [SocketSetting(name, .all, .receiveBuffer, .number(Int32(clamping: bytes)))]
    case .sendBuffer(let bytes): return [SocketSetting(name, .all, .sendBuffer, .number(Int32(clamping: bytes)))]
    case .typeOfService(let number): return [SocketSetting(name, .inet, .typeOfService, .number(Int32(number)))]
    case .timeToLive(let number):
      return [
        SocketSetting(name, .inet, .timeToLive, .number(Int32(number))),
        SocketSetting(name, .ipv6, .hopLimit, .number(Int32(number))),
      ]
    case .mark(let number): return [SocketSetting(name, .inet, .mark, .number(Int32(bitPattern: number)))]
    case .freeBind: return [SocketSetting(name, .inet, .freeBind)]
    case .transparent: return [SocketSetting(name, .inet, .transparent)]
    case .broadcast: return [SocketSetting(name, .udp, .broadcast)]
    case .passCredentials: return [SocketSetting(name, .unix, .passCredentials)]
    case .passSecurity: return [SocketSetting(name, .unix, .passSecurity)]
    case .passPacketInfo:
      return [
        SocketSetting(name, .udp, .packetInfo), SocketSetting(name, .udpOverIPv6, .packetInfoOfIPv6),
      ]
    case .tcpCongestion(let algorithm): return [SocketSetting(name, .tcp, .congestion, .text(algorithm))]
    case .bindToDevice(let device):
      return [SocketSetting(name, .inet, .bindToDevice, .text(device), isEssential: true)]
    case .deferAccept(let time): return [SocketSetting(name, .tcp, .deferAccept, seconds(time))]
    case .timestamps(let inNanoseconds):
      let option: SocketSetting.Option = inNanoseconds ? .timestampInNanoseconds : .timestamp
      return [SocketSetting(name, .tcp, option), SocketSetting(name, .unix, option)]
    }
  }
}

extension ProcessSettings {
  /// As ioprio_set(2) takes it: the class from bit 13 on. nil: neither key is there.
  var ioSetting: Int32? {
    guard ioClass != nil || ioPriority != nil else { return nil }
    switch ioClass ?? .bestEffort {
    case .none: return 0
    // 4 is in the middle: the kernel's own default.
    case .realtime: return 1 << 13 | (ioPriority ?? 4)
    case .bestEffort: return 2 << 13 | (ioPriority ?? 4)
    case .idle: return 3 << 13
    }
  }
}

extension Lifecycle.Configuration.Rest {
  init(_ rest: IdleSection.Rest) {
    self =
      switch rest {
      case .stop: .stop
      case .freeze: .freeze
      }
  }
}
