// What every server backend must make of the rows of raw-requests.ts, and of what cannot be said in one row.

import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../lib/backend/contract';
import type { Server } from '../../lib/server/start';
import { get, RawClient, until } from '../support/http-client';
import { makeWithServer } from './conformance';
import { type RawCase, rawLimits, rawRequests } from './raw-requests';

export const rawRoutes = {
  '* /': (request: { method: string; body: Buffer }) =>
    `${request.method} ${request.body.toString('latin1')}`,
  'GET /get': () => 'get',
  'GET /probe': () => 'probe',
};

/** Sends the bytes in pieces; statuses in order, then 'closed' or nothing. */
async function answerTo(port: number, { name, send, answer, end }: RawCase, piece: number): Promise<string> {
  const client = await RawClient.connect(port, { allowHalfOpen: true });
  client.socket.setNoDelay(true);
  try {
    for (let at = 0; at < send.length; at += piece) {
      client.write(Buffer.from(send.slice(at, at + piece), 'latin1'));
      if (piece < send.length) await new Promise((resolve) => setImmediate(resolve));
    }
    if (end) client.socket.end();
    const said: string[] = [];
    // No more than the row says: a connection that lives on says nothing by itself.
    const most = answer.split(' ').filter((word) => word !== 'closed').length;
    while (said.length < most) {
      const reply = await client.response(send.startsWith('HEAD'));
      if (reply === undefined) return [...said, 'closed'].join(' ');
      said.push(String(reply.status));
      if (reply.status >= 400 && reply.body === '') said.push('without a word');
    }
    if (answer.endsWith('closed')) {
      await client.closed();
      return [...said, client.buffered === '' ? 'closed' : `then ${client.buffered}`].join(' ');
    }
    const probe = await client.write(get('/probe')).response();
    if (probe === undefined) said.push('closed');
    else if (probe.body !== 'probe') said.push(`then ${probe.status}`);
    return said.join(' ');
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`);
  } finally {
    client.destroy();
  }
}

export function conformanceHttp(name: string, backend: Backend): Test {
  const test = suite(`server http ${name}`);
  const withServer = makeWithServer(backend);
  const withRaw = (body: (port: number, server: Server) => Promise<void>) =>
    withServer({ limits: rawLimits, routes: rawRoutes }, body);

  test('every row of raw-requests.ts, in one piece', async () => {
    await withRaw(async (port) => {
      const wrong: string[] = [];
      for (const row of rawRequests) {
        const said = await answerTo(port, row, Math.max(row.send.length, 1));
        if (said !== row.answer) wrong.push(`${row.name}: ${said}, not ${row.answer}`);
      }
      assert.equal(wrong, []);
    });
  });

  test('every row of raw-requests.ts, in small pieces', async () => {
    await withRaw(async (port) => {
      const wrong: string[] = [];
      for (const row of rawRequests) {
        // A body that is held back is not cut from its head: whether it is there decides what is answered.
        const pieces = row.send.length > 1000 ? [997] : [1, 7];
        for (const piece of pieces) {
          const said = await answerTo(port, row, piece);
          if (said !== row.answer) wrong.push(`${row.name}, by ${piece}: ${said}, not ${row.answer}`);
        }
      }
      assert.equal(wrong, []);
    });
  });

  test('Allow: of a path its methods, of OPTIONS * all there are', async () => {
    const routes = {
      'GET /a': () => 'a',
      'HEAD /a': () => 'a',
      'PUT /a': () => 'a',
      'DELETE /b': () => 'b',
      '* /any': () => 'any',
    };
    const notFound = () => ({ status: 404, body: 'notFound' });
    for (const health of [false, undefined] as const) {
      await withServer({ routes, notFound, ...(health === false ? { health } : {}) }, async (port) => {
        const client = await RawClient.connect(port);
        const refused = await client.write('POST /a HTTP/1.1\r\nHost: t\r\n\r\n').response();
        assert.is(refused?.status, 405);
        assert.is(refused?.headers.allow, 'GET, HEAD, PUT');
        const all = await client.write('OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n').response();
        assert.is(all?.status, 204);
        assert.is(all?.headers.allow, 'OPTIONS, GET, HEAD, PUT, DELETE');
        client.destroy();
      });
    }
    await withServer({ routes: { 'DELETE /b': () => 'b' }, health: false }, async (port) => {
      const client = await RawClient.connect(port);
      const all = await client.write('OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n').response();
      assert.is(all?.headers.allow, 'OPTIONS, DELETE');
      client.destroy();
    });
  });

  test('100 Continue: in its turn, once, and not when the body is there already', async () => {
    await withRaw(async (port) => {
      const head = 'POST / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n';
      const client = await RawClient.connect(port);
      client.write(get('/get') + head);
      assert.is((await client.response())?.body, 'get');
      assert.is((await client.response())?.status, 100);
      assert.is((await client.write('ab').response())?.body, 'POST ab');
      assert.is((await client.write(`${head}cd`).response())?.body, 'POST cd');
      const chunked = head.replace('Content-Length: 2', 'Transfer-Encoding: chunked');
      assert.is((await client.write(chunked).response())?.status, 100);
      assert.is((await client.write('1\r\ne\r\n0\r\n\r\n').response())?.body, 'POST e');
      client.destroy();
      // Behind a request that leads nowhere nothing is read, whether its client sends the body or not.
      const other = await RawClient.connect(port);
      other.write(get('/get') + head.replace('POST /', 'POST /nowhere'));
      assert.is((await other.response())?.status, 200);
      assert.is((await other.response())?.status, 404);
      other.write('abGET / HTTP/1.1\r\nHost: t\r\n\r\n');
      await other.closed();
      assert.is(other.buffered, '');
    });
  });

  test('a request cut short behind others that fill the window is answered too', async () => {
    await withServer({ routes: rawRoutes, limits: { pipeline: 1 } }, async (port) => {
      const text = get('/') + get('/') + get('/').slice(0, 20);
      for (let at = 1; at < text.length; at += 3) {
        const client = await RawClient.connect(port, { allowHalfOpen: true });
        client.write(text.slice(0, at));
        await new Promise((resolve) => setImmediate(resolve));
        client.write(text.slice(at));
        client.socket.end();
        for (const status of [200, 200, 400]) assert.is((await client.response())?.status, status);
        await client.closed();
      }
    });
  });

  test('what a handler sees: obs-text as Latin-1, spaces around a value gone, names in lower case', async () => {
    const routes = {
      'GET /': (request: { headers: Record<string, string> }) => ({ ...request.headers }),
    };
    await withServer({ routes }, async (port) => {
      const client = await RawClient.connect(port);
      const text = 'GET / HTTP/1.1\r\nHOST:t\r\nX-Y: \t a \xa0b\xe4\xa0 \t\r\nx-y:\r\n\r\n';
      const reply = await client.write(Buffer.from(text, 'latin1')).response();
      assert.equal(JSON.parse(reply!.body), { host: 't', 'x-y': 'a \xa0b\xe4\xa0, ' });
      client.destroy();
    });
  });

  test('draining: requests that have begun are finished, and only the last reply says close', async () => {
    let release: (() => void) | undefined;
    const wait = () =>
      new Promise<string>((resolve) => {
        release = () => resolve('waited');
      });
    await withServer({ routes: { ...rawRoutes, 'GET /wait': wait } }, async (port, server) => {
      const whole = 'POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc';
      const [busy, head, body, line, idle] = await Promise.all(
        Array.from({ length: 5 }, () => RawClient.connect(port)),
      );
      await idle!.write(get('/get')).response();
      // A round trip each, so that the server has what came before.
      for (const [client, part] of [
        [head!, whole.slice(0, 20)],
        [body!, whole.slice(0, -2)],
        [line!, '\r\n'],
      ] as const) {
        await client.write(get('/get')).response();
        client.write(part);
      }
      busy!.write(get('/wait') + get('/get') + get('/nowhere'));
      await until(() => release !== undefined, 'the handler runs');
      await until(() => server.stats().bytesIn >= 4 * get('/get').length + 20 + whole.length, 'all has come');
      const closing = server.close({ drainMs: 15_000 });
      await Promise.all([idle!.closed(), line!.closed()]);
      assert.is(idle!.buffered + line!.buffered, '');
      for (const [client, rest] of [
        [head!, whole.slice(20)],
        [body!, whole.slice(-2)],
      ] as const) {
        const reply = await client.write(rest).response();
        assert.is(reply?.body, 'POST abc');
        assert.is(reply?.headers.connection, 'close');
        await client.closed();
      }
      release!();
      for (const [want, connection] of [
        ['waited', undefined],
        ['get', undefined],
        ['Not Found\n', 'close'],
      ]) {
        const reply = await busy!.response();
        assert.is(reply?.body, want);
        assert.is(reply?.headers.connection, connection);
      }
      await busy!.closed();
      await closing;
    });
  });

  test('a body in many small pieces, and one with many small chunks, come whole', async () => {
    await withServer({ routes: rawRoutes, limits: { bodyBytes: 200_000 } }, async (port) => {
      const client = await RawClient.connect(port);
      const text = Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(33 + (i % 90))).join('');
      client.write(`POST / HTTP/1.1\r\nHost: t\r\nContent-Length: ${text.length}\r\n\r\n`);
      for (let at = 0; at < text.length; at += 97) {
        client.write(text.slice(at, at + 97));
        if (at % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      assert.is((await client.response())?.body, `POST ${text}`);
      client.write('POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (let at = 0; at < text.length; at += 3) {
        const piece = text.slice(at, at + 3);
        client.write(`${piece.length}\r\n${piece}\r\n`);
      }
      client.write('0\r\n\r\n');
      assert.is((await client.response())?.body, `POST ${text}`);
      client.destroy();
    });
  });

  test('a body that a handler keeps is not written over by what comes later', async () => {
    const kept: Buffer[] = [];
    const routes = {
      'POST /': (request: { body: Buffer }) => {
        kept.push(request.body);
        return 'ok';
      },
    };
    await withServer({ routes }, async (port) => {
      const client = await RawClient.connect(port);
      client.socket.setNoDelay(true);
      for (const body of ['first', 'other', 'third']) {
        const text = `POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n${body}`;
        for (const part of [text.slice(0, 10), text.slice(10, 20), `${text.slice(20)}GET / HT`]) {
          client.write(part);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        assert.is((await client.response())?.body, 'ok');
        assert.is((await client.write('TP/1.1\r\nHost: t\r\n\r\n').response())?.status, 405);
      }
      assert.equal(kept.map(String), ['first', 'other', 'third']);
      client.destroy();
    });
  });

  test('the counts: requests, replies, malformed', async () => {
    await withRaw(async (port, server) => {
      for (const send of [get('/get'), `${get('/get')}x y z\r\n\r\n`, 'GET / HTTP/1.1\r\n\r\n']) {
        const client = await RawClient.connect(port, { allowHalfOpen: true });
        client.write(send);
        client.socket.end();
        await client.closed();
      }
      const { requests, replies, malformed, timeouts, shed, accepted } = server.stats();
      assert.equal([requests, replies, malformed, timeouts, shed, accepted], [2, 4, 2, 0, 0, 3]);
    });
  });

  return test;
}
