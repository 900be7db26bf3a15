// A body parser for Express (and connect, Nest, anything with their middleware) in the place of express.json(): body-parser's
// options, statuses and errors, and tailrace's parser. It needs nothing of Express, so nothing of it is loaded.
//
// Bytes go to the parser as they came: no string of the body is made unless the text is at fault. Then V8 reads it as
// body-parser would have it read, because clients and their tests know V8's messages.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonParseOptions } from '../backend/contract';
import { InvalidArgument, JsonSyntaxError } from '../errors';
import { impl } from '../json/input';
import { type ParseOptions, parseOptions, type Reviver } from '../json/options';
import { parseAny } from '../json/parse-any';
import { isFinished, readBody } from './body';
import { type Decode, decoderOf, markLength } from './charset';
import { asHttpError, httpError } from './http-error';
import { hasBody, mediaTypeOf, mediaTypeTest } from './media-type';

/** A request as this middleware leaves it. */
export interface ParsedRequest extends IncomingMessage {
  body?: unknown;
}

export interface JsonOptions extends ParseOptions {
  /** Decompress gzip, deflate, br (zstd where Node has it); false: they are 415. Default true. */
  inflate?: boolean;
  /** Bytes, or text as '100kb'; what is larger is 413. Default '100kb'. */
  limit?: number | string | null;
  /** As JSON.parse's. */
  reviver?: Reviver;
  /** Only objects and arrays. Default true. */
  strict?: boolean;
  /** Media types, or a test. Default 'application/json'. */
  // biome-ignore lint/suspicious/noExplicitAny: a test written for Express takes Express's own request
  type?: string | readonly string[] | ((request: any) => unknown);
  /** Looks at the raw bytes; what it throws becomes 403. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  verify?: (request: any, response: any, body: Buffer, charset: string) => void;
  /** For a Content-Type without one. Default 'utf-8'. */
  defaultCharset?: string;
}

export type Next = (error?: unknown) => void;
export type JsonMiddleware = (request: IncomingMessage, response: ServerResponse, next: Next) => void;

const kDefaultLimit = 100 * 1024;
const kUnits: Readonly<Record<string, number>> = { b: 0, kb: 1, mb: 2, gb: 3, tb: 4, pb: 5 };

function bytesOf(limit: unknown): number {
  if (limit === undefined || limit === null) return kDefaultLimit;
  if (typeof limit === 'number' && !Number.isNaN(limit)) return limit;
  if (typeof limit === 'string') {
    const match = /^([-+]?\d+(?:\.\d+)?) *([kmgtp]?b)$/i.exec(limit);
    const value = match === null ? Number.parseInt(limit, 10) : Number(match[1]);
    const unit = kUnits[(match?.[2] ?? 'b').toLowerCase()] as number;
    if (!Number.isNaN(value)) return Math.floor(value * 1024 ** unit);
  }
  throw new InvalidArgument('limit', "a number of bytes, or text as '100kb'", limit);
}

const kNames = ['inflate', 'limit', 'reviver', 'strict', 'type', 'verify', 'defaultCharset'];

/** Forbidden unless they are asked for: a server has no use for them, and attacks have. */
function policyOf(options: JsonOptions): JsonParseOptions | undefined {
  const { integers, duplicateKeys, maxDepth, utf8, strings } = options;
  const { protoAction = 'error', constructorAction = 'error' } = options;
  // other names pass: body-parser takes what it does not know
  return parseOptions(
    { integers, duplicateKeys, maxDepth, utf8, strings, protoAction, constructorAction },
    kNames,
  );
}

const isSpace = (c: number | undefined): boolean => c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;

