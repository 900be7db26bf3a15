// A Connection as a Node stream, for pipeline() and for libraries that want one. Loaded when first asked for.

import { Duplex } from 'node:stream';
import type { Connection } from './connection';

export function duplexOf(connection: Connection): Duplex {
  const stream = new Duplex({
    allowHalfOpen: true,
    read() {
      connection.read().then(
        (chunk) => this.push(chunk),
        (error) => this.destroy(error),
      );
    },
    write(chunk: Buffer, _encoding, done) {
      connection.write(chunk).then(() => done(), done);
    },
    writev(chunks, done) {
      const bytes = chunks.map(({ chunk }) => chunk as Buffer);
      connection
        .write(bytes.length === 1 ? (bytes[0] as Buffer) : Buffer.concat(bytes))
        .then(() => done(), done);
    },
    final(done) {
      connection.end().then(() => done(), done);
    },
    destroy(error, done) {
      connection.destroy(error ?? undefined);
      connection.whenClosed.then(() => done(error));
    },
  });
  return stream;
}
