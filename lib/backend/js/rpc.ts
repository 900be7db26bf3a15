// JSON-RPC 2.0 in plain JavaScript: one HTTP body in, one reply text out. The fallback server runs it as the
// handler of its RPC path; rpc.handler (node:http) and rpc.route (tailrace/server) run it on both backends.
// The envelope's rules stand in contract.ts; ids are echoed by their text, which is why rpc-text.ts exists.

import { isUtf8 } from 'node:buffer';
import type { BackendCall, RpcFailure, RpcMethodSpec, RpcSpec, ServerLimits } from '../contract';
import { RawJson, rpcFailures } from '../shared';
import { type CallText, hasForbiddenKey, mayHaveForbiddenKey, scanText } from './rpc-text';

/** The HTTP request a body came with. */
export interface RpcExchange {
  rawHeaders(): string[];
  remoteAddress(): string;
  signal(): AbortSignal;
  /** Milliseconds since the epoch; Infinity for none. */
  readonly deadline: number;
  /** A call of it ran out of time: once for each. */
  timedOut?(): void;
}

type Answer = string | undefined;
type Reply = Answer | Promise<Answer>;

function failureText(failure: RpcFailure, id: string): string {
  let data = '';
  if (failure.data !== undefined) {
    try {
      const text = JSON.stringify(failure.data);
      if (text !== undefined) data = `,"data":${text}`;
    } catch {
      // Data that is not JSON (a cycle, a bigint) is left out: the code and the message still tell.
    }
  }
  return `{"jsonrpc":"2.0","error":{"code":${failure.code},"message":${JSON.stringify(failure.message)}${data}},"id":${id}}`;
}

class JsCall implements BackendCall {
  readonly id: string | number | null | undefined;
  deadline: number;
  private readonly exchange: RpcExchange;
  private controller: AbortController | undefined;
  private reason: unknown;
  private unlink: (() => void) | undefined;

  constructor(id: string | number | null | undefined, exchange: RpcExchange, deadline: number) {
    this.id = id;
    this.exchange = exchange;
    this.deadline = deadline;
  }

  rawHeaders(): string[] {
    return this.exchange.rawHeaders();
  }

  remoteAddress(): string {
    return this.exchange.remoteAddress();
  }

  signal(): AbortSignal {
    if (this.controller === undefined) {
      const controller = new AbortController();
      this.controller = controller;
      const outer = this.exchange.signal();
      if (this.reason !== undefined) controller.abort(this.reason);
      else if (outer.aborted) controller.abort(outer.reason);
      else {
        const onAbort = (): void => controller.abort(outer.reason);
        outer.addEventListener('abort', onAbort, { once: true });
        this.unlink = () => outer.removeEventListener('abort', onAbort);
      }
    }
    return this.controller.signal;
  }

  abort(reason: unknown): void {
    this.reason = reason;
    this.controller?.abort(reason);
  }

  settled(): void {
    this.unlink?.();
  }
}

export class RpcEngine {
  private readonly spec: RpcSpec;
  private readonly methods = new Map<string, RpcMethodSpec>();
  private readonly maxBatch: number;
  private readonly maxDepth: number;
  private readonly anyLazy: boolean;
  private readonly anyPriority: boolean;

  constructor(spec: RpcSpec, limits: Pick<ServerLimits, 'batch' | 'depth'>) {
    this.spec = spec;
    for (const method of spec.methods) this.methods.set(method.name, method);
    this.maxBatch = limits.batch;
    this.maxDepth = limits.depth;
    this.anyLazy = spec.methods.some((method) => method.lazy);
    this.anyPriority = spec.methods.some((method) => method.priority !== 1);
  }

  /** The reply's JSON text; undefined when there is nothing to say. Never throws, never rejects. */
  handle(body: Uint8Array, exchange: RpcExchange): Reply {
    let text: string;
    let value: unknown;
    if (!isUtf8(body)) return failureText(rpcFailures.parse, 'null');
    try {
      text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
      value = JSON.parse(text);
    } catch {
      return failureText(rpcFailures.parse, 'null');
    }
    if (typeof value !== 'object' || value === null) return failureText(rpcFailures.invalidRequest, 'null');
    const scanned = scanText(text, value, this.maxDepth, this.anyLazy);
    if (scanned.depth > this.maxDepth) return failureText(rpcFailures.tooDeep, 'null');
    const suspect = mayHaveForbiddenKey(text);
    if (!Array.isArray(value)) return this.call(value, scanned.calls[0]!, suspect, exchange);
    if (value.length === 0) return failureText(rpcFailures.invalidRequest, 'null');
    if (value.length > this.maxBatch) return failureText(rpcFailures.batchTooLarge, 'null');
    return this.batch(value, scanned.calls, suspect, exchange);
  }

