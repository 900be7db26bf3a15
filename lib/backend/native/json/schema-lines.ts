// Many lines decoded by a plan in one crossing: their slots stand one behind the other on the tape, their strings share chunks.

import type { JsonDecode } from '../../json-plan';
import { arraysAreBare } from './bare-arrays';
import { Refused } from './schema-builder';
import {
  type AddonJsonSchema,
  hold,
  kKeptDoubles,
  kKeptWords,
  kNeedDoubles,
  kNeedWords,
  release,
  size,
  type Tape,
} from './schema-tape';

/** native/binding/json_schema.cc, decodeLines */
const kHead = 4;
const kRow = 4;
/** Lines decoded in one crossing. */
const kMostLines = 4096;

let table: Uint32Array | undefined;

export function decodeMany(
  native: AddonJsonSchema,
  id: number,
  tape: Tape,
  read: (p: number) => unknown,
): NonNullable<JsonDecode['many']> {
  /** Twice the room for the next time, when the last line found too little. */
  function grow(why: number): boolean {
    const words = why === kNeedWords ? tape.words.length * 2 : tape.words.length;
    const doubles = why === kNeedDoubles ? tape.doubles.length * 2 : tape.doubles.length;
    if (words > kKeptWords || doubles > kKeptDoubles) return false;
    size(native, tape, words, doubles);
    return true;
  }

  return (bytes, start, end, maxLine, values, alone) => {
    const nothing = { lines: 0, end: start };
    if (tape.busy || !arraysAreBare()) return nothing;
    // taken out while it is read: `alone` may be anybody's code, and read lines too
    const rows = table ?? new Uint32Array(kHead + kRow * kMostLines);
    table = undefined;
    let strings = native.decodeLines(id, bytes, start, end, maxLine, rows);
    while (rows[0] === 0 && ((rows[3] as number) | 0) < -1 && grow((rows[3] as number) | 0))
      strings = native.decodeLines(id, bytes, start, end, maxLine, rows);
    if (strings === -1) {
      table = rows;
      return nothing;
    }
    const count = rows[0] as number;
    hold(tape, strings);
    tape.busy = true;
    try {
      for (let i = 0, row = kHead; i < count; i++, row += kRow) {
        try {
          values.push(read(rows[row] as number));
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          alone(
            start + (rows[row + 1] as number),
            start + (rows[row + 2] as number),
            rows[row + 3] as number,
          );
        }
      }
    } finally {
      tape.busy = false;
      release(native, tape);
    }
    if (rows[3] !== 0) grow((rows[3] as number) | 0);
    table = rows;
    return { lines: rows[1] as number, end: start + (rows[2] as number) };
  };
}
