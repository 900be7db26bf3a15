// What a handler returned, as the bytes to send.
//
//   string                      text/plain
//   Uint8Array                  application/octet-stream
//   { status?, headers?, body? } a reply: an object with no other members, a status (if any) from 200 to 599 and
//                               headers (if any) that are an object. Its body follows these same rows; none is empty.
//   undefined                   204
//   anything else               JSON
//
// So { status: 'ok' } is JSON, as is { status: 200, id: 7 }; { body: value } is never mistaken.

import type { RawReply } from '../backend/contract';
import { hasHeader, headerList, type ReplyHeaders } from './headers';

export interface ReplyObject {
  status?: number;
  headers?: ReplyHeaders;
  body?: unknown;
}

/** Or any other value, sent as JSON. */
export type Reply = string | Uint8Array | ReplyObject | unknown;

const kText = 'text/plain; charset=utf-8';
const kBytes = 'application/octet-stream';
const kJson = 'application/json';

export function plain(status: number, message: string): RawReply {
  return { status, headers: ['Content-Type', kText], body: `${message}\n` };
}

function isReplyObject(value: object): value is ReplyObject {
  let members = 0;
  for (const name of Object.keys(value)) {
    if (name !== 'status' && name !== 'headers' && name !== 'body') return false;
    members++;
  }
  if (members === 0) return false;
  const { status, headers } = value as ReplyObject;
  if (status !== undefined && (!Number.isInteger(status) || status < 200 || status > 599)) return false;
  return headers === undefined || (typeof headers === 'object' && headers !== null);
}

function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`A handler returned a ${typeof value}, which is no JSON value`);
  return text;
}

/** Throws when the value cannot be sent: not JSON, or headers that HTTP does not allow. */
export function normaliseReply(value: unknown): RawReply {
  if (typeof value === 'string') return { status: 200, headers: ['Content-Type', kText], body: value };
  if (value === undefined) return { status: 204, headers: [], body: '' };
  if (value instanceof Uint8Array) return { status: 200, headers: ['Content-Type', kBytes], body: value };
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !isReplyObject(value)) {
    return { status: 200, headers: ['Content-Type', kJson], body: jsonText(value) };
  }
  const headers = headerList(value.headers);
  const { body } = value;
  const status = value.status ?? (body === undefined ? 204 : 200);
  if (body === undefined || body === null) return { status, headers, body: '' };
  let type = kText;
  let bytes: string | Uint8Array;
  if (typeof body === 'string') {
    bytes = body;
  } else if (body instanceof Uint8Array) {
    type = kBytes;
    bytes = body;
  } else {
    type = kJson;
    bytes = jsonText(body);
  }
  if (!hasHeader(headers, 'content-type')) headers.push('Content-Type', type);
  return { status, headers, body: bytes };
}
