// The methods record, compiled into what backends call: params checked, concurrency bounded, middleware around it,
// each call in an async scope of its own, failures turned into what the client may see.

import { AsyncResource } from 'node:async_hooks';
import type { BackendCall, RpcFailure, RpcMethodSpec, RpcSpec } from '../backend/contract';
import { rpcFailures } from '../backend/shared';
import { errorTable, InvalidArgument, isTailraceError, JsonSchemaError, JsonSyntaxError } from '../errors';
import type { Decoder, JsonDocument } from '../json';
import { type HeaderRecord, headerRecord } from '../server/headers';
import { type Logger, logFailure } from '../server/log';
import { inScope, isThenable } from '../server/scope';
import { flag, integer, onlyKnown, record } from '../server/validate';
import { isRpcError, RpcError } from './error';
import { compileSchema, type Schema, type Validator } from './schema';

const json = (): typeof import('../json') => require('../json') as typeof import('../json');

/** What a handler knows about its call besides params. Made when first looked at, where that costs. */
export class CallContext {
  /** undefined for a notification. Numbers beyond 2^53 are rounded here; the reply echoes them exactly. */
  readonly id: string | number | null | undefined;
  /** Milliseconds since the epoch; after it the client has its error. */
  readonly deadline: number;
  readonly log: Logger;
  readonly #call: BackendCall;
  #headers: HeaderRecord | undefined;

  constructor(call: BackendCall, log: Logger) {
    this.id = call.id;
    this.deadline = call.deadline;
    this.log = log;
    this.#call = call;
  }

  /** Aborts when the client is gone, the call's time is over, or the server closes for good; may be aborted when the handler begins. */
  get signal(): AbortSignal {
    return this.#call.signal();
  }

  /** Names in lower case; repeated fields joined by ', '. */
  get headers(): HeaderRecord {
    this.#headers ??= headerRecord(this.#call.rawHeaders());
    return this.#headers;
  }

  get remoteAddress(): string {
    return this.#call.remoteAddress();
  }
}

// biome-ignore lint/suspicious/noExplicitAny: params are whatever the method's clients send; handlers name their type
export type MethodHandler = (params: any, context: CallContext) => unknown;

export interface MethodOptions {
  handler: MethodHandler;
  /**
   * JSON Schema, or a decoder of tailrace/json, whose values the handler then gets; params that do not fit get -32602 with
   * the issues as data. A call without params is `undefined`.
   */
  params?: Schema | Decoder<unknown>;
  /** JSON Schema; a result that does not fit is the server's mistake: logged, -32603. */
  result?: Schema | Decoder<unknown>;
  /** The handler gets a JsonDocument instead of values (undefined without params). */
  lazy?: boolean;
  /** Which of the calls that wait together start first. 'normal' */
  priority?: 'high' | 'normal' | 'low';
  /** -32001 after it, and the signal aborts. Default: only limits.requestMs. */
  timeoutMs?: number;
  /** Calls of this method under way at once; more wait, up to limits.queue of them. Default: no bound. */
  concurrency?: number;
}

export type Methods = Record<string, MethodHandler | MethodOptions>;

export interface Call {
  readonly method: string;
  readonly params: unknown;
  readonly id: string | number | null | undefined;
  readonly context: CallContext;
}

/** Around every call of a known method: returns (or awaits) next(), or something else in its place, or throws. */
export type OnCall = (call: Call, next: () => unknown) => unknown;

export interface CompileOptions {
  log: Logger;
  exposeErrors: boolean;
  onCall: OnCall | undefined;
  /** Calls that may wait for one method's concurrency. */
  queue: number;
}

const kPriority = { high: 2, normal: 1, low: 0 } as const;
const kOptions = ['handler', 'params', 'result', 'lazy', 'priority', 'timeoutMs', 'concurrency'];

