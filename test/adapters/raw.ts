// Requests that no HTTP client sends: written to a socket as they stand, what comes back as text.

import { connect } from 'node:net';

/** Sends the pieces, half-closes when told to, and gives all that came until the peer closed (or a second has passed). */
export function exchange(port: number, pieces: readonly (string | Buffer)[], end = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const parts: Buffer[] = [];
    const timer = setTimeout(() => socket.destroy(), 1000);
    socket.on('data', (part) => parts.push(part));
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(parts).toString('latin1'));
    });
    socket.on('connect', () => {
      for (const piece of pieces) socket.write(piece);
      if (end) socket.end();
    });
  });
}

/** A server's answer without what changes from one to the next. */
export function stable(answer: string): string {
  return answer.replace(/^Date: .*\r\n/m, '').replace(/^ETag: .*\r\n/m, '');
}
