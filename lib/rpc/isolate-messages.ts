// What the pool and its worker isolates say to each other. Messages travel in arrays, one array a loop turn. Params
// and results cross as JSON text: a structured clone of the values would cost more than reading them again. Isolates
// that have joined a native group send `log` only.

import type { GroupHandle, RpcFailure, RpcMethodSpec } from '../backend/contract';

/** workerData of an isolate. */
export interface IsolateStart {
  url: string;
  exposeErrors: boolean;
  queue: number;
  /** Calls are taken from there; undefined: they come as messages. */
  group: GroupHandle | undefined;
  /** Shared with the serving isolate: which calls have begun (claims.ts). */
  claims: Int32Array;
}

/** What the serving isolate has to know of a method. */
export type MethodFacts = Pick<RpcMethodSpec, 'name' | 'lazy' | 'priority' | 'timeoutMs'>;

/** An error as plain data; `argument` is an InvalidArgument's. */
export interface IsolateFailure {
  name: string;
  message: string;
  stack: string;
  code: string | undefined;
  argument: string | undefined;
}

/** Once, when the module is loaded: what each method asks of the queue, or why it cannot serve. */
export type IsolateReady = { ready: MethodFacts[] } | { failed: IsolateFailure };

export type ToIsolate =
  | {
      kind: 'call';
      seq: number;
      /** Where to claim it. */
      slot: number;
      /** Index into the list of `ready`. */
      method: number;
      params: string | undefined;
      id: string | number | null | undefined;
      headers: string[];
      remoteAddress: string;
      deadline: number;
    }
  | { kind: 'abort'; seq: number; message: string };

export type FromIsolate =
  /** The handler has returned a promise: the isolate can take another call. */
  | { kind: 'pending'; seq: number }
  | { kind: 'result'; seq: number; text: string }
  | { kind: 'failure'; seq: number; failure: RpcFailure }
  | { kind: 'log'; level: 'debug' | 'info' | 'warn' | 'error'; text: string };