/** Runs at most `limit` at once; the others wait in order. A place is given back when the handler settles. */
class Gate {
  private running = 0;
  private filling = false;
  private readonly waiting: Array<() => void> = [];
  private readonly limit: number;
  private readonly queue: number;

  constructor(limit: number, queue: number) {
    this.limit = limit;
    this.queue = queue;
  }

  run(call: BackendCall, work: () => unknown): unknown {
    if (this.running < this.limit) return this.start(work);
    if (this.waiting.length >= this.queue) {
      throw new RpcError(rpcFailures.overloaded.code, rpcFailures.overloaded.message);
    }
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        // Nobody waits for it any more (time over, client gone), or only a peer that has ended its side: never a result.
        if (Date.now() >= call.deadline || call.signal().aborted) {
          reject(new RpcError(rpcFailures.timeout.code, rpcFailures.timeout.message));
          return;
        }
        try {
          resolve(this.start(work));
        } catch (error) {
          reject(error);
        }
      };
      // It is the call before that starts this one: without bind, this would run in that one's async scope.
      this.waiting.push(AsyncResource.bind(begin));
    });
  }

  private start(work: () => unknown): unknown {
    this.running++;
    let result: unknown;
    try {
      result = work();
    } catch (error) {
      this.done();
      throw error;
    }
    if (!isThenable(result)) {
      this.done();
      return result;
    }
    return Promise.resolve(result).finally(() => this.done());
  }

  private done(): void {
    this.running--;
    // A loop, not recursion: thousands may wait, and each may be through at once.
    if (this.filling) return;
    this.filling = true;
    while (this.running < this.limit && this.waiting.length > 0) this.waiting.shift()!();
    this.filling = false;
  }
}

function checkParams(validate: Validator, params: unknown): unknown {
  try {
    return validate(params);
  } catch (error) {
    // A value too deep for a schema that refers to itself is the client's mistake too.
    const errors = error instanceof JsonSchemaError ? error.errors : undefined;
    if (errors === undefined && !(error instanceof JsonSyntaxError)) throw error;
    const { code, message } = rpcFailures.invalidParams;
    throw new RpcError(code, message, errors === undefined ? undefined : { errors });
  }
}

function openLazy(bytes: unknown): JsonDocument | undefined {
  if (bytes === undefined) return undefined;
  try {
    return json().open(bytes as Buffer, { protoAction: 'error', constructorAction: 'error', utf8: 'error' });
  } catch (error) {
    if (!isTailraceError(error) || error.code !== errorTable.json_forbidden_key.code) throw error;
    throw new RpcError(rpcFailures.forbiddenKey.code, rpcFailures.forbiddenKey.message);
  }
}

function checkResult(validate: Validator, name: string, value: unknown): unknown {
  try {
    return validate(value);
  } catch (error) {
    if (!(error instanceof JsonSchemaError)) throw error;
    const [first] = error.errors;
    throw new Error(`Result of ${name} does not fit its schema: ${first?.instancePath} ${first?.message}`);
  }
}

type Step = (params: unknown, context: CallContext, call: BackendCall) => unknown;

/** A method's options, checked; every default filled in. */
function checkMethod(name: string, value: unknown) {
  const where = `methods['${name}']`;
  if (name === '' || name.startsWith('rpc.')) {
    throw new InvalidArgument('methods', "a record of names that are not empty or begin with 'rpc.'", name);
  }
  const given = (typeof value === 'function' ? { handler: value } : value) as MethodOptions;
  if (typeof given !== 'object' || given === null) {
    throw new InvalidArgument(where, 'a function or an object with a handler', value);
  }
  onlyKnown(given, kOptions, `${where}.`);
  const { handler, priority = 'normal' } = given;
  if (typeof handler !== 'function') throw new InvalidArgument(`${where}.handler`, 'a function', handler);
  const lazy = flag(given.lazy, `${where}.lazy`, false);
  if (!Object.hasOwn(kPriority, priority)) {
    throw new InvalidArgument(`${where}.priority`, "'high', 'normal' or 'low'", priority);
  }
  const timeoutMs = integer(given.timeoutMs, `${where}.timeoutMs`, 1, 0x7fffffff, 0);
  const params = given.params === undefined ? undefined : compileSchema(given.params, `${where}.params`);
  const result = given.result === undefined ? undefined : compileSchema(given.result, `${where}.result`);
  if (lazy && params !== undefined) {
    throw new InvalidArgument(
      `${where}.params`,
      'left out where lazy is set: params stay text',
      given.params,
    );
  }
  const concurrency =
    given.concurrency === undefined
      ? undefined
      : integer(given.concurrency, `${where}.concurrency`, 1, 1_000_000);
  return { handler, lazy, priority: kPriority[priority], timeoutMs, params, result, concurrency };
}

