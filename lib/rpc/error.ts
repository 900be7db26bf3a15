// The error a handler throws to answer with a code of its own, and the one a client gets.

import { InvalidArgument } from '../errors';

/** On the prototype of every copy of the class: a methods module may have a tailrace of its own. */
const kBrand = Symbol.for('tailrace.RpcError');

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
    Object.defineProperty(RpcError.prototype, kBrand, { value: true });
  }
}

/** Whether it is one, of this copy of the package or another. May throw what a proxy throws. */
export function isRpcError(error: unknown): error is RpcError {
  return error instanceof Error && (error as { [kBrand]?: unknown })[kBrand] === true;
}
