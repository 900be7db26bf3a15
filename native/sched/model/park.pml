/* Workers that park, submitters that wake: scheduler.cc's wake(), park(), stop_spinning().
 *
 * Checked: when nobody can move, no work lies in a queue, nobody is counted as spinning, all are in the idle list.
 * Mutants:
 *  NO_RECHECK           a worker sleeps without looking once more
 *  GIVE_BACK_OUTSIDE    a waker that finds nobody idle gives its count back after the lock (Go up to 1.18)
 *  NO_PASS_ON           the last spinner that finds work does not wake another one. Nothing is lost then in this
 *                       model (the runner takes the rest itself), so run.sh expects it to pass
 */
#define WORKERS 2
#define TOTAL 3

byte work = 0;
byte spinning = 0;
byte nidle = 0;
bool idle[WORKERS];
bool token[WORKERS];
bool spin[WORKERS];
bool lock = false;
byte done = 0;

#define LOCK atomic { !lock -> lock = true }
#define UNLOCK lock = false

inline wake() {
  /* fence */
  if
  :: spinning > 0 -> skip
  :: else ->
     if
     :: nidle == 0 -> skip
     :: else ->
        if
        :: atomic { spinning == 0 -> spinning = 1 }
           LOCK;
           if
           :: nidle > 0 ->
              if
              :: idle[0] -> other = 0
              :: idle[1] -> other = 1
              fi;
              idle[other] = false; nidle--; spin[other] = true;
              UNLOCK;
              token[other] = true
           :: else ->
#ifdef GIVE_BACK_OUTSIDE
              UNLOCK; spinning--
#else
              spinning--; UNLOCK
#endif
           fi
        :: atomic { spinning != 0 -> skip }
        fi
     fi
  fi
}

proctype submitter(byte count) {
  byte other;
  do
  :: count > 0 -> work++; wake(); count--
  :: else -> break
  od
}

inline stop_spinning() {
  spin[me] = false;
  atomic { last = (spinning == 1); assert(spinning > 0); spinning-- };
#ifndef NO_PASS_ON
  if
  :: last -> wake()
  :: else -> skip
  fi
#endif
}

proctype worker(byte me) {
  byte other; bool last; bool got;
end:
  do
  :: got = false;
     if
     :: atomic { work > 0 -> work--; got = true }
     :: work == 0 ->
        if
        :: spin[me] -> skip
        :: atomic { !spin[me] -> spin[me] = true; spinning++ };    /* it may spin */
           if
           :: atomic { work > 0 -> work--; got = true }
           :: work == 0 -> skip
           fi
        :: !spin[me] -> skip                                       /* too many do */
        fi
     fi;
     if
     :: got ->
        if
        :: spin[me] -> stop_spinning()
        :: else -> skip
        fi;
        done++
     :: else ->
        LOCK;
        idle[me] = true; nidle++;
        if
        :: spin[me] -> spin[me] = false; spinning--
        :: else -> skip
        fi;
        UNLOCK;
        /* fence */
        if
#ifndef NO_RECHECK
        :: work > 0 ->
           LOCK;
           if
           :: idle[me] -> idle[me] = false; nidle--; spin[me] = true; spinning++
           :: else -> skip
           fi;
           UNLOCK
        :: work == 0 ->
#else
        :: true ->
#endif
end_sleep: token[me];
           token[me] = false;
           LOCK;
           if
           :: idle[me] -> idle[me] = false; nidle--
           :: else -> skip
           fi;
           UNLOCK
        fi
     fi
  od
}

active proctype monitor() {
end:
  do
  :: timeout ->
     assert(work == 0);
     assert(done == TOTAL);
     assert(spinning == 0);
     assert(nidle == WORKERS);
     break
  od
}

init {
  atomic {
    byte i = 0;
    do
    :: i < WORKERS -> run worker(i); i++
    :: else -> break
    od;
    run submitter(2);
    run submitter(1)
  }
}
