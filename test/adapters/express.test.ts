// @env TAILRACE_BACKEND=auto|js
// tailrace/express in an Express application, against express.json() in another: each request goes to both, and status, body and
// error must be the same.

import * as assert from 'node:assert';
import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Readable } from 'node:stream';
import express from 'express';
import request from 'supertest';
import { suite } from 'uvu';
import { type JsonOptions, json } from '../../lib/adapters/express';
import { type Case, cases } from './requests';

const test = suite('express');

type Seen = Record<string, unknown>;

/** All that a handler of errors may look at. */
function shape(error: Error & Record<string, unknown>): Seen {
  const { stack, ...own } = error;
  return {
    ...own,
    body: Buffer.isBuffer(own.body) ? { buffer: own.body.toString('latin1') } : own.body,
    own: Object.keys(error).sort(),
    status: [error.status, error.statusCode, error.expose],
    name: error.name,
    class: error.constructor.name,
    message: error.message,
    isSyntax: error instanceof SyntaxError,
    firstLine: String(stack).split('\n')[0],
  };
}

function application(parser: express.RequestHandler): express.Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(parser);
  app.use((req, res) => {
    res.json({ kind: typeof req.body, body: req.body ?? null });
  });
  app.use((error: Error & { status?: number }, _req: unknown, res: express.Response, _next: unknown) => {
    res.status(error.status ?? 500).json({ error: shape(error as never) });
  });
  return app;
}

async function answer(app: express.Express, { headers, body }: Case): Promise<Seen> {
  let call = request(app).post('/').set('accept-encoding', 'identity');
  for (const [name, value] of Object.entries(headers)) call = call.set(name, value);
  if (headers['content-type'] === undefined) call = call.unset('content-type');
  // supertest would write JSON of a Buffer
  const { status, text } = await call.serialize((value: unknown) => value as string).send(body as never);
  return { status, body: JSON.parse(text) };
}

const verifying = (req: IncomingMessage, _res: unknown, body: Buffer, charset: string) => {
  if (body[0] === 0x5b) throw new Error(`no arrays (${charset})`);
  if (body[0] === 0x7b && body.length === 1)
    throw Object.assign(new Error('odd'), { status: 401, type: 'odd.body' });
  (req as { raw?: Buffer }).raw = body;
};

const variants: Record<string, [JsonOptions, express.RequestHandler?]> = {
  defaults: [{}],
  'not strict': [{ strict: false }],
  'no inflating': [{ inflate: false }],
  'a limit as text': [{ limit: '1kb' }],
  'a limit as a number': [{ limit: 20 }],
  'no limit': [{ limit: Number.POSITIVE_INFINITY }],
  'every type': [{ type: '*/*' }],
  'a suffix': [{ type: '+json' }],
  'several types': [{ type: ['text/*', 'json'] }],
  'a type by function': [{ type: (req) => req.headers['content-type']?.startsWith('text/') }],
  'a list of no types': [{ type: [] }],
  'no type, and no charset': [{ type: '', defaultCharset: '' }],
  'another charset': [{ defaultCharset: 'utf-16le' }],
  verify: [{ verify: verifying }],
  'a verify that throws text': [
    {
      verify() {
        throw 'mere text';
      },
    },
  ],
  'a reviver': [{ reviver: (key, value) => (key === 'id' ? String(value) : value) }],
  'a reviver that throws': [
    {
      reviver(key) {
        if (key === 'id') throw new RangeError('no ids');
        return 1;
      },
    },
  ],
  'a reviver whose error has a status': [
    {
      reviver() {
        throw Object.assign(new Error('not this'), { status: 422, type: 'mine', expose: false, code: 'X' });
      },
    },
  ],
  'a reviver that throws a SyntaxError': [
    {
      reviver() {
        throw Object.assign(new SyntaxError('not this'), { status: 422 });
      },
    },
  ],
};

for (const [name, [options]] of Object.entries(variants)) {
  test(`as express.json(): ${name}`, async () => {
    // keys that reach for a prototype are the one difference, and it is tested below
    const ours = application(json({ ...options, protoAction: 'ignore', constructorAction: 'ignore' }));
    const theirs = application(express.json(options as never));
    for (const one of cases) {
      assert.deepStrictEqual(
        { of: one.name, ...(await answer(ours, one)) },
        { of: one.name, ...(await answer(theirs, one)) },
      );
    }
  });
}

