// Texts and values into UTF-8 without native code: minify, and encode by V8's JSON.stringify.

import { types } from 'node:util';
import { JsonType } from '../contract';
import { scanned } from './exact';
import { utf8Of } from './source';

/** JsonBackend.minify. */
export function minify(input: string | Uint8Array): Buffer {
  const { source, tape } = scanned(input, 0, input.length, undefined);
  const { units, end } = source;
  // Every token of the tape keeps its text; between tokens only structure is kept.
  const out = typeof input === 'string' ? new Uint16Array(end) : Buffer.allocUnsafe(end);
  let to = 0;
  let from = 0;
  const copyStructure = (stop: number) => {
    for (; from < stop; from++) {
      const c = units[from] as number;
      if (c > 0x20) out[to++] = c;
    }
  };
  for (let node = 0; node < tape.nodes; node++) {
    const type = tape.type(node);
    if (type === JsonType.array || type === JsonType.object) continue;
    copyStructure(tape.start(node));
    const stop = tape.end(node);
    if (stop - from > 64) {
      out.set(units.subarray(from, stop) as Uint8Array, to);
      to += stop - from;
      from = stop;
    } else {
      while (from < stop) out[to++] = units[from++] as number;
    }
  }
  copyStructure(end);
  if (out instanceof Buffer) return Buffer.from(out.subarray(0, to));
  return utf8Of(Buffer.from(out.buffer, 0, to * 2).toString('utf16le'));
}

/**
 * JSON.stringify cannot write a bigint, so each becomes a string marked with a name drawn at random for this call,
 * which no string of the value can contain but by guessing 122 bits; the marks are then taken off.
 */
function stringifyIntegers(value: unknown): string | undefined {
  const mark = globalThis.crypto.randomUUID();
  let marked = false;
  const text = JSON.stringify(value, (_key, item) => {
    // JSON.stringify unwraps a BigInt object only after this has seen it.
    const bigint = typeof item === 'object' && types.isBigIntObject(item) ? item.valueOf() : item;
    if (typeof bigint !== 'bigint') return item;
    marked = true;
    return `${mark}${bigint}`;
  });
  return marked ? text.replace(new RegExp(`"${mark}(-?[0-9]+)"`, 'g'), '$1') : text;
}

/** JsonBackend.encode. */
export function encode(value: unknown, bigintAsInteger: boolean): Buffer | undefined {
  const text: string | undefined = bigintAsInteger ? stringifyIntegers(value) : JSON.stringify(value);
  return text === undefined ? undefined : Buffer.from(text, 'utf8');
}
