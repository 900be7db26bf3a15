// Requests that an application must answer the same way with the parser it had and with ours. Shared by the tests of all
// frameworks; what a framework's own parser does with each of them is the expectation, found out in the same run.

import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

export interface Case {
  name: string;
  headers: Record<string, string>;
  body: Buffer;
}

const json = 'application/json';
const utf8 = (text: string) => Buffer.from(text, 'utf8');
const bare = (name: string, text: string | Buffer, type = json): Case => ({
  name,
  headers: type === '' ? {} : { 'content-type': type },
  body: typeof text === 'string' ? utf8(text) : text,
});
const packed = (name: string, encoding: string, body: Buffer): Case => ({
  name,
  headers: { 'content-type': json, 'content-encoding': encoding },
  body,
});

/** Both sides see the same nested value; the depth is that of a document, not of an attack. */
const nested = { id: 7, name: 'é€😀', list: [1, 2.5, -0, null, true, { deep: { er: '\u2028' } }], empty: {} };
const text = JSON.stringify(nested);
const large = JSON.stringify({ text: 'x'.repeat(200 * 1024) });
const records = JSON.stringify(
  Array.from({ length: 300 }, (_, i) => ({ id: i, name: `user ${i}`, tags: ['a', 'é'], at: i / 7 })),
);

function utf16be(from: string): Buffer {
  return Buffer.from(from, 'utf16le').swap16();
}
function utf32le(from: string): Buffer {
  const points = Array.from(from, (c) => c.codePointAt(0) as number);
  return Buffer.from(Uint32Array.from(points).buffer);
}

const syntax = [
  '{',
  '{"a":',
  '[1,2',
  '{"a":1}}',
  '{a:1}',
  "{'a':1}",
  '{"a":1,}',
  '[1,]',
  '[01]',
  '[1.]',
  '["\\x"]',
  '["\n"]',
  '[nul]',
  '{"a" 1}',
  ' ',
  '\n\t ',
  'tru',
  'hello',
  '<html>',
  '"unclosed',
  '{"__proto__" 1}',
  `[${'1,'.repeat(2000)}x]`,
];
const primitives = ['null', 'true', 'false', '0', '-1.5e3', '"text"', '  "text"', '""'];
const forbidden = [
  '{"__proto__":{"polluted":true}}',
  '{"a":[{"\\u005f_proto__":1}]}',
  '{"constructor":{"prototype":{"x":1}}}',
  '{"constructor":{"name":"x"}}',
  '{"constructor":null}',
  '{"text":"\\"__proto__\\":"}',
];

export const cases: readonly Case[] = [
  bare('an object', text),
  bare('an array', '[1,2,3]'),
  bare('records', records),
  bare('space around', ` \r\n\t${text}\n `),
  bare('duplicate keys', '{"a":1,"a":2}'),
  bare('no body', ''),
  bare('with a byte order mark', `\ufeff${text}`),
  bare('nothing but a byte order mark', '\ufeff'),
  bare('bytes that are not UTF-8', Buffer.concat([utf8('{"a":"'), Buffer.from([0xff, 0xc3]), utf8('"}')])),
  bare('a character cut short', Buffer.concat([utf8('["'), Buffer.from([0xe2, 0x82])])),
  bare('too large', large),
  ...syntax.map((body) => bare(`syntax: ${JSON.stringify(body.slice(0, 20))}`, body)),
  ...primitives.map((body) => bare(`primitive: ${body}`, body)),
  ...forbidden.map((body) => bare(`forbidden: ${body}`, body)),
  bare('charset=utf-8', text, `${json}; charset=utf-8`),
  bare('charset="UTF-8"', text, `${json}; charset="UTF-8"`),
  bare('charset of no value', text, `${json}; charset=`),
  bare('two charsets', text, `${json}; charset=utf-8; charset=koi8-r`),
  bare('charset=utf8', text, `${json}; charset=utf8`),
  bare('charset=iso-8859-1', text, `${json}; charset=iso-8859-1`),
  bare('charset=utf-9', text, `${json}; charset=utf-9`),
  bare('charset=utf-16', Buffer.from(`\ufeff${text}`, 'utf16le'), `${json}; charset=utf-16`),
  bare('charset=utf-16, big end first', utf16be(text), `${json}; charset=utf-16`),
  bare('charset=utf-16le', Buffer.from(text, 'utf16le'), `${json}; charset=utf-16le`),
  bare('charset=utf-16be', utf16be(text), `${json}; charset=UTF-16BE`),
  bare('charset=utf-32', utf32le(text), `${json}; charset=utf-32`),
  bare('charset=utf-32, cut short', utf32le(text).subarray(0, -2), `${json}; charset=utf-32le`),
  bare('charset=utf-16, no JSON', Buffer.from('{"é', 'utf16le'), `${json}; charset=utf-16le`),
  bare('no media type', text, ''),
  bare('another media type', text, 'text/html'),
  bare('plain text', text, 'text/plain'),
  bare('a structured suffix', text, 'application/vnd.api+json'),
  bare('a broken media type', text, 'application'),
  bare('capitals', text, 'Application/JSON ; Charset=UTF-8'),
  packed('identity', 'identity', utf8(text)),
  packed('gzip', 'gzip', gzipSync(text)),
  packed('gzip, in capitals', 'GZIP', gzipSync(text)),
  packed('deflate', 'deflate', deflateSync(text)),
  packed('br', 'br', brotliCompressSync(text)),
  packed('gzip of nothing', 'gzip', gzipSync('')),
  packed('gzip that is none', 'gzip', utf8(text)),
  packed('gzip cut short', 'gzip', gzipSync(records).subarray(0, 60)),
  packed('gzip of too much', 'gzip', gzipSync(large)),
  packed('raw deflate', 'deflate', deflateRawSync(text)),
  packed('unknown encoding', 'nulls', utf8(text)),
  packed('a name of Object.prototype', 'constructor', utf8(text)),
];
