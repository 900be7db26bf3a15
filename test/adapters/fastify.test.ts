// @env TAILRACE_BACKEND=auto|js
// tailrace/fastify in a fastify instance, against fastify's own parser and serializer in another: each request is injected into both.

import * as assert from 'node:assert';
import fastify, { type FastifyInstance, type FastifyServerOptions, type InjectOptions } from 'fastify';
import { suite } from 'uvu';
import { type PluginOptions, plugin } from '../../lib/adapters/fastify';
import { cases } from './requests';

const test = suite('fastify');

/** A gzip'd body is no JSON to fastify, whoever parses: decompression is a plugin's work. */
async function application(ours: boolean, server: FastifyServerOptions, options?: PluginOptions) {
  const app = fastify(server);
  if (ours) await app.register(plugin, options ?? {});
  app.post('/', async (request) => ({ kind: typeof request.body, body: request.body ?? null }));
  app.post('/small', { bodyLimit: 20 }, async (request) => ({ body: request.body }));
  app.setErrorHandler((error: Error & { code?: string; statusCode?: number }, _request, reply) => {
    const { code, statusCode, name, message } = error;
    return reply
      .code(statusCode ?? 500)
      .send({ code, statusCode, name, message, own: Object.keys(error), text: String(error) });
  });
  await app.ready();
  return app;
}

async function answer(app: FastifyInstance, call: InjectOptions) {
  const { statusCode, headers, body } = await app.inject({ method: 'POST', url: '/', ...call });
  const { date: _, ...rest } = headers;
  return { statusCode, headers: rest, body };
}

const servers: Record<string, FastifyServerOptions> = {
  defaults: {},
  'a limit': { bodyLimit: 1000 },
  'poisoning removed': { onProtoPoisoning: 'remove', onConstructorPoisoning: 'remove' },
  'poisoning ignored': { onProtoPoisoning: 'ignore', onConstructorPoisoning: 'ignore' },
};

for (const [name, server] of Object.entries(servers)) {
  test(`as fastify's own: ${name}`, async () => {
    const ours = await application(true, server);
    const theirs = await application(false, server);
    for (const { name: of, headers, body } of cases) {
      for (const url of ['/', '/small']) {
        const call = { url, headers, payload: body };
        assert.deepStrictEqual(
          { of, ...(await answer(ours, call)) },
          { of, ...(await answer(theirs, call)) },
        );
      }
    }
    const wrong = {
      headers: { 'content-type': 'application/json', 'content-length': '3' },
      payload: '[1,2]',
    };
    assert.deepStrictEqual(await answer(ours, wrong), await answer(theirs, wrong));
    await ours.close();
    await theirs.close();
  });
}

test('options of the plugin go before those of the instance; its own rules are 400', async () => {
  const app = await application(
    true,
    {},
    { protoAction: 'remove', duplicateKeys: 'error', bodyLimit: 100, integers: 'number' },
  );
  const post = (payload: string) =>
    app.inject({ method: 'POST', url: '/', headers: { 'content-type': 'application/json' }, payload });
  assert.deepEqual((await post('{"__proto__":1,"a":2}')).json(), { kind: 'object', body: { a: 2 } });
  const twice = await post('{"a":1,"a":2}');
  assert.equal(twice.statusCode, 400);
  assert.equal(twice.json().code, 'ERR_TAILRACE_JSON_DUPLICATE_KEY');
  assert.equal((await post(`["${'x'.repeat(200)}"]`)).json().code, 'FST_ERR_CTP_BODY_TOO_LARGE');
  await app.close();
});

test('replies: bytes for routes without a response schema, the schema decides for those that have one', async () => {
  const seen: Record<string, unknown> = {};
  const make = async (ours: boolean) => {
    const app = fastify();
    if (ours) await app.register(plugin);
    app.addHook('onSend', async (request, _reply, payload) => {
      if (ours) seen[request.url] = payload;
      return payload;
    });
    const value = {
      name: 'é€😀',
      secret: 1,
      at: new Date(0),
      none: undefined,
      list: [undefined, Number.NaN],
    };
    const response = { 200: { type: 'object', properties: { name: { type: 'string' } } } };
    app.get('/plain', async () => value);
    app.get('/schema', { schema: { response } }, async () => value);
    app.get('/text', async () => 'as it is');
    app.get('/bytes', async () => Buffer.from('bytes'));
    app.get('/null', async () => null);
    app.get(
      '/own',
      { onRequest: async (_request, reply) => void reply.serializer(() => 'mine') },
      async () => value,
    );
    app.get('/typed', (_request, reply) => reply.type('application/json').send('{"made":"before"}'));
    app.get('/problem', (_request, reply) => reply.type('application/problem+json').send(value));
    app.get('/page', (_request, reply) => reply.type('text/html').send('<p>'));
    app.get('/no-page', (_request, reply) => reply.type('text/html').send(value as never));
    app.get('/no-value', (_request, reply) => reply.send({ toJSON() {} }));
    app.register(async (inner) => {
      inner.get('/inner', async () => value);
      inner.setReplySerializer((_payload, status) => `theirs ${status}`);
    });
    app.get('/circle', async () => {
      const circle: { me?: unknown } = {};
      circle.me = circle;
      return circle;
    });
    await app.ready();
    return app;
  };
  const [ours, theirs] = [await make(true), await make(false)];
  for (const url of [
    '/plain',
    '/schema',
    '/text',
    '/bytes',
    '/null',
    '/own',
    '/typed',
    '/problem',
    '/page',
    '/no-page',
    '/no-value',
    '/inner',
    '/circle',
    '/none',
  ]) {
    for (const method of ['GET', 'HEAD'] as const) {
      const call = { method, url };
      assert.deepStrictEqual(await answer(ours, call), await answer(theirs, call), `${method} ${url}`);
    }
  }
  assert.ok(Buffer.isBuffer(seen['/plain']));
  assert.equal(seen['/schema'], '{"name":"é€😀"}');
  await ours.close();
  await theirs.close();
});

test('it can be left out, and other media types taken in', async () => {
  const app = fastify();
  await app.register(plugin, {
    replySerializer: false,
    contentType: ['application/json', /^application\/.+\+json$/],
  });
  let sent: unknown;
  app.addHook('onSend', async (_request, _reply, payload) => {
    sent = payload;
    return payload;
  });
  app.post('/', async (request) => request.body);
  const headers = { 'content-type': 'application/vnd.api+json' };
  const reply = await app.inject({ method: 'POST', url: '/', headers, payload: '{"a":1}' });
  assert.equal(reply.body, '{"a":1}');
  assert.equal(sent, '{"a":1}');
  await app.close();
});

test('a wrong option stops the start', async () => {
  for (const options of [{ replySerializer: 1 }, { maxdepth: 3 }, { protoAction: 'maybe' }]) {
    const app = fastify();
    app.register(plugin, options as never);
    await assert.rejects(async () => app.ready(), TypeError, JSON.stringify(options));
  }
});

test.run();
