/* The handoff of design section 2: one isolate, its P, sysmon, native Ms, and peers that send.
 *
 * What is checked, in every interleaving:
 *  - at most one thread runs the P (assertions around each stretch of ownership);
 *  - nothing is lost: when nobody can move any more, nothing is ready that nobody will take, nobody waits for
 *    a signal that will not come, and an idle loop watches its P (monitor, at `timeout`);
 *  - a loop that lost its P has stopped watching when it goes back to sleep;
 *  - after reclaim() nobody signals the host, at whatever step the environment ends.
 *
 * Mutants (run.sh expects each to fail):
 *  NO_WAKE_ON_WANT    acquire() does not wake the M's wait
 *  NO_SIGNAL_BACK     the M lets go without a signal
 *  NO_SIGNAL_RETAKE   the M does not signal when it takes the P
 *  NO_USERS           reclaim() does not wait for an M that has let go but not signalled yet
 *  NO_SECOND_LOOK     the M does not look at the word between its turn and its wait
 *  NO_WAKE_ON_LEND    work left at lend() does not make the poller readable
 */
#define EVENTS 2
#define HOSTS 2

mtype = { DEAD, LENT, RUN_ISO, RUN_NAT, WANTED };
mtype word = LENT;
byte epoch = 0;          /* mod 8: enough for the changes a stalled CAS could miss here */
bool ready = false;      /* a socket in the poller's list */
bool waked = false;      /* the poller's eventfd */
bool asynced = false;    /* the host's uv_async */
bool polling = true;     /* the host's uv_poll */
bool leftover = false;   /* work a turn left on the still-ready list: only the owner knows */
bool registered = true;
bool lock = false;
byte users = 0;
byte let_go = 0;
byte owners = 0;
byte may_leave = 1;      /* turns that may leave work over: bounds the model */
byte may_retake = 2;     /* retakes, likewise (sysmon's are 4 ms apart): two are what it takes for one M to be
                            still about to signal while the next one has the P */
bool reclaimed = false;
bool ended = false;
bool stop = false;
bool job[HOSTS];
bool idle[HOSTS];

#define readable (ready || waked)
#define LOCK atomic { !lock -> lock = true }
#define UNLOCK lock = false
#define change(status) word = status; epoch = (epoch + 1) % 8

inline own() { owners++; assert(owners == 1) }
inline disown() { assert(owners == 1); owners-- }

/* poll(0) takes everything; the budget may leave some of it on the still-ready list */
inline turn() {
  atomic {
    ready = false; waked = false; leftover = false;
  }
  if
  :: skip
  :: may_leave > 0 -> atomic { leftover = true; may_leave-- }
  fi
}

active [EVENTS] proctype peer() { ready = true }

inline acquire(got) {
  got = false;
  do
  :: atomic { seen_word = word; seen_epoch = epoch };
     if
     :: seen_word == LENT ->
        if
        :: atomic { word == LENT && epoch == seen_epoch -> change(RUN_ISO); own() }
           got = true;
           polling = true;
           break
        :: atomic { !(word == LENT && epoch == seen_epoch) -> skip }
        fi
     :: seen_word == RUN_NAT ->
        if
        :: atomic { word == RUN_NAT && epoch == seen_epoch -> change(WANTED) }
#ifndef NO_WAKE_ON_WANT
           waked = true;
#endif
           polling = false;
           break
        :: atomic { !(word == RUN_NAT && epoch == seen_epoch) -> skip }
        fi
     :: seen_word == WANTED -> polling = false; break
     fi
  od;
  atomic { seen_word = DEAD; seen_epoch = 0 }
}

proctype isolate() {
  mtype seen_word; byte seen_epoch; bool got; byte seen_let_go;
  do
  :: atomic { (asynced || (polling && readable)) -> asynced = false }
callback:
     acquire(got);
     if
     :: got ->
        turn();
        if
#ifndef NO_WAKE_ON_LEND
        :: leftover -> waked = true
#endif
        :: else -> skip
        fi;
        disown();
        atomic { assert(word == RUN_ISO); change(LENT) }
        /* JS runs here, or any other code blocks the loop: any number of steps of the others */
     :: else -> assert(!polling)
     fi
  :: stop -> break
  od;
  /* reclaim */
  LOCK; registered = false; UNLOCK;
  do
  :: seen_let_go = let_go;
     acquire(got);
     if
     :: got -> break
     :: else -> let_go != seen_let_go
     fi
  od;
#ifndef NO_USERS
  users == 0;
#endif
  reclaimed = true;
  polling = false;
  disown();
  atomic { assert(word == RUN_ISO); change(DEAD) }
  ended = true
}

active proctype sysmon() {
  byte h; byte seen_epoch;
end:
  do
  :: ended -> break
  :: atomic { (may_retake > 0 && registered && word == LENT && readable) -> seen_epoch = epoch };
     LOCK;
     if
     :: !registered -> UNLOCK
     :: else ->
        h = 0;
        do
        :: h < HOSTS && idle[h] -> break
        :: h < HOSTS && !idle[h] -> h++
        :: h == HOSTS -> break
        od;
        if
        :: h == HOSTS -> UNLOCK
        :: else ->
           idle[h] = false;
           users++;
           if
           :: atomic { word == LENT && epoch == seen_epoch -> change(RUN_NAT); own() }
              may_retake--;
              job[h] = true
           :: atomic { !(word == LENT && epoch == seen_epoch) -> users--; idle[h] = true }
           fi;
           UNLOCK
        fi
     fi;
     atomic { h = 0; seen_epoch = 0 }
  od
}

inline signal_host() { assert(!reclaimed); asynced = true }

proctype host(byte me) {
end:
  do
  :: ended -> break
  :: job[me] ->
     job[me] = false;
#ifndef NO_SIGNAL_RETAKE
     signal_host();
#endif
     do
     :: word == WANTED -> break
     :: else ->
        turn();
        if
        :: leftover -> skip                       /* more: never blocks */
        :: else ->
           if
#ifndef NO_SECOND_LOOK
           :: word == WANTED -> skip              /* the turn's poll may have consumed the asker's wake */
           :: word != WANTED ->
#else
           :: true ->
#endif
              readable                            /* the wait of the owner; the word is looked at after it */
           fi
        fi
     od;
     if
     :: leftover -> waked = true
     :: else -> skip
     fi;
     disown();
     atomic { assert(word == WANTED); change(LENT) }
#ifndef NO_SIGNAL_BACK
     signal_host();
#endif
     let_go = (let_go + 1) % 4;
     users--;
     LOCK; idle[me] = true; UNLOCK
  od
}

/* The environment may end at any moment, or not by itself. */
active proctype ender() {
  if
  :: stop = true
  :: skip
  fi
}

proctype monitor() {
end:
  do
  :: ended -> break
  :: timeout ->
     if
     :: ended -> break
     :: else ->
        assert(!readable || word != LENT);   /* something is ready and nobody will come */
        assert(word != WANTED);              /* nobody lets go */
        assert(word != LENT || polling);     /* nobody watches */
        assert(!leftover);
        assert(word == LENT || !polling);    /* the loop would spin */
        assert(!stop);                       /* the environment cannot end */
        stop = true
     fi
  od
}

init {
  atomic {
    byte i = 0;
    do
    :: i < HOSTS -> idle[i] = true; run host(i); i++
    :: else -> break
    od;
    run isolate();
    run monitor()
  }
}
