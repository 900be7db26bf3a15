// What every backend's JSON-RPC must do: each example of the specification, ids to the byte, failures, batches, limits,
// async scopes. Method options, middleware and modules are in conformance-methods.ts.

import { AsyncLocalStorage } from 'node:async_hooks';
import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../lib/backend/contract';
import { RpcError, type RpcServeOptions } from '../../lib/rpc';
import { serveRpcOn } from '../../lib/rpc/serve';
import type { Server } from '../../lib/server';
import { whenAborted } from '../support/abort';
import { get, post, RawClient, type RawResponse, requestOnce, until } from '../support/http-client';

export const quiet = { debug() {}, info() {}, warn() {}, error() {} };

export type WithRpc = (
  options: Partial<RpcServeOptions>,
  body: (ask: (text: string) => Promise<string>, port: number, server: Server) => Promise<void>,
) => Promise<void>;

/** Serves methods, and asks them on one keep-alive connection: '' stands for 204. */
export function makeWithRpc(backend: Backend): WithRpc {
  return async (options, body) => {
    const server = await serveRpcOn(backend, { port: 0, log: quiet, ...options });
    const { port } = server.address();
    const client = await RawClient.connect(port);
    const ask = async (text: string): Promise<string> => {
      const reply = (await client.write(post('/rpc', text)).response()) as RawResponse;
      if (reply.status === 204) {
        assert.is(reply.body, '');
        return '';
      }
      assert.is(reply.status, 200, reply.body);
      assert.is(reply.headers['content-type'], 'application/json');
      return reply.body;
    };
    try {
      await body(ask, port, server);
    } finally {
      client.destroy();
      await server.close({ drainMs: 0 });
    }
  };
}

const kParse = '{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}';
const kInvalid = '{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}';

function error(code: number, message: string, id: string): string {
  return `{"jsonrpc":"2.0","error":{"code":${code},"message":${JSON.stringify(message)}},"id":${id}}`;
}

export function result(text: string, id: string): string {
  return `{"jsonrpc":"2.0","result":${text},"id":${id}}`;
}

/** Replies are compared as values, and their ids as text. */
function same(got: string, wanted: string, what: string): void {
  assert.equal(got === '' ? '' : JSON.parse(got), wanted === '' ? '' : JSON.parse(wanted), what);
}

