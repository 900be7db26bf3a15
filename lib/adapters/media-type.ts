// Whether a request has a body, and whether its media type is one that was asked for. Types are written as body-parser takes
// them: 'application/json', 'json', '*/json', 'application/*', '+json' (a structured suffix, RFC 6839).

import type { IncomingHttpHeaders } from 'node:http';

/** File extensions that stand for a media type; others than these match nothing. */
const kExtensions: Readonly<Record<string, string>> = {
  bin: 'application/octet-stream',
  css: 'text/css',
  csv: 'text/csv',
  geojson: 'application/geo+json',
  html: 'text/html',
  js: 'text/javascript',
  json: 'application/json',
  json5: 'application/json5',
  jsonld: 'application/ld+json',
  map: 'application/json',
  multipart: 'multipart/*',
  svg: 'image/svg+xml',
  text: 'text/plain',
  txt: 'text/plain',
  urlencoded: 'application/x-www-form-urlencoded',
  webmanifest: 'application/manifest+json',
  xml: 'text/xml',
  yaml: 'text/yaml',
  yml: 'text/yaml',
};

/** RFC 6838, section 4.2. */
const kType = /^[A-Za-z0-9][A-Za-z0-9!#$&^_-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

export interface MediaType {
  /** In lower case, without parameters; '' when it is none. */
  readonly type: string;
  /** The parameter of that name, in lower case; undefined: not given. */
  readonly charset: string | undefined;
}

/** Of several parameters of a name the first counts; a quoted value may have a semicolon inside (RFC 9110, 5.6.6). */
const kParameter = /;[ \t]*([^=;]*?)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"[^;]*|([^;"][^;]*?|))[ \t]*(?=;|$)/g;

function parseMediaType(header: string): MediaType {
  const semicolon = header.indexOf(';');
  const type = (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase();
  if (!kType.test(type)) return { type: '', charset: undefined };
  if (semicolon >= 0) {
    for (const [, name, quoted, bare] of header.slice(semicolon).matchAll(kParameter)) {
      if (name?.toLowerCase() !== 'charset') continue;
      return { type, charset: (quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '').toLowerCase() };
    }
  }
  return { type, charset: undefined };
}

// Nearly all clients send one of very few headers. Whoever makes them up must not fill the memory.
const kMost = 64;
const kLongest = 128;
const parsed = new Map<string, MediaType>();

/** The Content-Type of a request. */
export function mediaTypeOf(headers: IncomingHttpHeaders): MediaType | undefined {
  const header = headers['content-type'];
  if (!header) return undefined;
  let found = parsed.get(header);
  if (found !== undefined) return found;
  found = parseMediaType(header);
  if (header.length <= kLongest) {
    if (parsed.size >= kMost) parsed.clear();
    parsed.set(header, found);
  }
  return found;
}

/** RFC 9112, section 6: the presence of a body is signalled by one of two headers. */
export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || !Number.isNaN(Number(headers['content-length']));
}

function pattern(type: string): string[] | undefined {
  const full =
    type[0] === '+'
      ? `*/*${type}`
      : type.includes('/')
        ? type
        : kExtensions[type.replace(/^.*\./, '').toLowerCase()];
  const parts = full?.split('/');
  return parts?.length === 2 ? parts : undefined;
}

/** A test for any of these types; of none: for being a media type at all, as body-parser has it. */
export function mediaTypeTest(types: readonly string[]): (media: MediaType | undefined) => boolean {
  const wanted = types.map(pattern).filter((parts) => parts !== undefined) as [string, string][];
  const matches = (type: string): boolean => {
    const [major, minor] = type.split('/') as [string, string];
    return wanted.some(([first, second]) => {
      if (first !== '*' && first !== major) return false;
      if (second.startsWith('*+')) return minor.endsWith(second.slice(1));
      return second === '*' || second === minor;
    });
  };
  const known = new WeakMap<MediaType, boolean>();
  return (media) => {
    if (media === undefined || media.type === '') return false;
    if (types.length === 0) return true;
    let result = known.get(media);
    if (result === undefined) {
      result = matches(media.type);
      known.set(media, result);
    }
    return result;
  };
}
