// Request headers as an object, reply headers as the flat list backends send.

/** Names in lower case; no prototype, so that no header name finds an inherited member. */
export type HeaderRecord = Record<string, string>;

/** name, value, name, value … to a record: repeated fields are joined by ', ' (cookies by '; '), RFC 9110 5.3. */
export function headerRecord(raw: readonly string[]): HeaderRecord {
  const record = Object.create(null) as HeaderRecord;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!;
    const before = record[name];
    record[name] =
      before === undefined ? raw[i + 1]! : before + (name === 'cookie' ? '; ' : ', ') + raw[i + 1];
  }
  return record;
}

export type ReplyHeaders =
  | Record<string, string | number | readonly string[] | undefined>
  | Iterable<readonly [string, string]>;

const kToken = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// Tab, visible ASCII, and bytes above: RFC 9110 5.5. CR, LF and NUL would let a value write the next header.
const kValue = /^[\t\x20-\x7e\x80-\xff]*$/;
/** The backend writes these itself. */
const kOwn = new Set(['content-length', 'connection', 'date', 'transfer-encoding', 'keep-alive']);

function add(list: string[], name: string, value: string): void {
  if (!kToken.test(name)) throw new TypeError(`Invalid name of a reply header: ${JSON.stringify(name)}`);
  if (!kValue.test(value)) throw new TypeError(`Invalid value of the reply header ${name}`);
  if (!kOwn.has(name.toLowerCase())) list.push(name, value);
}

/** Throws TypeError for names and values that HTTP does not allow. */
export function headerList(headers: ReplyHeaders | undefined): string[] {
  const list: string[] = [];
  if (headers === undefined || headers === null) return list;
  if (typeof (headers as Iterable<unknown>)[Symbol.iterator] === 'function') {
    for (const [name, value] of headers as Iterable<readonly [string, string]>)
      add(list, name, String(value));
    return list;
  }
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    if (Array.isArray(value)) for (const item of value) add(list, name, String(item));
    else add(list, name, String(value));
  }
  return list;
}

export function hasHeader(list: readonly string[], name: string): boolean {
  for (let i = 0; i < list.length; i += 2) if (list[i]!.toLowerCase() === name) return true;
  return false;
}
