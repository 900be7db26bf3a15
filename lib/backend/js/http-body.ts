// The body of a request on the fallback, by Content-Length or chunked (RFC 9112 6 and 7), as native/http/body.cc reads it:
// a chunk size is 1 to 16 hexadecimal digits, then ';' or CRLF at once; no bare line end anywhere; trailers are checked
// and dropped. Bytes are gathered in one buffer: a body that comes in a million pieces does not become a million views.

import type { ServerLimits } from '../contract';
import type { RequestHead } from './http-head';

/** All chunk extensions of a body and, apart from them, all its trailer lines. */
const kChunkExtraBytes = 4096;
const kMostDigits = 16;
/** Room is made for what came and the like again, not for what a length promised; and for no less than this. */
const kLeastRoom = 1024;

const kCr = 0x0d;
const kLf = 0x0a;
const kNothing = Buffer.alloc(0);

enum At {
  size, // first digit of a chunk's size
  digits, // further digits
  extension, // behind ';', up to CR
  sizeLf, // LF of the size line
  data, // chunk data, or a body of known length
  dataCr, // CRLF behind the data
  dataLf,
  trailer, // first byte of a trailer line, or CR of the last line
  name, // inside a trailer's name
  value, // behind its colon, up to CR
  valueLf,
  lastLf,
  ended,
}

const kHex = 1;
const kToken = 2;
const kValue = 4;
const kClasses = Uint8Array.from({ length: 256 }, (_, code) => {
  const c = String.fromCharCode(code);
  return (
    (/[0-9a-fA-F]/.test(c) ? kHex : 0) |
    (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(c) ? kToken : 0) |
    (/[\t\x20-\x7e\x80-\xff]/.test(c) ? kValue : 0)
  );
});

function hexValue(c: number): number {
  return c <= 0x39 ? c - 0x30 : (c | 0x20) - 0x61 + 10;
}

export class BodyReader {
  /** The status the body is refused with; 0: not refused. */
  status = 0;
  private readonly limit: number;
  private readonly chunked: boolean;
  private readonly promised: number;
  private at: At;
  private remaining: number;
  private total = 0;
  private digits = 0;
  private extensionBytes = 0;
  private trailerBytes = 0;
  private buffer: Buffer = kNothing;

  constructor(head: RequestHead, limits: Pick<ServerLimits, 'bodyBytes'>) {
    this.limit = limits.bodyBytes;
    this.chunked = head.chunked;
    this.promised = head.chunked ? 0 : head.length;
    this.remaining = this.promised;
    this.at = head.chunked ? At.size : head.length > 0 ? At.data : At.ended;
  }

  get done(): boolean {
    return this.at === At.ended;
  }

  bytes(): Buffer {
    return this.buffer.subarray(0, this.total);
  }

  /** Takes what belongs to the body from data[from, data.length); returns where it ended, or where it was refused. */
  take(data: Buffer, from: number): number {
    let at = from;
    while (at < data.length && this.at !== At.ended) {
      if (this.at === At.data) {
        const size = Math.min(data.length - at, this.remaining);
        this.gather(data, at, size);
        at += size;
        this.remaining -= size;
        if (this.remaining === 0) this.at = this.chunked ? At.dataCr : At.ended;
        continue;
      }
      this.status = this.frame(data[at]!);
      if (this.status !== 0) break;
      at++;
    }
    return at;
  }

  /** One byte of chunk framing; the status it is refused with, or 0. */
  private frame(c: number): number {
    const classes = kClasses[c]!;
    switch (this.at) {
      case At.size:
        if ((classes & kHex) === 0) return 400;
        this.remaining = hexValue(c);
        this.digits = 1;
        this.at = At.digits;
        return 0;
      case At.digits:
        if ((classes & kHex) !== 0) {
          if (++this.digits > kMostDigits) return 400;
          // Beyond 2^53 it is not exact, and far above any limit.
          this.remaining = this.remaining * 16 + hexValue(c);
        } else if (c === 0x3b) {
          this.at = At.extension;
        } else if (c === kCr) {
          this.at = At.sizeLf;
        } else {
          return 400;
        }
        return 0;
      case At.extension:
        if (c === kCr) this.at = At.sizeLf;
        else if ((classes & kValue) === 0) return 400;
        else if (++this.extensionBytes > kChunkExtraBytes) return 413;
        return 0;
      case At.sizeLf:
        if (c !== kLf) return 400;
        if (this.total + this.remaining > this.limit) return 413;
        this.at = this.remaining > 0 ? At.data : At.trailer;
        return 0;
      case At.dataCr:
        this.at = At.dataLf;
        return c === kCr ? 0 : 400;
      case At.dataLf:
        this.at = At.size;
        return c === kLf ? 0 : 400;
      default:
        return this.trailer(c, classes);
    }
  }

  private trailer(c: number, classes: number): number {
    switch (this.at) {
      case At.trailer:
        if (c === kCr) {
          this.at = At.lastLf;
          return 0;
        }
        if ((classes & kToken) === 0) return 400;
        this.at = At.name;
        break;
      case At.name:
        if (c === 0x3a) this.at = At.value;
        else if ((classes & kToken) === 0) return 400;
        break;
      case At.value:
        if (c === kCr) {
          this.at = At.valueLf;
          return 0;
        }
        if ((classes & kValue) === 0) return 400;
        break;
      case At.valueLf:
        this.at = At.trailer;
        return c === kLf ? 0 : 400;
      default:
        this.at = At.ended;
        return c === kLf ? 0 : 400;
    }
    return ++this.trailerBytes > kChunkExtraBytes ? 413 : 0;
  }

  private gather(data: Buffer, at: number, size: number): void {
    if (this.total === 0 && size === this.promised) {
      // Whole in one piece: a view does.
      this.buffer = data.subarray(at, at + size);
      this.total = size;
      return;
    }
    const needed = this.total + size;
    if (needed > this.buffer.length) {
      const most = this.chunked ? this.limit : this.promised;
      const room = Math.min(most, Math.max(2 * needed, kLeastRoom));
      const grown = Buffer.allocUnsafeSlow(room);
      this.buffer.copy(grown, 0, 0, this.total);
      this.buffer = grown;
    }
    data.copy(this.buffer, this.total, at, at + size);
    this.total = needed;
  }
}
