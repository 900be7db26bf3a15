// The core's sockets of one isolate, by slot, and the one place where native code enters: once a loop turn, with the events
// of all of them. Words of an Int32Array say what happened (native/server/socket_set.h has the layout); the bytes stand in a
// segment that is used again for the next batch, so each connection copies its own here.

import type { NetAddress } from '../contract';

/** native/binding/net_host.cc. Negative numbers are -errno. */
export interface NetAddon {
  readonly eventWords: number;
  attach(spec: {
    words: Int32Array;
    bytes: Uint8Array;
    result: Int32Array;
    onEvents(count: number): void;
  }): void;
  connect(address: string, port: number): number;
  listen(address: string, port: number, backlog: number, reusePort: boolean): number;
  address(slot: number, generation: number): [host: string, port: number];
  write(slot: number, generation: number, bytes: Uint8Array, at: number): number;
  shutdown(slot: number, generation: number): void;
  consumed(slot: number, generation: number, bytes: number): void;
  close(slot: number, generation: number): void;
  hold(on: boolean): void;
}

// SocketNews of native/server/socket.h
export const kAccepted = 1;
export const kConnected = 2;
export const kData = 4;
export const kEnd = 8;
export const kWritable = 16;
export const kFailed = 32;
export const kListenerFailed = 64;

const kEvents = 1024;
const kSegmentBytes = 256 * 1024;
/** Port that says that an address is a path. */
export const kPath = -1;

export interface Waiting<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** What has a slot: a connection, a listener, or an attempt to connect. */
export interface Entry {
  readonly generation: number;
  onEvent(news: number, event: NetEvent): void;
  /** Of a listener. */
  accepted?(slot: number, generation: number, news: number, event: NetEvent): void;
}

/** What an event carries, one object for all of them. */
export interface NetEvent {
  errno: number;
  local: NetAddress | undefined;
  remote: NetAddress | undefined;
  data: Buffer | undefined;
}

/** The sockets of this isolate. */
export class Sockets {
  readonly native: NetAddon;
  readonly result = new Int32Array(2);
  private readonly words: Int32Array;
  private readonly bytes = Buffer.from(new ArrayBuffer(kSegmentBytes));
  private readonly entries: (Entry | undefined)[] = [];
  private readonly event: NetEvent = { errno: 0, local: undefined, remote: undefined, data: undefined };
  private refs = 0;

  constructor(native: NetAddon) {
    this.native = native;
    this.words = new Int32Array(kEvents * native.eventWords);
    const { words, bytes, result } = this;
    native.attach({ words, bytes, result, onEvents: (count) => this.onEvents(count) });
  }

  set(slot: number, entry: Entry): void {
    this.entries[slot] = entry;
  }

  close(slot: number, entry: Entry): void {
    this.native.close(slot, entry.generation);
    if (this.entries[slot] === entry) this.entries[slot] = undefined;
  }

  ref(): void {
    if (this.refs++ === 0) this.native.hold(true);
  }

  unref(): void {
    if (--this.refs === 0) this.native.hold(false);
  }

  private find(slot: number, generation: number): Entry | undefined {
    const entry = this.entries[slot];
    return entry?.generation === generation ? entry : undefined;
  }

  private onEvents(count: number): void {
    const { words, event, bytes } = this;
    for (let i = 0, at = 0; i < count; i++, at += this.native.eventWords) {
      const slot = words[at]!;
      const generation = words[at + 1]!;
      const news = words[at + 2]!;
      let start = words[at + 3]!;
      const size = words[at + 4]!;
      const text = words[at + 10]!;
      event.errno = words[at + 5]!;
      event.local = undefined;
      event.remote = undefined;
      if (text > 0) {
        const [remote, local] = bytes.toString('latin1', start, start + text).split(' ') as [string, string];
        event.remote = addressOf(remote, words[at + 8]!);
        event.local = addressOf(local, words[at + 9]!);
        start += text;
      }
      event.data = size > 0 ? Buffer.from(bytes.subarray(start, start + size)) : undefined;
      if ((news & kAccepted) !== 0) {
        const listener = this.find(words[at + 6]!, words[at + 7]!);
        if (listener?.accepted !== undefined) listener.accepted(slot, generation, news, event);
        else this.native.close(slot, generation); // it was closed meanwhile, as what still was in its backlog
      } else {
        this.find(slot, generation)?.onEvent(news, event);
      }
    }
    event.data = undefined;
  }
}

function addressOf(address: string, port: number): NetAddress | undefined {
  if (address === '') return undefined;
  return { address, family: address.includes(':') ? 'IPv6' : 'IPv4', port };
}
