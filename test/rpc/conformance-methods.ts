// Options of methods, middleware, modules in isolates, option errors, and random batches against a reference model, on a
// backend.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as fc from 'fast-check';
import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../lib/backend/contract';
import * as json from '../../lib/json';
import { type Call, type CallContext, RpcError, type RpcServeOptions } from '../../lib/rpc';
import { serveRpcOn } from '../../lib/rpc/serve';
import { whenAborted } from '../support/abort';
import { post, RawClient, requestOnce, until } from '../support/http-client';
import { makeWithRpc, quiet, result } from './conformance';
import { reference } from './reference';

const kModule = pathToFileURL(join(__dirname, 'fixtures', 'methods.js'));

const request = (method: string, params?: unknown, id: unknown = 1) =>
  JSON.stringify({ jsonrpc: '2.0', method, params, id });
const errorOf = (reply: string) =>
  (JSON.parse(reply) as { error: { code: number; message: string; data?: unknown } }).error;

export function conformanceMethods(name: string, backend: Backend): Test {
  const test = suite(`rpc methods ${name}`);
  const withRpc = makeWithRpc(backend);

  test('own members only: nothing inherited is a method', async () => {
    const methods = Object.assign(Object.create({ inherited: () => 1 }), { own: () => 2 }) as Record<
      string,
      () => number
    >;
    await withRpc({ methods }, async (ask) => {
      for (const method of ['inherited', 'toString', 'constructor', '__proto__', 'hasOwnProperty', '']) {
        assert.is(errorOf(await ask(request(method))).code, -32601, method);
      }
      assert.is(await ask('{"jsonrpc":"2.0","method":"own","id":1}'), result('2', '1'));
    });
  });

  test('params and result schemas', async () => {
    const methods = {
      add: {
        handler: ({ a, b }: { a: number; b: number }) => a + b,
        params: {
          type: 'object',
          properties: { a: { type: 'integer' }, b: { type: 'integer', minimum: 0 } },
          required: ['a', 'b'],
          additionalProperties: false,
        },
      },
      bad: { handler: () => 'text', result: { type: 'number' } },
      badLater: { handler: async () => 'text', result: { type: 'number' } },
      good: { handler: () => 1, result: { type: 'number' } },
    };
    await withRpc({ methods }, async (ask) => {
      assert.is(await ask(request('add', { a: 1, b: 2 })), result('3', '1'));
      const failure = errorOf(await ask(request('add', { a: 1.5, b: -1, c: 0 })));
      assert.is(failure.code, -32602);
      const { errors } = failure.data as {
        errors: Array<{ instancePath: string; keyword: string; schemaPath: string }>;
      };
      assert.equal(errors.map((issue) => [issue.instancePath, issue.keyword]).sort(), [
        ['', 'additionalProperties'],
        ['/a', 'type'],
        ['/b', 'minimum'],
      ]);
      assert.is(errorOf(await ask('{"jsonrpc":"2.0","method":"add","id":1}')).code, -32602);
      assert.is(errorOf(await ask(request('bad'))).code, -32603);
      assert.is(errorOf(await ask(request('badLater'))).code, -32603);
      assert.is(await ask(request('good')), result('1', '1'));
    });
  });

  test('params and results by a decoder of tailrace/json', async () => {
    const decode = json.decoder({
      type: 'object',
      properties: { a: { type: 'integer' } },
      required: ['a'],
    });
    const methods = {
      echo: { handler: (params: unknown) => params, params: decode },
      made: { handler: () => ({ a: 1, secret: 2 }), result: decode },
    };
    await withRpc({ methods }, async (ask) => {
      assert.is(await ask(request('echo', { b: 1, a: 2 })), result('{"a":2}', '1'));
      const failure = errorOf(await ask(request('echo', { b: 1 })));
      assert.is(failure.code, -32602);
      const { errors } = failure.data as { errors: Array<{ keyword: string }> };
      assert.equal(
        errors.map(({ keyword }) => keyword),
        ['required'],
      );
      assert.is(await ask(request('made')), result('{"a":1}', '1'));
    });
  });

  test('a schema that cannot be compiled is an error at the start, with its own code', async () => {
    for (const [params, code] of [
      [{ minimun: 1 }, 'ERR_TAILRACE_JSON_SCHEMA_KEYWORD'],
      [{ minimum: '1' }, 'ERR_TAILRACE_JSON_SCHEMA_INVALID'],
      [{ $ref: '#/$defs/none' }, 'ERR_TAILRACE_JSON_SCHEMA_REF'],
    ] as const) {
      let thrown: unknown;
      await withRpc({ methods: { m: { handler: () => 1, params } } }, async () => {}).catch((error) => {
        thrown = error;
      });
      assert.is((thrown as { code?: string }).code, code);
      assert.match((thrown as Error).message, /methods\['m'\]\.params/);
    }
  });

  test('timeoutMs: -32001, the signal aborts, others of the batch are not held up', async () => {
    let reason: unknown;
    const methods = {
      slow: {
        timeoutMs: 60,
        handler: (_: unknown, { signal, deadline }: CallContext) => {
          assert.ok(deadline <= Date.now() + 60);
          whenAborted(signal, () => {
            reason = signal.reason;
          });
          return new Promise(() => {});
        },
      },
      fast: () => 1,
    };
    await withRpc({ methods }, async (ask) => {
      const reply = JSON.parse(await ask(`[${request('slow', [], 1)},${request('fast', [], 2)}]`));
      assert.equal(reply[0].error, { code: -32001, message: 'Request timed out' });
      assert.is(reply[1].result, 1);
      await until(() => reason !== undefined, 'the signal aborts');
      assert.is((reason as Error).name, 'TimeoutError');
    });
    await withRpc(
      { methods: { slow: () => new Promise(() => {}) }, limits: { requestMs: 80 } },
      async (ask) => {
        assert.is(errorOf(await ask(request('slow'))).code, -32001, 'requestMs bounds every call');
      },
    );
  });

  test('concurrency bounds the calls under way; the rest wait in order, up to the queue', async () => {
    let running = 0;
    let most = 0;
    const order: number[] = [];
    const methods = {
      work: {
        concurrency: 3,
        handler: async ([i]: number[]) => {
          order.push(i!);
          most = Math.max(most, ++running);
          await new Promise((resolve) => setTimeout(resolve, 2));
          running--;
          if (i === 5) throw new RpcError(5, 'five');
          return i;
        },
      },
    };
    await withRpc({ methods }, async (ask) => {
      const numbers = Array.from({ length: 20 }, (_, i) => i);
      const replies = JSON.parse(await ask(`[${numbers.map((i) => request('work', [i], i))}]`));
      assert.is(most, 3);
      assert.equal(order, numbers);
      assert.equal(
        replies.map((reply: { id: number }) => reply.id),
        numbers,
      );
      assert.is(replies[5].error.code, 5);
    });
    // How many wait besides those is the backend's affair: calls of a batch may stand in its queue as well.
    await withRpc({ methods, limits: { queue: 8 } }, async (ask) => {
      const replies = JSON.parse(
        await ask(`[${Array.from({ length: 30 }, (_, i) => request('work', [10 + i], i))}]`),
      );
      const codes = replies.map((reply: { error?: { code: number } }) => reply.error?.code);
      const served = codes.indexOf(-32000);
      assert.ok(served >= 3 && served <= 3 + 8, codes.join(' '));
      assert.ok(
        codes.slice(served).every((code: number) => code === -32000),
        codes.join(' '),
      );
    });
  });

  test('a call that waits for its turn and loses its client fails, and never has a result', async () => {
    let started = 0;
    let open!: () => void;
    const work = {
      concurrency: 1,
      handler: () => {
        started++;
        return new Promise<number>((resolve) => {
          open = () => resolve(1);
        });
      },
    };
    await withRpc({ methods: { work } }, async (_ask, port) => {
      const client = await RawClient.connect(port, { allowHalfOpen: true });
      client.write(post('/rpc', `[${request('work', [], 1)},${request('work', [], 2)}]`));
      await until(() => started === 1, 'the first call is under way');
      client.socket.end();
      await new Promise((resolve) => setTimeout(resolve, 50));
      open();
      const [first, second] = JSON.parse((await client.response())!.body);
      assert.is(first.result, 1);
      assert.is(second.error?.code, -32001);
      assert.is(started, 1);
    });
  });

  test('the code of an RpcError is an integer', () => {
    assert.throws(
      () => new RpcError(1.5, 'half'),
      (error: unknown) =>
        error instanceof TypeError && (error as { code?: string }).code === 'ERR_TAILRACE_INVALID_ARG',
    );
  });

  test('priority: of calls that come together, higher ones start first; replies keep their order', async () => {
    const order: string[] = [];
    const note = (what: string) => () => {
      order.push(what);
      return what;
    };
    const methods = {
      low: { handler: note('low'), priority: 'low' as const },
      normal: note('normal'),
      high: { handler: note('high'), priority: 'high' as const },
    };
    await withRpc({ methods }, async (ask) => {
      const replies = JSON.parse(
        await ask(`[${['low', 'normal', 'high', 'low'].map((m, i) => request(m, [], i))}]`),
      );
      assert.equal(
        replies.map((reply: { result: string }) => reply.result),
        ['low', 'normal', 'high', 'low'],
      );
      // A hint: a backend that cannot reorder starts them as they stand.
      const started = order.join(' ');
      assert.ok(
        started === 'high normal low low' || (backend.name !== 'js' && started === 'low normal high low'),
        started,
      );
    });
  });

  test('lazy: the handler gets a document of its params', async () => {
    const methods = {
      pick: {
        lazy: true,
        handler: (document: { get(pointer: string): unknown } | undefined) =>
          document ? document.get('/a/1') : 'none',
      },
    };
    await withRpc({ methods }, async (ask) => {
      assert.is(
        await ask('{"jsonrpc":"2.0","method":"pick","params": {"a":[1,"zwei",3],"b":{}} ,"id":1e1}'),
        result('"zwei"', '1e1'),
      );
      assert.is(await ask('{"jsonrpc":"2.0","method":"pick","id":2}'), result('"none"', '2'));
      assert.is(
        errorOf(await ask('{"jsonrpc":"2.0","method":"pick","params":{"__proto__":1},"id":2}')).code,
        -32602,
      );
      const both = `[${request('pick', { a: [0, 1] }, 1)},${request('pick', { a: [0, 2] }, 2)}]`;
      assert.is(await ask(both), `[${result('1', '1')},${result('2', '2')}]`);
    });
  });

  test('onCall stands around every call of a known method', async () => {
    const calls: string[] = [];
    const onCall = async (call: Call, next: () => unknown) => {
      calls.push(call.method);
      if (call.method === 'denied') throw new RpcError(403, 'denied');
      if (call.method === 'replaced') return 'other';
      return [await next(), call.id];
    };
    const methods = { ok: (params: unknown) => params, denied: () => 1, replaced: () => 1 };
    await withRpc({ methods, onCall }, async (ask) => {
      assert.is(await ask(request('ok', [1], 'x')), result('[[1],"x"]', '"x"'));
      assert.is(errorOf(await ask(request('denied'))).code, 403);
      assert.is(await ask(request('replaced')), result('"other"', '1'));
      assert.is(errorOf(await ask(request('unknown'))).code, -32601);
      assert.equal(calls, ['ok', 'denied', 'replaced']);
    });
  });

  test('a module without isolates runs here', async () => {
    await withRpc({ module: kModule }, async (ask) => {
      assert.is(await ask(request('thread')), result('0', '1'));
      assert.is(await ask(request('add', [1, 2])), result('3', '1'));
    });
  });

  test('a module in isolates: same results, errors, ids, context; the calls are spread', async () => {
    const said: string[] = [];
    const log = {
      ...quiet,
      info: (text: unknown) => said.push(String(text)),
      error: (text: unknown) => said.push(String(text)),
    };
    await withRpc({ module: kModule, isolates: 2, log }, async (ask, port) => {
      assert.is(
        await ask('{"jsonrpc":"2.0","method":"echo","params":[1,{"a":"ä"}],"id":1e2}'),
        result('[1,{"a":"ä"}]', '1e2'),
      );
      assert.is(await ask(request('add', [1, 2])), result('3', '1'));
      assert.is(errorOf(await ask(request('add', [1]))).code, -32602);
      assert.is(await ask(request('later', { x: 1 })), result('{"x":1}', '1'));
      assert.equal(errorOf(await ask(request('fails'))), { code: 7, message: 'mine', data: [1] });
      assert.equal(errorOf(await ask(request('throws'))), { code: -32603, message: 'Internal error' });
      assert.equal(errorOf(await ask(request('cycle'))), { code: -32603, message: 'Internal error' });
      assert.is(
        errorOf(await ask('{"jsonrpc":"2.0","method":"echo","params":{"__proto__":1},"id":1}')).code,
        -32602,
      );
      assert.is(await ask(request('lazy', { a: [1, 2] })), result('2', '1'));
      assert.equal(JSON.parse(await ask(request('who', [], 'q'))).result, ['q', null, '127.0.0.1']);
      assert.is(await ask('{"jsonrpc":"2.0","method":"echo"}'), '');
      assert.ok(
        said.some((text) => text.includes('secret')),
        'the stack is logged here',
      );
      const spins = Array.from({ length: 6 }, (_, i) => request('spin', [40], i));
      const threads = JSON.parse(await ask(`[${spins}]`)).map((reply: { result: number }) => reply.result);
      assert.is(new Set(threads).size, 2, 'both isolates have worked');
      assert.ok(!threads.includes(0));

      const client = await RawClient.connect(port);
      client.write(post('/rpc', request('wait')));
      await until(() => said.includes('waits'), 'the call runs');
      client.destroy();
      await until(() => said.includes('aborted'), 'the abort has arrived');
    });
  });

  test('an isolate that dies fails its calls and is started anew', async () => {
    await withRpc({ module: kModule, isolates: 1 }, async (ask) => {
      assert.is(errorOf(await ask(request('die'))).code, -32603);
      assert.is(await ask(request('echo', [1])), result('[1]', '1'));
    });
  });

  test('a module that cannot be loaded rejects before anything listens', async () => {
    for (const isolates of [undefined, 1]) {
      try {
        await serveRpcOn(backend, { port: 0, log: quiet, module: '/nowhere/methods.js', isolates });
        assert.unreachable();
      } catch (error) {
        assert.match((error as Error).message, /nowhere/);
      }
    }
  });

  test('a wrong option in a module is a TypeError with its name, also when the module is loaded elsewhere', async () => {
    const module = pathToFileURL(join(__dirname, 'fixtures', 'bad-methods.js'));
    for (const isolates of [undefined, 1]) {
      try {
        await serveRpcOn(backend, { port: 0, log: quiet, module, isolates });
        assert.unreachable();
      } catch (error) {
        assert.instance(error, TypeError);
        assert.is((error as { argument?: string }).argument, "methods['hasty'].timeoutMs");
        assert.is((error as { code?: string }).code, 'ERR_TAILRACE_INVALID_ARG');
      }
    }
  });

  test('wrong options: TypeError with the name, before anything starts', async () => {
    const ok = { port: 0, methods: { m: () => 1 } };
    const wrong: Array<[unknown, string]> = [
      [undefined, 'options'],
      [{ ...ok, port: '80' }, 'port'],
      [{ ...ok, port: 65536 }, 'port'],
      [{ methods: ok.methods }, 'port'],
      [{ ...ok, host: 5 }, 'host'],
      [{ ...ok, path: 'rpc' }, 'path'],
      [{ ...ok, path: '/livez' }, 'path'],
      [{ port: 0 }, 'methods'],
      [{ ...ok, module: kModule }, 'methods'],
      [{ port: 0, methods: [] }, 'methods'],
      [{ port: 0, methods: { m: 1 } }, "methods['m']"],
      [{ port: 0, methods: { m: {} } }, "methods['m'].handler"],
      [{ port: 0, methods: { 'rpc.x': () => 1 } }, 'methods'],
      [{ port: 0, methods: { m: { handler() {}, timeoutMs: 0 } } }, "methods['m'].timeoutMs"],
      [{ port: 0, methods: { m: { handler() {}, concurrency: 1.5 } } }, "methods['m'].concurrency"],
      [{ port: 0, methods: { m: { handler() {}, priority: 'highest' } } }, "methods['m'].priority"],
      [{ port: 0, methods: { m: { handler() {}, priority: null } } }, "methods['m'].priority"],
      [{ port: 0, methods: { m: { handler() {}, lazy: 1 } } }, "methods['m'].lazy"],
      [{ port: 0, methods: { m: { handler() {}, retries: 1 } } }, "methods['m'].retries"],
      [{ port: 0, module: 'relative.js' }, 'module'],
      [{ ...ok, isolates: 2 }, 'isolates'],
      [{ port: 0, module: kModule, isolates: 0 }, 'isolates'],
      [{ port: 0, module: kModule, isolates: 1, onCall: () => 1 }, 'onCall'],
      [{ ...ok, onCall: 1 }, 'onCall'],
      [{ ...ok, exposeErrors: 'yes' }, 'exposeErrors'],
      [{ ...ok, log: {} }, 'log'],
      [{ ...ok, admin: { port: 1 } }, 'admin'],
      [{ ...ok, signal: {} }, 'signal'],
      [{ ...ok, limits: { bodyBytes: -1 } }, 'limits.bodyBytes'],
      [{ ...ok, limits: { bodybytes: 1 } }, 'limits.bodybytes'],
      [{ ...ok, limits: 5 }, 'limits'],
      [{ ...ok, health: { live: 'x' } }, 'health.live'],
      [{ ...ok, health: { live: '/x', ready: '/x' } }, 'health.ready'],
      [{ ...ok, routes: { 'get /x': () => 1 } }, 'routes'],
      [{ ...ok, routes: { 'GET /x': 1 } }, "routes['GET /x']"],
      [{ ...ok, routes: { 'GET /:a/:a': () => 1 } }, "routes['GET /:a/:a']"],
      [{ ...ok, routes: { 'GET /:a': () => 1, 'GET /:b': () => 1 } }, "routes['GET /:b']"],
      [{ ...ok, routes: { 'GET /rpc': () => 1 } }, "routes['GET /rpc']"],
      [{ ...ok, notFound: 1 }, 'notFound'],
      [{ ...ok, methdos: {} }, 'methdos'],
    ];
    for (const [options, argument] of wrong) {
      try {
        const server = await serveRpcOn(backend, options as RpcServeOptions);
        await server.close({ drainMs: 0 });
        assert.unreachable(`accepted although ${argument} is wrong`);
      } catch (error) {
        assert.instance(error, TypeError, `${argument}: ${error}`);
        assert.is((error as { code?: string }).code, 'ERR_TAILRACE_INVALID_ARG');
        assert.is((error as { argument?: string }).argument, argument);
      }
    }
  });

  test('random batches answer as the reference model says', async () => {
    const leaf = fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.boolean());
    const json = fc.jsonValue({ maxDepth: 3 });
    const call = fc
      .record(
        {
          jsonrpc: fc.oneof({ weight: 9, arbitrary: fc.constant('2.0') }, { weight: 1, arbitrary: leaf }),
          method: fc.oneof(
            { weight: 9, arbitrary: fc.constantFrom('echo', 'later', 'fails', 'own', 'none') },
            { weight: 1, arbitrary: leaf },
          ),
          params: fc.oneof(
            { weight: 5, arbitrary: fc.array(json) },
            { weight: 3, arbitrary: fc.dictionary(fc.string(), json) },
            leaf,
          ),
          id: fc.oneof({ weight: 9, arbitrary: leaf }, { weight: 1, arbitrary: json }),
        },
        { requiredKeys: [] },
      )
      .map((value) => JSON.stringify(value));
    const element = fc.oneof(
      { weight: 8, arbitrary: call },
      { weight: 1, arbitrary: json.map((value) => JSON.stringify(value)) },
    );
    const body = fc.oneof(
      element,
      fc.array(element, { maxLength: 12 }).map((list) => `[${list.join(',')}]`),
    );
    const methods = {
      echo: (params: unknown) => params,
      later: async (params: unknown) => {
        await null;
        return params;
      },
      fails: () => {
        throw new Error('x');
      },
      own: () => {
        throw new RpcError(9, 'own', [null]);
      },
    };
    await withRpc({ methods }, async (ask) => {
      await fc.assert(
        fc.asyncProperty(body, async (text) => {
          const got = await ask(text);
          // As text: members named "constructor" mislead uvu's deep comparison.
          const wanted = JSON.stringify(reference(text));
          assert.is(got === '' ? undefined : JSON.stringify(JSON.parse(got)), wanted, text);
        }),
        { numRuns: 400 },
      );
    });
  });

  test('several requests on connections that come and go', async () => {
    await withRpc({ methods: { echo: (params: unknown) => params } }, async (_ask, port) => {
      const replies = await Promise.all(
        Array.from({ length: 100 }, (_, i) => requestOnce(port, post('/rpc', request('echo', [i], i)))),
      );
      replies.forEach((reply, i) => {
        assert.is(reply!.body, result(`[${i}]`, String(i)));
      });
    });
  });

  return test;
}
