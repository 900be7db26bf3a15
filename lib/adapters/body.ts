// The bytes of a request, decompressed, within a limit: each way in which that can fail is an error with the status and the
// type that body-parser gives it. The request is read off before an error is told, so that its reply can be sent.

import { AsyncResource } from 'node:async_hooks';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { asHttpError, httpError } from './http-error';

export interface BodyOptions {
  /** Decompress, or refuse what is compressed. */
  inflate: boolean;
  /** Bytes after decompression. */
  limit: number;
}

/** What the caller has against this body, when nothing else speaks against it. */
export type Refusal = () => Error | undefined;

/** Exactly one of both is given. */
export type BodyDone = (error: Error | undefined, body: Buffer | undefined) => void;

/** Whether nothing is left to read: somebody has read it, or the socket is gone. */
export function isFinished(request: IncomingMessage): boolean {
  const { socket } = request;
  const upgrade = (request as { upgrade?: boolean }).upgrade === true;
  return upgrade || !socket?.readable || (request.complete && !request.readable);
}

type Decompress = () => Transform;
const kDecompress: Readonly<Record<string, Decompress | undefined>> = {
  deflate: () => zlib.createInflate(),
  gzip: () => zlib.createGunzip(),
  br: () => zlib.createBrotliDecompress(),
  // from Node 22.15 on
  zstd: (zlib as { createZstdDecompress?: Decompress }).createZstdDecompress,
};

function decompressor(encoding: string, inflate: boolean): Transform {
  const make = inflate && Object.hasOwn(kDecompress, encoding) ? kDecompress[encoding] : undefined;
  if (make !== undefined) return make();
  const message = inflate ? `unsupported content encoding "${encoding}"` : 'content encoding unsupported';
  throw httpError(415, message, { encoding, type: 'encoding.unsupported' });
}

/** Calls back when the rest of the request has been read and thrown away, or can no longer be. */
export function drain(request: IncomingMessage, done: () => void): void {
  if (isFinished(request) || request.closed) {
    done();
    return;
  }
  const once = () => {
    request.removeListener('end', once).removeListener('close', once).removeListener('error', once);
    done();
  };
  request.on('end', once).on('close', once).on('error', once);
  request.resume();
}

function aborted(expected: number | undefined, received: number): Error {
  const length = expected ?? null;
  return httpError(400, 'request aborted', {
    code: 'ECONNABORTED',
    expected: length,
    length,
    received,
    type: 'request.aborted',
  });
}

class Reader {
  readonly #chunks: Buffer[];
  #received: number;
  #ended = false;
  readonly #onData = (chunk: Buffer | string) => this.#take(chunk);
  readonly #onEnd = () => this.#end();
  readonly #onError = (error: Error) => this.#fail(error);
  readonly #onAborted = () => this.#abort();
  readonly #onClose = () => this.#detach();

