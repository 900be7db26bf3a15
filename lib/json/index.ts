// tailrace/json: JSON as V8 understands it, from bytes. Every function accepts and refuses exactly what JSON.parse and
// JSON.stringify do unless an option says otherwise, on the native backend and on the fallback alike.

export { JsonSyntaxError } from '../errors';
export type { JsonStream, ResponseLike } from './chunks';
export { JsonDocument, type JsonTypeName, JsonValue, open } from './document';
export type { JsonInput } from './input';
export { type LinesOptions, lines, linesSync } from './lines';
export type { ParseOptions } from './options';
export { minify, parse, type Reviver, validate } from './parse';
export { type ReadOptions, read } from './read';
export { type EncodeOptions, encode, stringify } from './stringify';
