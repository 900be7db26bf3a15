// rpc.handler inside node:http (and behind a body parser), rpc.route inside tailrace/server.

import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { jsBackend } from '../../lib/backend/select';
import { type CallContext, type HandlerOptions, handler, RpcError, route } from '../../lib/rpc';
import { serveOn } from '../../lib/server/start';
import { whenAborted } from '../support/abort';
import { get, post, RawClient, requestOnce, until } from '../support/http-client';
import { quiet } from './conformance';

const test = suite('rpc handler');

const options: HandlerOptions = {
  log: quiet,
  limits: { bodyBytes: 1000, batch: 2 },
  methods: {
    echo: (params: unknown) => params,
    later: async (params: unknown) => params,
    fails: () => {
      throw new RpcError(5, 'five');
    },
    who: (_: unknown, context: CallContext) => [context.headers['x-a'], context.remoteAddress],
  },
};

async function withHttp(
  listener: http.RequestListener,
  body: (port: number) => Promise<void>,
): Promise<void> {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await body((server.address() as AddressInfo).port);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const call = (method: string, params: string, id = '1') =>
  `{"jsonrpc":"2.0","method":"${method}","params":${params},"id":${id}}`;

async function speaks(port: number): Promise<void> {
  const ask = async (text: string, more = '') => (await requestOnce(port, post('/', text, more)))!;
  assert.is(
    (await ask(call('echo', '[1,{"a":2}]', '1e3'))).body,
    '{"jsonrpc":"2.0","result":[1,{"a":2}],"id":1e3}',
  );
  assert.is((await ask(call('later', '[1]'))).headers['content-type'], 'application/json');
  assert.is(
    (await ask(call('fails', '[]'))).body,
    '{"jsonrpc":"2.0","error":{"code":5,"message":"five"},"id":1}',
  );
  assert.is(
    (await ask('{')).body,
    '{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}',
  );
  assert.is((await ask('{"jsonrpc":"2.0","method":"echo"}')).status, 204);
  assert.equal(JSON.parse((await ask(call('who', '[]'), 'X-A: b\r\n')).body).result, ['b', '127.0.0.1']);
  const batch = `[${call('echo', '[]')},${call('later', '[]')},${call('echo', '[]')}]`;
  assert.is(JSON.parse((await ask(batch)).body).error.message, 'Batch too large');
}

test('in node:http', async () => {
  await withHttp(handler(options), async (port) => {
    await speaks(port);
    const refused = (await requestOnce(port, get('/')))!;
    assert.is(refused.status, 405);
    assert.is(refused.headers.allow, 'POST');
    assert.is((await requestOnce(port, post('/', ' '.repeat(1001))))!.status, 413);
    const chunk = `3e8\r\n${' '.repeat(1000)}\r\n`;
    const chunked = `POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`;
    assert.is((await requestOnce(port, chunked))!.status, 413);
  });
});

test('behind a body parser that has read the body', async () => {
  const rpc = handler(options);
  for (const make of [
    (text: string) => JSON.parse(text),
    (text: string) => text,
    (text: string) => Buffer.from(text),
  ]) {
    await withHttp(
      (request, response) => {
        let text = '';
        request.on('data', (chunk) => {
          text += chunk;
        });
        request.on('end', () =>
          setImmediate(() => {
            (request as { body?: unknown }).body = make(text);
            rpc(request, response);
          }),
        );
      },
      async (port) => {
        const reply = await requestOnce(port, post('/', call('echo', '[1]', '"x"')));
        assert.is(reply!.body, '{"jsonrpc":"2.0","result":[1],"id":"x"}');
      },
    );
  }
});

test('a client that vanishes aborts the signal; a body that never comes is 408', async () => {
  let aborted = false;
  let running = false;
  const rpc = handler({
    log: quiet,
    limits: { requestMs: 5000 },
    methods: {
      wait: (_: unknown, { signal }: CallContext) =>
        new Promise((resolve) => {
          running = true;
          whenAborted(signal, () => {
            aborted = true;
            resolve(1);
          });
        }),
    },
  });
  await withHttp(rpc, async (port) => {
    const client = await RawClient.connect(port);
    client.write(post('/', call('wait', '[]')));
    await until(() => running, 'the call runs');
    client.destroy();
    await until(() => aborted, 'its signal aborts');
  });
  await withHttp(handler({ ...options, limits: { requestMs: 50 } }), async (port) => {
    const reply = await requestOnce(port, 'POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n');
    assert.is(reply!.status, 408);
  });
});

test('as a route of tailrace/server', async () => {
  const server = await serveOn(jsBackend(), {
    port: 0,
    log: quiet,
    routes: { 'POST /': route(options), 'GET /other': () => 'other' },
  });
  try {
    const { port } = server.address();
    await speaks(port);
    assert.is((await requestOnce(port, get('/')))!.status, 405);
    assert.is((await requestOnce(port, get('/other')))!.body, 'other');
  } finally {
    await server.close({ drainMs: 0 });
  }
});

test('wrong options are TypeErrors at once', () => {
  for (const make of [handler, route]) {
    for (const wrong of [
      undefined,
      {},
      { methods: { a: 1 } },
      { ...options, path: '/x' },
      { ...options, limits: { x: 1 } },
    ]) {
      assert.throws(
        () => make(wrong as HandlerOptions),
        (error: { code?: string }) => error.code === 'ERR_TAILRACE_INVALID_ARG',
      );
    }
  }
});

test.run();
