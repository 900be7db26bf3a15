// Opening documents: at once, on a thread of libuv's pool, or from memory that another thread shared.

import { errorTable, TailraceError } from '../../../errors';
import type { JsonBackend, JsonBackendDocument, JsonParseOptions, JsonSharedDocument } from '../../contract';
import { kJsonNoDepthLimit } from '../../contract';
import { adopt, kOutlined } from '../../json/shared-document';
import { utf8Of } from '../../json/source';
import { type AddonJson, kInfoWords, kNoRoom, kOutlineNoMemory } from './addon';
import { type Block, giveBlock, takeBlock } from './blocks';
import { type MakeValue, OutlinedDocument } from './document';

type Input = string | Uint8Array;

export interface Documents {
  open(input: Input, options: JsonParseOptions | undefined): JsonBackendDocument;
  openAsync(input: Input, options: JsonParseOptions | undefined): Promise<JsonBackendDocument>;
  openShared(shared: JsonSharedDocument): JsonBackendDocument;
  openLines: JsonBackend['openLines'];
}

/** Most texts have less than half a byte of outline a byte. */
const blockFor = (textBytes: number): Block => takeBlock(textBytes + (textBytes >>> 1) + 64);

/** What the core wants free behind slots that are to be written where they stay (SlotRoom in native/json/outline.h). */
const kSlotSlack = 4 * (8192 + 64);

/** The core's heap is at its limit, or the system refused. */
const outOfMemory = (): Error =>
  new TailraceError(errorTable.out_of_memory.code, errorTable.out_of_memory.text);

export function createDocuments(
  native: AddonJson,
  make: MakeValue,
  policyOf: (options: JsonParseOptions | undefined) => number,
  failure: (input: Input, options: JsonParseOptions | undefined) => Error,
): Documents {
  const info = new Uint32Array(kInfoWords);
  /** Of openLines(): two words, then five for each line. */
  const kHead = 2;
  const kRow = 5;
  let table = new Uint32Array(kHead);
  /** Bytes of a block that holds the text and the outline `told` tells of. */
  const needed = (textBytes: number, told: Uint32Array): number =>
    Math.ceil(textBytes / 4) * 4 + 4 * ((told[0] as number) + 3 * (told[1] as number));

  function documentOf(
    block: Block,
    textBytes: number,
    told: Uint32Array,
    options: JsonParseOptions | undefined,
  ): JsonBackendDocument {
    const outline = {
      textBytes,
      at: (textBytes + 3) >>> 2,
      slots: told[0] as number,
      containers: told[1] as number,
      flags: told[2] as number,
    };
    return new OutlinedDocument(block, block.bytes, block.words, outline, options, make, native, open);
  }

  function open(input: Input, options: JsonParseOptions | undefined): JsonBackendDocument {
    const bytes = typeof input === 'string' ? utf8Of(input) : input;
    const size = bytes.length;
    const depth = options === undefined ? kJsonNoDepthLimit : options.maxDepth;
    const policy = options === undefined ? 0 : policyOf(options);
    let block = blockFor(size);
    let status = native.outline(bytes, 0, size, policy, depth, block.bytes, info);
    if (status === kNoRoom) {
      // the outline is there, partly in the block that is too small
      const larger = takeBlock(needed(size, info));
      larger.bytes.set(block.bytes.subarray(0, size));
      status = native.writeOutline(larger.bytes, size);
      giveBlock(block);
      block = larger;
    }
    if (status !== 0) {
      giveBlock(block);
      throw status === kOutlineNoMemory ? outOfMemory() : failure(input, options);
    }
    return documentOf(block, size, info, options);
  }

  async function openAsync(
    input: Input,
    options: JsonParseOptions | undefined,
  ): Promise<JsonBackendDocument> {
    const bytes = typeof input === 'string' ? utf8Of(input) : input;
    const size = bytes.length;
    const told = new Uint32Array(kInfoWords);
    let block = blockFor(size);
    block.bytes.set(bytes);
    for (;;) {
      const status = await native.outlineAsync(
        block.bytes,
        size,
        policyOf(options),
        options?.maxDepth ?? kJsonNoDepthLimit,
        told,
      );
      if (status === 0) return documentOf(block, size, told, options);
      // the input may have changed since: what was read is the copy
      const text = block.bytes.subarray(0, size);
      if (status === kOutlineNoMemory) throw outOfMemory();
      if (status !== kNoRoom) throw failure(typeof input === 'string' ? input : text, options);
      const larger = takeBlock(needed(size, told) + kSlotSlack);
      larger.bytes.set(text);
      giveBlock(block);
      block = larger;
    }
  }

  function openShared({ buffer, options }: JsonSharedDocument): JsonBackendDocument {
    const parts = adopt(buffer);
    if (parts.format === kOutlined) return OutlinedDocument.adopt(parts, options, make, native, open);
    // the words are those of the fallback
    return open(Uint8Array.from(parts.text.subarray(0, parts.textBytes)), options);
  }

  const openLines: JsonBackend['openLines'] = (bytes, start, end, maxLine) => {
    const size = end - start;
    // a piece of 64 KB gets a block of 128; what finds no room is asked for again
    const block = takeBlock(size + (size >>> 1) + 4096);
    if (table.length < kHead + kRow * (size >>> 4)) table = new Uint32Array(kHead + kRow * (size >>> 4));
    const count = native.outlineLines(bytes, start, end, maxLine, block.bytes, table);
    if (count <= 0) giveBlock(block);
    if (count < 0) return { documents: [], lines: 0, end: start };
    block.users = count;
    const documents = new Array<JsonBackendDocument>(count);
    for (let i = 0; i < count; i++) {
      const row = kHead + kRow * i;
      const outline = {
        textBytes: table[row] as number,
        at: table[row + 1] as number,
        slots: table[row + 2] as number,
        containers: table[row + 3] as number,
        flags: table[row + 4] as number,
      };
      documents[i] = new OutlinedDocument(
        block,
        block.bytes,
        block.words,
        outline,
        undefined,
        make,
        native,
        open,
      );
    }
    return { documents, lines: table[0] as number, end: start + (table[1] as number) };
  };

  return { open, openAsync, openShared, openLines };
}
