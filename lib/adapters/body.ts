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

class Reader {
  readonly #chunks: Buffer[] = [];
  #received = 0;
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
  ) {
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
    const length = this.length ?? null;
    this.#fail(
      httpError(400, 'request aborted', {
        code: 'ECONNABORTED',
        expected: length,
        length,
        received: this.#received,
        type: 'request.aborted',
      }),
    );
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
  else new Reader(inflater ?? request, length, limit, finish);
}
