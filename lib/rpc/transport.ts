// How a call gets to an isolate and back, as the pool of isolates needs it: by the native core's queue (isolates.ts) or by
// messages (by-messages.ts).

import type { Worker } from 'node:worker_threads';
import type { BackendGroup, RpcMethodSpec } from '../backend/contract';
import type { FromIsolate, MethodFacts } from './isolate-messages';

/** The way of calls to the isolates. */
export interface Transport {
  /** Where the server puts calls, when it needs no JavaScript for that. */
  readonly group?: BackendGroup;
  /** Calls that wait in a queue of its own. */
  readonly waiting: number;
  /** The methods as the serving isolate knows them. */
  methods(facts: readonly MethodFacts[]): RpcMethodSpec[];
  /** An isolate has loaded the module and takes calls. */
  joined(worker: Worker, claims: Int32Array): void;
  said(worker: Worker, message: FromIsolate): void;
  /** It has ended, or never began; calls that it has not answered fail with `error`. */
  left(worker: Worker, error: Error): void;
  close(): void;
}
