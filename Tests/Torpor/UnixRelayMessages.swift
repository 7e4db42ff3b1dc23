import Glibc

/// The user that SCM_CREDENTIALS names; nil when nothing has come.
func senderOfOneMessage(_ socket: Int32) -> UInt32? {
  var byte: UInt8 = 0
  var control = [UInt8](repeating: 0, count: 64)
  return withUnsafeMutablePointer(to: &byte) { bytes in
    var vector = iovec(iov_base: bytes, iov_len: 1)
    return withUnsafeMutablePointer(to: &vector) { vectors in
      control.withUnsafeMutableBytes { control in
        var header = msghdr()
        header.msg_iov = vectors
        header.msg_iovlen = 1
        header.msg_control = control.baseAddress
        header.msg_controllen = control.count
        guard recvmsg(socket, &header, Int32(MSG_DONTWAIT)) == 1, header.msg_controllen >= 28 else { return nil }
        // cmsghdr: length, level, type; then pid, uid, gid.
        guard control.loadUnaligned(fromByteOffset: 12, as: Int32.self) == 2 else { return nil }
        return control.loadUnaligned(fromByteOffset: 20, as: UInt32.self)
      }
    }
  }
}

func send(descriptor: Int32, by socket: Int32) -> Bool {
  var byte: UInt8 = 1
  var control = [UInt8](repeating: 0, count: 24)
  return withUnsafeMutablePointer(to: &byte) { bytes in
    var vector = iovec(iov_base: bytes, iov_len: 1)
    return withUnsafeMutablePointer(to: &vector) { vectors in
      control.withUnsafeMutableBytes { control in
        control.storeBytes(of: 20, toByteOffset: 0, as: UInt64.self)
        control.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
        control.storeBytes(of: 1, toByteOffset: 12, as: Int32.self)  // SCM_RIGHTS
        control.storeBytes(of: descriptor, toByteOffset: 16, as: Int32.self)
        var header = msghdr()
        header.msg_iov = vectors
        header.msg_iovlen = 1
        header.msg_control = control.baseAddress
        header.msg_controllen = control.count
        return sendmsg(socket, &header, 0) == 1
      }
    }
  }
}
