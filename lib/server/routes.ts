// The routes record, checked and compiled into what backends match: every mistake in it is a TypeError before
// anything listens, every failure of a handler a reply after.

import type { BackendRequest, HealthSpec, RawReply, RouteSpec } from '../backend/contract';
import { InvalidArgument } from '../errors';
import { type Logger, logFailure } from './log';
import { normaliseReply, plain, type Reply } from './reply';
import { badInputs, ServerContext, ServerRequest } from './request';
import { inScope, isThenable } from './scope';
import { record } from './validate';

export type Handler = (request: ServerRequest, context: ServerContext) => Reply | Promise<Reply>;

const kKey = /^(\*|[A-Z][A-Z-]*) (\/[^\s?#]*)$/;
const kParam = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Names of the ':name' segments in order. */
function paramNames(path: string, key: string): string[] {
  const names: string[] = [];
  for (const segment of path.slice(1).split('/')) {
    if (segment.includes('*'))
      throw new InvalidArgument(`routes['${key}']`, "a path without '*' (see notFound)", key);
    if (!segment.startsWith(':')) continue;
    const name = segment.slice(1);
    if (!kParam.test(name) || names.includes(name)) {
      throw new InvalidArgument(
        `routes['${key}']`,
        'a path whose parameters have distinct names like :id',
        key,
      );
    }
    names.push(name);
  }
  return names;
}

/** undefined: some segment is not valid percent-encoding. */
function decodeParams(names: readonly string[], raw: readonly string[]): Record<string, string> | undefined {
  const params = Object.create(null) as Record<string, string>;
  try {
    for (let i = 0; i < names.length; i++) params[names[i]!] = decodeURIComponent(raw[i]!);
  } catch {
    return undefined;
  }
  return params;
}

function failed(error: unknown, log: Logger, raw: BackendRequest): RawReply {
  if (typeof error === 'object' && error !== null && badInputs.has(error)) {
    return plain(400, (error as Error).message);
  }
  logFailure(log, `${raw.method} ${raw.target}:`, error);
  return plain(500, 'Internal Server Error');
}

function makeHandle(handler: Handler, names: readonly string[], log: Logger): RouteSpec['handle'] {
  const run = (
    request: ServerRequest,
    context: ServerContext,
    raw: BackendRequest,
  ): RawReply | Promise<RawReply> => {
    try {
      const value = handler(request, context);
      if (!isThenable(value)) return normaliseReply(value);
      return Promise.resolve(value)
        .then(normaliseReply)
        .catch((error) => failed(error, log, raw));
    } catch (error) {
      return failed(error, log, raw);
    }
  };
  return (raw) => {
    const params = decodeParams(names, raw.params);
    if (params === undefined) return plain(400, 'Bad Request');
    return inScope(run, new ServerRequest(raw, params), new ServerContext(raw, log), raw);
  };
}

/** @param taken paths that belong to the server itself, each with the option it comes from */
export function compileRoutes(
  routes: unknown,
  notFound: Handler | undefined,
  log: Logger,
  taken: ReadonlyMap<string, string>,
): RouteSpec[] {
  const specs: RouteSpec[] = [];
  const shapes = new Set<string>();
  if (routes !== undefined) {
    for (const [key, handler] of Object.entries(record(routes, 'routes'))) {
      const parts = kKey.exec(key);
      if (parts === null)
        throw new InvalidArgument('routes', "a record with keys like 'GET /users/:id'", key);
      const method = parts[1]!;
      const path = parts[2]!;
      if (typeof handler !== 'function') throw new InvalidArgument(`routes['${key}']`, 'a function', handler);
      const owner = taken.get(path);
      if (owner !== undefined)
        throw new InvalidArgument(`routes['${key}']`, `another path: ${owner} has it`, path);
      const names = paramNames(path, key);
      const shape = `${method} ${path.replace(/\/:[^/]*/g, '/:')}`;
      if (shapes.has(shape))
        throw new InvalidArgument(`routes['${key}']`, 'a path that no other route has', key);
      shapes.add(shape);
      specs.push({ method, path, handle: makeHandle(handler as Handler, names, log) });
    }
  }
  if (notFound !== undefined) specs.push({ method: '*', path: '*', handle: makeHandle(notFound, [], log) });
  return specs;
}

export function takenPaths(health: HealthSpec | false, rpcPath: string | undefined): Map<string, string> {
  const taken = new Map<string, string>();
  if (health !== false) {
    taken.set(health.live, 'health.live');
    taken.set(health.ready, 'health.ready');
  }
  if (rpcPath !== undefined) {
    const owner = taken.get(rpcPath);
    if (owner !== undefined) throw new InvalidArgument('path', `another path: ${owner} has it`, rpcPath);
    taken.set(rpcPath, 'path');
  }
  return taken;
}
