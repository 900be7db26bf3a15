// The native request parser against Node's own (node:http on a stream inside this process): the same bytes, cut
// at different places. What Node takes and we refuse must be on the list of deliberate differences; nothing that Node
// refuses may pass, but for the methods Node does not know; what both take must mean the same to both.

import * as assert from 'node:assert/strict';
import * as http from 'node:http';
import { Duplex } from 'node:stream';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { loadAddon } from '../../lib/backend/load';
import { onNative } from '../support/backends';

onNative();

interface Taken {
  method: string;
  target: string;
  minor: number;
  keepAlive: boolean;
  headers: string[];
  /** Latin-1; undefined: not complete */
  body: string | undefined;
}

interface Outcome {
  requests: Taken[];
  /** 0: all bytes taken; -1: a request is not complete; else it was refused */
  status: number;
}

const load = loadAddon();
if (load.state !== 'loaded') throw new Error(load.reason);
const { parseRequests } = load.addon.net as { parseRequests(bytes: Uint8Array, step: number): Outcome };

/** What node:http makes of the bytes, cut into pieces of `step`. Stops, as a connection does, behind a close. */
async function nodeParses(bytes: Buffer, step: number): Promise<Outcome> {
  const requests: Taken[] = [];
  let refused = false;
  // Node's rule about Host, as below; its own answer to that comes late, when it has parsed what follows.
  const server = http.createServer({ requireHostHeader: false, keepAliveTimeout: 0 });
  const take = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    if (refused) return;
    if (request.httpVersionMinor === 1 && request.headers.host === undefined) {
      refused = true;
      return;
    }
    const taken: Taken = {
      method: request.method ?? '',
      target: request.url ?? '',
      minor: request.httpVersionMinor,
      keepAlive: response.shouldKeepAlive,
      headers: request.rawHeaders,
      body: undefined,
    };
    requests.push(taken);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      taken.body = Buffer.concat(chunks).toString('latin1');
      response.end();
    });
    request.on('error', () => {});
  };
  server.on('request', take);
  server.on('checkContinue', take);
  server.on('checkExpectation', take);
  server.on('upgrade', (_request, socket) => socket.destroy());
  server.on('connect', (_request, socket) => {
    refused = true;
    socket.destroy();
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // Bytes behind the last request of a connection: Node complains, we never look at them.
    if (error.code === 'HPE_CLOSED_CONNECTION') return;
    refused = true;
    socket.destroy();
  });
  const socket = new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      done();
    },
  });
  server.emit('connection', socket);
  for (let at = 0; at < bytes.length; at += step) {
    if (socket.destroyed) break;
    socket.push(bytes.subarray(at, at + step));
    await new Promise((resolve) => setImmediate(resolve));
  }
  // replies are made in later turns; a pipelined request is parsed at once but emitted when its turn comes
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
  socket.destroy();
  server.close();
  const last = requests.findIndex(({ keepAlive, body }) => !keepAlive && body !== undefined);
  const kept = last === -1 ? requests : requests.slice(0, last + 1);
  return { requests: kept, status: refused && last === -1 ? 400 : 0 };
}

