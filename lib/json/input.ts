// What a caller may pass as JSON text, made into what a backend takes: a string, or a Uint8Array over memory that no other
// thread writes.

import { types } from 'node:util';
import type { JsonBackend } from '../backend/contract';
import { backend } from '../backend/select';
import { InvalidArgument } from '../errors';

/** JSON text: a string, or UTF-8 bytes in any view or buffer. Shared memory is copied before it is read. */
export type JsonInput = string | NodeJS.ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

let chosen: JsonBackend | undefined;

/** The backend's JSON part; chosen at the first call. */
export function impl(): JsonBackend {
  chosen ??= backend().json;
  return chosen;
}

const kExpected = 'a string, a Buffer, an ArrayBufferView or an ArrayBuffer';

/** A view over [offset, offset + length) of any buffer: copied when shared, refused when detached. */
function viewOf(buffer: ArrayBufferLike, offset: number, length: number, name: string): Uint8Array {
  let view: Uint8Array;
  try {
    view = new Uint8Array(buffer, offset, length);
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
  if (ArrayBuffer.isView(input)) return viewOf(input.buffer, input.byteOffset, input.byteLength, name);
  if (types.isAnyArrayBuffer(input)) return viewOf(input, 0, input.byteLength, name);
  throw new InvalidArgument(name, kExpected, input);
}

export function textOrBytes(input: unknown): string | Uint8Array {
  return typeof input === 'string' ? input : bytesOf(input);
}