/** The error of V8 for a text that is no JSON; of a strict parser for one that begins with neither bracket. */
function syntaxError(text: string, strict: boolean, reviver: Reviver | undefined, own: unknown): unknown {
  let read = text;
  let hidden = -1;
  if (strict) {
    hidden = text.search(/[^ \n\r\t]/);
    const first = text[hidden];
    // V8 is shown a text that is wrong from there on, and its words are then put back
    if (first !== '{' && first !== '[')
      read = hidden < 0 ? '' : text.slice(0, hidden) + '#'.repeat(text.length - hidden);
    else hidden = -1;
  }
  try {
    JSON.parse(read, reviver);
  } catch (error) {
    if (hidden >= 0 && error instanceof Error) {
      const before = error.message;
      error.message = before.replace(/#+/g, (marks) => text.slice(hidden, hidden + marks.length));
      if (error.stack !== undefined) error.stack = error.stack.replace(before, error.message);
    }
    return error;
  }
  return own;
}

/** What a reviver threw keeps its text alone, as with body-parser: the status is that of a body at fault. */
function bare(error: unknown): void {
  if (!(error instanceof Error)) return;
  for (const name of Object.getOwnPropertyNames(error))
    if (name !== 'stack' && name !== 'message') Reflect.deleteProperty(error, name);
}

type TypeTest = (request: IncomingMessage) => unknown;

interface Parser {
  strict: boolean;
  reviver: Reviver | undefined;
  policy: JsonParseOptions | undefined;
}

const unitAt = (input: string | Uint8Array, at: number): number | undefined =>
  typeof input === 'string' ? input.charCodeAt(at) : input[at];

const parse = (input: string | Uint8Array, start: number, policy: JsonParseOptions | undefined): unknown =>
  typeof input === 'string'
    ? impl().parse(input, policy)
    : impl().parseRange(input, start, input.length, policy);

/** The value of a body; UTF-8 as bytes, any other charset as a string. Throws what parsing throws. */
function parseBody(input: string | Uint8Array, start: number, parser: Parser): unknown {
  const { strict, reviver, policy } = parser;
  if (strict) {
    let at = start;
    while (isSpace(unitAt(input, at))) at++;
    const first = unitAt(input, at);
    if (first !== 0x7b && first !== 0x5b) throw new SyntaxError('neither an object nor an array');
  }
  if (reviver === undefined) return parse(input, start, policy);
  return parseAny(start === 0 ? input : (input as Uint8Array).subarray(start), reviver, policy);
}

/**
 * Middleware that gives `request.body` the value of a JSON body. Its options are body-parser's, and ParseOptions; keys that
 * reach for a prototype are refused unless protoAction and constructorAction say otherwise.
 *
 * Errors go to `next` with status, statusCode, expose and type: 'entity.parse.failed', 'entity.too.large',
 * 'entity.verify.failed', 'encoding.unsupported', 'charset.unsupported', 'request.aborted', 'request.size.invalid'.
 *
 * @throws TypeError for an option that is no value of its kind
 */
export function json(options: JsonOptions = {}): JsonMiddleware {
  if (typeof options !== 'object' || options === null)
    throw new InvalidArgument('options', 'an object', options);
  const { verify, reviver } = options;
  // what is falsy is the default, as in body-parser
  const type = options.type || 'application/json';
  const defaultCharset = options.defaultCharset || 'utf-8';
  if (verify && typeof verify !== 'function') throw new InvalidArgument('verify', 'a function', verify);
  const isTypes = (Array.isArray(type) ? type : [type]).every((each) => typeof each === 'string');
  if (typeof type !== 'function' && !isTypes)
    throw new InvalidArgument('type', 'a media type, an array of them or a function', type);
  if (typeof defaultCharset !== 'string')
    throw new InvalidArgument('defaultCharset', 'a string', defaultCharset);
  const limit = bytesOf(options.limit);
  const inflate = options.inflate !== false;
  const parser: Parser = {
    strict: options.strict !== false,
    reviver: typeof reviver === 'function' ? reviver : undefined,
    policy: policyOf(options),
  };
  const wanted =
    typeof type === 'function' ? undefined : mediaTypeTest(Array.isArray(type) ? type : [type as string]);

  // In Express a request has hidden classes of its own, and each look at it by name is a search: headers are asked for once.
  return function jsonParser(request: ParsedRequest, response: ServerResponse, next: Next): void {
    if (isFinished(request)) {
      next();
      return;
    }
    if (!('body' in request)) request.body = undefined;
    const { headers } = request;
    const media = mediaTypeOf(headers);
    const takes = hasBody(headers) && (wanted === undefined ? (type as TypeTest)(request) : wanted(media));
    if (!takes) {
      next();
      return;
    }
    const charset = media?.charset || defaultCharset;
    const decode = charset.startsWith('utf-') ? decoderOf(charset) : undefined;
    const unsupported = () =>
      decode === undefined
        ? httpError(415, `unsupported charset "${charset.toUpperCase()}"`, {
            charset,
            type: 'charset.unsupported',
          })
        : undefined;
    // what is said first when a request has two faults is as body-parser has it
    if (decode === undefined && (verify || !charset.startsWith('utf-'))) {
      next(unsupported());
      return;
    }
    readBody(request, headers, { inflate, limit }, unsupported, (error, body) => {
      if (error !== undefined) {
        next(error);
        return;
      }
      finish(request, response, body as Buffer, charset, decode as Decode, next);
    });
  };

  function finish(
    request: ParsedRequest,
    response: ServerResponse,
    body: Buffer,
    charset: string,
    decode: Decode,
    next: Next,
  ): void {
    if (verify) {
      try {
        verify(request, response, body, charset);
      } catch (error) {
        const kind = (error as { type?: unknown } | undefined)?.type || 'entity.verify.failed';
        next(asHttpError(403, error, { body, type: kind }));
        return;
      }
    }
    const isUtf8 = charset === 'utf-8';
    try {
      const start = isUtf8 ? markLength(body) : 0;
      const input = isUtf8 ? body : decode(body);
      // an empty body is what a client means that has nothing to say
      request.body = input.length === start ? {} : parseBody(input, start, parser);
    } catch (thrown) {
      const text = decode(body);
      // a reviver's own error is the reviver's
      const error =
        thrown instanceof SyntaxError ? syntaxError(text, parser.strict, parser.reviver, thrown) : thrown;
      if (parser.reviver !== undefined && !(error instanceof JsonSyntaxError)) bare(error);
      const kind = (error as { type?: unknown } | undefined)?.type || 'entity.parse.failed';
      next(asHttpError(400, error, { body: text, type: kind }));
      return;
    }
    next();
  }
}
