/* post() against an owner that goes to sleep: the store-load barriers. Stores wait in a buffer per thread (as on
 * x86, and weaker than the exchange that push really is), so that the model knows what a fence is for.
 *
 * Checked: when nobody can move, no message lies in the inbox of a sleeping owner.
 * Mutants: NO_POSTER_FENCE, NO_OWNER_FENCE, NO_SECOND_LOOK.
 */
#define POSTERS 2

byte inbox = 0;           /* messages that the owner can see */
bool asleep = false;      /* what posters can see */
bool asleep_owner = false; /* the owner's own view, in its store buffer until drained */
bool dirty = false;
byte pending[POSTERS];    /* a poster's push, in its store buffer */
byte wakes = 0;           /* the eventfd */
byte delivered = 0;
byte posted = 0;

/* The hardware may drain a buffer at any time. */
active proctype hardware() {
end:
  do
  :: atomic { dirty -> asleep = asleep_owner; dirty = false }
  :: atomic { pending[0] > 0 -> inbox = inbox + pending[0]; pending[0] = 0 }
  :: atomic { pending[1] > 0 -> inbox = inbox + pending[1]; pending[1] = 0 }
  od
}

#ifdef NO_POSTER_FENCE
#define POSTER_FENCE skip
#else
#define POSTER_FENCE atomic { inbox = inbox + pending[me]; pending[me] = 0 }
#endif
#ifdef NO_OWNER_FENCE
#define OWNER_FENCE skip
#else
#define OWNER_FENCE atomic { asleep = asleep_owner; dirty = false }
#endif

proctype poster(byte me) {
  byte n = 0;
  do
  :: n < 2 ->
     pending[me] = pending[me] + 1;
     POSTER_FENCE;
     if
     :: asleep -> wakes = 1
     :: else -> skip
     fi;
     posted++;
     n++
  :: else -> break
  od
}

active proctype owner() {
end:
  do
  :: atomic { asleep_owner = false; dirty = true };
     atomic { delivered = delivered + inbox; inbox = 0 };
     atomic { asleep_owner = true; dirty = true };
     OWNER_FENCE;
     if
#ifndef NO_SECOND_LOOK
     :: inbox > 0 -> skip
     :: inbox == 0 ->
#else
     :: true ->
#endif
end_wait: wakes > 0;     /* the wait; lending the P is the same: its loop is woken by this */
        wakes = 0
     fi
  od
}

active proctype monitor() {
end:
  do
  :: timeout -> assert(inbox == 0 && delivered == 2 * POSTERS); break
  od
}

init { atomic { run poster(0); run poster(1) } }
