// Encoding by a plan on the native backend: small values are written in place, of all others one crossing makes the bytes of a
// tape.

import { walkOf } from '../../json/encode-walk';
import type { JsonEncode, JsonPlan } from '../../json-plan';
import type { NativeAddon } from '../../load';
import { kUndecided } from '../../shared';
import { type Tape, tapeOf } from './encode-crossing';
import { kMostBytes, kSlack, smallWriterOf, type WriteSmall } from './encode-small';

/** Small values before a function is made for them: that takes as long as some hundred of them. */
const kFirst = 4;
/** Values in a row that are not tried as small ones, at most, when those before were none. */
const kMostPassed = 63;

/** Properties that are looked at for a getter. */
const kLooks = 200;

/** Whether a value has a getter, as far as is looked. */
function hasGetter(value: unknown, looks = { left: kLooks }): boolean {
  if (typeof value !== 'object' || value === null) return false;
  for (const name of Object.keys(value)) {
    if (--looks.left < 0) return false;
    const property = Object.getOwnPropertyDescriptor(value, name);
    if (property?.get !== undefined || hasGetter(property?.value, looks)) return true;
  }
  return false;
}

export function encoderOf(addon: NativeAddon, plan: JsonPlan): JsonEncode {
  const tape = tapeOf(addon);
  const { fragments, walk } = walkOf(plan, tape);
  const id = tape.fixed(fragments);
  let write: WriteSmall | undefined;
  let passed = 0;
  let toPass = kFirst;

  /** Undefined: by the tape. */
  function small(value: unknown): Buffer | undefined {
    write ??= smallWriterOf(plan);
    if (write === undefined) {
      toPass = Infinity;
      return undefined;
    }
    const bytes = tape.slab(kMostBytes + kSlack);
    const { used } = tape;
    const end = write(value, used, bytes, used + kMostBytes);
    // no bytes: a getter has transferred the memory of another result
    if (end >= 0 && bytes.length > 0) {
      passed = 0;
      return tape.cut(end);
    }
    // the value is walked again: what is asked twice may answer in two ways, so that is the last time
    toPass = passed = hasGetter(value) ? Infinity : Math.min(2 * passed + 1, kMostPassed);
    return undefined;
  }

  const encode: JsonEncode = (value) => {
    if (tape.busy) return kUndecided;
    tape.busy = true;
    try {
      if (toPass > 0) {
        toPass--;
      } else {
        const made = small(value);
        if (made !== undefined) return made;
      }
      const end = walk(value);
      if (end < 0) return kUndecided;
      const made = tape.finish(id, end);
      if (made === undefined) return kUndecided;
      if (made.length > kMostBytes) toPass = Math.max(toPass, kFirst);
      return made;
    } finally {
      tape.busy = false;
      tape.clear();
    }
  };
  pieces.register(encode, { tape, id });
  return encode;
}

/** An encoder that nobody holds gives its fragments back. */
const pieces = new FinalizationRegistry<{ tape: Tape; id: number }>(({ tape, id }) => tape.drop(id));