// What may stand around a handler, each around the one before it.

function checkingResult(result: Validator, name: string, inner: Step): Step {
  return (value, context, call) => {
    const made = inner(value, context, call);
    if (isThenable(made)) return Promise.resolve(made).then((late) => checkResult(result, name, late));
    return checkResult(result, name, made);
  };
}

function insideOnCall(onCall: OnCall, name: string, inner: Step): Step {
  return (value, context, call) =>
    onCall({ method: name, params: value, id: context.id, context }, () => inner(value, context, call));
}

function checkingParams(params: Validator, inner: Step): Step {
  return (value, context, call) => inner(checkParams(params, value), context, call);
}

function insideGate(gate: Gate, inner: Step): Step {
  return (value, context, call) => gate.run(call, () => inner(value, context, call));
}

/** Not closed here: the result may hold values of the document, read when the reply is written. */
function opening(inner: Step): Step {
  return (bytes, context, call) => inner(openLazy(bytes), context, call);
}

function compileMethod(name: string, value: unknown, options: CompileOptions): RpcMethodSpec {
  const { handler, lazy, priority, timeoutMs, params, result, concurrency } = checkMethod(name, value);
  const { onCall, log, queue } = options;
  // From the inside out; most methods need the first step only.
  let step: Step = (given, context) => handler(given, context);
  if (result !== undefined) step = checkingResult(result, name, step);
  if (onCall !== undefined) step = insideOnCall(onCall, name, step);
  if (params !== undefined) step = checkingParams(params, step);
  if (concurrency !== undefined) step = insideGate(new Gate(concurrency, queue), step);
  if (lazy) step = opening(step);
  const whole = step;
  return {
    name,
    lazy,
    priority,
    timeoutMs,
    invoke: (given, call) => inScope(whole, given, new CallContext(call, log), call),
  };
}

/** The message of whatever was thrown: a string, also of what has none or fails when it is asked. */
function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return rpcFailures.internal.message;
  }
}

/** What an RpcError says; undefined for anything else, and for what cannot be asked (a revoked proxy). */
function answerOf(error: unknown): RpcFailure | undefined {
  try {
    // Its code may have been replaced since the constructor looked, by one like 'ENOENT'.
    if (!isRpcError(error) || !Number.isInteger(error.code)) return undefined;
    return { code: error.code, message: messageOf(error), data: error.data };
  } catch {
    return undefined;
  }
}

/** What the client may see of an error; what it may not goes to the log. Never throws. */
export function makeFailure(log: Logger, exposeErrors: boolean): RpcSpec['failure'] {
  return (error): RpcFailure => {
    const answer = answerOf(error);
    if (answer !== undefined) return answer;
    logFailure(log, 'tailrace rpc:', error);
    const { code, message } = rpcFailures.internal;
    if (!exposeErrors) return { code, message };
    return { code, message: messageOf(error) };
  };
}

/** Own enumerable members only: a method named `toString` exists when somebody wrote one. */
export function compileMethods(methods: unknown, options: CompileOptions): RpcMethodSpec[] {
  const given = record(methods, 'methods');
  return Object.keys(given).map((name) => compileMethod(name, given[name], options));
}
