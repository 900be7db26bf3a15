// Makes up requests for the differential tests: mostly well formed, of parts that are now and then odd, then mutated as a
// faulty or hostile client might: bytes changed, dropped, doubled, swapped with those that mean something to HTTP.

/** An integer from 0 to bound - 1. */
export type Random = (bound: number) => number;

const kMethods = ['GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'get', 'BREW', 'CONNECT', 'G\tT', ''];
const kTargets = [
  '/',
  '/get',
  '/a/b?c=d&e',
  '/a/%20',
  '/nowhere',
  '*',
  'http://h/get?x',
  'http://u@h/',
  '/a b',
  '/#x',
  'x',
  '/\x80',
];
const kVersions = ['HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', ''];
const kFields = [
  'Connection: close',
  'Connection: keep-alive',
  'Connection: x, Close ,',
  'X-A: b c ',
  'X-A:\tb\t',
  'X-Empty:',
  'x-latin: \xe4\xa0',
  'Cookie: a=b',
  'X-A :b',
  ' folded: b',
  ': empty',
  'nocolon',
  'Host: t',
  'Host: a b',
  'Content-Length: 3',
  'Content-Length: 3, 3',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Expect: 100-continue',
  'Expect: x',
  'Upgrade: h2c',
];
const kLengths = ['3', '0', '03', ' 3\t', '+3', '3x', '', '1001', '18446744073709551619', '4294967299'];
const kCodings = ['chunked', 'CHUNKED ', 'gzip, chunked', 'identity', 'chunked, chunked', 'chunked;x', ''];
const kSizes = [
  '3',
  '03',
  '3;x=y',
  '3;',
  '3 ',
  '0x3',
  '-3',
  'FFFFFFFFFFFFFFFF',
  '00000000000000003',
  '3E9',
  '',
];
const kTrailers = [
  '',
  '',
  '',
  'T: v\r\n',
  'T:\r\nU: w\r\n',
  'no trailer\r\n',
  ' T: v\r\n',
  'Content-Length: 3\r\n',
];
/** Bytes that mean something to some part of HTTP. */
const kSpecial = '\r\n\t :;,/?#%*@\0\x7f\x80\xff"0159aAfFgG';

/** Mostly the first of the list. */
function likely(random: Random, list: readonly string[]): string {
  return random(8) === 0 ? list[random(list.length)]! : list[0]!;
}

function ending(random: Random): string {
  return random(60) === 0 ? ['\n', '\r', '\r\r\n', '\r\n ', ''][random(5)]! : '\r\n';
}

function chunks(random: Random): string {
  let text = '';
  for (let i = random(4); i > 0; i--)
    text += `${likely(random, kSizes)}${ending(random)}abc${ending(random)}`;
  return `${text}${random(8) === 0 ? '00' : '0'}\r\n${kTrailers[random(kTrailers.length)]}${ending(random)}`;
}

function request(random: Random): string {
  const method = random(3) === 0 ? likely(random, kMethods) : random(2) === 0 ? 'POST' : kMethods[random(5)]!;
  const target = random(2) === 0 ? kTargets[random(3)]! : likely(random, kTargets.slice(random(4)));
  const lines = [`${method} ${target} ${likely(random, kVersions)}`];
  if (random(20) > 0) lines.push('Host: t');
  for (let i = random(4); i > 0; i--) lines.push(kFields[random(random(3) === 0 ? kFields.length : 8)]!);
  let body = '';
  const framing = random(4);
  if (framing === 1) {
    lines.push(`Content-Length:${random(2) === 0 ? ' ' : ''}${likely(random, kLengths)}`);
    body = 'abc';
  } else if (framing === 2) {
    lines.push(`Transfer-Encoding: ${likely(random, kCodings)}`);
    body = chunks(random);
  }
  return `${lines.map((line) => line + ending(random)).join('')}${ending(random)}${body}`;
}

export function makeRequests(random: Random): string {
  let text = '';
  for (let i = 1 + random(4); i > 0; i--) text += (random(12) === 0 ? ending(random) : '') + request(random);
  return text;
}

/** Half of the texts stay as they are. */
export function mutate(text: string, random: Random): string {
  if (random(2) === 0) return text;
  for (let i = 1 + random(3); i > 0 && text.length > 0; i--) {
    const at = random(text.length);
    const special = kSpecial[random(kSpecial.length)]!;
    switch (random(7)) {
      case 0:
        text = text.slice(0, at) + special + text.slice(at + 1);
        break;
      case 1:
        text = text.slice(0, at) + special + text.slice(at);
        break;
      case 2:
        text = text.slice(0, at) + text.slice(at + 1 + random(3));
        break;
      case 3:
        text = text.slice(0, at) + text.slice(at, at + 1 + random(30)) + text.slice(at);
        break;
      case 4:
        text = text.slice(0, at);
        break;
      case 5:
        text = text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1);
        break;
      default:
        text = text.slice(0, at) + special.repeat(random(random(4) === 0 ? 3000 : 5)) + text.slice(at);
    }
  }
  return text;
}
