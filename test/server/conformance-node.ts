// What users of node:http expect to find again: reason phrases and addresses, the same on both backends.

import { STATUS_CODES } from 'node:http';
import { connect } from 'node:net';
import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../lib/backend/contract';
import { get, RawClient } from '../support/http-client';
import { makeWithServer } from './conformance';

/** Where Node's table is older than RFC 9110. */
const kRenamed: Record<number, string> = { 413: 'Content Too Large', 422: 'Unprocessable Content' };

export function conformanceNode(name: string, backend: Backend): Test {
  const test = suite(`server as node:http ${name}`);
  const withServer = makeWithServer(backend);

  test('reason phrases: those of RFC 9110, else those of node:http, else "unknown"', async () => {
    await withServer(
      { routes: { 'GET /:status': ({ params }) => ({ status: Number(params.status) }) } },
      async (port) => {
        const client = await RawClient.connect(port);
        for (let status = 200; status <= 599; status++) {
          const reply = await client.write(get(`/${status}`)).response();
          assert.is(reply?.status, status);
          assert.is(reply?.reason, kRenamed[status] ?? STATUS_CODES[status] ?? 'unknown', String(status));
        }
        client.destroy();
      },
    );
  });

  test('an IPv4 peer of a socket for both families is ::ffff:127.0.0.1', async () => {
    await withServer(
      {
        host: '::',
        routes: { 'GET /': (request) => request.remoteAddress },
      },
      async (_port, server) => {
        const { port } = server.address();
        for (const [host, seen] of [
          ['127.0.0.1', '::ffff:127.0.0.1'],
          ['::1', '::1'],
        ] as const) {
          const socket = connect(port, host);
          socket.write('GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n');
          let text = '';
          for await (const chunk of socket) text += String(chunk);
          assert.is(text.split('\r\n\r\n')[1], seen);
        }
      },
    );
  });

  return test;
}
