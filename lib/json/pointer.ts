// JSON pointers (RFC 6901), split once and remembered: the same few are asked of every document.

import type { JsonPath } from '../backend/contract';
import { InvalidArgument } from '../errors';

const kMost = 1024;
const kLongest = 256;
const known = new Map<string, JsonPath>();

function split(pointer: string): JsonPath {
  if (pointer === '') return { tokens: [] };
  if (pointer[0] !== '/' || /~(?![01])/.test(pointer)) {
    throw new InvalidArgument(
      'pointer',
      "a JSON pointer (RFC 6901): '' or '/…', with ~ only in ~0 and ~1",
      pointer,
    );
  }
  return {
    tokens: pointer
      .slice(1)
      .split('/')
      .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~')),
  };
}

/** @throws InvalidArgument for what is not a pointer */
export function pathOf(pointer: string): JsonPath {
  let path = known.get(pointer);
  if (path !== undefined) return path;
  if (typeof pointer !== 'string') throw new InvalidArgument('pointer', 'a string', pointer);
  path = split(pointer);
  if (pointer.length <= kLongest) {
    // A program that makes pointers up as it goes must not fill the memory: then nothing is worth remembering.
    if (known.size >= kMost) known.clear();
    known.set(pointer, path);
  }
  return path;
}
