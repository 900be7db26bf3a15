// What can be wrong with a buffer handed to a slab. One class with stable codes: a program rarely tells them apart,
// a person reading the message does.

import { TailraceError } from '../errors';

export const slabCodes = {
  /** Not a buffer of this slab: another slab's, an ordinary one, a part of one, or no buffer at all. */
  foreign: 'ERR_TAILRACE_FOREIGN_BUFFER',
  /** It was freed already. */
  doubleFree: 'ERR_TAILRACE_DOUBLE_FREE',
  /** guard: true. Somebody wrote to a buffer after it was freed. */
  useAfterFree: 'ERR_TAILRACE_USE_AFTER_FREE',
  /** guard: true. Somebody wrote behind the end of a buffer, or before its start (through its ArrayBuffer). */
  overflow: 'ERR_TAILRACE_BUFFER_OVERFLOW',
} as const;

/** A buffer was handed back wrongly, or (guard: true) was found to have been misused. */
export class SlabError extends TailraceError {
  static {
    SlabError.prototype.name = 'SlabError';
  }
}
