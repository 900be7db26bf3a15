// Writes the seeds of http.fuzz.cc: node test/http/corpus/make.mjs. The first byte chooses limits (low half) and the
// size of the pieces (high half), see there.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'http_fuzz');
const host = 'Host: a\r\n';
const chunks = '5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n';

const seeds = {
  get: `GET / HTTP/1.1\r\n${host}\r\n`,
  query: `GET /a%20b?c=d&e HTTP/1.1\r\n${host}X-Empty:\r\nX-Tab:\ta\tb \r\n\r\n`,
  rpc: `POST /rpc HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 3\r\n\r\nabcGET`,
  chunked: `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${chunks}GET`,
  long_chunks: `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n`,
  expect: `PUT / HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx`,
  old: 'GET / HTTP/1.0\r\nConnection: x, keep-alive\r\n\r\n',
  close: `DELETE / HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
  absolute: `GET http://h:1/p?q HTTP/1.1\r\n${host}\r\n`,
  asterisk: `OPTIONS * HTTP/1.1\r\n${host}\r\n`,
  empty_line: `\r\nGET / HTTP/1.1\r\n${host}\r\n`,
  both: `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc`,
  coded: `POST / HTTP/1.1\r\n${host}Transfer-Encoding: gzip, chunked\r\n\r\n`,
  fold: `GET / HTTP/1.1\r\n${host}A: b\r\n c\r\n\r\n`,
  bare_lf: 'GET / HTTP/1.1\nHost: a\n\n',
  version: `GET / HTTP/2.0\r\n${host}\r\n`,
  connect: `CONNECT a:1 HTTP/1.1\r\n${host}\r\n`,
};

for (const name of readdirSync(folder)) rmSync(join(folder, name));
Object.entries(seeds).forEach(([name, text], i) => {
  // all limits wide, then some narrow ones; pieces of 1 to 16 bytes
  writeFileSync(join(folder, name), Buffer.from(`${String.fromCharCode(((i % 16) << 4) | (i % 5 === 4 ? i % 16 : 0))}${text}`, 'latin1'));
});
