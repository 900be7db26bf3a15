// Requests as bytes on a socket, and what a server must answer: RFC 9110 and 9112 read strictly, since every leniency is a
// place where two servers on one way can disagree about where a request ends. Both backends are held to each row
// (conformance-http.ts), whole and cut into pieces. native/http/README.md says why each is refused.

/** Limits that the rows below count on. */
export const rawLimits = { headerBytes: 2048, headers: 20, bodyBytes: 1000 };

export interface RawCase {
  name: string;
  /** One character a byte. */
  send: string;
  /** Statuses in order, then 'closed' when the server ends the connection; else it takes a further request. */
  answer: string;
  /** The client ends its own side behind it. */
  end?: boolean;
}

const rows: RawCase[] = [];

function row(name: string, send: string, answer: string): void {
  rows.push({ name, send, answer });
}

const host = 'Host: t\r\n';
const line = (text: string) => `${text}\r\n${host}\r\n`;
const fields = (...lines: string[]) =>
  `POST / HTTP/1.1\r\n${lines.map((text) => `${text}\r\n`).join('')}\r\n`;
const sized = (value: string, body = 'abcde') => fields('Host: t', `Content-Length:${value}`) + body;
const coded = (value: string, body = '5\r\nabcde\r\n0\r\n\r\n') =>
  fields('Host: t', `Transfer-Encoding:${value}`) + body;
const chunks = (body: string) => coded(' chunked', body);
const fine = line('GET / HTTP/1.1');

// ---------------------------------------------------------------- request line

