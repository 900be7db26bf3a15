// What a caller may pass as JSON text, made into what a backend takes: a string, or a Uint8Array over memory that no other
// thread writes.

import { types } from 'node:util';
import type { JsonBackend } from '../backend/contract';
import { backend } from '../backend/select';
import { InvalidArgument } from '../errors';

/** JSON text: a string, or UTF-8 bytes in any view or buffer. Shared memory is copied before it is read, but for a few bytes of ASCII (parse.ts). */
export type JsonInput = string | NodeJS.ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

let chosen: JsonBackend | undefined;

/** The backend's JSON part; chosen at the first call. */
export function impl(): JsonBackend {
  chosen ??= backend().json;
  return chosen;
}

const kExpected = 'a string, a Buffer, an ArrayBufferView or an ArrayBuffer';

/** What a view or a buffer spans, as bytes: copied when shared, refused when detached. */
function viewOf(of: ArrayBufferView | ArrayBufferLike, name: string): Uint8Array {
  const buffer = ArrayBuffer.isView(of) ? of.buffer : of;
  let view: Uint8Array;
  try {
    view = ArrayBuffer.isView(of)
      ? new Uint8Array(buffer, of.byteOffset, of.byteLength)
      : new Uint8Array(buffer);
  } catch {
    throw new InvalidArgument(name, 'over a buffer that is not detached', buffer);
  }
  return types.isSharedArrayBuffer(buffer) ? Uint8Array.from(view) : view;
}

/** Bytes of anything but a string. */
export function bytesOf(input: unknown, name = 'input'): Uint8Array {
  // The short way first: a view of ours over an ordinary buffer. Memory of another realm takes the long way.
  if (input instanceof Uint8Array && input.byteLength > 0 && input.buffer instanceof ArrayBuffer)
    return input;
  if (ArrayBuffer.isView(input) || types.isAnyArrayBuffer(input)) return viewOf(input, name);
  throw new InvalidArgument(name, kExpected, input);
}

export function textOrBytes(input: unknown): string | Uint8Array {
  return typeof input === 'string' ? input : bytesOf(input);
}
