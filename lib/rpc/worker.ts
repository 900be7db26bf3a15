// Runs in a worker isolate: loads the methods' module and answers the calls that it takes from the server's group, or
// that the pool sends. Checks, middleware and scopes are those of methods.ts; what is here is the transport.

import { format } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import type { BackendCall, GroupHandle, RpcMethodSpec } from '../backend/contract';
import { hasForbiddenKey, mayHaveForbiddenKey } from '../backend/js/rpc-text';
import { nativeBackend } from '../backend/select';
import { RawJson, rpcFailures } from '../backend/shared';
import { InvalidArgument } from '../errors';
import type { Logger } from '../server/log';
import { isThenable } from '../server/scope';
import { begin } from './claims';
import { RpcError } from './error';
import type { FromIsolate, IsolateReady, IsolateStart, ToIsolate } from './isolate-messages';
import { compileMethods, makeFailure } from './methods';
import { importMethods } from './serve';

const port = parentPort!;
const given = workerData as IsolateStart;
let outbox: FromIsolate[] = [];

const kSlowMs = 1;
/** What is left of a method's longest time at its next call. */
const kForget = 0.9;

function post(message: FromIsolate): void {
  if (outbox.length === 0) {
    setImmediate(() => {
      const batch = outbox;
      outbox = [];
      port.postMessage(batch);
    });
  }
  outbox.push(message);
}

function logger(): Logger {
  const say =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (...args: unknown[]) =>
      post({ kind: 'log', level, text: format(...args) });
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
}

type CallMessage = Extract<ToIsolate, { kind: 'call' }>;

class IsolateCall implements BackendCall {
  readonly id: string | number | null | undefined;
  readonly deadline: number;
  private readonly message: CallMessage;
  private controller: AbortController | undefined;
  private reason: unknown;

  constructor(message: CallMessage) {
    this.message = message;
    this.id = message.id;
    this.deadline = message.deadline;
  }

  rawHeaders(): string[] {
    return this.message.headers;
  }

  remoteAddress(): string {
    return this.message.remoteAddress;
  }

  signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.reason !== undefined) this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }

  abort(reason: unknown): void {
    this.reason = reason;
    this.controller?.abort(reason);
  }
}

const live = new Map<number, IsolateCall>();

function readParams(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  const value: unknown = JSON.parse(text);
  if (mayHaveForbiddenKey(text) && hasForbiddenKey(value)) {
    throw new RpcError(rpcFailures.forbiddenKey.code, rpcFailures.forbiddenKey.message);
  }
  return value;
}

function serve(methods: RpcMethodSpec[], log: Logger): void {
  const failure = makeFailure(log, given.exposeErrors);
  const settle = (seq: number, value: unknown): void => {
    live.delete(seq);
    try {
      const text = value instanceof RawJson ? value.text : (JSON.stringify(value) ?? 'null');
      post({ kind: 'result', seq, text });
    } catch (error) {
      fail(seq, error);
    }
  };
  const fail = (seq: number, error: unknown): void => {
    live.delete(seq);
    const said = failure(error);
    // Data that is not JSON is left out here as it is elsewhere.
    let data: unknown;
    try {
      data = said.data === undefined ? undefined : JSON.parse(JSON.stringify(said.data) ?? 'null');
    } catch {
      data = undefined;
    }
    post({ kind: 'failure', seq, failure: { code: said.code, message: said.message, data } });
  };
  const run = (message: CallMessage): void => {
    const { seq } = message;
    const method = methods[message.method]!;
    const call = new IsolateCall(message);
    live.set(seq, call);
    const began = performance.now();
    try {
      const params =
        method.lazy && message.params !== undefined
          ? Buffer.from(message.params)
          : readParams(message.params);
      const result = method.invoke(params, call);
      if (isThenable(result)) {
        post({ kind: 'pending', seq });
        Promise.resolve(result).then(
          (value) => settle(seq, value),
          (error) => fail(seq, error),
        );
      } else {
        settle(seq, result);
      }
    } catch (error) {
      fail(seq, error);
    }
    tookMs[message.method] = Math.max(performance.now() - began, tookMs[message.method]! * kForget);
  };

  /** The longest time of late that each method kept the isolate; at first nobody knows. */
  const tookMs = new Array<number>(methods.length).fill(kSlowMs);
  let inbox: ToIsolate[] = [];
  /**
   * Answers leave once a loop turn, so a call that may be slow begins when they have left: none waits for its end. Several
   * messages may come in one turn. `behind`: what was said before has left, so the first call begins in any case.
   */
  const drain = (behind: boolean): void => {
    const messages = inbox;
    inbox = [];
    let held = !behind && outbox.length > 0;
    for (const [i, message] of messages.entries()) {
      if (message.kind === 'abort') {
        live.get(message.seq)?.abort(new DOMException(message.message, 'AbortError'));
        continue;
      }
      if (held && tookMs[message.method]! >= kSlowMs) {
        inbox = messages.slice(i);
        setImmediate(drain, true);
        return;
      }
      if (!begin(given.claims, message.slot, message.seq)) continue;
      run(message);
      held = true;
    }
  };
  port.on('message', (messages: ToIsolate[]) => {
    inbox.push(...messages);
    if (inbox.length === messages.length) drain(false);
  });
}

function join(group: GroupHandle, methods: RpcMethodSpec[], log: Logger): void {
  nativeBackend().server.join!(group, { methods, failure: makeFailure(log, given.exposeErrors) });
  // The port keeps this isolate alive; nothing is sent.
  port.on('message', () => {});
}

async function start(): Promise<void> {
  let said: IsolateReady;
  try {
    const log = logger();
    const options = { log, exposeErrors: given.exposeErrors, onCall: undefined, queue: given.queue };
    const methods = compileMethods(await importMethods(given.url), options);
    if (given.group === undefined) serve(methods, log);
    else join(given.group, methods, log);
    said = {
      ready: methods.map(({ name, lazy, priority, timeoutMs }) => ({ name, lazy, priority, timeoutMs })),
    };
  } catch (error) {
    const { name, message, stack, code } = error as Error & { code?: string };
    const argument = error instanceof InvalidArgument ? error.argument : undefined;
    said = { failed: { name, message, stack: stack ?? '', code, argument } };
  }
  port.postMessage(said);
}

start();