/** Why we may refuse what Node takes. One reason must hold for the bytes; README.md has the list in prose. */
const deliberate: [string, (text: string) => boolean][] = [
  ['line ends before a request that are not one CRLF', (text) => /^[\r\n]|\r\n\r\n[\r\n]/.test(text)],
  ['# in the target', (text) => /[A-Z]+ \S*#\S* HTTP/.test(text)],
  [
    'a target that is no path and no http(s) URL, or * without OPTIONS',
    (text) => /^\S+ (?!\/|http:)\S* HTTP/m.test(text),
  ],
  ['two Host lines', (text) => /host:[^\r\n]*\r\n([^\r\n]+\r\n)*host:/i.test(text)],
  [
    'bytes in Host that no host has',
    (text) => /host:[ \t]*([^\r\n]*[^\w\-.~%!$&'()*+,;=:[\]\t \r\n]|[^\s]+[ \t]+[^\s])/i.test(text),
  ],
  [
    'Transfer-Encoding that is not exactly chunked',
    (text) => /transfer-encoding:(?!\s*chunked\s*\r\n)/i.test(text),
  ],
  ['Transfer-Encoding in HTTP/1.0', (text) => /HTTP\/1\.0\r\n([^\r\n]+\r\n)*transfer-encoding:/i.test(text)],
  ['an expectation other than 100-continue', (text) => /expect:(?!\s*100-continue\s*\r\n)/i.test(text)],
  ['a request line without version (HTTP/0.9)', (text) => /[A-Z]+ \S+\r\n/.test(text)],
  ['more than one space before the version', (text) => /[A-Z]+ \S+ {2,}HTTP/.test(text)],
  ['an HTTP version other than 1.0 and 1.1', (text) => /HTTP\/(?!1\.[01]\r\n)/.test(text)],
];

/** Why we may take what Node refuses. */
const lenient: [string, (requests: Taken[]) => boolean][] = [
  [
    'a method that Node does not know',
    (requests) => requests.some(({ method }) => !http.METHODS.includes(method)),
  ],
];

/** Whether every header Node shows is one we show: names, values, order. (Node merges nothing in rawHeaders.) */
function sameRequest(ours: Taken, nodes: Taken): void {
  assert.equal(ours.method, nodes.method);
  assert.equal(ours.target, nodes.target);
  assert.equal(ours.minor, nodes.minor);
  assert.deepEqual(ours.headers, nodes.headers);
  assert.equal(ours.keepAlive, nodes.keepAlive, 'keepAlive');
  assert.equal(ours.body, nodes.body, 'body');
}

const seen = new Set<string>();

async function compare(text: string, step: number): Promise<void> {
  const bytes = Buffer.from(text, 'latin1');
  const whole = parseRequests(bytes, bytes.length + 1);
  assert.deepEqual(parseRequests(bytes, step), whole, 'cut and whole differ');
  const ours = whole;
  const nodes = await nodeParses(bytes, step);
  if (ours.status <= 0 && nodes.status !== 0) {
    const reason = lenient.find(([, holds]) => holds(ours.requests));
    // Node judges a byte at a time, we a line at a time: what is incomplete to us may be hopeless to Node.
    assert.ok(reason !== undefined || ours.status === -1, `only Node refuses ${JSON.stringify(text)}`);
    if (reason) seen.add(reason[0]);
    return;
  }
  if (ours.status > 0 && nodes.status === 0) {
    const reason = deliberate.find(([, holds]) => holds(text));
    // Within a request that is still incomplete to Node nothing is settled yet.
    const settled = nodes.requests.filter(({ body }) => body !== undefined).length;
    const agreed = ours.requests.filter(({ body }) => body !== undefined).length;
    assert.ok(
      reason !== undefined || settled <= agreed,
      `only we refuse ${JSON.stringify(text)}: ${ours.status}`,
    );
    if (reason) seen.add(reason[0]);
    return;
  }
  if (ours.status > 0) return; // both refuse
  const complete = ours.requests.filter(({ body }) => body !== undefined);
  const nodesComplete = nodes.requests.filter(({ body }) => body !== undefined);
  assert.equal(complete.length, nodesComplete.length, `requests in ${JSON.stringify(text)}`);
  complete.forEach((request, i) => {
    sameRequest(request, nodesComplete[i] as Taken);
  });
}

const test = suite('http parser against node:http');

const line = fc.oneof(
  { arbitrary: fc.constant('Host: a'), weight: 4 },
  { arbitrary: fc.constantFrom('Content-Length: 3', 'Transfer-Encoding: chunked'), weight: 2 },
  fc.constantFrom(
    'Content-Length: 3',
    'content-length: 0',
    'Content-Length: 03',
    'Content-Length: 3, 3',
    'Content-Length: +3',
    'Content-Length:',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: chunked, gzip',
    'Transfer-Encoding: xchunked',
    'Connection: close',
    'Connection: keep-alive',
    'Connection: x, close',
    'Expect: 100-continue',
    'X-A: b c ',
    'X-A :b',
    ' X-A: b',
    'X-A: a\tb\t',
    'X-Empty:',
    'X-Latin: \xe4\xf6',
    ': empty',
    'nocolon',
    'Host: b',
  ),
  fc
    .tuple(fc.constantFrom('X', 'Host', 'Connection', 'X-\x01'), fc.string({ unit: 'binary', maxLength: 6 }))
    .map(([name, value]) => `${name}: ${Buffer.from(value, 'utf8').toString('latin1')}`),
);
const ending = fc.oneof(
  { arbitrary: fc.constant('\r\n'), weight: 60 },
  { arbitrary: fc.constantFrom('\n', '\r', '\r\r\n', '\r\n '), weight: 1 },
);
const likely = (good: string[], odd: string[]) =>
  fc.oneof(
    { arbitrary: fc.constantFrom(...good), weight: 6 },
    { arbitrary: fc.constantFrom(...odd), weight: 1 },
  );
const first = fc
  .tuple(
    likely(['GET', 'POST', 'OPTIONS'], ['HEAD', 'get', 'FOO', 'G T', '']),
    likely(['/', '/a?b=c'], ['/a%20b', '*', 'http://h/p?q', '/a b', '/\x80', '/a#b', 'x']),
    likely(['HTTP/1.1'], ['HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ']),
  )
  .map((parts) => parts.join(' '));
const body = fc.constantFrom(
  '',
  'abc',
  '3\r\nabc\r\n0\r\n\r\n',
  '3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nT: v\r\n\r\n',
  '3 \r\nabc\r\n0\r\n\r\n',
  '3\nabc\n0\n\n',
  'A\r\n0123456789\r\n00\r\n\r\n',
  '-3\r\nabc\r\n0\r\n\r\n',
  '3\r\nabcd\r\n0\r\n\r\n',
);
const request = fc
  .tuple(first, fc.array(fc.tuple(line, ending), { maxLength: 5 }), ending, body)
  .map(
    ([start, lines, end, rest]) => `${start}\r\n${lines.map((pair) => pair.join('')).join('')}${end}${rest}`,
  );

test('requests made of likely and unlikely parts', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 40 }),
      (list, step) => compare(list.join(''), step),
    ),
    { numRuns: 1500 },
  );
});

