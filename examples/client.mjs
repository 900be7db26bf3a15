// Calls the example server: node examples/client.mjs [url]

import { client } from 'tailrace/rpc';
import { makeDocument } from './document.mjs';

const url = process.argv[2] ?? 'http://127.0.0.1:8080/rpc';
const rpc = client(url, { timeoutMs: 5000, retries: 2 });

console.log('add      ', await rpc.call('add', [2, 3]));
console.log('echo     ', await rpc.call('echo', { text: 'käse', list: [1, 2] }));
console.log('report   ', await rpc.call('report', makeDocument()));
console.log('lookup   ', await rpc.call('lookup', { id: 7 }));
await rpc.notify('echo', ['nobody answers this']);
for (const [method, params] of [
  ['fail', []],
  ['add', ['two', 3]],
  ['nothing', []],
]) {
  try {
    await rpc.call(method, params);
  } catch (error) {
    console.log(method.padEnd(9), `${error.code} ${error.message}`);
  }
}
const results = await rpc.batch([
  { method: 'add', params: [1, 1] },
  { method: 'lookup', params: { id: 1 } },
  { method: 'fail' },
]);
console.log(
  'batch    ',
  results.map((result) => (result instanceof Error ? `error ${result.code}` : result)),
);
