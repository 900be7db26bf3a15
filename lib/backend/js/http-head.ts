// The head of an HTTP/1.1 request, for the fallback: the same rules as native/http/request_parser.cc, in the same order,
// so that both backends say the same to the same bytes (test/server/differential.test.ts holds them to it). What is
// refused, and why, stands in native/http/README.md. Node's own parser is not used: it takes what we refuse (two Host
// lines, spaces in the request line, bare line ends), refuses what we take (methods it does not know), and a limit or an
// error inside it cannot be told from others.
//
// The verdict is a function of the bytes, not of how they were cut: a line is judged when its end is there.

import type { ServerLimits } from '../contract';
import { trimSpace } from '../header-lines';

export interface RequestHead {
  method: string;
  /** As sent. */
  target: string;
  /** Of the target, without query, scheme and authority; '*' of OPTIONS *. Still percent-encoded. */
  path: string;
  /** HTTP/1.<minor> */
  minor: number;
  keepAlive: boolean;
  chunked: boolean;
  /** Content-Length; 0 when there is none. */
  length: number;
  /** The client waits for 100 Continue before it sends the body. */
  expects: boolean;
  /** Request line and header lines as sent. */
  text: string;
}

/** A head, taken from `bytes` bytes; or the status it is refused with; or neither: more must come. */
export interface HeadResult {
  head: RequestHead | undefined;
  status: number;
  bytes: number;
  /** Of a head that is not complete: what the next call need not look at again. */
  seen: Seen;
}

/** Bytes of a head that were shown before, and those of them whose lines have been judged. */
export interface Seen {
  bytes: number;
  judged: number;
}

type Limits = Pick<ServerLimits, 'headerBytes' | 'headers' | 'bodyBytes'>;

const kCr = 0x0d;
const kLf = 0x0a;
const kMaxMethod = 32;
const kEnd = Buffer.from('\r\n\r\n');

