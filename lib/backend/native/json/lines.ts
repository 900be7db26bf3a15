// Many lines of NDJSON at once. The core checks each line to be a JSON text of its own and joins them into the text of one array;
// that is parsed as a whole, by the parser that is fastest for it, and its elements are the lines' values. Joining what has
// not been checked would let `1],[2` make up lines.

import type { JsonBackend } from '../../contract';
import { type AddonJson, kInfoWords } from './addon';
import { giveBlock, takeBlock } from './blocks';
import type { MakeValue } from './document';

export function createLines(native: AddonJson, parseRange: MakeValue): JsonBackend['lines'] {
  const info = new Uint32Array(kInfoWords);
  return (bytes, start, end, maxLine, values) => {
    const block = takeBlock(end - start + 2);
    try {
      const count = native.lines(bytes, start, end, maxLine, block.bytes, info);
      if (count < 0) return { lines: 0, end: start };
      const passed = { lines: info[1] as number, end: start + (info[2] as number) };
      if (count > 0) {
        const made = parseRange(block.bytes, 0, info[0] as number, undefined) as unknown[];
        for (let i = 0; i < count; i++) values.push(made[i]);
      }
      return passed;
    } finally {
      giveBlock(block);
    }
  };
}
