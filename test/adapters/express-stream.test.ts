// @env TAILRACE_BACKEND=auto|js
// What a request is to others while tailrace/express reads it and behind it, against express.json(): bodies in one piece and in
// several, with others who read, stop or destroy the same request, and requests that are no node:http's own.

import * as assert from 'node:assert';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer, IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { PassThrough } from 'node:stream';
import express from 'express';
import { suite } from 'uvu';
import { json } from '../../lib/adapters/express';

const test = suite('express, the stream');

type Parser = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;
type Seen = Record<string, unknown>;
const parsers: Parser[] = [json(), express.json() as unknown as Parser];

const kEvents = ['data', 'end', 'error', 'aborted', 'close', 'pause'];

/** All that the handlers behind a parser can tell of a request. */
function told(request: IncomingMessage, error?: unknown): Seen {
  const { type, status, message, received, expected } = (error ?? {}) as Seen;
  return {
    error: error === undefined ? undefined : { type, status, message, received, expected },
    hasBody: 'body' in request,
    body: (request as { body?: unknown }).body,
    complete: request.complete,
    readable: request.readable,
    ended: request.readableEnded,
    destroyed: request.destroyed,
    aborted: request.aborted,
    listeners: kEvents.map((name) => request.listenerCount(name)),
  };
}

