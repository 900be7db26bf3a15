// One JSON-RPC call over a kept connection, one at a time, client and server in this process: rpc.serve, rpc.handler on
// node:http, and node:http by hand. The table of many connections is end_to_end's.
//
//   npm run bench -- rpc/calls

import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { handler, serve } from '../../lib/rpc';
import { RawClient } from '../../test/support/http-client';
import { micro } from '../support/micro';

const methods = { add: ([a, b]: [number, number]) => a + b };
const call = '{"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]}';
const request = `POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${call.length}\r\n\r\n${call}`;

function byHand(req: http.IncomingMessage, res: http.ServerResponse): void {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const { id, params } = JSON.parse(Buffer.concat(chunks).toString()) as {
      id: number;
      params: [number, number];
    };
    const text = JSON.stringify({ jsonrpc: '2.0', result: methods.add(params), id });
    res
      .writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) })
      .end(text);
  });
}

void micro('one call', async ({ bench }) => {
  const ours = await serve({ port: 0, methods });
  const mounted = http.createServer(handler({ methods }));
  const plain = http.createServer(byHand);
  for (const server of [mounted, plain]) await once(server.listen(0, '127.0.0.1'), 'listening');
  const clients: RawClient[] = [];
  const add = async (name: string, port: number): Promise<void> => {
    const client = await RawClient.connect(port);
    clients.push(client);
    bench(name, async () => {
      client.write(request);
      await client.response();
    });
  };
  await add('rpc.serve', ours.address().port);
  await add('rpc.handler on node:http', (mounted.address() as AddressInfo).port);
  await add('node:http by hand', (plain.address() as AddressInfo).port);
  return async () => {
    for (const client of clients) client.destroy();
    mounted.close();
    plain.close();
    await ours.close();
  };
});
