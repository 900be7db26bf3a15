// tailrace/json: JSON as V8 understands it, from bytes. Every function accepts and refuses exactly what JSON.parse and
// JSON.stringify do unless an option says otherwise, on the native backend and on the fallback alike.

import { lazyFunction } from '../backend/lazy';
import { minify as minifyText, parse as parseText, validate as validateText } from './parse';

export { JsonSchemaDefinitionError, JsonSchemaError, type JsonSchemaIssue, JsonSyntaxError } from '../errors';
export type { JsonStream, ResponseLike, TextDecoderLike, WebStreamLike } from './chunks';
export type { JsonDocument, JsonHandle, JsonTypeName, JsonValue, OpenAsyncOptions } from './document';
export type { EncodeOptions } from './encode';
export type { JsonInput } from './input';
export type { LineError, LinesOptions } from './lines';
export type { ParseOptions, Reviver } from './options';
export type { ReadOptions } from './read';
export type { Decoder, DecoderOptions } from './schema/decoder';
export type { Encoder, EncoderOptions } from './schema/encoder';
export type { Infer } from './schema/infer';
export type { Schema } from './schema/keywords';
export type { FormatCheck } from './schema/model';

// Constants, because what is exported from another module becomes a getter, which costs a small text's parse a twentieth.
export const parse = parseText;
export const validate = validateText;
export const minify = minifyText;
/** JSON.stringify, under this name so that one import serves both ways. */
export const stringify = JSON.stringify;

// A program that only parses does not pay for loading the rest.

const loadDocument = (): typeof import('./document') => require('./document');
const loadEncode = (): typeof import('./encode') => require('./encode');
const loadLines = (): typeof import('./lines') => require('./lines');
const loadDecoder = (): typeof import('./schema/decoder') => require('./schema/decoder');
const loadEncoder = (): typeof import('./schema/encoder') => require('./schema/encoder');
const loadRead = (): typeof import('./read') => require('./read');

export const open = lazyFunction(() => loadDocument().open);
export const decoder: ReturnType<typeof loadDecoder>['decoder'] = lazyFunction(() => loadDecoder().decoder);
export const openAsync = lazyFunction(() => loadDocument().openAsync);
export const openShared = lazyFunction(() => loadDocument().openShared);
export const encode = lazyFunction(() => loadEncode().encode);
export const encoder: ReturnType<typeof loadEncoder>['encoder'] = lazyFunction(() => loadEncoder().encoder);
export const read = lazyFunction(() => loadRead().read);
export const linesSync = lazyFunction(() => loadLines().linesSync);
export const lines: ReturnType<typeof loadLines>['lines'] = Object.assign(
  lazyFunction(() => loadLines().lines),
  { transform: lazyFunction(() => loadLines().lines.transform) },
);
