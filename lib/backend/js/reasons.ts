// Reason phrases: those of RFC 9110 15, which has renamed two of Node's table; else Node's. native/http/reply.cc says the
// same.

import { STATUS_CODES } from 'node:http';

/** 'unknown' (as node:http) for a status that has none. */
export function reasonOf(status: number): string {
  if (status === 413) return 'Content Too Large';
  if (status === 422) return 'Unprocessable Content';
  return STATUS_CODES[status] ?? 'unknown';
}
