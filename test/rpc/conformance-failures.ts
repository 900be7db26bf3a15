// What handlers may throw that is no ordinary Error: each answers its own call and no other, on every backend.

import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../lib/backend/contract';
import { RpcError } from '../../lib/rpc';
import { makeWithRpc } from './conformance';

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const throwing = (make: () => unknown) => ({
  sync: () => {
    throw make();
  },
  async: async () => {
    throw make();
  },
});

/** What is thrown, and what of it a client may see with exposeErrors. */
const kOdd: Array<readonly [string, () => unknown, string]> = [
  ['undefined', () => undefined, 'undefined'],
  ['null', () => null, 'null'],
  ['a symbol', () => Symbol('s'), 'Symbol(s)'],
  ['an object without a prototype', () => Object.create(null), 'Internal error'],
  ['a revoked proxy', revoked, 'Internal error'],
  [
    'an error whose message throws',
    () => Object.defineProperty(new Error(), 'message', { get: () => revoked() as never }),
    'Internal error',
  ],
  // Node's own errors have such codes, and programs copy them.
  [
    'an RpcError with the code of another',
    () => Object.assign(new RpcError(5, 'm'), { code: 'ENOENT' }),
    'm',
  ],
  [
    'an RpcError whose code is no number',
    () => Object.assign(new RpcError(5, 'm'), { code: Number.NaN }),
    'm',
  ],
];

/** RpcError as a methods module gets it that has a tailrace of its own. */
function anotherRpcError(): typeof RpcError {
  const path = require.resolve('../../lib/rpc/error');
  const kept = require.cache[path];
  delete require.cache[path];
  const { RpcError: other } = require(path) as typeof import('../../lib/rpc/error');
  require.cache[path] = kept;
  return other;
}

export function conformanceFailures(name: string, backend: Backend): Test {
  const test = suite(`rpc failures ${name}`);
  const withRpc = makeWithRpc(backend);

  for (const [what, make, exposed] of kOdd) {
    test(`a handler that throws ${what}`, async () => {
      const methods = { ...throwing(make), ok: () => 1 };
      const calls = ['sync', 'ok', 'async', 'ok'].map((method, id) => ({ jsonrpc: '2.0', method, id }));
      for (const exposeErrors of [false, true]) {
        await withRpc({ methods, exposeErrors }, async (ask) => {
          const message = exposeErrors ? exposed : 'Internal error';
          const error = { code: -32603, message };
          assert.equal(JSON.parse(await ask(JSON.stringify(calls))), [
            { jsonrpc: '2.0', error, id: 0 },
            { jsonrpc: '2.0', result: 1, id: 1 },
            { jsonrpc: '2.0', error, id: 2 },
            { jsonrpc: '2.0', result: 1, id: 3 },
          ]);
          assert.is(await ask('{"jsonrpc":"2.0","method":"sync"}'), '', 'a notification');
        });
      }
    });
  }

  test("an RpcError of another copy of the package is the caller's answer too", async () => {
    const Other = anotherRpcError();
    assert.is.not(Other, RpcError);
    const methods = throwing(() => new Other(7, 'theirs', { more: 1 }));
    await withRpc({ methods }, async (ask) => {
      for (const method of ['sync', 'async']) {
        const { error } = JSON.parse(await ask(JSON.stringify({ jsonrpc: '2.0', method, id: 1 })));
        assert.equal(error, { code: 7, message: 'theirs', data: { more: 1 } });
      }
    });
  });

  test('a call beyond its time: -32001, counted once a request, also when it never let go of the thread', async () => {
    const methods = {
      waits: { timeoutMs: 20, handler: () => new Promise(() => {}) },
      spins: {
        timeoutMs: 20,
        handler: () => {
          for (const end = Date.now() + 1000; Date.now() < end; );
          return 'late';
        },
      },
      ok: () => 1,
    };
    await withRpc({ methods }, async (ask, _, server) => {
      const late = { code: -32001, message: 'Request timed out' };
      const calls = ['waits', 'ok', 'waits'].map((method, id) => ({ jsonrpc: '2.0', method, id }));
      assert.equal(JSON.parse(await ask(JSON.stringify(calls))), [
        { jsonrpc: '2.0', error: late, id: 0 },
        { jsonrpc: '2.0', result: 1, id: 1 },
        { jsonrpc: '2.0', error: late, id: 2 },
      ]);
      assert.is(server.stats().timeouts, 1);
      const spun = await ask('{"jsonrpc":"2.0","method":"spins","id":1}');
      assert.equal(JSON.parse(spun), { jsonrpc: '2.0', error: late, id: 1 });
      assert.is(server.stats().timeouts, 2);
    });
  });

  return test;
}
