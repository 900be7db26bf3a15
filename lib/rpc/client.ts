// A JSON-RPC client on fetch: calls, notifications, batches, with retries for what never reached a method, a time
// limit over all attempts, and AbortSignals.

import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgument, TailraceError, TimeoutError } from '../errors';
import { integer, onlyKnown, optionalFunction, optionalSignal, record } from '../server/validate';
import { RpcError } from './error';

// biome-ignore lint/suspicious/noExplicitAny: any function is a method
type AnyMethod = (...args: any[]) => unknown;
type MethodFunction<M> = M extends AnyMethod
  ? M
  : M extends { handler: infer H extends AnyMethod }
    ? H
    : never;
type ParamsOf<M> = Parameters<MethodFunction<M>>[0];
type ResultOf<M> = Awaited<ReturnType<MethodFunction<M>>>;

export interface CallOptions {
  signal?: AbortSignal;
  timeoutMs?: number;
}

export interface ClientOptions extends CallOptions {
  fetch?: typeof fetch;
  /** Further attempts when the server could not be reached or answered 429, 502, 503 or 504. 0 */
  retries?: number;
  headers?: Record<string, string>;
}

export interface BatchCall {
  method: string;
  params?: unknown;
  notify?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: without a type of the methods, anything goes
type Untyped = Record<string, (params: any) => any>;

export interface Client<Methods = Untyped> {
  /** Rejects with RpcError when the method failed, with ERR_TAILRACE_RPC_TRANSPORT when there was no answer. */
  call<K extends keyof Methods & string>(
    method: K,
    params?: ParamsOf<Methods[K]>,
    options?: CallOptions,
  ): Promise<ResultOf<Methods[K]>>;
  /** Resolves when the server has taken it; there is no result. */
  notify<K extends keyof Methods & string>(
    method: K,
    params?: ParamsOf<Methods[K]>,
    options?: CallOptions,
  ): Promise<void>;
  /** Results in the order of the calls; a failed call's is an RpcError, a notification's undefined. */
  batch(calls: readonly BatchCall[], options?: CallOptions): Promise<unknown[]>;
}

interface Answer {
  id?: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: unknown };
}

const kRetryStatus = new Set([429, 502, 503, 504]);
const kFirstPauseMs = 50;

function transport(message: string, cause?: unknown): TailraceError {
  return new TailraceError(
    'ERR_TAILRACE_RPC_TRANSPORT',
    message,
    cause === undefined ? undefined : { cause },
  );
}

function outcomeOf(answer: Answer): unknown {
  const { error } = answer;
  if (error === undefined || error === null) return answer.result;
  if (typeof error !== 'object' || 'result' in answer) return transport('An answer that is not JSON-RPC');
  return new RpcError(Number.isInteger(error.code) ? error.code : -32603, String(error.message), error.data);
}

/** Headers of every request; an invalid name or value is the caller's mistake, not one of the transport. */
function checkHeaders(value: unknown): Record<string, string> {
  const given = value === undefined ? {} : record(value, 'headers');
  try {
    new Headers(given as Record<string, string>);
  } catch (error) {
    throw new InvalidArgument('headers', `a record of headers: ${(error as Error).message}`, value);
  }
  return { 'content-type': 'application/json', accept: 'application/json', ...given };
}

function checkCall(method: unknown, params: unknown): void {
  if (typeof method !== 'string') throw new InvalidArgument('method', 'a string', method);
  if (params !== undefined && (typeof params !== 'object' || params === null)) {
    throw new InvalidArgument('params', 'an object or an array', params);
  }
}

