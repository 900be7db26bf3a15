// The error a handler throws to answer with a code of its own, and the one a client gets.

import { InvalidArgument } from '../errors';

/** Codes -32768 to -32000 are reserved by JSON-RPC 2.0; use others for your own. */
export class RpcError extends Error {
  readonly code: number;
  readonly data?: unknown;

  constructor(code: number, message: string, data?: unknown) {
    if (!Number.isInteger(code)) throw new InvalidArgument('code', 'an integer', code);
    super(message);
    this.code = code;
    if (data !== undefined) this.data = data;
  }

  static {
    RpcError.prototype.name = 'RpcError';
  }
}
