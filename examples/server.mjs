// A JSON-RPC server on 127.0.0.1:8080 (PORT and HOST override), with the methods of methods.mjs.

import { runtimeInfo } from 'tailrace';
import { serve } from 'tailrace/rpc';
import methods from './methods.mjs';

const host = process.env.HOST ?? '127.0.0.1';
const port = Number(process.env.PORT || 8080);
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  console.error(`PORT must be a port number, not ${JSON.stringify(process.env.PORT)}`);
  process.exit(1);
}

let server;
try {
  server = await serve({ host, port, methods });
} catch (error) {
  if (error.code === 'EADDRINUSE') {
    console.error(
      `Port ${port} of ${host} is in use by another program: stop that, or choose another: PORT=8081 npm start`,
    );
  } else if (error.code === 'EACCES') {
    console.error(
      `No permission to listen on port ${port}: ports below 1024 are for the system. PORT=8080 npm start`,
    );
  } else {
    console.error(`Cannot listen on ${host}:${port}: ${error.message}`);
  }
  process.exit(1);
}

const { backend, reason, isa, node } = runtimeInfo();
const address = server.address();
const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
const url = `http://${name}:${address.port}`;
console.log(`tailrace serves JSON-RPC 2.0 on ${url}/rpc`);
console.log(`backend: ${backend} (${reason ?? `kernel ${isa}`}), Node ${node}`);
console.log(`methods: ${Object.keys(methods).join(', ')}; health: ${url}/livez, ${url}/readyz`);
console.log('try:');
console.log(`  curl -s ${url}/rpc -d '{"jsonrpc":"2.0","id":1,"method":"add","params":[2,3]}'`);
console.log(`  node examples/document.mjs | curl -s ${url}/rpc -d @-`);

let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, async () => {
    // A second signal does not wait for the drain.
    if (stopping) process.exit(1);
    stopping = true;
    console.log('draining …');
    await server.close({ drainMs: 5000 });
    process.exit(0);
  });
}