/** Throws InvalidArgument for the first option that is wrong. Opens nothing: fetch pools connections by itself. */
export function client<Methods = Untyped>(url: string | URL, options: ClientOptions = {}): Client<Methods> {
  if (!(url instanceof URL) && !(typeof url === 'string' && URL.canParse(url))) {
    throw new InvalidArgument('url', 'an absolute URL', url);
  }
  const href = String(url);
  if (!/^https?:/i.test(href)) throw new InvalidArgument('url', 'an http: or https: URL', url);
  const given = record(options, 'options') as ClientOptions;
  onlyKnown(given, ['fetch', 'retries', 'timeoutMs', 'signal', 'headers'], '');
  const doFetch = optionalFunction(given.fetch, 'fetch') ?? fetch;
  const retries = integer(given.retries, 'retries', 0, 100, 0);
  const timeoutMs = integer(given.timeoutMs, 'timeoutMs', 1, 0x7fffffff, 0);
  const signal = optionalSignal(given.signal, 'signal');
  const headers = checkHeaders(given.headers);
  let nextId = 1;

  /** One attempt: the body's JSON, or undefined for 204; throws what may be retried as transport errors. */
  async function attempt(
    body: string,
    stop: AbortSignal,
  ): Promise<{ value?: unknown; retry?: TailraceError }> {
    let response: Response;
    let text: string;
    try {
      response = await doFetch(href, { method: 'POST', headers, body, signal: stop });
      text = await response.text();
    } catch (error) {
      stop.throwIfAborted();
      return { retry: transport(`${href} could not be reached, or the connection broke`, error) };
    }
    if (kRetryStatus.has(response.status)) {
      return { retry: transport(`${href} answered ${response.status}`) };
    }
    if (response.status === 204) return {};
    if (!response.ok) throw transport(`${href} answered ${response.status}`);
    try {
      return { value: JSON.parse(text) };
    } catch (error) {
      throw transport(`${href} answered something that is not JSON`, error);
    }
  }

  async function send(body: string, call: CallOptions): Promise<unknown> {
    onlyKnown(record(call, 'options'), ['signal', 'timeoutMs'], '');
    const limit = integer(call.timeoutMs, 'timeoutMs', 1, 0x7fffffff, timeoutMs);
    const clock = new AbortController();
    const timer =
      limit > 0
        ? setTimeout(() => clock.abort(new TimeoutError(`No answer in ${limit} ms`)), limit)
        : undefined;
    const signals = [clock.signal, signal, optionalSignal(call.signal, 'signal')];
    const stop = AbortSignal.any(signals.filter((one) => one !== undefined));
    try {
      for (let tried = 0; ; tried++) {
        stop.throwIfAborted();
        const { value, retry } = await attempt(body, stop);
        if (retry === undefined) return value;
        if (tried >= retries) throw retry;
        // Doubled each time, with chance in it so that clients do not come back in step.
        await sleep(kFirstPauseMs * 2 ** Math.min(tried, 8) * (0.5 + Math.random()), undefined, {
          signal: stop,
        });
      }
    } catch (error) {
      if (stop.aborted) throw stop.reason;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    async call(method, params, call = {}) {
      checkCall(method, params);
      const id = nextId++;
      const answer = (await send(JSON.stringify({ jsonrpc: '2.0', id, method, params }), call)) as
        | Answer
        | undefined;
      if (typeof answer !== 'object' || answer === null)
        throw transport(`${href} gave no answer to ${method}`);
      const value = outcomeOf(answer);
      if (value instanceof RpcError || value instanceof TailraceError) throw value;
      if (answer.id !== id) throw transport(`${href} answered another id than was asked`);
      return value as never;
    },
    async notify(method, params, call = {}) {
      checkCall(method, params);
      await send(JSON.stringify({ jsonrpc: '2.0', method, params }), call);
    },
    async batch(calls, call = {}) {
      if (!Array.isArray(calls)) throw new InvalidArgument('calls', 'an array', calls);
      if (calls.length === 0) return [];
      const slots = new Map<number, number>();
      const body = calls.map((one: BatchCall, index: number) => {
        const { method, params, notify } = record(one, `calls[${index}]`) as unknown as BatchCall;
        checkCall(method, params);
        if (notify) return { jsonrpc: '2.0', method, params };
        const id = nextId++;
        slots.set(id, index);
        return { jsonrpc: '2.0', id, method, params };
      });
      const answers = await send(JSON.stringify(body), call);
      const results = new Array<unknown>(calls.length).fill(undefined);
      if (slots.size === 0) return results;
      if (!Array.isArray(answers)) {
        const value =
          typeof answers === 'object' && answers !== null ? outcomeOf(answers as Answer) : undefined;
        throw value instanceof RpcError ? value : transport(`${href} gave no answer to a batch`);
      }
      for (const answer of answers as Array<Answer | null>) {
        const id = answer?.id as number;
        const index = slots.get(id);
        if (index === undefined) continue;
        slots.delete(id);
        results[index] = outcomeOf(answer!);
      }
      if (slots.size > 0) throw transport(`${href} left ${slots.size} calls of a batch without an answer`);
      return results;
    },
  };
}
