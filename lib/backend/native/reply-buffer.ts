// Replies on their way out: written into memory that native code reads when the callback scope of a batch has
// closed, or, for those that come later, once a loop turn.

/** Call::Kind of native/server/record.h: what the bytes of a reply are. */
export enum ReplyKind {
  none = 0,
  result = 1,
  error = 2,
  raw = 4,
}

export interface ReplyAddon {
  readonly replyWords: number;
  flush(server: number): void;
  reply(
    server: number,
    slot: number,
    generation: number,
    kind: number,
    status: number,
    headBytes: number,
    bytes: Uint8Array,
  ): void;
}

/** JsGroup::Entered of native/binding/server_host.h */
const kWithCancellations = 2;
const kReplies = 1024;
const kBytes = 128 * 1024;
/** Up to here a loop over the characters is faster than a call of utf8Write. */
const kLoopChars = 40;

type Utf8Buffer = Buffer & {
  utf8Write(text: string, at: number): number;
  latin1Write(text: string, at: number): number;
};

export class ReplyBuffer {
  readonly words: Int32Array;
  readonly bytes: Buffer;
  private readonly addon: ReplyAddon;
  private readonly stride: number;
  private server = 0;
  private used = 0;
  private scheduled = false;

  constructor(addon: ReplyAddon) {
    this.addon = addon;
    this.stride = addon.replyWords;
    this.words = new Int32Array(2 + kReplies * this.stride);
    this.bytes = Buffer.from(new ArrayBuffer(kBytes));
  }

  attach(server: number): void {
    this.server = server;
  }

  /** JavaScript was entered because calls have been cancelled, if not for that alone. */
  get cancellations(): boolean {
    return this.words[1] === kWithCancellations;
  }

  /** The server is gone: what comes now has nobody to go to. */
  detach(): void {
    this.server = 0;
  }

  /** `head` is written as Latin-1 (header lines), `text` as UTF-8. */
  add(slot: number, generation: number, kind: ReplyKind, status: number, head: string, text: string): void {
    if (this.server === 0) return;
    const { words } = this;
    if (words[0] === 0) this.used = 0;
    const most = head.length + text.length * 3;
    if (words[0] === kReplies || this.used + most > kBytes) {
      this.flush();
      if (most > kBytes) {
        const bytes = Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(text)]);
        this.addon.reply(this.server, slot, generation, kind, status, head.length, bytes);
        return;
      }
    }
    const at = this.used;
    if (head.length > 0) (this.bytes as Utf8Buffer).latin1Write(head, at);
    const size = head.length + this.write(text, at + head.length);
    this.used = at + size;
    const count = words[0]!;
    words[0] = count + 1;
    let word = 2 + count * this.stride;
    words[word++] = slot;
    words[word++] = generation;
    words[word++] = kind;
    words[word++] = status;
    words[word++] = head.length;
    words[word++] = at;
    words[word] = size;
    // Inside a batch native code looks by itself when the scope has closed.
    if (words[1] === 0) this.schedule();
  }

  /** The same with a body of bytes. */
  addBytes(
    slot: number,
    generation: number,
    kind: ReplyKind,
    status: number,
    head: string,
    body: Uint8Array,
  ): void {
    if (this.server === 0) return;
    this.flush(); // replies leave in the order in which they were made
    const bytes = Buffer.allocUnsafe(head.length + body.byteLength);
    bytes.write(head, 0, 'latin1');
    bytes.set(body, head.length);
    this.addon.reply(this.server, slot, generation, kind, status, head.length, bytes);
  }

  flush(): void {
    this.scheduled = false;
    if (this.server !== 0 && this.words[0] !== 0) this.addon.flush(this.server);
    this.used = 0;
  }

  private write(text: string, at: number): number {
    const { length } = text;
    const { bytes } = this;
    if (length <= kLoopChars) {
      let i = 0;
      for (; i < length; i++) {
        const c = text.charCodeAt(i);
        if (c > 0x7f) break;
        bytes[at + i] = c;
      }
      if (i === length) return length;
    }
    return (bytes as Utf8Buffer).utf8Write(text, at);
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.flush());
  }
}
