// The program of each worker thread of isolates(): imports the module and runs its functions when asked.

import { types } from 'node:util';
import { isMainThread, type MessagePort, parentPort } from 'node:worker_threads';
import { errorTable } from '../errors';
import type { FromIsolate, SentError, ToIsolate } from './isolate-messages';

type Callable = (...args: unknown[]) => unknown;

function sent(error: unknown): SentError {
  if (!(error instanceof Error)) return { error };
  // Structured clone makes an empty object of a DOMException (a DataCloneError, an AbortError).
  const copy = types.isNativeError(error)
    ? error
    : new Error((error as Error).message, { cause: (error as Error).cause });
  return { error: copy, name: (error as Error).name, code: (error as { code?: unknown }).code };
}

/** Own functions by name: those of the default export (a CommonJS module is one), then the named exports. */
function functionsOf(module: Record<string, unknown>): Map<string, Callable> {
  const found = new Map<string, Callable>();
  const add = (from: unknown): void => {
    if ((typeof from !== 'object' && typeof from !== 'function') || from === null) return;
    for (const [name, value] of Object.entries(from)) {
      if (typeof value === 'function') found.set(name, value as Callable);
    }
  };
  if (typeof module.default === 'function') found.set('default', module.default as Callable);
  const inner = (module.default as { default?: unknown } | undefined)?.default;
  if (typeof inner === 'function') found.set('default', inner as Callable);
  add(module.default);
  add(module);
  return found;
}

async function main(port: MessagePort, module: string): Promise<void> {
  const post = (message: FromIsolate): void => port.postMessage(message);
  let functions: Map<string, Callable>;
  try {
    functions = functionsOf((await import(module)) as Record<string, unknown>);
  } catch (error) {
    post({ failed: sent(error) });
    return;
  }
  const answerError = (run: number, error: unknown): void => {
    try {
      post({ run, error: sent(error) });
    } catch {
      // It holds something that cannot be cloned.
      const plain = error instanceof Error ? error : new Error(String(error));
      const copy = new Error(plain.message);
      copy.stack = plain.stack ?? '';
      post({ run, error: { error: copy, name: plain.name } });
    }
  };
  port.on('message', (message: ToIsolate) => {
    if ('module' in message) return;
    const { run } = message;
    const call = async (): Promise<unknown> => {
      const target = functions.get(message.name);
      if (target === undefined) {
        // No InvalidArgument: structured clone would make a plain Error of it.
        const error = new TypeError(`"name" must be a function of the module. Received '${message.name}'`);
        throw Object.assign(error, { code: errorTable.invalid_argument.code });
      }
      return target(...message.args);
    };
    call().then(
      (value) => {
        try {
          post({ run, value });
        } catch (error) {
          answerError(run, error); // DataCloneError
        }
      },
      (error: unknown) => answerError(run, error),
    );
  });
  post({ ready: true, names: [...functions.keys()] });
}

const port = parentPort;
if (isMainThread || port === null) throw new Error('this file is the program of a worker thread');
port.once('message', (message: ToIsolate) => {
  if ('module' in message) void main(port, message.module);
});
