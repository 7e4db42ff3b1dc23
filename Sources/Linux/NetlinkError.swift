/// What the kernel says of a question that it can't answer (netlink(7)).
enum NetlinkError {
  /// The body of an NLMSG_ERROR.
  static func check(_ body: RawSpan) throws(SockDiagError) {
    guard body.byteCount >= 4 else { throw .malformed }
    let code: Int32 = body.number(at: 0)
    // Of the kernel it is an errno; of anybody else it could be any number.
    if code != 0 { throw .kernel(Errno(code == .min ? .max : -code)) }
  }

  /// The body of an NLMSG_DONE, which has the result of the whole dump (`netlink_dump_done`). One that could not be made, as tcp_diag isn't
  /// there (ENOENT) or memory was short, ends like one that found nothing, but for this number.
  static func check(endOfDump body: RawSpan) throws(SockDiagError) {
    if body.byteCount >= 4 { try check(body) }
  }
}
