import CLinux
import Glibc

/// A packet of a SOCK_SEQPACKET connection, with the descriptors that came with it.
public struct Packet {
  /// None: the other side has ended the connection.
  public let bytes: [UInt8]
  /// Ours now. To close them may take a while, see `Closer`.
  public let descriptors: [Int32]
}

extension OwnedFD {
  /// The next packet, of which one byte more than `bytesMax` is read at most, so that a longer one can be told.
  /// Throws `.again` when there is none yet.
  public borrowing func receivePacket(bytesMax: Int) throws(Errno) -> Packet {
    var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
    var received = [Int32](repeating: -1, count: Int(CL_MAX_PASSED))
    let number = number
    var message = unsafe cl_message()
    let count = try shim {
      let result = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
        unsafe received.withUnsafeMutableBufferPointer { numbers in
          unsafe message.bytes = buffer.baseAddress
          unsafe message.length = buffer.count
          unsafe message.descriptors = numbers.baseAddress
          return unsafe cl_receive_message(number, &message)
        }
      }
      // It is longer still; what came with it is ours in any case.
      return result == -Int(EMSGSIZE) ? bytesMax + 1 : result
    }
    let descriptors = unsafe received.prefix(Int(message.descriptor_count))
    return Packet(bytes: Array(bytes.prefix(count)), descriptors: Array(descriptors))
  }

  /// Sends a packet whole, or throws. `descriptors` stay the sender's.
  public borrowing func sendPacket(_ bytes: [UInt8], descriptors: [Int32]) throws(Errno) {
    var bytes = bytes
    var descriptors = descriptors
    let number = number
    var message = unsafe cl_message()
    unsafe message.length = bytes.count
    unsafe message.descriptor_count = Int32(descriptors.count)
    try shim {
      unsafe bytes.withUnsafeMutableBufferPointer { buffer in
        unsafe descriptors.withUnsafeMutableBufferPointer { numbers in
          unsafe message.bytes = buffer.baseAddress
          unsafe message.descriptors = numbers.baseAddress
          return unsafe cl_send_message(number, &message)
        }
      }
    }
  }
}

extension UnixSocket {
  /// For what isn't to be closed with it.
  public consuming func takeDescriptor() -> OwnedFD { descriptor }
}
