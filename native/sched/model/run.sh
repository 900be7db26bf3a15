#!/bin/sh
# Checks the models with spin (Debian: spin). Each must hold without an error, completely searched, and each of its
# mutants (one barrier or one signal left out) must fail: a model that cannot fail proves nothing.
#
#   native/sched/model/run.sh [work folder]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$(mktemp -d)}
mkdir -p "$work"
cd "$work"

check() { # model, expected result (hold|fail), mutant
  model=$1 expected=$2 mutant=${3:-}
  dir="$model${mutant:+.$mutant}"
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
  cd "$work"
}

check handoff hold
for mutant in NO_WAKE_ON_WANT NO_SIGNAL_BACK NO_SIGNAL_RETAKE NO_SECOND_LOOK NO_USERS NO_WAKE_ON_LEND; do
  check handoff fail "$mutant"
done
check inbox hold
for mutant in NO_POSTER_FENCE NO_OWNER_FENCE NO_SECOND_LOOK; do check inbox fail "$mutant"; done
check park hold
check park hold NO_PASS_ON
for mutant in NO_RECHECK GIVE_BACK_OUTSIDE; do check park fail "$mutant"; done
check group hold
check group hold NO_NEXT
for mutant in NO_PUSH_FENCE NO_PARK_FENCE NO_SECOND_LOOK NO_PASS_ON; do check group fail "$mutant"; done
echo "all models hold, all mutants fail"