test('a well-formed request with one byte changed', async () => {
  const whole =
    'POST /rpc?a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX-Y: z\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n';
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: whole.length - 1 }),
      fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 9, 10, 13, 32, 58)),
      fc.integer({ min: 1, max: 120 }),
      (at, byte, step) => compare(whole.slice(0, at) + String.fromCharCode(byte) + whole.slice(at + 1), step),
    ),
    { numRuns: 1500 },
  );
});

test('every difference on the list is one', async () => {
  const chunked = '\r\n3\r\nabc\r\n0\r\n\r\n';
  const samples: string[] = [
    '\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET * HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a b\r\n\r\n',
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n${chunked}`,
    `POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n${chunked}`,
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n${chunked}`,
    'GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n',
    'GET /\r\nHost: a\r\n\r\n',
    'GET /  HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET / HTTP/2.0\r\nHost: a\r\n\r\n',
    'BREW / HTTP/1.1\r\nHost: a\r\n\r\n',
  ];
  for (const text of samples) {
    const nodes = await nodeParses(Buffer.from(text, 'latin1'), text.length);
    const ours = parseRequests(Buffer.from(text, 'latin1'), text.length);
    assert.notEqual(nodes.status === 0, ours.status === 0, JSON.stringify([text, nodes, ours]));
    await compare(text, text.length);
  }
  const listed = [...deliberate, ...lenient].map(([reason]) => reason);
  assert.deepEqual(
    listed.filter((reason) => !seen.has(reason)),
    [],
  );
});

test('what both take means the same to both', async () => {
  const samples = [
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET /x?y HTTP/1.0\r\n\r\n',
    'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3;e=1\r\nabc\r\n0\r\nT: 1\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx',
    '\r\nGET / HTTP/1.1\r\nHost:   a  \r\nX:\t\xe4 b\t \r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n',
    'DELETE / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n',
  ];
  for (const text of samples) {
    for (let step = 1; step <= text.length; step++) {
      const ours = parseRequests(Buffer.from(text, 'latin1'), step);
      assert.equal(ours.status, 0, JSON.stringify(text));
      assert.ok(ours.requests.length > 0);
    }
    for (const step of [1, 2, 5, 64, 1000]) await compare(text, step);
  }
});

test.run();
