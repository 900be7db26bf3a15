// Encoding by a plan on the native backend: one crossing makes the bytes of a tape.

import { walkOf } from '../../json/encode-walk';
import type { JsonEncode, JsonPlan } from '../../json-plan';
import type { NativeAddon } from '../../load';
import { kUndecided } from '../../shared';
import { type Tape, tapeOf } from './encode-crossing';

export function encoderOf(addon: NativeAddon, plan: JsonPlan): JsonEncode {
  const tape = tapeOf(addon);
  const { fragments, walk } = walkOf(plan, tape);
  const id = tape.fixed(fragments);

  const encode: JsonEncode = (value) => {
    if (tape.busy) return kUndecided;
    tape.busy = true;
    try {
      const end = walk(value);
      if (end < 0) return kUndecided;
      return tape.finish(id, end) ?? kUndecided;
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
