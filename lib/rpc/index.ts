// tailrace/rpc: JSON-RPC 2.0 over HTTP, as a server of its own, inside another one, and as a client. This file is the
// face; README.md beside it says what a user needs.

import { backend } from '../backend/select';
import type { Server } from '../server/start';
import { type RpcServeOptions, serveRpcOn } from './serve';

export { type BatchCall, type Client, type ClientOptions, client } from './client';
export { RpcError } from './error';
export { type HandlerOptions, handler, route } from './handler';
export type { Call, CallContext, MethodHandler, MethodOptions, Methods, OnCall } from './methods';
export type { Schema } from './schema';
export type { RpcServeOptions } from './serve';

/**
 * Starts a JSON-RPC server; resolves when it listens. Rejects with a TypeError that names the option when one is
 * wrong (before anything starts), with the system's error (EADDRINUSE …) when it cannot listen.
 */
export async function serve(options: RpcServeOptions): Promise<Server> {
  return serveRpcOn(backend(), options);
}
