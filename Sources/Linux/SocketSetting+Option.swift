import CLinux
import Glibc

extension SocketSetting {
  /// By the names of socket(7), tcp(7), ip(7) and ipv6(7).
  public enum Option: Equatable, Sendable {
    case keepAlive, keepIdle, keepInterval, keepCount, noDelay, congestion, deferAccept
    case priority, mark, broadcast, passCredentials, passSecurity, bindToDevice
    case receiveBuffer, sendBuffer, timestamp, timestampInNanoseconds
    case typeOfService, timeToLive, hopLimit, freeBind, transparent, packetInfo, packetInfoOfIPv6

    var number: (level: Int32, option: Int32) {
      let (tcp, ip, ipv6) = (Int32(IPPROTO_TCP), Int32(IPPROTO_IP), Int32(IPPROTO_IPV6))
      return switch self {
      case .keepAlive: (SOL_SOCKET, SO_KEEPALIVE)
      case .keepIdle: (tcp, TCP_KEEPIDLE)
      case .keepInterval: (tcp, TCP_KEEPINTVL)
      case .keepCount: (tcp, TCP_KEEPCNT)
      case .noDelay: (tcp, TCP_NODELAY)
      case .congestion: (tcp, TCP_CONGESTION)
      case .deferAccept: (tcp, TCP_DEFER_ACCEPT)
      case .priority: (SOL_SOCKET, SO_PRIORITY)
      case .mark: (SOL_SOCKET, SO_MARK)
      case .broadcast: (SOL_SOCKET, SO_BROADCAST)
      case .passCredentials: (SOL_SOCKET, SO_PASSCRED)
      case .passSecurity: (SOL_SOCKET, SO_PASSSEC)
      case .bindToDevice: (SOL_SOCKET, SO_BINDTODEVICE)
      case .timestamp: (SOL_SOCKET, SO_TIMESTAMP)
      case .timestampInNanoseconds: (SOL_SOCKET, SO_TIMESTAMPNS)
      case .receiveBuffer: (SOL_SOCKET, SO_RCVBUF)
      case .sendBuffer: (SOL_SOCKET, SO_SNDBUF)
      case .typeOfService: (ip, IP_TOS)
      case .timeToLive: (ip, IP_TTL)
      case .hopLimit: (ipv6, IPV6_UNICAST_HOPS)
      case .freeBind: (ip, IP_FREEBIND)
      case .transparent: (ip, IP_TRANSPARENT)
      case .packetInfo: (ip, IP_PKTINFO)
      case .packetInfoOfIPv6: (ipv6, IPV6_RECVPKTINFO)
      }
    }

    /// The same beyond the machine's limit, for those who may.
    var privileged: Int32? {
      switch self {
      case .receiveBuffer: SO_RCVBUFFORCE
      case .sendBuffer: SO_SNDBUFFORCE
      default: nil
      }
    }
  }
}
