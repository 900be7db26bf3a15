// Encoding by a plan on the fallback.

import { emptyTape } from '../../json/encode-tape';
import { textOf } from '../../json/encode-text';
import { walkOf } from '../../json/encode-walk';
import type { JsonEncode, JsonPlan } from '../../json-plan';
import { kUndecided } from '../../shared';

export function encoderOf(plan: JsonPlan): JsonEncode {
  const tape = emptyTape();
  const { fragments, walk } = walkOf(plan, tape);
  let busy = false;
  return (value) => {
    // a getter or a checker that encodes by the same encoder, inside a walk
    if (busy) return kUndecided;
    busy = true;
    try {
      const end = walk(value);
      return end < 0 ? kUndecided : Buffer.from(textOf(tape, end, fragments), 'utf8');
    } finally {
      busy = false;
      tape.strings = '';
    }
  };
}
