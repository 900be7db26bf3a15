// tailrace/server: HTTP/1.1 with routes, limits, health and drain. This file is the face; how requests travel is the
// backend's business (native core, or node:http). README.md beside it says what a user needs.

import { backend } from '../backend/select';
import type { ServeOptions } from './options';
import { type Server, serveOn } from './start';

export type { ServerStats } from '../backend/contract';
export type { HeaderRecord, ReplyHeaders } from './headers';
export type { Logger } from './log';
export type { HealthOptions, Limits, ServeOptions } from './options';
export type { Reply, ReplyObject } from './reply';
export type { BodyDecoder, ServerContext, ServerRequest } from './request';
export type { Handler } from './routes';
export { type CloseOptions, Server } from './start';

/**
 * Starts a server; resolves when it listens. Rejects with a TypeError that names the option when one is wrong
 * (before anything starts), with the system's error (EADDRINUSE …) when it cannot listen.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  return serveOn(backend(), options);
}