test('JSON of an error, which applications answer with, is that of express.json()', async () => {
  const app = (parser: express.RequestHandler) =>
    express().use(parser, (error: object, _req: unknown, res: express.Response, _next: unknown) => {
      res.status(400).send(JSON.stringify(error));
    });
  const post = (parser: express.RequestHandler, type: string, body: string) =>
    request(app(parser)).post('/').set('content-type', type).send(body);
  for (const [type, body] of [
    ['application/json', '{"a":'],
    ['application/json', 'true'],
    ['application/json', `["${'x'.repeat(200)}"]`],
    ['application/json; charset=latin1', '{}'],
  ] as const) {
    const ours = await post(json({ limit: 100 }), type, body);
    assert.strictEqual(ours.text, (await post(express.json({ limit: 100 }), type, body)).text);
  }
});

test('keys that reach for a prototype are refused, as no JSON is', async () => {
  const bad = ['{"__proto__":{"x":1}}', '[{"a":{"\\u005f_proto__":1}}]', '{"constructor":{"prototype":1}}'];
  for (const body of bad) {
    const app = application(json());
    const response = await request(app).post('/').set('content-type', 'application/json').send(body);
    assert.equal(response.status, 400, body);
    const { error } = response.body;
    assert.equal(error.type, 'entity.parse.failed');
    assert.equal(error.expose, true);
    assert.equal(error.body, body);
    assert.equal(error.code, 'ERR_TAILRACE_JSON_FORBIDDEN_KEY');
  }
  for (const body of ['{"constructor":{"name":"x"}}', '{"x":"__proto__"}']) {
    const response = await request(application(json())).post('/').type('json').send(body);
    assert.deepEqual(response.body, { kind: 'object', body: JSON.parse(body) });
  }
  const removing = application(json({ protoAction: 'remove', constructorAction: 'remove' }));
  const response = await request(removing)
    .post('/')
    .type('json')
    .send('{"__proto__":1,"b":{"constructor":{"prototype":1}}}');
  assert.equal(response.text, '{"kind":"object","body":{"b":{}}}');
});

test('a reviver sees the keys the policy leaves', async () => {
  const keys: string[] = [];
  const reviver = (key: string, value: unknown) => {
    keys.push(key);
    return value;
  };
  const app = application(json({ reviver }));
  await request(app).post('/').type('json').send('{"a":[1,{"b":2}]}');
  assert.deepEqual(keys, ['0', 'b', '1', 'a', '']);
  assert.equal((await request(app).post('/').type('json').send('{"__proto__":1}')).status, 400);
  const removing = application(
    json({
      reviver: (_key, value) => (typeof value === 'bigint' ? `${value}` : value),
      protoAction: 'remove',
      integers: 'bigint',
    }),
  );
  const { text } = await request(removing)
    .post('/')
    .type('json')
    .send('\ufeff{"__proto__":1,"b":12345678901234567890}');
  assert.equal(text, '{"kind":"object","body":{"b":"12345678901234567890"}}');
});

test('a body that was read already is left alone', async () => {
  const app = express();
  app.use(express.json());
  app.use(json());
  app.use((req, res) => res.json(req.body));
  const response = await request(app).post('/').type('json').send('{"a":1}');
  assert.deepEqual(response.body, { a: 1 });
});

test('AsyncLocalStorage of the middleware before is there behind', async () => {
  const storage = new AsyncLocalStorage<number>();
  const app = express();
  app.use((_req, _res, next) => storage.run(42, next));
  app.use(json());
  app.use((_req, res) => res.json({ store: storage.getStore() }));
  const response = await request(app).post('/').type('json').send('{"a":1}');
  assert.deepEqual(response.body, { store: 42 });
});

/** Both parsers, called with the same made request. */
async function directly(make: () => IncomingMessage, options: JsonOptions = {}): Promise<Seen[]> {
  const run = (parser: express.RequestHandler) =>
    new Promise<Seen>((resolve) => {
      const req = make();
      parser(req as never, {} as never, (error?: unknown) =>
        resolve(error === undefined ? { body: (req as { body?: unknown }).body } : shape(error as never)),
      );
    });
  return [await run(json(options) as never), await run(express.json(options as never))];
}

