import Testing

/// Everything that needs real processes, one test at a time: each of them measures.
@Suite(.serialized) enum ServerTests {}
