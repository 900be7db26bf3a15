/* A handler group (server/handler_group.cc): a push wakes one isolate that has parked; isolates park when they find
 * nothing, and one of them may leave at any moment, also with a wake on its way. Stores wait in a buffer per thread.
 *
 * Checked: when nobody can move, no call waits.
 * Mutants: NO_PUSH_FENCE, NO_PARK_FENCE, NO_SECOND_LOOK, NO_PASS_ON (who leaves hands its wake on).
 * NO_NEXT (a seat whose isolate is gone is rung in vain) holds: who left passed the wake on already; to go on to the next
 * seat only saves that one's detour.
 */
#define ISOLATES 2
#define CALLS 3

byte queue = 0;           /* calls that isolates can see */
byte pending = 0;         /* a push, in the store buffer of the P's owner */
bool parked[ISOLATES];    /* what others can see */
bool mine[ISOLATES];      /* an isolate's own view, in its store buffer while dirty */
bool dirty[ISOLATES];
bool gone[ISOLATES];      /* the listener is taken out; ring() and this are ordered by ringing_ */
bool bell[ISOLATES];      /* the uv_async */
byte taken = 0;

/* The hardware may drain a buffer at any time. */
active proctype hardware() {
end:
  do
  :: atomic { pending > 0 -> queue = queue + pending; pending = 0 }
  :: atomic { dirty[0] -> parked[0] = mine[0]; dirty[0] = false }
  :: atomic { dirty[1] -> parked[1] = mine[1]; dirty[1] = false }
  od
}

#ifdef NO_PUSH_FENCE
#define PUSH_FENCE skip
#else
#define PUSH_FENCE atomic { queue = queue + pending; pending = 0 }
#endif
#ifdef NO_PARK_FENCE
#define PARK_FENCE skip
#else
#define PARK_FENCE atomic { parked[me] = mine[me]; dirty[me] = false }
#endif
#ifdef NO_NEXT
#define AT_GONE break
#else
#define AT_GONE skip
#endif

/* The exchange takes the seat; then the listener is rung, if it is there. */
inline notify(seat, got) {
  seat = 0;
  do
  :: seat == ISOLATES -> break
  :: else ->
     atomic { got = parked[seat]; parked[seat] = false };
     if
     :: got && !gone[seat] -> bell[seat] = true; break
     :: got && gone[seat] -> AT_GONE
     :: else -> skip
     fi;
     seat++
  od
}

active proctype owner() {
  byte n = 0;
  byte seat;
  bool got;
  do
  :: n < CALLS ->
     pending++;
     PUSH_FENCE;
     notify(seat, got);
     n++
  :: else -> break
  od
}

proctype isolate(byte me) {
  byte seat;
  bool got;
end:
  do
  :: atomic { parked[me] = false; mine[me] = false; dirty[me] = false };
     atomic { taken = taken + queue; queue = 0 };
     atomic { mine[me] = true; dirty[me] = true };
     PARK_FENCE;
     got = true;
     if
#ifndef NO_SECOND_LOOK
     :: queue > 0 -> atomic { got = !parked[me]; parked[me] = false; mine[me] = false; dirty[me] = false }
     :: queue == 0 -> skip
#else
     :: true -> skip
#endif
     fi;
     if
     :: got ->
end_wait: if
        :: bell[me] -> bell[me] = false
        :: me == 0 -> goto leave
        fi
     :: else -> skip
     fi
  od;
leave:
  atomic { parked[me] = false; mine[me] = false; dirty[me] = false };
  gone[me] = true;
#ifndef NO_PASS_ON
  if
  :: queue > 0 -> notify(seat, got)
  :: else -> skip
  fi
#else
  skip
#endif
}

active proctype monitor() {
end:
  do
  :: timeout -> assert(queue == 0 && pending == 0 && taken == CALLS); break
  od
}

init { atomic { run isolate(0); run isolate(1) } }
