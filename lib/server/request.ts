// A request and its context as handlers see them. Everything beyond method and path is made when first looked
// at: most handlers look at little of it.

import type { BackendRequest } from '../backend/contract';
import { isTailraceError } from '../errors';
import type { JsonDocument } from '../json';
import { type HeaderRecord, headerRecord } from './headers';
import type { Logger } from './log';

const json = (): typeof import('../json') => require('../json') as typeof import('../json');

/** What request.json() takes to make a value out of the body: a function, or anything with parse(). */
export type BodyDecoder<T> = ((body: Buffer) => T) | { parse(body: Buffer): T };

/** Reading the body as JSON failed: the client's mistake, answered with 400 unless the handler catches it. */
export const badInputs = new WeakSet<object>();

/** Splits off the query; drops scheme and authority of an absolute target. */
export function splitTarget(target: string): { path: string; query: string } {
  const mark = target.indexOf('?');
  let path = mark < 0 ? target : target.slice(0, mark);
  if (!path.startsWith('/') && path !== '*') {
    const authority = path.indexOf('://');
    if (authority > 0) {
      const slash = path.indexOf('/', authority + 3);
      path = slash < 0 ? '/' : path.slice(slash);
    }
  }
  return { path, query: mark < 0 ? '' : target.slice(mark + 1) };
}

export class ServerRequest {
  readonly method: string;
  /** As sent, without the query: percent-encoding stays. */
  readonly path: string;
  /** Of the route's ':name' segments, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly #raw: BackendRequest;
  readonly #query: string;
  #parsedQuery: URLSearchParams | undefined;
  #headers: HeaderRecord | undefined;

  constructor(raw: BackendRequest, params: Readonly<Record<string, string>>) {
    const { path, query } = splitTarget(raw.target);
    this.method = raw.method;
    this.path = path;
    this.params = params;
    this.#raw = raw;
    this.#query = query;
  }

  get query(): URLSearchParams {
    this.#parsedQuery ??= new URLSearchParams(this.#query);
    return this.#parsedQuery;
  }

  /** Names in lower case; repeated fields joined by ', '. */
  get headers(): HeaderRecord {
    this.#headers ??= headerRecord(this.#raw.rawHeaders());
    return this.#headers;
  }

  get remoteAddress(): string {
    return this.#raw.remoteAddress();
  }

  /** Empty when there is none. */
  get body(): Buffer {
    return this.#raw.body();
  }

  text(): string {
    return this.body.toString('utf8');
  }

  /** The body's JSON value. Forbidden member names ("__proto__") and bytes that are not UTF-8 are errors. */
  json<T = unknown>(decoder?: BodyDecoder<T>): T {
    return this.#read(() => {
      if (typeof decoder === 'function') return decoder(this.body);
      if (decoder !== undefined) return decoder.parse(this.body);
      return json().parse<T>(this.body, { protoAction: 'error', constructorAction: 'error', utf8: 'error' });
    });
  }

  /** The body as a document of which nothing becomes a JavaScript value until it is read. */
  document(): JsonDocument {
    return this.#read(() =>
      json().open(this.body, { protoAction: 'error', constructorAction: 'error', utf8: 'error' }),
    );
  }

  #read<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (isTailraceError(error) || error instanceof SyntaxError) badInputs.add(error);
      throw error;
    }
  }
}

export class ServerContext {
  /** Milliseconds since the epoch; after it the client has its 503. */
  readonly deadline: number;
  readonly log: Logger;
  readonly #raw: BackendRequest;

  constructor(raw: BackendRequest, log: Logger) {
    this.deadline = raw.deadline;
    this.log = log;
    this.#raw = raw;
  }

  /** Aborts when the client is gone, the deadline has passed, or the server closes for good; may be aborted when the handler begins. */
  get signal(): AbortSignal {
    return this.#raw.signal();
  }
}