  constructor(
    private readonly stream: Readable,
    private readonly length: number | undefined,
    private readonly limit: number,
    private readonly done: BodyDone,
    /** What has been read already. */
    first: Buffer | undefined,
  ) {
    this.#chunks = first === undefined ? [] : [first];
    this.#received = first === undefined ? 0 : first.length;
    stream
      .on('aborted', this.#onAborted)
      .on('close', this.#onClose)
      .on('data', this.#onData)
      .on('end', this.#onEnd)
      .on('error', this.#onError);
  }

  #detach(): void {
    this.stream
      .removeListener('aborted', this.#onAborted)
      .removeListener('close', this.#onClose)
      .removeListener('data', this.#onData)
      .removeListener('end', this.#onEnd)
      .removeListener('error', this.#onError);
  }

  #fail(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#detach();
    this.stream.unpipe();
    this.stream.pause();
    this.done(error, undefined);
  }

  #abort(): void {
    this.#fail(aborted(this.length, this.#received));
  }

  #take(chunk: Buffer | string): void {
    if (this.#ended) return;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    this.#received += bytes.length;
    if (this.#received > this.limit) {
      this.#fail(
        httpError(413, 'request entity too large', {
          limit: this.limit,
          received: this.#received,
          type: 'entity.too.large',
        }),
      );
      return;
    }
    this.#chunks.push(bytes);
  }

  #end(): void {
    if (this.#ended) return;
    const received = this.#received;
    const length = this.length;
    if (length !== undefined && received !== length) {
      this.#fail(
        httpError(400, 'request size did not match content length', {
          expected: length,
          length,
          received,
          type: 'request.size.invalid',
        }),
      );
      return;
    }
    this.#ended = true;
    this.#detach();
    const chunks = this.#chunks;
    this.done(undefined, chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, received));
  }
}

function expectedLength(header: string | undefined): number | undefined {
  return header === undefined || Number.isNaN(Number(header)) ? undefined : Number.parseInt(header, 10);
}

/** An error that stands before the first byte is read. */
function refusal(stream: Readable, length: number | undefined, limit: number): Error | undefined {
  if (length !== undefined && length > limit) {
    return httpError(413, 'request entity too large', {
      expected: length,
      length,
      limit,
      type: 'entity.too.large',
    });
  }
  if (stream.readableEncoding !== null) {
    return httpError(500, 'stream encoding should not be set', { type: 'stream.encoding.set' });
  }
  if (!stream.readable) return httpError(500, 'stream is not readable', { type: 'stream.not.readable' });
  return undefined;
}

/** By the stream's events. */
function readPieces(
  request: IncomingMessage,
  inflater: Transform | undefined,
  length: number | undefined,
  limit: number,
  refused: Error | undefined,
  done: BodyDone,
  first: Buffer | undefined,
): void {
  // what AsyncLocalStorage has here must be there when the handlers after us run
  const resource = new AsyncResource('TailraceBody');
  const finish: BodyDone = (error, body) => {
    if (error === undefined) {
      if (inflater !== undefined) {
        request.unpipe(inflater);
        inflater.on('error', () => {});
        inflater.destroy();
        request.resume();
      }
      resource.runInAsyncScope(done, undefined, undefined, body);
      return;
    }
    if (inflater !== undefined) {
      request.unpipe();
      inflater.on('error', () => {});
      inflater.destroy();
    }
    drain(request, () => resource.runInAsyncScope(done, undefined, asHttpError(400, error, {}), undefined));
  };
  if (refused !== undefined) process.nextTick(finish, refused, undefined);
  else new Reader(inflater ?? request, length, limit, finish, first);
}

/**
 * A body that came with its headers, as most do, in three steps: in the next tick its bytes stand in the stream and are taken,
 * in the next immediate the stream has seen their end, and a tick later everybody knows it has ended. Ticks and immediates
 * keep the async context, and a stream that never flows has less to do. Whenever something else is found, it goes on by events.
 */
function take(request: IncomingMessage, length: number, limit: number, done: BodyDone): void {
  // somebody who has started or stopped the stream meanwhile must find it as they would without this
  const whole = request.readableLength === length && request.readableFlowing === null;
  if (!whole || request.destroyed || request.readableEncoding !== null) {
    const gone = request.aborted ? aborted(length, 0) : undefined;
    readPieces(request, undefined, length, limit, gone, done, undefined);
    return;
  }
  setImmediate(askForEnd, request, length, limit, done, request.read() as Buffer);
}

function askForEnd(
  request: IncomingMessage,
  length: number,
  limit: number,
  done: BodyDone,
  body: Buffer,
): void {
  if (request.readableEnded) {
    // somebody else has made it flow
    done(undefined, body);
    return;
  }
  if (!request.complete || request.destroyed) {
    const gone = request.aborted ? aborted(length, length) : undefined;
    readPieces(request, undefined, length, limit, gone, done, body);
    return;
  }
  let ended = false;
  const end = () => {
    ended = true;
    request.removeListener('end', end);
    done(undefined, body);
  };
  request.on('end', end);
  request.read();
  process.nextTick(() => {
    if (ended) return;
    // destroyed in that tick, or a stream that takes longer to end
    request.removeListener('end', end);
    const gone = request.aborted ? aborted(length, length) : undefined;
    readPieces(request, undefined, length, limit, gone, done, body);
  });
}

/** Reads the body. `done` runs in the caller's async context, never before this returns. */
export function readBody(
  request: IncomingMessage,
  headers: IncomingHttpHeaders,
  options: BodyOptions,
  refuse: Refusal,
  done: BodyDone,
): void {
  const encoding = headers['content-encoding']?.toLowerCase() || 'identity';
  let inflater: Transform | undefined;
  let length: number | undefined;
  try {
    // a body that is not to be inflated is refused by its header alone, and stays unread
    if (encoding === 'identity') length = expectedLength(headers['content-length']);
    else inflater = decompressor(encoding, options.inflate);
  } catch (error) {
    done(error as Error, undefined);
    return;
  }
  const { limit } = options;
  if (inflater !== undefined) request.pipe(inflater);
  const refused = refusal(inflater ?? request, length, limit) ?? refuse();
  if (length !== undefined && length > 0 && refused === undefined && request.readableFlowing === null)
    process.nextTick(take, request, length, limit, done);
  else readPieces(request, inflater, length, limit, refused, done, undefined);
}