export function conformance(name: string, backend: Backend): Test {
  const test = suite(`rpc ${name}`);
  const withRpc = makeWithRpc(backend);

  test('every example of the JSON-RPC 2.0 specification', async () => {
    const subtract = (params: number[] | { minuend: number; subtrahend: number }) =>
      Array.isArray(params) ? params[0]! - params[1]! : params.minuend - params.subtrahend;
    const methods = {
      subtract,
      update: () => null,
      notify_hello: () => null,
      notify_sum: () => null,
      sum: (params: number[]) => params.reduce((a, b) => a + b),
      get_data: () => ['hello', 5],
    };
    // --> and <-- of section 7, in its order; an empty reply is "no response".
    const examples: Array<[string, string]> = [
      ['{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}', result('19', '1')],
      ['{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}', result('-19', '2')],
      [
        '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
        result('19', '3'),
      ],
      [
        '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
        result('19', '4'),
      ],
      ['{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', ''],
      ['{"jsonrpc": "2.0", "method": "foobar"}', ''],
      ['{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', error(-32601, 'Method not found', '"1"')],
      ['{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', kParse],
      ['{"jsonrpc": "2.0", "method": 1, "params": "bar"}', kInvalid],
      [
        '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]',
        kParse,
      ],
      ['[]', kInvalid],
      ['[1]', `[${kInvalid}]`],
      ['[1,2,3]', `[${kInvalid},${kInvalid},${kInvalid}]`],
      [
        `[
        {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
        {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
        {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
        {"foo": "boo"},
        {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
        {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
    ]`,
        `[${result('7', '"1"')},${result('19', '"2"')},${kInvalid},${error(-32601, 'Method not found', '"5"')},${result('["hello",5]', '"9"')}]`,
      ],
      [
        `[
        {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
        {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
    ]`,
        '',
      ],
    ];
    await withRpc({ methods }, async (ask) => {
      for (const [request, reply] of examples) same(await ask(request), reply, request);
    });
  });

  test('ids come back as their text, byte for byte', async () => {
    const ids = [
      '0', '-0', '1', '1e2', '1E+2', '1.50', '-7', '12345678901234567890', '0.1e-7', '9007199254740993', 'null',
      '""', '"a"', '"\\u0041"', '"\\n\\"]}"', '"käse"', '"\\ud800"', '"id"', '"\\\\"', '"\u{1f600}"', `"${'x'.repeat(999)}"`,
    ]; // biome-ignore format: a table
    await withRpc(
      { methods: { id: (_: unknown, context: { id: unknown }) => [context.id] } },
      async (ask) => {
        const at = (reply: string) => reply.slice(reply.lastIndexOf('"id":') + 5, -1);
        for (const id of ids) {
          const plain = await ask(`{"jsonrpc":"2.0","method":"id","id":${id}}`);
          assert.is(plain.slice(-id.length - 1, -1), id);
          assert.equal((JSON.parse(plain) as { result: unknown }).result, [JSON.parse(id)]);
          const spaced = await ask(
            ` { "id" :\t${id}\r\n, "params":{"id":7,"x":["id"]},"jsonrpc":"2.0","method":"id"}\n`,
          );
          assert.is(spaced.slice(-id.length - 1, -1), id);
          const unknown = await ask(`{"jsonrpc":"2.0","method":"none","id":${id}}`);
          assert.is(unknown.slice(-id.length - 1, -1), id);
        }
        const batch = await ask(
          `[${ids.map((id) => `{"jsonrpc":"2.0","method":"id","id":${id}}`).join(' , ')}]`,
        );
        assert.is(batch, `[${ids.map((id) => result(`[${JSON.stringify(JSON.parse(id))}]`, id)).join(',')}]`);
        assert.is(at(await ask('{"jsonrpc":"2.0","method":"id","\\u0069d":7.0}')), '7.0');
        assert.is(at(await ask('{"jsonrpc":"2.0","id":1,"method":"id","id":2e0}')), '2e0');
        assert.is(at(await ask('{"jsonrpc":"2.0","id":1,"method":"id","\\u0069d":3.0}')), '3.0');
      },
    );
  });

  test('what is not a call: -32600, with the id when that is valid', async () => {
    const cases: Array<[string, string]> = [
      ['{}', 'null'],
      ['{"method":"m","id":1}', '1'],
      ['{"jsonrpc":"1.0","method":"m","id":1}', '1'],
      ['{"jsonrpc":2.0,"method":"m","id":1}', '1'],
      ['{"jsonrpc":"2.0","id":"x"}', '"x"'],
      ['{"jsonrpc":"2.0","method":null,"id":1}', '1'],
      ['{"jsonrpc":"2.0","method":"m","params":1,"id":1}', '1'],
      ['{"jsonrpc":"2.0","method":"m","params":null,"id":1}', '1'],
      ['{"jsonrpc":"2.0","method":"m","params":"x"}', 'null'],
      ['{"jsonrpc":"2.0","method":"m","id":true}', 'null'],
      ['{"jsonrpc":"2.0","method":"m","id":{}}', 'null'],
      ['{"jsonrpc":"2.0","method":"m","id":[1]}', 'null'],
      ['{"jsonrpc":"2.0","__proto__":{"method":"m"},"id":1}', '1'],
      ['1', 'null'],
      ['"x"', 'null'],
      ['null', 'null'],
      ['true', 'null'],
    ];
    let called = 0;
    await withRpc({ methods: { m: () => called++ } }, async (ask) => {
      for (const [request, id] of cases)
        assert.is(await ask(request), error(-32600, 'Invalid Request', id), request);
      const all = cases.map(([request]) => request);
      const wanted = cases.map(([, id]) => error(-32600, 'Invalid Request', id));
      assert.is(await ask(`[${all.join(',')}]`), `[${wanted.join(',')}]`);
      assert.is(called, 0);
      // Other members are ignored; the last of duplicates counts; escaped names count.
      assert.is(await ask('{"jsonrpc":"1","jsonrpc":"2.0","x":1,"method":"m","id":1}'), result('0', '1'));
      assert.is(await ask('{"jsonrpc":"2.0","m\\u0065thod":"\\u006d","id":1}'), result('1', '1'));
    });
  });

  test('what is not JSON: -32700, and the connection lives on', async () => {
    await withRpc({ methods: { m: () => 1 } }, async (ask, port) => {
      const bad = [
        '',
        ' ',
        '{',
        '[1,',
        'nul',
        '{"a":1}x',
        "{'a':1}",
        '{"a":01}',
        '["\t"]',
        '\ufeff{}',
        '[1],[2]',
        '{"a":1,}',
      ];
      for (const text of bad) assert.is(await ask(text), kParse, JSON.stringify(text));
      const head = 'POST /rpc HTTP/1.1\r\nHost: t\r\n';
      for (const bytes of [
        [0x22, 0xff, 0x22],
        [0x22, 0xc3, 0x22],
        [0x22, 0xed, 0xa0, 0x80, 0x22],
      ]) {
        const request = Buffer.concat([
          Buffer.from(`${head}Content-Length: ${bytes.length}\r\n\r\n`),
          Buffer.from(bytes),
        ]);
        assert.is((await requestOnce(port, request))!.body, kParse, 'not UTF-8');
      }
      assert.is(await ask('{"jsonrpc":"2.0","method":"m","id":1}'), result('1', '1'));
    });
  });

  test('results: any JSON value, undefined as null, nested, Unicode, toJSON', async () => {
    const methods = {
      echo: (params: unknown) => params,
      nothing: () => {},
      fn: () => () => {},
      date: () => new Date(0),
      text: () => 'ä\u2028"\\\u{1f600}\ud800',
      later: async (params: unknown) => params,
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about
      thenable: () => ({ then: (done: (value: number) => void) => done(5) }),
      params: (params: unknown) => params === undefined,
    };
    await withRpc({ methods }, async (ask) => {
      const call = (method: string, params: string) =>
        ask(`{"jsonrpc":"2.0","method":"${method}","params":${params},"id":1}`);
      for (const value of [
        '[]',
        '{}',
        '[null,true,1.5,-0,1e400,"x",{"a":{"b":[[]]}}]',
        '{"b":1,"a":2,"10":3,"2":4}',
      ]) {
        const wanted = result(JSON.stringify(JSON.parse(value)), '1');
        assert.is(await call('echo', value), wanted);
        assert.is(await call('later', value), wanted);
      }
      assert.is(await call('nothing', '[]'), result('null', '1'));
      assert.is(await call('fn', '[]'), result('null', '1'));
      assert.is(await call('date', '[]'), result('"1970-01-01T00:00:00.000Z"', '1'));
      assert.equal(JSON.parse(await call('text', '[]')).result, 'ä\u2028"\\\u{1f600}\ud800');
      assert.is(await call('thenable', '[]'), result('5', '1'));
      assert.is(await ask('{"jsonrpc":"2.0","method":"params","id":1}'), result('true', '1'));
      const big = JSON.stringify(
        Array.from({ length: 2000 }, (_, i) => ({ i, name: `n${i}ä`, nested: [{ deep: [i] }] })),
      );
      assert.is(await call('echo', big), result(big, '1'));
    });
  });

  test('__proto__ and constructor.prototype in params: -32602 for that call only', async () => {
    await withRpc({ methods: { echo: (params: unknown) => params } }, async (ask) => {
      const call = (params: string, id: number) =>
        `{"jsonrpc":"2.0","method":"echo","params":${params},"id":${id}}`;
      const bad = [
        '{"__proto__":{"x":1}}',
        '[{"a":{"__proto__":1}}]',
        '{"__pr\\u006fto__":1}',
        '{"constructor":{"prototype":{}}}',
      ];
      for (const params of bad) {
        const forbidden = error(-32602, 'Forbidden member name in params', '1');
        assert.is(await ask(call(params, 1)), forbidden, params);
        assert.is(
          await ask(`[${call(params, 1)},${call('[2]', 2)}]`),
          `[${forbidden},${result('[2]', '2')}]`,
        );
      }
      for (const params of [
        '["__proto__"]',
        '{"constructor":1}',
        '{"prototype":1}',
        '{"constructor":{"a":1}}',
      ]) {
        assert.is(await ask(call(params, 1)), result(params, '1'), params);
      }
    });
  });

  test('a handler that throws or rejects: -32603, its message only with exposeErrors, the stack in the log', async () => {
    const logged: unknown[][] = [];
    const log = { ...quiet, error: (...args: unknown[]) => logged.push(args) };
    const methods = {
      throws: () => {
        throw new Error('secret');
      },
      rejects: async () => {
        throw new Error('secret');
      },
      odd: () => {
        throw 'secret';
      },
      cycle: () => {
        const value: { self?: unknown } = {};
        value.self = value;
        return value;
      },
      bigint: () => 1n,
      own: () => {
        throw new RpcError(77, 'mine', { why: ['x'] });
      },
      ownLater: async () => {
        throw new RpcError(78, 'mine');
      },
      ok: () => 1,
    };
    const names = ['throws', 'rejects', 'odd', 'cycle', 'bigint'];
    await withRpc({ methods, log }, async (ask) => {
      for (const method of names) {
        const reply = await ask(`{"jsonrpc":"2.0","method":"${method}","id":1}`);
        assert.is(reply, error(-32603, 'Internal error', '1'), method);
      }
      assert.is(logged.length, names.length);
      assert.match(String((logged[0]![1] as Error).stack), /secret/);
      same(
        await ask('{"jsonrpc":"2.0","method":"own","id":1}'),
        '{"jsonrpc":"2.0","error":{"code":77,"message":"mine","data":{"why":["x"]}},"id":1}',
        'own',
      );
      assert.is(await ask('{"jsonrpc":"2.0","method":"ownLater","id":1}'), error(78, 'mine', '1'));
      assert.is(logged.length, names.length, 'an RpcError is an answer, not a failure');
      assert.is(await ask('{"jsonrpc":"2.0","method":"throws"}'), '', 'a notification gets no reply');
      assert.is(logged.length, names.length + 1, 'but is logged');
      const batch = await ask(
        '[{"jsonrpc":"2.0","method":"ok","id":1},{"jsonrpc":"2.0","method":"throws","id":2},{"jsonrpc":"2.0","method":"ok","id":3}]',
      );
      assert.is(batch, `[${result('1', '1')},${error(-32603, 'Internal error', '2')},${result('1', '3')}]`);
    });
    await withRpc({ methods, exposeErrors: true }, async (ask) => {
      const reply = await ask('{"jsonrpc":"2.0","method":"throws","id":1}');
      assert.is(reply, error(-32603, 'secret', '1'));
    });
    const broken = () => {
      throw new Error('the log is full');
    };
    await withRpc({ methods, log: { ...quiet, error: broken } }, async (ask) => {
      for (const method of ['throws', 'rejects']) {
        const reply = await ask(`{"jsonrpc":"2.0","method":"${method}","id":1}`);
        assert.is(reply, error(-32603, 'Internal error', '1'), 'a logger that throws costs its line only');
      }
    });
  });

  test('limits: batch, depth, body; other methods and paths', async () => {
    const options = {
      methods: { echo: (params: unknown) => params },
      limits: { batch: 3, depth: 10, bodyBytes: 4096 },
    };
    await withRpc(options, async (ask, port) => {
      const call = '{"jsonrpc":"2.0","method":"echo","params":[],"id":1}';
      assert.is(
        await ask(`[${call},${call},${call}]`),
        `[${new Array(3).fill(result('[]', '1')).join(',')}]`,
      );
      assert.is(
        await ask(`[${new Array(4).fill(call).join(',')}]`),
        error(-32600, 'Batch too large', 'null'),
      );
      const deep = (n: number) =>
        `{"jsonrpc":"2.0","method":"echo","params":${'['.repeat(n)}${']'.repeat(n)},"id":1}`;
      assert.is(await ask(deep(9)), result(`${'['.repeat(9)}${']'.repeat(9)}`, '1'));
      assert.is(await ask(deep(10)), error(-32600, 'Document too deep', 'null'));
      assert.is(await ask(deep(1000)), error(-32600, 'Document too deep', 'null'));
      for (const bad of ['['.repeat(1000), deep(1000).slice(0, -1), `${deep(10)},`]) {
        assert.is(await ask(bad), kParse, 'not JSON, whatever its depth');
      }
      assert.is(await ask(`[${deep(8)}]`), `[${result(`${'['.repeat(8)}${']'.repeat(8)}`, '1')}]`);
      assert.is(await ask(`[${deep(9)}]`), error(-32600, 'Document too deep', 'null'));
      assert.is((await requestOnce(port, post('/rpc', ' '.repeat(5000))))!.status, 413);
      const refused = (await requestOnce(port, get('/rpc')))!;
      assert.is(refused.status, 405);
      assert.is(refused.headers.allow, 'POST');
      assert.is((await requestOnce(port, post('/other', call)))!.status, 404);
      assert.is((await requestOnce(port, post('/rpc?x=1', call)))!.body, result('[]', '1'));
      assert.is((await requestOnce(port, get('/livez')))!.status, 200);
    });
  });

  test('replies of a batch stand in its order, sync and async mixed; pipelined requests too', async () => {
    const methods = {
      now: (params: number[]) => params[0],
      later: async (params: number[]) => {
        await new Promise((resolve) => setTimeout(resolve, (params[0]! * 7) % 11));
        return params[0];
      },
    };
    const call = (i: number) =>
      `{"jsonrpc":"2.0","method":"${i % 2 ? 'now' : 'later'}","params":[${i}],"id":${i}}`;
    await withRpc({ methods }, async (ask, port) => {
      const numbers = Array.from({ length: 50 }, (_, i) => i);
      assert.is(await ask(`[${numbers.map(call)}]`), `[${numbers.map((i) => result(String(i), String(i)))}]`);
      const client = await RawClient.connect(port);
      client.write(numbers.map((i) => post('/rpc', call(i))).join(''));
      for (const i of numbers) assert.is((await client.response())!.body, result(String(i), String(i)));
      client.destroy();
    });
  });

  test('each call has an async scope of its own, in a batch too', async () => {
    const storage = new AsyncLocalStorage<number>();
    const seen: unknown[] = [];
    const enter = (params: number[]): void => {
      seen.push(storage.getStore());
      storage.enterWith(params[0]!);
    };
    const methods = {
      now: (params: number[]) => {
        enter(params);
        return storage.getStore();
      },
      later: async (params: number[]) => {
        enter(params);
        await new Promise((resolve) => setImmediate(resolve));
        return storage.getStore();
      },
      fails: (params: number[]) => {
        enter(params);
        throw new RpcError(1, 'no');
      },
    };
    await withRpc({ methods }, async (ask, port) => {
      const kinds = ['now', 'later', 'fails'];
      const call = (i: number) => `{"jsonrpc":"2.0","method":"${kinds[i % 3]}","params":[${i}],"id":${i}}`;
      const wanted = (i: number) => (i % 3 === 2 ? error(1, 'no', String(i)) : result(String(i), String(i)));
      const numbers = Array.from({ length: 30 }, (_, i) => i);
      assert.is(await ask(`[${numbers.map(call)}]`), `[${numbers.map(wanted)}]`);
      const client = await RawClient.connect(port);
      client.write(numbers.map((i) => post('/rpc', call(i))).join(''));
      for (const i of numbers) assert.is((await client.response())!.body, wanted(i));
      client.destroy();
      assert.equal(seen, new Array(60).fill(undefined));
    });
  });

  test('context: id, headers, address, deadline, signal of a client that vanishes', async () => {
    let aborted: unknown;
    let running = false;
    const methods = {
      look: (_: unknown, context: import('../../lib/rpc').CallContext) => ({
        id: context.id,
        agent: context.headers['user-agent'],
        remote: context.remoteAddress,
        left: context.deadline > Date.now() && context.deadline <= Date.now() + 60_000,
        aborted: context.signal.aborted,
        log: typeof context.log.info,
      }),
      wait: (_: unknown, { signal }: import('../../lib/rpc').CallContext) =>
        new Promise((resolve) => {
          running = true;
          whenAborted(signal, () => {
            aborted = signal.reason;
            resolve(1);
          });
        }),
    };
    await withRpc({ methods }, async (_ask, port) => {
      const text = '{"jsonrpc":"2.0","method":"look","id":"x"}';
      const reply = (await requestOnce(port, post('/rpc', text, 'User-Agent: t\r\n')))!;
      assert.equal(JSON.parse(reply.body).result, {
        id: 'x',
        agent: 't',
        remote: '127.0.0.1',
        left: true,
        aborted: false,
        log: 'function',
      });
      const client = await RawClient.connect(port);
      client.write(post('/rpc', '{"jsonrpc":"2.0","method":"wait","id":1}'));
      await until(() => running, 'the call runs');
      client.destroy();
      await until(() => aborted !== undefined, 'the signal aborts');
      assert.is((aborted as Error).name, 'AbortError');
    });
  });

  return test;
}