  private batch(values: unknown[], texts: CallText[], suspect: boolean, exchange: RpcExchange): Reply {
    const replies = new Array<Reply>(values.length);
    let waits = false;
    for (const index of this.order(values)) {
      const reply = this.call(values[index], texts[index]!, suspect, exchange);
      if (reply instanceof Promise) waits = true;
      replies[index] = reply;
    }
    if (waits) return Promise.all(replies).then(joinReplies);
    return joinReplies(replies as Answer[]);
  }

  /** Indexes of a batch in the order in which its calls start: as they stand, unless priorities differ. */
  private order(values: unknown[]): number[] {
    const order = values.map((_, index) => index);
    if (!this.anyPriority) return order;
    const rank = values.map((value) => {
      const name = (value as { method?: unknown } | null)?.method;
      return (typeof name === 'string' ? this.methods.get(name)?.priority : undefined) ?? 1;
    });
    return order.sort((a, b) => rank[b]! - rank[a]! || a - b);
  }

  private call(value: unknown, text: CallText, suspect: boolean, exchange: RpcExchange): Reply {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return failureText(rpcFailures.invalidRequest, 'null');
    }
    // Own members only: a body cannot reach Object.prototype, but "__proto__" must not lend it members either.
    const envelope = value as { jsonrpc?: unknown; method?: unknown; params?: unknown; id?: unknown };
    const hasId = Object.hasOwn(envelope, 'id');
    const id = hasId ? envelope.id : undefined;
    const validId = id === null || typeof id === 'string' || typeof id === 'number';
    const idText = validId ? text.id! : 'null';
    const hasParams = Object.hasOwn(envelope, 'params');
    const params = hasParams ? envelope.params : undefined;
    if (
      !Object.hasOwn(envelope, 'jsonrpc') ||
      envelope.jsonrpc !== '2.0' ||
      !Object.hasOwn(envelope, 'method') ||
      typeof envelope.method !== 'string' ||
      (hasId && !validId) ||
      (hasParams && (typeof params !== 'object' || params === null))
    ) {
      return failureText(rpcFailures.invalidRequest, idText);
    }
    const method = this.methods.get(envelope.method);
    if (method === undefined) return hasId ? failureText(rpcFailures.methodNotFound, idText) : undefined;
    if (suspect && !method.lazy && hasParams && hasForbiddenKey(params)) {
      return hasId ? failureText(rpcFailures.forbiddenKey, idText) : undefined;
    }
    const limit = method.timeoutMs > 0 ? Date.now() + method.timeoutMs : Number.POSITIVE_INFINITY;
    const call = new JsCall(
      id as string | number | null | undefined,
      exchange,
      Math.min(limit, exchange.deadline),
    );
    const input = method.lazy && hasParams ? Buffer.from(text.params!) : params;
    const answerId = hasId ? idText : undefined;
    try {
      const result = method.invoke(input, call);
      if (isThenable(result)) return this.wait(result, call, answerId, exchange);
      // A handler that held the thread beyond its time is as late as one that waited.
      if (Date.now() >= call.deadline) return this.late(answerId, exchange);
      return this.result(result, answerId);
    } catch (error) {
      return this.failed(error, answerId);
    }
  }

  private late(id: string | undefined, exchange: RpcExchange): Answer {
    exchange.timedOut?.();
    return id === undefined ? undefined : failureText(rpcFailures.timeout, id);
  }

  private wait(
    result: PromiseLike<unknown>,
    call: JsCall,
    id: string | undefined,
    exchange: RpcExchange,
  ): Promise<Answer> {
    return new Promise<Answer>((resolve) => {
      const left = call.deadline - Date.now();
      let timer: NodeJS.Timeout | undefined;
      const settle = (answer: Answer): void => {
        clearTimeout(timer);
        call.settled();
        resolve(answer);
      };
      if (left !== Number.POSITIVE_INFINITY) {
        timer = setTimeout(
          () => {
            call.abort(new DOMException('The call timed out', 'TimeoutError'));
            settle(this.late(id, exchange));
          },
          Math.min(Math.max(left, 0), 0x7fffffff),
        );
        timer.unref();
      }
      // A thenable that throws, or settles twice, is tamed by Promise.resolve.
      Promise.resolve(result).then(
        (value) => settle(this.result(value, id)),
        (error) => settle(this.failed(error, id)),
      );
    });
  }

  private result(value: unknown, id: string | undefined): Answer {
    if (id === undefined) return undefined;
    let text: string | undefined;
    try {
      text = value instanceof RawJson ? value.text : JSON.stringify(value);
    } catch (error) {
      return this.failed(error, id);
    }
    return `{"jsonrpc":"2.0","result":${text ?? 'null'},"id":${id}}`;
  }

  private failed(error: unknown, id: string | undefined): Answer {
    const failure = this.spec.failure(error);
    return id === undefined ? undefined : failureText(failure, id);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

function joinReplies(replies: Answer[]): Answer {
  const said = replies.filter((reply) => reply !== undefined);
  return said.length === 0 ? undefined : `[${said.join(',')}]`;
}
