// Values to JSON text as UTF-8 bytes. V8's JSON.stringify is the definition.

import { InvalidArgument, onlyKnown } from '../errors';
import { impl } from './input';

export interface EncodeOptions {
  /** 'integer' writes bigints as JSON integers. Default 'error': a TypeError, as JSON.stringify. */
  bigint?: 'error' | 'integer';
}

function bigintAsInteger(options: EncodeOptions | undefined): boolean {
  if (options === undefined) return false;
  if (typeof options !== 'object' || options === null)
    throw new InvalidArgument('options', 'an object', options);
  onlyKnown(options, ['bigint']);
  const { bigint } = options;
  if (bigint !== undefined && bigint !== 'error' && bigint !== 'integer') {
    throw new InvalidArgument('bigint', "'error' or 'integer'", bigint);
  }
  return bigint === 'integer';
}

/**
 * JSON.stringify(value) as UTF-8 bytes.
 *
 * @throws TypeError where JSON.stringify throws one, and where it gives undefined, because undefined has no bytes
 */
export function encode(value: unknown, options?: EncodeOptions): Buffer {
  const bytes = impl().encode(value, bigintAsInteger(options));
  if (bytes === undefined) throw new InvalidArgument('value', 'something JSON can express', value);
  return bytes;
}
