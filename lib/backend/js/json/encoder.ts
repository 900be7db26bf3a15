// Encoding by a plan on the fallback.

import { textOf } from '../../json/encode-text';
import { type EncodeTape, walkOf } from '../../json/encode-walk';
import type { JsonEncode, JsonPlan } from '../../json-plan';
import { kUndecided } from '../../shared';

export function encoderOf(plan: JsonPlan): JsonEncode {
  const tape: EncodeTape = {
    words: new Int32Array(1 << 8),
    doubles: new Float64Array(1 << 4),
    wordCount: 0,
    doubleCount: 0,
    strings: '',
  };
  const { fragments, walk } = walkOf(plan, tape);
  let busy = false;
  return (value) => {
    // a getter or a checker that encodes by the same encoder, inside a walk
    if (busy) return kUndecided;
    busy = true;
    try {
      return walk(value) ? Buffer.from(textOf(tape, fragments), 'utf8') : kUndecided;
    } finally {
      busy = false;
      tape.strings = '';
    }
  };
}
