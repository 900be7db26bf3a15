#!/bin/sh
# Checks the models with spin (Debian: spin). Each must hold without an error, completely searched, and each of its
# mutants (one barrier or one signal left out) must fail: a model that cannot fail proves nothing.
#
#   native/sched/model/run.sh [work folder]
set -eu
here=$(cd "$(dirname "$0")" && pwd)

# model, expected result, mutant
checks() {
  echo handoff hold
  for mutant in NO_WAKE_ON_WANT NO_SIGNAL_BACK NO_SIGNAL_RETAKE NO_SECOND_LOOK NO_USERS NO_WAKE_ON_LEND; do
    echo "handoff fail $mutant"
  done
  echo inbox hold
  for mutant in NO_POSTER_FENCE NO_OWNER_FENCE NO_SECOND_LOOK; do echo "inbox fail $mutant"; done
  echo park hold
  echo park hold NO_PASS_ON
  for mutant in NO_RECHECK GIVE_BACK_OUTSIDE; do echo "park fail $mutant"; done
  echo group hold
  echo group hold NO_NEXT
  for mutant in NO_PUSH_FENCE NO_PARK_FENCE NO_SECOND_LOOK NO_PASS_ON; do echo "group fail $mutant"; done
}

check() { # work folder, model, expected result (hold|fail), mutant
  model=$2 expected=$3 mutant=${4:-}
  dir="$model${mutant:+.$mutant}"
  cd "$1"
  rm -rf "$dir" && mkdir "$dir" && cd "$dir"
  cp "$here/$model.pml" .
  spin ${mutant:+-D$mutant} -a "$model.pml" >spin.log 2>&1 || { cat spin.log; exit 1; }
  gcc -O2 -DSAFETY -DMEMLIM=2048 -DVECTORSZ=2048 -w -o pan pan.c
  ./pan -m1000000 -w22 >pan.log 2>&1 || true
  if grep -q 'error: max search depth too small\|pan: out of memory\|reached -DMEMLIM' pan.log; then
    echo "$dir: not searched completely" >&2
    cat pan.log >&2
    exit 1
  fi
  if grep -q 'errors: 0' pan.log; then got=hold; else got=fail; fi
  grep -q 'errors:' pan.log || { cat pan.log >&2; exit 1; }
  states=$(awk '/states, stored/ { print $1 }' pan.log)
  echo "$dir: $got ($states states)"
  if [ "$got" != "$expected" ]; then
    echo "$dir: expected to $expected" >&2
    cat pan.log >&2
    [ "$got" = fail ] && spin ${mutant:+-D$mutant} -t -p "$model.pml" | tail -60 >&2
    exit 1
  fi
}

if [ "${1:-}" = --one ]; then
  shift
  check "$@"
  exit
fi
work=${1:-$(mktemp -d)}
mkdir -p "$work"
# Two at a time. xargs fails when one of them has.
checks | xargs -P 2 -L 1 "$here/run.sh" --one "$work"
echo "all models hold, all mutants fail"