row('a plain request', fine, '200');
row('HEAD', line('HEAD / HTTP/1.1'), '200');
row('two spaces before the target', line('GET  / HTTP/1.1'), '400 closed');
row('two spaces before the version', line('GET /  HTTP/1.1'), '400 closed');
row('a space before the method', line(' GET / HTTP/1.1'), '400 closed');
row('a space behind the version', line('GET / HTTP/1.1 '), '400 closed');
row('a tab instead of a space', line('GET\t/ HTTP/1.1'), '400 closed');
row('no target', line('GET HTTP/1.1'), '400 closed');
row('an empty target', line('GET  HTTP/1.1'), '400 closed');
row('a method alone', 'GET\r\n\r\n', '400 closed');
row('no version', line('GET /'), '400 closed');
row('HTTP/0.9 said', line('GET / HTTP/0.9'), '505 closed');
row('HTTP/1.2', line('GET / HTTP/1.2'), '505 closed');
row('HTTP/2.0', line('GET / HTTP/2.0'), '505 closed');
row('HTTP/1', line('GET / HTTP/1'), '400 closed');
row('HTTP/1.10', line('GET / HTTP/1.10'), '400 closed');
row('http/1.1', line('GET / http/1.1'), '400 closed');
row('HTTPS/1.1', line('GET / HTTPS/1.1'), '400 closed');
row('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '505 closed');
row('a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '400 closed');
row('a method nobody knows, on a path that takes any', line('BREW / HTTP/1.1'), '200');
row('a method nobody knows, on a path that does not', line('BREW /get HTTP/1.1'), '405');
row('a method in lower case', line('get /get HTTP/1.1'), '405');
row('a method of 33 bytes', line(`${'M'.repeat(33)} / HTTP/1.1`), '501 closed');
row('a method of 32 bytes', line(`${'M'.repeat(32)} / HTTP/1.1`), '200');
row('a method that is no token', line('G@T / HTTP/1.1'), '400 closed');
row('CONNECT', line('CONNECT t:80 HTTP/1.1'), '501 closed');
row('CONNECT to a path', line('CONNECT / HTTP/1.1'), '501 closed');
row('OPTIONS *', line('OPTIONS * HTTP/1.1'), '204');
row('* without OPTIONS', line('GET * HTTP/1.1'), '400 closed');
row('OPTIONS of a path', line('OPTIONS /get HTTP/1.1'), '405');
row('a fragment', line('GET /get#x HTTP/1.1'), '400 closed');
row('a target that is no path', line('GET get HTTP/1.1'), '400 closed');
row('a byte above 0x7e in the target', line('GET /\x80 HTTP/1.1'), '400 closed');
row('DEL in the target', line('GET /\x7f HTTP/1.1'), '400 closed');
row('an unknown path', line('GET /nowhere HTTP/1.1'), '404');
row('an empty first segment', line('GET //get HTTP/1.1'), '404');
row('a query', line('GET /get?a=/?b HTTP/1.1'), '200');
row('an absolute URL', line('GET http://other/get?x HTTP/1.1'), '200');
row('an absolute URL, scheme in capitals', line('GET HTTPS://other:1/get HTTP/1.1'), '200');
row('an absolute URL without path', line('GET http://other?x HTTP/1.1'), '200');
row('an absolute URL without Host', 'GET http://other/get HTTP/1.1\r\n\r\n', '400 closed');
row('an absolute URL with userinfo', line('GET http://u@other/get HTTP/1.1'), '400 closed');
row('an absolute URL without authority', line('GET http:///get HTTP/1.1'), '400 closed');
row('another scheme', line('GET ftp://other/get HTTP/1.1'), '400 closed');

// ---------------------------------------------------------------- lines and their ends

row('an empty line before a request', `\r\n${fine}`, '200');
row('two empty lines before a request', `\r\n\r\n${fine}`, '400 closed');
row('a bare LF before a request', `\n${fine}`, '400 closed');
row('a bare CR before a request', `\r${fine}`, '400 closed');
row('an empty line between two requests', `${fine}\r\n${fine}`, '200 200');
row('two empty lines between two requests', `${fine}\r\n\r\n${fine}`, '200 400 closed');
row('bare LFs', fine.replace(/\r\n/g, '\n'), '400 closed');
row('a bare LF behind the request line', `GET / HTTP/1.1\n${host}\r\n`, '400 closed');
row('a bare LF behind a field', 'GET / HTTP/1.1\r\nHost: t\nA: b\r\n\r\n', '400 closed');
row('a bare LF as the last line', `GET / HTTP/1.1\r\n${host}\n`, '400 closed');
row('a bare CR in a value', `GET / HTTP/1.1\r\n${host}A: b\rc\r\n\r\n`, '400 closed');
row('two CRs', `GET / HTTP/1.1\r\n${host}A: b\r\r\n\r\n`, '400 closed');
row('two requests in one piece', fine + fine, '200 200');
row('a request and no HTTP', `${fine}hello\r\n\r\n`, '200 400 closed');

// ---------------------------------------------------------------- fields

row('no Host', 'GET / HTTP/1.1\r\n\r\n', '400 closed');
row('no Host in HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', '200 closed');
row('two Hosts', fields('Host: t', 'Host: t'), '400 closed');
row('two Hosts in HTTP/1.0', `GET / HTTP/1.0\r\n${host}${host}\r\n`, '400 closed');
row('an empty Host', fields('Host:'), '200');
row('an address as Host', fields('Host: [::1]:80'), '200');
row('a space in Host', fields('Host: a b'), '400 closed');
row('a path and userinfo in Host', fields('Host: a/b@c'), '400 closed');
row('userinfo in Host', fields('Host: b@c'), '400 closed');
row('bytes above 0x7e in Host', fields('Host: k\xe4se'), '400 closed');
row('a space before the colon', fields('Host : t'), '400 closed');
row('a folded line', fields('Host: t', 'A: b', ' c'), '400 closed');
row('a space before the first field', fields(' Host: t'), '400 closed');
row('no colon', fields('Host: t', 'A'), '400 closed');
row('an empty name', fields('Host: t', ': b'), '400 closed');
row('a name that is no token', fields('Host: t', 'A(): b'), '400 closed');
row('a name with a byte above 0x7e', fields('Host: t', '\xc4: b'), '400 closed');
row('NUL in a value', fields('Host: t', 'A: b\0c'), '400 closed');
row('DEL in a value', fields('Host: t', 'A: b\x7fc'), '400 closed');
row('a tab and bytes above 0x7e in a value', fields('Host: t', 'A: b\tc \xe4'), '200');
row('an empty value', fields('Host: t', 'A:'), '200');
row('no space behind the colon', fields('Host:t', 'A:b'), '200');

// ---------------------------------------------------------------- the life of the connection

row('Connection: close', `GET / HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, '200 closed');
row('close in a list', `GET / HTTP/1.1\r\n${host}Connection: x , CLOSE\r\n\r\n`, '200 closed');
row('close beats keep-alive', `GET / HTTP/1.1\r\n${host}Connection: keep-alive, close\r\n\r\n`, '200 closed');
row('what comes behind a close', `GET / HTTP/1.1\r\n${host}Connection: close\r\n\r\n${fine}`, '200 closed');
row('what is malformed behind a close', `GET / HTTP/1.0\r\n\r\nnonsense\r\n\r\n`, '200 closed');
row('HTTP/1.0 with keep-alive', 'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n', '200');
row('a wish for websocket', fields('Host: t', 'Connection: Upgrade', 'Upgrade: websocket'), '200');
row(
  'a wish for h2c',
  fields('Host: t', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'),
  '200',
);

// ---------------------------------------------------------------- Content-Length

row('a length', sized(' 5'), '200');
row('a length with tabs and spaces around it', sized('\t 5 \t'), '200');
row('a length with zeros before it', sized(' 0005'), '200');
for (const value of [
  '',
  ' +5',
  ' -5',
  ' 0x5',
  ' 5e0',
  ' 5.0',
  ' 5 5',
  ' 5,5',
  ' 5, 5',
  ' 5;',
  ' five',
  ' \xb2',
]) {
  row(`the length '${value}'`, sized(value), '400 closed');
}
row('two equal lengths', fields('Host: t', 'Content-Length: 5', 'Content-Length: 5'), '400 closed');
row('two lengths', fields('Host: t', 'Content-Length: 5', 'Content-Length: 6'), '400 closed');
row('a length at the limit', sized(' 1000', 'x'.repeat(1000)), '200');
row('a length above the limit', sized(' 1001', ''), '413 closed');
for (const value of ['4294967301', '18446744073709551619', '9'.repeat(200)]) {
  row(`the length ${value}`, sized(` ${value}`), '413 closed');
}
row('a length above the limit and no Host', fields('Content-Length: 1001'), '400 closed');
row(
  'a length and chunks',
  fields('Host: t', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
  '400 closed',
);
row(
  'chunks and a length',
  fields('Host: t', 'Transfer-Encoding: chunked', 'Content-Length: 5'),
  '400 closed',
);
row('a length on GET', `GET / HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nabcde`, '200');

// ---------------------------------------------------------------- Transfer-Encoding

row('chunked', chunks('5\r\nabcde\r\n0\r\n\r\n'), '200');
row('chunked in capitals, with spaces', coded(' \tCHUNKED \t'), '200');
for (const value of [
  '',
  ' identity',
  ' xchunked',
  ' chunked, gzip',
  ' chunked, chunked',
  ' chunked;q=1',
  ' gzip',
]) {
  row(`the coding '${value}'`, coded(value), '400 closed');
}
for (const value of [' ,chunked', ' chunked,', ' "chunked"', ' chunked\x0b']) {
  row(`the coding '${value}'`, coded(value), '400 closed');
}
row('a coding before chunked', coded(' gzip, chunked'), '501 closed');
row(
  'two codings in two lines',
  fields('Host: t', 'Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'),
  '400 closed',
);
row('chunked in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', '400 closed');

// ---------------------------------------------------------------- chunks

row('no chunk but the last', chunks('0\r\n\r\n'), '200');
row('a request behind chunks', chunks('5\r\nabcde\r\n0\r\n\r\n') + fine, '200 200');
row('16 digits of size', chunks('0000000000000005\r\nabcde\r\n0\r\n\r\n'), '200');
row('17 digits of size', chunks('00000000000000005\r\nabcde\r\n0\r\n\r\n'), '400 closed');
row('29 digits of size', chunks(`${'0'.repeat(28)}5\r\nabcde\r\n0\r\n\r\n`), '400 closed');
row('17 zeros as the last chunk', chunks(`5\r\nabcde\r\n${'0'.repeat(17)}\r\n\r\n`), '400 closed');
for (const size of ['', ' 5', '5 ', '+5', '-5', '0x5', '5\t', '5g', '5,', ';a']) {
  row(`the chunk size '${size}'`, chunks(`${size}\r\nabcde\r\n0\r\n\r\n`), '400 closed');
}
row('the largest size', chunks('FFFFFFFFFFFFFFFF\r\n'), '413 closed');
row('a size above the limit, without data', chunks('3E9\r\n'), '413 closed');
row('chunks at the limit', chunks(`3E8\r\n${'x'.repeat(1000)}\r\n0\r\n\r\n`), '200');
row('chunks above the limit together', chunks(`3E8\r\n${'x'.repeat(1000)}\r\n1\r\n`), '413 closed');
row('an extension', chunks('5;a=b;c="d"\r\nabcde\r\n0;e\r\n\r\n'), '200');
row('a control in an extension', chunks('5;a=\x01\r\nabcde\r\n0\r\n\r\n'), '400 closed');
row('a bare LF in an extension', chunks('5;a\nabcde\r\n0\r\n\r\n'), '400 closed');
row('extensions at the limit', chunks(`5;${'x'.repeat(4096)}\r\nabcde\r\n0\r\n\r\n`), '200');
row('an extension above the limit', chunks(`5;${'x'.repeat(4097)}\r\nabcde\r\n0\r\n\r\n`), '413 closed');
row('an extension of 100 KB', chunks(`5;${'x'.repeat(100_000)}\r\n`), '413 closed');
row('many small extensions', chunks(`${`1;${'x'.repeat(99)}\r\na\r\n`.repeat(50)}0\r\n\r\n`), '413 closed');
row('a bare LF behind the size', chunks('5\nabcde\r\n0\r\n\r\n'), '400 closed');
row('a bare LF behind the data', chunks('5\r\nabcde\n0\r\n\r\n'), '400 closed');
row('a bare LF behind the last chunk', chunks('5\r\nabcde\r\n0\n\r\n'), '400 closed');
row('a bare LF as the last line of the chunks', chunks('5\r\nabcde\r\n0\r\n\n'), '400 closed');
row('more data than the size', chunks('5\r\nabcdef\r\n0\r\n\r\n'), '400 closed');
row('no line end behind the data', chunks('5\r\nabcde0\r\n\r\n'), '400 closed');
row('trailers', chunks('5\r\nabcde\r\n0\r\nA: b\r\nC:\r\n\r\n'), '200');
row('a length among the trailers', chunks('5\r\nabcde\r\n0\r\nContent-Length: 5\r\n\r\n'), '200');
row('a trailer that is no field', chunks('5\r\nabcde\r\n0\r\na b\r\n\r\n'), '400 closed');
row('a folded trailer', chunks('5\r\nabcde\r\n0\r\nA: b\r\n c\r\n\r\n'), '400 closed');
row('a trailer without name', chunks('5\r\nabcde\r\n0\r\n: c\r\n\r\n'), '400 closed');
row('a bare LF behind a trailer', chunks('5\r\nabcde\r\n0\r\nA: b\n\r\n'), '400 closed');
row('a flood of trailers', chunks(`5\r\nabcde\r\n0\r\n${'A: b\r\n'.repeat(20_000)}`), '413 closed');

// ---------------------------------------------------------------- limits of the head

row('a request line above the limit', line(`GET /${'u'.repeat(3000)} HTTP/1.1`), '414 closed');
row('a request line without end', `GET /${'u'.repeat(3000)}`, '414 closed');
row('a field above the limit', fields('Host: t', `A: ${'b'.repeat(3000)}`), '431 closed');
row('a field without end', `GET / HTTP/1.1\r\n${host}A: ${'b'.repeat(3000)}`, '431 closed');
row('20 fields', fields('Host: t', ...Array<string>(19).fill('A: b')), '200');
row('21 fields', fields('Host: t', ...Array<string>(20).fill('A: b')), '431 closed');
row('21 fields without Host', fields(...Array<string>(21).fill('A: b')), '400 closed');
row('a head at the limit', fields('Host: t', `A: ${'b'.repeat(2048 - 33)}`), '200');
row('a head a byte above the limit', fields('Host: t', `A: ${'b'.repeat(2048 - 32)}`), '431 closed');

// ---------------------------------------------------------------- Expect

const expecting = (path: string, ...more: string[]) =>
  `POST ${path} HTTP/1.1\r\n${host}Expect: 100-Continue\r\n${more.map((text) => `${text}\r\n`).join('')}\r\n`;

row(
  'a body held back, for a path that is not there',
  expecting('/nowhere', 'Content-Length: 5'),
  '404 closed',
);
row('a body held back, for a method that is not there', expecting('/get', 'Content-Length: 5'), '405 closed');
row(
  'chunks held back, for a path that is not there',
  expecting('/nowhere', 'Transfer-Encoding: chunked'),
  '404 closed',
);
row('a body held back, above the limit', expecting('/', 'Content-Length: 1001'), '413 closed');
row('nothing held back', expecting('/'), '200');
row('another expectation', fields('Host: t', 'Expect: wonders'), '417 closed');
row('another expectation beside the known', fields('Host: t', 'Expect: 100-continue, wonders'), '417 closed');
row('an expectation in HTTP/1.0', `GET / HTTP/1.0\r\nExpect: wonders\r\n\r\n`, '200 closed');

// ---------------------------------------------------------------- a client that ends its side

const ended: Array<[string, string, string]> = [
  ['nothing', '', 'closed'],
  ['an empty line', '\r\n', 'closed'],
  ['a request', fine, '200 closed'],
  ['a request and an empty line', `${fine}\r\n`, '200 closed'],
  ['half a method', 'GE', '400 closed'],
  ['half a head', `GET / HTTP/1.1\r\n${host}`, '400 closed'],
  ['a request and half a head', `${fine}GET / HT`, '200 400 closed'],
  ['half a body', sized(' 5', 'abc'), '400 closed'],
  ['half a chunk', chunks('5\r\nabc'), '400 closed'],
  ['chunks without the last', chunks('5\r\nabcde\r\n'), '400 closed'],
  ['chunks without the last line', chunks('5\r\nabcde\r\n0\r\n'), '400 closed'],
];
for (const [name, send, answer] of ended)
  rows.push({ name: `the end behind ${name}`, send, answer, end: true });

export const rawRequests: readonly RawCase[] = rows;