interface Exchange {
  head?: string;
  /** What is sent, each by itself. */
  pieces?: readonly string[];
  before?: (request: IncomingMessage, seen: Seen) => void;
  /** Called when the parser has returned. */
  after?: (request: IncomingMessage, seen: Seen) => void;
  parse?: (
    parser: Parser,
    request: IncomingMessage,
    response: ServerResponse,
    next: Parameters<Parser>[2],
  ) => void;
  next?: (request: IncomingMessage, seen: Seen) => void;
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** One request to a server of this parser: what was told behind it, and whatever the hooks have put down. */
async function one(parser: Parser, exchange: Exchange): Promise<Seen> {
  const { pieces = ['{"a":[1,2]}'], before, after, next } = exchange;
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const head = exchange.head ?? `Content-Length: ${size}`;
  const seen: Seen = { calls: 0 };
  const parse = exchange.parse ?? ((which, ...args) => which(...args));
  const server = createServer((request, response) => {
    before?.(request, seen);
    parse(parser, request, response, (error) => {
      seen.calls = (seen.calls as number) + 1;
      seen.told = told(request, error);
      next?.(request, seen);
      response.end();
    });
    after?.(request, seen);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.on('close', resolve));
  const start = `POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n${head}\r\n\r\n`;
  socket.setNoDelay(true).resume();
  for (const [i, piece] of pieces.entries()) {
    socket.write(i === 0 ? start + piece : piece);
    if (i + 1 < pieces.length) await wait(20);
  }
  await closed;
  await new Promise((resolve) => server.close(resolve));
  return seen;
}

/** One to each parser, of which `essence` must be the same. */
async function same(
  name: string,
  exchange: Exchange,
  essence = (seen: Seen): unknown => seen,
): Promise<Seen> {
  const [ours, theirs] = (await Promise.all(parsers.map((parser) => one(parser, exchange)))) as [Seen, Seen];
  assert.deepStrictEqual(essence(ours), essence(theirs), name);
  return ours;
}

const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const bodies: Record<string, Exchange> = {
  'one piece': {},
  'two pieces': { pieces: ['{"a":', '[1,2]}'] },
  'nothing with the headers': { pieces: ['', '{"a":[1,2]}'] },
  'chunks at once': {
    head: 'Transfer-Encoding: chunked',
    pieces: [`${chunked('{"a":')}${chunked('[1,2]}')}0\r\n\r\n`],
  },
  'chunks one by one': {
    head: 'Transfer-Encoding: chunked',
    pieces: [chunked('{"a":'), chunked('[1,2]}'), '0\r\n\r\n'],
  },
  'more than a stream holds': { pieces: [`{"a":"${'x'.repeat(90_000)}"}`] },
  empty: { head: 'Content-Length: 0', pieces: [''] },
  'no JSON': { pieces: ['{"a":'] },
  'a type that is not asked for': { head: 'Content-Length: 2\r\nX-Not: 1', pieces: ['{}'] },
};

test('what the handlers behind it find', async () => {
  for (const [name, exchange] of Object.entries(bodies)) {
    const { calls } = await same(name, exchange);
    assert.equal(calls, 1, name);
  }
});

test('a body that came in several pieces before the parser was asked', async () => {
  for (const pieces of [
    ['{"a":', '[1,2,3]}'],
    ['{"a":1}', ' ,"x":[ not json'],
    ['[', `"${'x'.repeat(70_000)}"`, ',1', ']'],
  ]) {
    await same(`${pieces.length} pieces`, {
      pieces,
      parse: (parser, request, response, next) => void setTimeout(() => parser(request, response, next), 60),
    });
  }
});

test('a second parser has nothing to do', async () => {
  const twice: Exchange['parse'] = (parser, request, response, next) =>
    parser(request, response, (error) =>
      error ? next(error) : express.json()(request as never, response as never, next),
    );
  for (const [name, exchange] of Object.entries(bodies)) {
    const { told } = await same(name, { ...exchange, parse: twice });
    if (name === 'one piece') assert.deepEqual((told as Seen).body, { a: [1, 2] });
  }
});

test('what AsyncLocalStorage has is there behind it, however the body comes', async () => {
  const storage = new AsyncLocalStorage<number>();
  for (const [name, exchange] of Object.entries(bodies)) {
    const { store } = await same(name, {
      ...exchange,
      parse: (parser, ...args) => storage.run(42, () => parser(...args)),
      next: (_, seen) => {
        seen.store = storage.getStore();
      },
    });
    assert.equal(store, 42, name);
  }
});

/** Moments behind the parser's return, at which somebody else does something with the request. */
const moments: Record<string, (work: () => void) => void> = {
  'at once': (work) => work(),
  'in a tick': (work) => process.nextTick(work),
  'in a tick of a tick': (work) => process.nextTick(() => process.nextTick(work)),
  'in a promise': (work) => void Promise.resolve().then(work),
  'in an immediate': (work) => void setImmediate(work),
  'in an immediate of an immediate': (work) => void setImmediate(() => setImmediate(work)),
};

test('somebody else reads the request, too', async () => {
  const readers: Record<string, (request: IncomingMessage, took: (bytes: Buffer) => void) => void> = {
    data: (request, took) => void request.on('data', took),
    pipe: (request, took) => void request.pipe(new PassThrough()).on('data', took),
  };
  for (const [how, read] of Object.entries(readers)) {
    const work = (request: IncomingMessage, seen: Seen) => {
      seen.others = '';
      read(request, (bytes) => {
        seen.others += bytes.toString();
      });
    };
    for (const [name, exchange] of Object.entries(bodies)) {
      const before = await same(`${name}, ${how} before`, { ...exchange, before: work });
      if (name === 'one piece') assert.equal(before.others, '{"a":[1,2]}');
      const after = await same(`${name}, ${how} after`, { ...exchange, after: work }, (seen) => {
        const { listeners, ...others } = seen.told as Seen;
        return { ...seen, told: others };
      });
      if (name === 'one piece') assert.equal(after.others, '{"a":[1,2]}');
    }
    // those who come later find more or less of it, with either parser; it has its body all the same
    for (const [when, at] of Object.entries(moments)) {
      for (const [name, exchange] of Object.entries(bodies)) {
        await same(
          `${name}, ${how} ${when}`,
          { ...exchange, after: (request) => at(() => read(request, () => {})) },
          ({ calls, told }) => [calls, (told as Seen).body, (told as Seen).error],
        );
      }
    }
  }
});

test('a request that is stopped waits until it goes on', async () => {
  const stopped = await same('stopped before', {
    before: (request, seen) => {
      request.pause();
      setTimeout(() => {
        seen.waited = seen.calls === 0;
        request.resume();
      }, 30);
    },
  });
  assert.equal(stopped.waited, true);
});

test('a request that somebody destroys', async () => {
  for (const why of [undefined, new Error('enough')]) {
    for (const [when, at] of Object.entries(moments).slice(0, 4)) {
      for (const [name, exchange] of Object.entries(bodies)) {
        // where all of it is there, it is chance what comes first, but for one who does not wait
        if (when !== 'at once' && name !== 'two pieces' && name !== 'chunks one by one') continue;
        const { told } = await same(
          `${name}, ${when}, ${why}`,
          { ...exchange, after: (request) => at(() => request.destroy(why)) },
          ({ calls, told }) => {
            const { received, ...others } = ((told as Seen | undefined)?.error ?? {}) as Seen;
            return [calls, others];
          },
        );
        if (name === 'two pieces') assert.equal(((told as Seen).error as Seen).type, 'request.aborted');
      }
    }
  }
});

/** A request of a framework that has read the body already and gives it again. */
class Ready extends IncomingMessage {
  constructor(
    readonly size: number,
    readonly give: (request: Ready) => void,
  ) {
    super({ readable: true, readableHighWaterMark: 1 << 16, on() {}, resume() {}, pause() {} } as never);
    Object.assign(this, { complete: true });
    this.headers = { 'content-type': 'application/json', 'content-length': `${size}` };
  }
  override _read(): void {
    this.give(this);
  }
}

test('a request that says it is complete before it is', async () => {
  const text = '{"a":[1,2]}';
  const gives: Record<string, (request: Ready) => void> = {
    'at once': (request) => {
      request.push(text);
      request.push(null);
    },
    'end later': (request) => {
      request.push(text);
      setTimeout(() => request.push(null), 10);
    },
    'all later': (request) => void setTimeout(() => request.push(text) && request.push(null), 10),
  };
  for (const [name, give] of Object.entries(gives)) {
    for (const early of [false, true]) {
      const [ours, theirs] = await Promise.all(
        parsers.map((parser) => {
          let given = false;
          const request = new Ready(text.length, (which) => {
            if (!given) give(which);
            given = true;
          });
          if (early) request._read();
          return new Promise((resolve) =>
            parser(request, {} as ServerResponse, (error) =>
              resolve([error, (request as { body?: unknown }).body]),
            ),
          );
        }),
      );
      assert.deepStrictEqual(ours, theirs, name);
      assert.deepStrictEqual(ours, [undefined, { a: [1, 2] }], name);
    }
  }
});

test('whoever is asked finds that the request has a body', async () => {
  for (const make of [json, express.json as unknown as typeof json]) {
    for (const answer of [true, false]) {
      const found: unknown[] = [];
      const type = (request: IncomingMessage) => {
        found.push('body' in request);
        return answer;
      };
      const verify = (request: IncomingMessage) => {
        found.push('body' in request);
      };
      const seen = await one(make({ type, verify }) as Parser, {});
      assert.deepEqual(found, answer ? [true, true] : [true]);
      assert.equal((seen.told as Seen).hasBody, true);
    }
  }
});

test.run();
