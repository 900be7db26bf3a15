// 64 bytes to an echo server and back, one at a time, over loopback: tailrace/net and node:net, both ends in this process.
//
//   npm run bench -- net/echo

import { once } from 'node:events';
import * as node from 'node:net';
import { connect, listen } from '../../lib/net';
import { micro } from '../support/micro';

const message = Buffer.alloc(64, 'x');

void micro('64 bytes there and back', async ({ bench }) => {
  const server = await listen({ port: 0, host: '127.0.0.1' }, async (connection) => {
    for await (const chunk of connection) await connection.write(chunk);
  });
  const ours = await connect({ port: (server.address() as { port: number }).port, host: '127.0.0.1' });
  const peer = node.createServer((socket) => socket.on('data', (chunk) => socket.write(chunk)));
  await once(peer.listen(0, '127.0.0.1'), 'listening');
  const theirs = node.connect((peer.address() as node.AddressInfo).port, '127.0.0.1').setNoDelay();
  await once(theirs, 'connect');

  bench('tailrace/net', async () => {
    await ours.write(message);
    await ours.read();
  });
  bench('node:net', async () => {
    theirs.write(message);
    await once(theirs, 'data');
  });
  return async () => {
    ours.destroy();
    theirs.destroy();
    peer.close();
    await server.close();
  };
});
