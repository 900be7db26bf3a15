// The types of tailrace/json, checked by the compiler: a wrong one does not build. Nothing here runs.

import { Readable } from 'node:stream';
import * as json from '../../lib/json';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(..._equal: Equal<A, B> extends true ? [] : ['types differ']): void => {};

interface User {
  name: string;
}

/** ReadableStream as TypeScript's own library `dom` has it: no asynchronous iterator. */
interface DomStream<R> {
  readonly locked: boolean;
  cancel(reason?: unknown): Promise<void>;
  getReader(options: { mode: 'byob' }): { read<T extends ArrayBufferView>(view: T): Promise<unknown> };
  getReader(): {
    cancel(reason?: unknown): Promise<void>;
    read(): Promise<{ done: false; value: R } | { done: true; value: R | undefined }>;
    releaseLock(): void;
  };
}
declare const domStream: DomStream<Uint8Array>;
declare const domResponse: {
  readonly body: DomStream<Uint8Array> | null;
  arrayBuffer(): Promise<ArrayBuffer>;
};

export async function checked(): Promise<void> {
  const unknownValue = json.parse('1');
  same<typeof unknownValue, unknown>();
  const user = json.parse<User>(Buffer.from('{}'), { integers: 'bigint' });
  same<typeof user, User>();
  json.parse(new ArrayBuffer(1), (_key, value) => value, { maxDepth: 3 });
  json.parse(new DataView(new ArrayBuffer(1)), { maxDepth: 3 }, (_key, value) => value);
  json.parse('1', null);
  // @ts-expect-error a misspelt option
  json.parse('1', { maxdepth: 3 });
  // @ts-expect-error not a choice
  json.parse('1', { utf8: 'ignore' });
  // @ts-expect-error numbers are no JSON text
  json.parse(1);

  const document = json.open('[]');
  same<typeof document, json.JsonDocument>();
  same<ReturnType<typeof document.value>, json.JsonValue | undefined>();
  const text = document.get<string>('/a');
  same<typeof text, string | undefined>();
  same<ReturnType<json.JsonValue['raw']>, Buffer>();
  same<ReturnType<json.JsonValue['toBigInt']>, bigint>();
  same<ReturnType<typeof json.encode>, Buffer>();
  same<ReturnType<typeof json.stringify>, string>();

  const read = await json.read<User>(Readable.from([]), { limit: 10 });
  same<typeof read, User>();
  await json.read(new Response('1'));
  await json.read(domResponse);
  json.lines(domStream);
  // @ts-expect-error a whole text is for parse()
  await json.read(Buffer.from('1'), { signal: 3 });

  for await (const line of json.lines<User>(Readable.from([]))) same<typeof line, User>();
  for (const line of json.linesSync('1')) same<typeof line, unknown>();
  for (const line of json.linesSync('1', { as: 'document' })) same<typeof line, json.JsonDocument>();
  for (const line of json.linesSync('1', { batch: true })) same<typeof line, unknown[]>();
  for (const line of json.linesSync<User>('1', { batch: true, onError: 'skip' })) same<typeof line, User[]>();
  for await (const line of json.lines<User>('1', { onError: 'skip' })) same<typeof line, User>();
  for await (const line of json.lines('1', { batch: true, as: 'document' }))
    same<typeof line, json.JsonDocument[]>();

  // what a decoder makes, unless another type is named
  const decoder = json.decoder<User>({});
  same<Awaited<ReturnType<typeof readBy>>, User>();
  for await (const line of json.lines('1', { decoder, onError: 'skip' })) same<typeof line, User>();
  for await (const line of json.lines('1', { decoder, batch: true })) same<typeof line, User[]>();
  for (const line of json.linesSync('1', { decoder })) same<typeof line, User>();
  for (const line of json.linesSync('1', { decoder, batch: true })) same<typeof line, User[]>();
  for await (const line of json.lines<{ id: 1 }>('1', { decoder })) same<typeof line, { id: 1 }>();
  const options: json.LinesOptions = { decoder };
  for await (const line of json.lines('1', options)) same<typeof line, unknown>();
  for await (const line of json.lines<User>('1', options)) same<typeof line, User>();
  const other = await json.read<{ id: 1 }>(Readable.from([]), { decoder });
  same<typeof other, { id: 1 }>();
}

function readBy(decoder: json.Decoder<User>) {
  return json.read(Readable.from([]), { decoder, limit: 10 });
}
