// The JSON part of the fallback: all of it is shared code, because the native backend needs the same functions where V8
// is the faster parser.

import type { JsonBackend, JsonParseOptions } from '../../contract';
import { openDocument, openShared } from '../../json/document';
import { exact, parseBytes, parseString } from '../../json/parse';
import { encode, minify } from '../../json/text';

const json: JsonBackend = {
  parse(input: string | Uint8Array, options: JsonParseOptions | undefined): unknown {
    return typeof input === 'string'
      ? parseString(input, options)
      : parseBytes(input, 0, input.length, options);
  },
  parseRange: parseBytes,
  validate(input: string | Uint8Array, options: JsonParseOptions | undefined): boolean {
    return exact().locateFailure(input, 0, input.length, options) === undefined;
  },
  minify,
  open: openDocument,
  openAsync: (input, options) =>
    (require('../../json/open-async') as typeof import('../../json/open-async')).openAsync(input, options),
  openShared,
  openLines: () => undefined,
  linesEnded: () => undefined,
  lines: () => undefined,
  encode,
  // JSON.parse and the facade's checks are the fastest there is without native code
  decoder: () => undefined,
  encoder: (plan) => (require('./encoder') as typeof import('./encoder')).encoderOf(plan),
};

export function create(): JsonBackend {
  return json;
}
