// The tokens of a path, made ready for the walk through an outline: here, or in the core.

import type { JsonPath } from '../../contract';
import { arrayIndexOf, type Key, keyOf } from '../../json/key';

export interface Step {
  key: Key;
  /** As an index of an array; -1: none. */
  index: number;
}

export interface Steps {
  list: readonly Step[];
  /** For the core, the first step, the first two and so on: {index, bytes of the key} and the key, in whole words. */
  packed: (Uint8Array | undefined)[];
  /** No key has what a source may write in two ways: half a surrogate pair, or a backslash. */
  plain: boolean;
}

/** The tokens of a path, made ready for comparing once. */
export function stepsOf(path: JsonPath): Steps {
  path.compiled ??= {
    list: path.tokens.map((token): Step => ({ key: keyOf(token), index: arrayIndexOf(token) })),
    packed: [],
    plain: path.tokens.every((token) => token.isWellFormed() && !token.includes('\\')),
  } satisfies Steps;
  return path.compiled as Steps;
}

/** Steps as the core reads them (native/json/outline_find.h). */
export function pack(list: readonly Step[]): Uint8Array {
  const sizes = list.map(({ key }) => 8 + ((key.bytes + 3) & ~3));
  const bytes = Buffer.alloc(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  list.forEach(({ key, index }, i) => {
    bytes.writeUInt32LE(index < 0 || index > 0xffff_fffe ? 0xffff_ffff : index, at);
    bytes.writeUInt32LE(key.bytes, at + 4);
    bytes.write(key.text, at + 8, 'utf8');
    at += sizes[i] as number;
  });
  return bytes;
}
