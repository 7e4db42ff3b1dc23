/* The hand-back of one TCP address, for spin. Steps are named as in Sources/Lifecycle/Lifecycle+Rest.swift.
 *
 * Two clients come again and again, for ever; the service is woken, put to rest, or its rest is given up, for ever. So every
 * number of rests, wakes and given up rests in a row is covered. README.md says what isn't modelled and lists the switches
 * that turn one rule off (-D), each of which has to be caught. */

#define CLIENTS 2
/* Where a client's connection is. */
#define AWAY 0    /* there is none */
#define LOOKUP 1  /* its SYN has read the program and chosen a listener; the RCU read section isn't left yet */
#define SYNRECV 2 /* a handshake */
#define ACKING 3  /* its ACK has found a listener and isn't in that one's queue yet */
#define QUEUED 4  /* in an accept queue */
#define LIMBO 5   /* taken from the queue by accept(), without a file yet */
#define HAND 6    /* accepted */
#define NONE 2    /* its listener is closed */

/* The connection of each client. */
byte place[CLIENTS];
byte listener[CLIENTS];  /* 0, 1 or NONE */
byte mark[CLIENTS];      /* generation mark, inherited from the listener when the handshake ends */
bit patient[CLIENTS];    /* this client stays until it is served */
bit gone[CLIENTS];       /* its client has reset it: still in the queue or in hand, in no dump, no loss to anybody */

/* The kernel's reuseport group: an array of one or two listeners, and the program, which names an index of it. */
byte first;              /* the listener at index 0; index 1 is the other one, if there are two */
byte count = 1;
byte program;
byte markOf[2];

byte instances;          /* of the service */
byte given;              /* the listener that the service was given */
bit closed;              /* a close has been recorded */
#ifdef LATE_RECORD
bit closing;             /* a close will be recorded */
#endif
bit used;                /* ghost: the service has closed a connection since the look that found it idle */

/* The manager. */
byte current;            /* the listener that the service has: A. The other one is B. */
byte armed;
bit isFiltered;          /* only with FILTER_AT_DEADLINE: B drops every segment */
bit inGrace[CLIENTS];    /* SYNs that the barrier still waits for */
bit inSet[CLIENTS];      /* the set of handshakes, by cookie: a client that comes again has a new one */
bit pending[CLIENTS];    /* those of the set that the last look still found */
bit inUse;               /* the answer of a sample */

#define NEXT (1 - current)
/* An index beyond the array: the kernel falls back to a hash over what there is. */
#define CHOSEN ((program == 1 && count == 2) -> 1 - first : first)
#define IS_ALIVE(c) (place[c] != AWAY && !gone[c])
#define ACCEPTED(c) (place[c] == LIMBO || place[c] == HAND)
#define IS_PROCESSED(c) (place[c] == LOOKUP || place[c] == ACKING)
#define HANDSHAKE(c) (place[c] == SYNRECV || place[c] == ACKING)
#define QUEUE_LENGTH(l) \
  ((place[0] == QUEUED && listener[0] == l) + (place[1] == QUEUED && listener[1] == l))

inline forget(c) {
  place[c] = AWAY; listener[c] = 0; mark[c] = 0; patient[c] = 0; gone[c] = 0; inSet[c] = 0; inGrace[c] = 0
}

inline come(c, stays) { place[c] = LOOKUP; listener[c] = CHOSEN; patient[c] = stays }

inline enqueue(c) { place[c] = QUEUED; mark[c] = markOf[listener[c]]; inGrace[c] = 0 }

