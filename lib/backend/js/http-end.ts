// How the fallback server turns a request or a connection away: which heads it refuses, and how a connection ends
// so that its peer still gets to read why.

import type * as http from 'node:http';
import type * as net from 'node:net';
import type { ServerLimits } from '../contract';
import { reasonOf } from './reasons';

const kLingerMs = 1000;

/** How often a field stands in node:http's raw headers; `name` in lower case. */
function countOf(rawHeaders: readonly string[], name: string): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i]!;
    if (field.length === name.length && field.toLowerCase() === name) count++;
  }
  return count;
}

/** The status a request's head is refused with; 0 when it is not. What llhttp lets pass and contract.ts does not. */
export function refusedHead(request: http.IncomingMessage, limits: ServerLimits): number {
  const transfer = request.headers['transfer-encoding'];
  const length = request.headers['content-length'];
  if (request.httpVersionMajor !== 1) return 505;
  const hosts = countOf(request.rawHeaders, 'host');
  if (hosts > 1 || (hosts === 0 && request.httpVersionMinor >= 1)) return 400;
  if (transfer !== undefined && (length !== undefined || request.httpVersionMinor === 0)) return 400;
  if (transfer !== undefined && transfer.toLowerCase() !== 'chunked') return 501;
  if (request.rawHeaders.length > 2 * limits.headers) return 431;
  if (length !== undefined && Number(length) > limits.bodyBytes) return 413;
  return 0;
}

/** What node:http's 'clientError' brings of its parser. */
export type ParserError = Error & { code?: string; rawPacket?: Buffer; bytesParsed?: number };

/**
 * The status for what llhttp refused. Where a head overflows it says how far it came in the last packet, not in which
 * line: a request line that stands there is too long a target. One whose start came in an earlier packet cannot be told
 * from a field's value and counts as that.
 */
export function malformedStatus(error: ParserError): number {
  if (error.code !== 'HPE_HEADER_OVERFLOW') return 400;
  const read = error.rawPacket?.toString('latin1', 0, error.bytesParsed) ?? '';
  return /^[A-Z-]+ \S*$/.test(read.slice(read.lastIndexOf('\n') + 1)) ? 414 : 431;
}

/** Whether a body follows the head. */
export function hasBody(request: http.IncomingMessage): boolean {
  return (
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
  );
}

/**
 * Ends a connection whose peer may still be sending: closing it with bytes unread would reset it, and the peer
 * might lose the reply that says why. What comes is dropped until the peer ends, for a second at most.
 */
export function linger(socket: net.Socket): void {
  if (!socket.writableEnded) socket.end();
  socket.once('end', () => socket.destroy());
  socket.resume();
  setTimeout(() => socket.destroy(), kLingerMs).unref();
}

/** Answers something that never became a request of node:http, and ends the connection. */
export function endWith(socket: net.Socket, status: number): void {
  const text = reasonOf(status);
  const body = `${text}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${text}\r\n` +
      `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\n` +
      `Date: ${new Date().toUTCString()}\r\nConnection: close\r\n\r\n${body}`,
  );
  linger(socket);
}
