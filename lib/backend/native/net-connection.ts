// A connection of tailrace/net over the core's socket. Bytes that came and were not asked for wait here; native code stops
// reading when they are too many. Nothing is kept natively on the way out: a write takes what the socket takes, and the rest
// waits in the caller's own bytes for the news that there is room.

import { ClosedError, systemError } from '../../errors';
import type { BackendConnection, NetAddress } from '../contract';
import {
  type Entry,
  kData,
  kEnd,
  kFailed,
  kWritable,
  type NetEvent,
  type Sockets,
  type Waiting,
} from './sockets';

/** Bytes read by the program are reported when they are so many: half of what a socket may have unread. */
const kReportBytes = 64 * 1024;
interface Write extends Waiting<void> {
  readonly bytes: Uint8Array;
  at: number;
}

export class NativeConnection implements BackendConnection, Entry {
  onClose: (() => void) | undefined;
  local: NetAddress | undefined;
  remote: NetAddress | undefined;
  private chunks: Buffer[] = [];
  private reading: Waiting<Buffer | null> | undefined;
  private writes: Write[] = [];
  private ending: Waiting<void> | undefined;
  private peerEnded = false;
  private weEnded = false;
  /** Bytes given to read() and not reported yet. */
  private unreported = 0;
  private failure: Error | undefined;
  private closed = false;
  private referenced = true;

  constructor(
    private readonly sockets: Sockets,
    private readonly slot: number,
    readonly generation: number,
  ) {
    sockets.set(slot, this);
    sockets.ref();
  }

  onEvent(news: number, event: NetEvent): void {
    if ((news & kFailed) !== 0) {
      this.fail(systemError(event.errno, 'read'));
      return;
    }
    if (event.data !== undefined) this.chunks.push(event.data);
    if ((news & kEnd) !== 0) this.peerEnded = true;
    if ((news & (kData | kEnd)) !== 0) this.serve();
    if ((news & kWritable) !== 0) this.flush();
  }

  /** Gives a waiting read what there is. */
  private serve(): void {
    const { reading } = this;
    if (reading !== undefined) {
      const chunk = this.chunks.shift();
      if (chunk !== undefined) {
        this.reading = undefined;
        this.report(chunk.length);
        reading.resolve(chunk);
      } else if (this.peerEnded) {
        this.reading = undefined;
        reading.resolve(null);
      }
    }
    this.closeWhenDone();
  }

  /** Says what was read, so that the socket is read on. */
  private report(bytes: number): void {
    this.unreported += bytes;
    if (this.unreported < kReportBytes || this.peerEnded || this.closed) return;
    this.sockets.native.consumed(this.slot, this.generation, this.unreported);
    this.unreported = 0;
  }

  read(): Promise<Buffer | null> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.reading = { resolve, reject };
      this.serve();
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.writes.length === 0) {
      const taken = this.sockets.native.write(this.slot, this.generation, bytes, 0);
      if (taken === bytes.length) return Promise.resolve();
      if (taken < 0) {
        const error = systemError(-taken, 'write');
        this.fail(error);
        return Promise.reject(error);
      }
      return this.wait(bytes, taken);
    }
    return this.wait(bytes, 0);
  }

  private wait(bytes: Uint8Array, at: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.writes.push({ bytes, at, resolve, reject });
    });
  }

  /** There is room again. */
  private flush(): void {
    const { writes } = this;
    let done = 0;
    for (; done < writes.length; done++) {
      const write = writes[done]!;
      const taken = this.sockets.native.write(this.slot, this.generation, write.bytes, write.at);
      if (taken < 0) {
        writes.splice(0, done);
        this.fail(systemError(-taken, 'write'));
        return;
      }
      write.at += taken;
      if (write.at < write.bytes.length) break;
      write.resolve();
    }
    writes.splice(0, done);
    if (writes.length === 0 && this.ending !== undefined) this.shutdown();
  }

  end(): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.ending = { resolve, reject };
      if (this.writes.length === 0) this.shutdown();
    });
  }

  private shutdown(): void {
    const ending = this.ending!;
    this.ending = undefined;
    this.sockets.native.shutdown(this.slot, this.generation);
    this.weEnded = true;
    ending.resolve();
    this.closeWhenDone();
  }

  private closeWhenDone(): void {
    if (this.weEnded && this.peerEnded && this.chunks.length === 0) this.close();
  }

  private fail(error: Error): void {
    if (this.closed) return;
    this.failure = error;
    this.chunks = [];
    this.close();
    const { reading, writes, ending } = this;
    this.reading = undefined;
    this.writes = [];
    this.ending = undefined;
    reading?.reject(error);
    for (const write of writes) write.reject(error);
    ending?.reject(error);
  }

  private close(): void {
    if (this.closed) return;
    this.closed = true;
    this.sockets.close(this.slot, this);
    this.unref();
    process.nextTick(() => this.onClose?.());
  }

  destroy(): void {
    this.fail(new ClosedError('The connection is closed'));
  }

  ref(): void {
    if (this.referenced || this.closed) return;
    this.referenced = true;
    this.sockets.ref();
  }

  unref(): void {
    if (!this.referenced) return;
    this.referenced = false;
    this.sockets.unref();
  }
}