/** As Node's own request in what parsers look at: `complete` when the last byte has come. */
function made(chunks: readonly Buffer[], headers: Record<string, string>): IncomingMessage {
  const req = Object.assign(Readable.from(chunks, { objectMode: false }), {
    headers: { 'content-type': 'application/json', ...headers },
    socket: Object.assign(new EventEmitter(), { readable: true }),
    complete: false,
  });
  req.on('end', () => {
    req.complete = true;
  });
  return req as unknown as IncomingMessage;
}

test('wrong content length, an encoded stream, a stream that has ended', async () => {
  for (const length of ['5', '9', '7']) {
    const [ours, theirs] = await directly(() => made([Buffer.from('{"a":1}')], { 'content-length': length }));
    assert.deepStrictEqual(ours, theirs, length);
  }
  const encoded = () => {
    const req = made([Buffer.from('{}')], { 'content-length': '2' });
    setImmediate(() => req.socket.emit('close'));
    req.setEncoding('utf8');
    return req;
  };
  const [ours, theirs] = await directly(encoded);
  assert.deepStrictEqual(ours, theirs);
  assert.equal(ours?.type, 'stream.encoding.set');
  // cut within characters
  const bytes = Buffer.from(JSON.stringify({ a: 'é€😀' }));
  const [c, d] = await directly(() =>
    made(
      Array.from(bytes, (x) => Buffer.from([x])),
      { 'transfer-encoding': 'chunked' },
    ),
  );
  assert.deepStrictEqual(c, d);
});

test('a stream that fails tells its error', async () => {
  const req = made([], { 'transfer-encoding': 'chunked' });
  const failed = new Promise((resolve) => json()(req, {} as never, resolve));
  const lost = new Error('lost');
  req.destroy(lost);
  assert.equal(await failed, lost);
  assert.equal((lost as { status?: number }).status, 400);
});

test('errors that nothing can be written to are errors of their kind all the same', async () => {
  class Fixed extends Error {
    get status() {
      return 422;
    }
  }
  for (const make of [() => Object.freeze(new RangeError('not this')), () => new Fixed('not this')]) {
    const fail = () => {
      throw make();
    };
    for (const [status, options] of Object.entries({ 400: { reviver: fail }, 403: { verify: fail } })) {
      const req = made([Buffer.from('{"a":1}')], { 'content-length': '7' });
      const passed = await new Promise((resolve) => json(options)(req, {} as never, resolve));
      const { message, statusCode, expose } = passed as Seen;
      assert.deepStrictEqual(
        { message, statusCode, expose },
        { message: 'not this', statusCode: Number(status), expose: true },
      );
    }
  }
});

test('a client that leaves in the middle of its body', async () => {
  const left = (parser: express.RequestHandler) =>
    new Promise<Seen>((resolve, reject) => {
      const app = express();
      app.use(parser);
      app.use((error: Error, _req: unknown, _res: unknown, _next: unknown) => resolve(shape(error as never)));
      const server: Server = createServer(app).listen(0, '127.0.0.1', () => {
        const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () => {
          socket.write(
            'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":',
          );
          setTimeout(() => socket.destroy(), 50);
        });
        socket.on('error', reject);
        socket.on('close', () => setTimeout(() => server.close(), 50));
      });
    });
  const ours = await left(json() as never);
  assert.deepStrictEqual(ours, await left(express.json()));
  assert.equal(ours.type, 'request.aborted');
});

test('options are checked where they are given', () => {
  for (const options of [
    { limit: 'much' },
    { limit: {} },
    { verify: 'yes' },
    { protoAction: 'maybe' },
    null,
    3,
  ]) {
    assert.throws(() => json(options as never), TypeError, JSON.stringify(options));
  }
  for (const [name, value] of Object.entries({ type: 5, defaultCharset: 5 }))
    assert.throws(() => json({ [name]: value }), { code: 'ERR_TAILRACE_INVALID_ARG', argument: name });
  json({ limit: null, type: null, defaultCharset: '', extended: true } as never);
});

test.run();
