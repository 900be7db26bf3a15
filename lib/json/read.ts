// A whole body as one JSON value.

import { joined } from '../backend/large-memory';
import { InvalidArgument, LimitError } from '../errors';
import {
  bytesLimit,
  chunksOf,
  decoderOption,
  isWhole,
  type JsonStream,
  refuseRules,
  signalOf,
  type TextDecoderLike,
} from './chunks';
import { impl } from './input';
import { manyOf } from './many';
import { type ParseOptions, parseOptions } from './options';

export interface ReadOptions extends ParseOptions {
  /** Bytes (UTF-16 units of string chunks) after which reading stops with ERR_TAILRACE_LIMIT. Default 64 MiB. */
  limit?: number;
  /** Rejects with its reason and stops the source. */
  signal?: AbortSignal;
  /** Makes the value instead of parse(): what decoder(schema) gives. Rules for parsing are its own. */
  decoder?: TextDecoderLike;
}

const kDefaultLimit = 64 * 1024 * 1024;

/**
 * Reads a body to its end and parses it. Bytes are joined before they are decoded, so chunks may be cut anywhere.
 *
 * @throws JsonSyntaxError with the offset in the whole body; LimitError; the signal's reason; the source's own error
 */
export function read<T>(body: JsonStream, options: ReadOptions & { decoder: TextDecoderLike<T> }): Promise<T>;
export function read<T = unknown>(body: JsonStream, options?: ReadOptions): Promise<T>;
export async function read<T = unknown>(body: JsonStream, options: ReadOptions = {}): Promise<T> {
  if (typeof options !== 'object' || options === null)
    throw new InvalidArgument('options', 'an object', options);
  const parsing = parseOptions(options, ['limit', 'signal', 'decoder']);
  const limit = bytesLimit(options.limit, 'limit', kDefaultLimit);
  const signal = signalOf(options.signal);
  const decoder = decoderOption(options.decoder);
  refuseRules(parsing, decoder);
  if (isWhole(body)) throw new InvalidArgument('body', 'a stream, a Response or an iterable of chunks', body);
  const bytes: Uint8Array[] = [];
  const texts: string[] = [];
  let size = 0;
  for await (const chunk of chunksOf(body, signal, 'body')) {
    size += chunk.length;
    if (size > limit) throw new LimitError(`The JSON body is larger than ${limit} bytes`);
    if (typeof chunk === 'string') texts.push(chunk);
    else bytes.push(chunk);
    if (texts.length > 0 && bytes.length > 0)
      throw new InvalidArgument('chunk', 'of one kind: strings or bytes', chunk);
  }
  if (decoder !== undefined) {
    if (texts.length === 0) return decoder.parse(Buffer.concat(bytes, size)) as T;
    const text = texts.join('');
    // one of ours takes strings too, and tells offsets in their units
    return decoder.parse(manyOf.has(decoder.parse) ? (text as never) : Buffer.from(text)) as T;
  }
  if (texts.length > 0) return impl().parse(texts.join(''), parsing) as T;
  const whole = bytes.length === 1 ? (bytes[0] as Uint8Array) : joined(bytes, size);
  return impl().parse(whole, parsing) as T;
}