/* What a client, the kernel and the service do with one connection. Each step that can be taken is taken some time. */
active [CLIENTS] proctype Connection() {
  do
  :: d_step { place[_pid] == AWAY -> come(_pid, 1) }
  :: d_step { place[_pid] == AWAY -> come(_pid, 0) }
  :: d_step { place[_pid] == LOOKUP ->
       assert(listener[_pid] != NONE);  /* SYN dropped: costs the client a second */
       place[_pid] = SYNRECV; inGrace[_pid] = 0 }
  :: d_step { place[_pid] == LOOKUP ->  /* the ACK of a SYN cookie: no handshake is ever seen */
       assert(listener[_pid] != NONE); enqueue(_pid) }
#ifndef WHOLE_ACK
  :: d_step { place[_pid] == SYNRECV && listener[_pid] != NONE && !(isFiltered && listener[_pid] == NEXT) ->
       place[_pid] = ACKING }
  :: d_step { place[_pid] == ACKING ->
       assert(listener[_pid] != NONE);  /* connection lost: its listener was closed under it */
       enqueue(_pid) }
#else
  :: d_step { place[_pid] == SYNRECV && listener[_pid] != NONE -> enqueue(_pid) }
#endif
  /* Its listener is closed: the ACK goes to any other of the group, by hash. */
#ifdef NO_MIGRATION
  :: d_step { place[_pid] == SYNRECV && listener[_pid] == NONE -> assert(false) }
#else
  :: d_step { place[_pid] == SYNRECV && listener[_pid] == NONE -> listener[_pid] = first; enqueue(_pid) }
  :: d_step { place[_pid] == SYNRECV && listener[_pid] == NONE && count == 2 ->
       listener[_pid] = 1 - first; enqueue(_pid) }
#endif
  :: d_step { place[_pid] == QUEUED && listener[_pid] == given && instances > 0 ->
#ifdef ATOMIC_ACCEPT
       place[_pid] = HAND }
#else
       place[_pid] = LIMBO }
  :: d_step { place[_pid] == LIMBO -> place[_pid] = HAND }
#endif
  :: d_step { place[_pid] == HAND ->
#ifdef LATE_RECORD
       closing = 1;
#else
       closed = 1;
#endif
#ifdef RESET_IS_USE
       used = 1;
#else
       used = used || !gone[_pid];
#endif
       forget(_pid) }
#ifdef LATE_RECORD
  :: d_step { closing -> closing = 0; closed = 1 }
#endif
  /* A client that goes away. */
  :: d_step { !patient[_pid] && place[_pid] == SYNRECV -> forget(_pid) }
  :: d_step { !patient[_pid] && place[_pid] >= QUEUED && !gone[_pid] -> gone[_pid] = 1 }
  od
}

/* Which of those that no process has accepted count as A's. Without marks to see (before Linux 5.10) none does. */
#ifdef NO_LIMBO_MARK
#define ON_CURRENT(c) (count == 1)
#else
#define ON_CURRENT(c) (count == 1 || mark[c] != markOf[NEXT])
#endif
#ifdef NO_ACCEPTED
#define SEEN_IN_HAND(c) false
#else
#define SEEN_IN_HAND(c) (place[c] == HAND)
#endif

#define WATCH 0    /* running: a handshake is use, too */
#define SNAPSHOT 1 /* takes the set of handshakes */
#define AGAIN 2    /* what is left of the set */
#define PLAIN 3

/* One connection's line of a dump. */
inline lookAt(c, purpose) {
  d_step {
    if
    :: IS_ALIVE(c) && (SEEN_IN_HAND(c) || ((place[c] == QUEUED || place[c] == LIMBO) && ON_CURRENT(c))) -> inUse = 1
    :: IS_ALIVE(c) && purpose == WATCH && HANDSHAKE(c) -> inUse = 1
    :: else
    fi;
    if
    :: purpose == SNAPSHOT -> pending[c] = HANDSHAKE(c); inSet[c] = pending[c]
    :: purpose == AGAIN -> pending[c] = inSet[c] && HANDSHAKE(c); inSet[c] = pending[c]
    :: else
    fi
  }
}

/* A dump isn't one moment: a line after the other, then what has closed. */
inline sample(purpose) {
  inUse = 0;
  lookAt(0, purpose);
  lookAt(1, purpose);
  d_step {
#ifndef NO_CLOSES
    inUse = inUse || closed;
#endif
    closed = 0;
    if
    :: purpose == WATCH -> used = 0
    :: else
    fi
  }
}

inline forgetSet() { inSet[0] = 0; inSet[1] = 0; pending[0] = 0; pending[1] = 0 }

inline barrier() {
  d_step { inGrace[0] = IS_PROCESSED(0); inGrace[1] = IS_PROCESSED(1) };
  !inGrace[0] && !inGrace[1]
}

/* B closes: its queue moves to A, its handshakes when they are ACKed. */
inline closeOne(c) {
  if
  :: place[c] == QUEUED && listener[c] == NEXT ->
#ifdef NO_MIGRATION
    assert(!IS_ALIVE(c)); forget(c)
#else
    listener[c] = current
#endif
  :: (place[c] == LOOKUP || HANDSHAKE(c)) && listener[c] == NEXT -> listener[c] = NONE
  :: else
  fi
}

