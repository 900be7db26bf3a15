// The native backend, when it is there and serves; otherwise says why not, for tests to skip with that message.

import type { Backend } from '../../lib/backend/contract';
import { nativeBackend } from '../../lib/backend/select';

export function nativeServer(): { backend: Backend } | { missing: string } {
  try {
    const backend = nativeBackend();
    if (typeof backend.server?.serve === 'function') return { backend };
    return { missing: 'the native backend has no server yet' };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}