// Sticky, and none has two repetitions that could share characters: a line that does not match costs its length once.
const kRequestLine = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21\x22\x24-\x7e]+) HTTP\/([0-9])\.([0-9])\r\n/y;
const kLongMethod = /[!#$%&'*+\-.^_`|~0-9A-Za-z]{33,} /y;
const kField = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)\r\n/y;
const kAuthority = /^[-._~%!$&'()*+,;=:[\]0-9A-Za-z]*$/;
const kDigits = /^[0-9]+$/;
const kToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/;
const kBeginsMethod = Uint8Array.from({ length: 256 }, (_, c) =>
  kToken.test(String.fromCharCode(c)) ? 1 : 0,
);

const kPartial = 0;

export const kUnseen: Seen = { bytes: 0, judged: 0 };

function refusal(status: number): HeadResult {
  return { head: undefined, status, bytes: 0, seen: kUnseen };
}

/** The elements of a comma-separated list in lower case, empty ones left out. */
function elementsOf(list: string): string[] {
  return list
    .split(',')
    .map((element) => trimSpace(element).toLowerCase())
    .filter((element) => element !== '');
}

/** The path of a target that does not begin with '/': absolute form or asterisk form (RFC 9112 3.2); undefined: neither. */
function otherPath(method: string, target: string): string | undefined {
  if (target === '*') return method === 'OPTIONS' ? '*' : undefined;
  const scheme = /^https?:\/\//i.exec(target);
  if (scheme === null) return undefined;
  const from = scheme[0].length;
  let stop = from;
  while (stop < target.length && target[stop] !== '/' && target[stop] !== '?') stop++;
  const authority = target.slice(from, stop);
  // '@' is not of the class: userinfo has no place in a request (RFC 9110 4.2.4)
  if (authority === '' || !kAuthority.test(authority)) return undefined;
  const query = target.indexOf('?', stop);
  return target.slice(stop, query < 0 ? target.length : query) || '/';
}

/** What the field lines say about framing and persistence, gathered until the head is complete. */
class Framing {
  status = 0;
  length = 0;
  private hosts = 0;
  private lengths = 0;
  private codings = 0;
  private close = false;
  private keepAlive = false;
  private expects = false;
  private expectsMore = false;

  /** The first failure counts, but malformed framing outranks what is only unwelcome. */
  fail(why: number): void {
    if (this.status === 0 || why === 400) this.status = why;
  }

  /** By length first, so that other fields cost one switch. */
  note(name: string, raw: string, limits: Limits): void {
    switch (name.length) {
      case 4:
        if (name.toLowerCase() !== 'host') return;
        if (this.hosts++ > 0 || !kAuthority.test(trimSpace(raw))) this.fail(400);
        return;
      case 6:
        if (name.toLowerCase() !== 'expect') return;
        for (const element of elementsOf(raw)) {
          if (element === '100-continue') this.expects = true;
          else this.expectsMore = true;
        }
        return;
      case 10:
        if (name.toLowerCase() !== 'connection') return;
        for (const element of elementsOf(raw)) {
          if (element === 'close') this.close = true;
          if (element === 'keep-alive') this.keepAlive = true;
        }
        return;
      case 14:
        if (name.toLowerCase() === 'content-length') this.noteLength(trimSpace(raw), limits);
        return;
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') this.noteCoding(trimSpace(raw));
    }
  }

  private noteLength(value: string, limits: Limits): void {
    // However many digits: what a number cannot hold exactly is far above any limit.
    const length = Number(value);
    if (this.lengths++ > 0 || !kDigits.test(value)) this.fail(400);
    else if (length > limits.bodyBytes) this.fail(413);
    else this.length = length;
  }

  private noteCoding(value: string): void {
    const twice = this.codings++ > 0;
    if (!twice && value.toLowerCase() === 'chunked') return;
    // Framed by chunks, but coded in a way we do not undo: 501. Else its length cannot be known: 400 (RFC 9112 6.3).
    const elements = elementsOf(value);
    const chunked = elements.filter((element) => element === 'chunked').length;
    const framed = elements.length > 1 && chunked === 1 && elements.at(-1) === 'chunked';
    this.fail(framed && !twice ? 501 : 400);
  }

  /** The rules that need the whole head. */
  conclude(head: RequestHead): void {
    const { minor } = head;
    if (this.hosts === 0 && minor === 1) this.fail(400);
    if (this.codings > 0 && (this.lengths > 0 || minor === 0)) this.fail(400);
    if (this.expectsMore && minor === 1) this.fail(417);
    head.chunked = this.codings > 0;
    head.length = this.length;
    head.expects = this.expects && minor === 1 && (head.chunked || this.length > 0);
    head.keepAlive = !this.close && (minor === 1 || this.keepAlive);
  }
}

/** The request line at the front of `text`: what it says, or the status it is refused with. */
function requestLine(text: string): RequestHead | number {
  kRequestLine.lastIndex = 0;
  const line = kRequestLine.exec(text);
  if (line === null) {
    kLongMethod.lastIndex = 0;
    return kLongMethod.test(text) ? 501 : 400;
  }
  const method = line[1]!;
  const target = line[2]!;
  if (method.length > kMaxMethod) return 501;
  if (line[3] !== '1' || line[4]! > '1') return 505;
  // No tunnels here: its authority form is valid for nothing else, and no other form for it.
  if (method === 'CONNECT') return 501;
  const query = target.indexOf('?');
  const plain = target.charCodeAt(0) === 0x2f;
  const path = plain ? target.slice(0, query < 0 ? target.length : query) : otherPath(method, target);
  if (path === undefined) return 400;
  const minor = line[4] === '1' ? 1 : 0;
  return { method, target, path, minor, keepAlive: false, chunked: false, length: 0, expects: false, text };
}

/** More is wanted, as long as the head may still grow. `lines`: it has a complete line. */
function wantMore(size: number, judged: number, lines: boolean, limits: Limits): HeadResult {
  if (size >= limits.headerBytes) return refusal(lines ? 431 : 414);
  return { head: undefined, status: kPartial, bytes: 0, seen: { bytes: size, judged } };
}

/**
 * Reads the request head at data[at, data.length). `seen` is that of the call before, which was shown fewer bytes of the
 * same head; kUnseen at first. At most one empty line before the request line is skipped (RFC 9112 2.2).
 */
export function parseHead(data: Buffer, at: number, seen: Seen, limits: Limits): HeadResult {
  const size = data.length - at;
  let start = at;
  if (data[at] === kCr) {
    if (size > 1 && data[at + 1] !== kLf) return refusal(400);
    start = at + 2;
  }
  // What cannot begin a method is not HTTP (a TLS hello, say): no reason to wait for its line end.
  if (start < data.length && kBeginsMethod[data[start]!] === 0) return refusal(400);
  if (start >= data.length) return wantMore(size, 0, false, limits);

  const from = Math.max(start, at + seen.judged);
  // What was shown before may end inside the two line ends.
  const fresh = Math.max(start, at + seen.bytes);
  const stop = data.indexOf(kEnd, Math.max(start, fresh - 3));
  if (stop < 0) {
    const complete = data.indexOf(kLf, fresh) >= 0;
    if (!complete) return wantMore(size, from - at, from > start, limits);
    return judgeLines(data, at, start, from, limits);
  }

  const text = data.toString('latin1', start, stop + 2);
  const skipped = start - at;
  const head = requestLine(text);
  const firstEnd = text.indexOf('\n') + 1 + skipped;
  if (typeof head === 'number') return refusal(firstEnd > limits.headerBytes ? 414 : head);
  if (firstEnd > limits.headerBytes) return refusal(414);
  const framing = new Framing();
  let count = 0;
  let next = firstEnd - skipped;
  while (next < text.length) {
    kField.lastIndex = next;
    const field = kField.exec(text);
    const end = field === null ? text.indexOf('\n', next) + 1 : kField.lastIndex;
    if (end + skipped > limits.headerBytes) return refusal(431);
    if (field === null) return refusal(400);
    count++;
    framing.note(field[1]!, field[2]!, limits);
    next = end;
  }
  if (next + 2 + skipped > limits.headerBytes) return refusal(431);
  if (count > limits.headers) framing.fail(431);
  framing.conclude(head);
  if (framing.status !== 0) return refusal(framing.status);
  return { head, status: 0, bytes: stop + 4 - at, seen: kUnseen };
}

/** The head's end has not come, but that of a line: looks at those that became complete. */
function judgeLines(data: Buffer, at: number, start: number, from: number, limits: Limits): HeadResult {
  const last = data.lastIndexOf(kLf);
  const text = data.toString('latin1', from, last + 1);
  const before = from - at;
  let next = 0;
  while (next < text.length) {
    const first = next === 0 && from === start;
    let status = 0;
    let end: number;
    if (first) {
      const line = requestLine(text);
      if (typeof line === 'number') status = line;
      end = text.indexOf('\n') + 1;
    } else {
      kField.lastIndex = next;
      if (!kField.test(text)) status = 400;
      end = status === 0 ? kField.lastIndex : text.indexOf('\n', next) + 1;
    }
    if (before + end > limits.headerBytes) return refusal(first ? 414 : 431);
    if (status !== 0) return refusal(status);
    next = end;
  }
  return wantMore(data.length - at, last + 1 - at, true, limits);
}