/* SIGTERM: from now on the service may drop whatever it has or gets. */
inline commitOne(c) {
  assert(!(IS_ALIVE(c) && place[c] >= QUEUED && listener[c] == current)); /* connection lost */
}

inline exitOne(c) {
  if
  :: ACCEPTED(c) -> assert(!IS_ALIVE(c)); forget(c) /* connection lost */
  :: else
  fi
}

/* A is closed by its last holder. */
inline swapOne(c) {
  if
  :: place[c] != AWAY && listener[c] == current -> assert(!IS_ALIVE(c)); forget(c) /* connection lost */
  :: else
  fi
}

inline processesGone() { d_step { exitOne(0); exitOne(1); instances-- } }

/* `true` stands where spin doesn't let a jump lead straight into a d_step. */
active proctype Manager() {
dormant:
  QUEUE_LENGTH(armed) > 0;
#ifdef SWAP_BEFORE_EXIT
  if
  :: instances > 0 -> processesGone()
  :: true
  fi;
#endif
  d_step { assert(instances == 0); instances++; given = current; closed = 0 };

running:
  sample(WATCH);
  if
  :: inUse -> goto running
  :: !inUse -> goto running /* not for long enough yet */
  :: !inUse -> skip
  fi;

  /* open */
  program = 0;
  d_step { markOf[NEXT] = (markOf[current] + 1) % 4; count = 2 };
  /* steer, barrier, handshakes */
#ifdef HANDSHAKES_BEFORE_BARRIER
  program = 1;
  sample(SNAPSHOT);
  if
  :: inUse -> goto giveUp
  :: else
  fi;
  barrier();
#else
  program = 1;
#ifndef NO_BARRIER
  barrier();
#endif
#ifndef NO_HANDSHAKES
  sample(SNAPSHOT);
#endif
#endif
#ifndef NO_HANDSHAKES
  do
  :: inUse -> goto giveUp
  :: true -> goto giveUp /* the deadline, or a look that failed */
  :: !inUse && !pending[0] && !pending[1] -> break
  :: !inUse && (pending[0] || pending[1]) -> sample(AGAIN)
  od;
#endif
#ifdef DUMP_BEFORE_QUEUE
  /* in hand, queue */
  sample(PLAIN);
  if
  :: inUse || QUEUE_LENGTH(current) > 0 -> goto giveUp
  :: !inUse && QUEUE_LENGTH(current) == 0
  fi;
#else
  /* queue */
#ifndef NO_QUEUE
  if
  :: QUEUE_LENGTH(current) > 0 -> goto giveUp
  :: QUEUE_LENGTH(current) == 0
  fi;
#endif
  /* inHand */
#ifndef NO_IN_HAND
  sample(PLAIN);
  if
  :: inUse -> goto giveUp
  :: !inUse
  fi;
#endif
#endif

  /* commit */
  true;
  d_step {
    commitOne(0); commitOne(1);
    assert(!used); /* somebody was served, and its idle time isn't over */
    used = 0; inUse = 0
  };
#ifndef SWAP_BEFORE_EXIT
  processesGone();
#endif
#ifdef ARM_BEFORE_SWAP
  armed = current;
#endif
  /* swap */
  d_step { swapOne(0); swapOne(1); first = 1 - first; count = 1; current = NEXT };
  program = 0;
#ifndef ARM_BEFORE_SWAP
  armed = current;
#endif
  goto dormant;

giveUp:
  true;
  d_step { forgetSet(); inUse = 0 };
  /* steer back, barrier, handshakes */
  program = 0;
#ifndef NO_BARRIER_BACK
  barrier();
#endif
  sample(SNAPSHOT);
  do
  :: !pending[0] && !pending[1] -> break
#ifdef DEADLINE_BACK
  :: pending[0] || pending[1] -> /* the deadline */
#ifdef FILTER_AT_DEADLINE
    isFiltered = 1;
    barrier();
#endif
    break
#endif
  :: pending[0] || pending[1] -> sample(AGAIN)
  od;
  /* close */
  true;
  d_step { closeOne(0); closeOne(1); count = 1; forgetSet(); isFiltered = 0; inUse = 0 };
  goto running
}

#ifdef LIVENESS
ltl served { [] ((patient[0] && place[0] != AWAY) -> <> (place[0] == AWAY)) }
#endif
