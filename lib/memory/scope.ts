// Owners of buffers: a lease has one, a scope has what was allocated through it. Both hear when a buffer is freed
// behind their back (slab.free), so nothing is ever freed twice.

import { ClosedError } from '../errors';
import { SlabError, slabCodes } from './errors';
import { callSite, Guard, type ScopeRecord } from './guard';
import type { Slab, Watcher } from './slab';

/** One leased Buffer. With a runtime that has Symbol.dispose it works with `using`. */
export class SlabLease implements Watcher {
  readonly #slab: Slab;
  #buffer: Buffer | undefined;

  /** @internal */
  constructor(slab: Slab, buffer: Buffer) {
    this.#slab = slab;
    this.#buffer = buffer;
  }

  /** The Buffer; throws ClosedError once it is released. */
  get buffer(): Buffer {
    if (this.#buffer === undefined) throw new ClosedError('the lease was released');
    return this.#buffer;
  }

  /** Frees the Buffer. No effect when it is freed already. */
  release(): void {
    if (this.#buffer !== undefined) this.#slab.free(this.#buffer);
  }

  /** @internal */
  freed(): void {
    this.#buffer = undefined;
  }
}

/** What Slab.scope hands to its function. */
export class SlabScope implements Watcher {
  readonly #slab: Slab;
  readonly #buffers = new Set<Buffer>();
  /** guard: true. How the buffers know it. */
  readonly record: ScopeRecord | undefined;
  #open = true;

  /** @internal */
  constructor(slab: Slab) {
    this.#slab = slab;
    if (slab.guard !== undefined) this.record = { site: callSite(), ended: false };
  }

  /** As Slab.alloc; freed with the scope. Throws ClosedError after its end. */
  alloc(size: number): Buffer {
    this.#check();
    return this.#own(this.#slab.alloc(size));
  }

  /** As Slab.allocUnsafe; freed with the scope. */
  allocUnsafe(size: number): Buffer {
    this.#check();
    return this.#own(this.#slab.allocUnsafe(size));
  }

  /** Frees one of the scope's buffers early. */
  free(buffer: Buffer): void {
    this.#check();
    if (!this.#buffers.has(buffer)) {
      throw new SlabError(slabCodes.foreign, 'The buffer does not belong to this scope');
    }
    this.#slab.free(buffer);
  }

  /** As Slab.lease; freed with the scope if it is not released before. */
  lease(size: number): { readonly buffer: Buffer; release(): void } {
    const buffer = this.allocUnsafe(size);
    const buffers = this.#buffers;
    const slab = this.#slab;
    return withDispose({
      get buffer(): Buffer {
        if (!buffers.has(buffer)) throw new ClosedError('the lease was released');
        return buffer;
      },
      release(): void {
        if (buffers.has(buffer)) slab.free(buffer);
      },
    });
  }

  /** @internal */
  freed(buffer: Buffer): void {
    this.#buffers.delete(buffer);
  }

  /** @internal Frees what is left. Frees all of it even when guard mode finds one overwritten; that error comes last. */
  end(): void {
    this.#open = false;
    if (this.record !== undefined) this.record.ended = true;
    let failure: unknown;
    const { guard } = this.#slab;
    if (guard !== undefined) for (const buffer of this.#buffers) guard.freedByScope(buffer);
    // A second time what was found overwritten: that is told and mended by then, and nobody else will free it.
    for (let attempt = 0; attempt < 2 && this.#buffers.size > 0; attempt++) {
      for (const buffer of [...this.#buffers]) {
        try {
          this.#slab.free(buffer);
        } catch (error) {
          failure ??= error;
        }
      }
    }
    if (failure !== undefined) throw failure;
  }

  #check(): void {
    if (!this.#open) throw new ClosedError('the scope has ended');
  }

  #own(buffer: Buffer): Buffer {
    this.#buffers.add(buffer);
    this.#slab.watch(buffer, this);
    if (this.record !== undefined) this.#slab.guard?.madeBy(buffer, this.record);
    return buffer;
  }
}

/** Adds [Symbol.dispose] where the runtime knows it: declarations must not need esnext.disposable. */
function withDispose<T extends { release(): void }>(object: T): T {
  const symbol = (Symbol as { dispose?: symbol }).dispose;
  if (symbol !== undefined) {
    Object.defineProperty(object, symbol, { value: () => object.release(), configurable: true });
  }
  return object;
}

const dispose = (Symbol as { dispose?: symbol }).dispose;
if (dispose !== undefined) {
  Object.defineProperty(SlabLease.prototype, dispose, {
    value: SlabLease.prototype.release,
    configurable: true,
    writable: true,
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/** Ends a scope whose function failed: that failure is what the caller hears of, not one of guard mode on top. */
function endAfterFailure(scope: SlabScope): void {
  try {
    scope.end();
  } catch {
    // told by the error already under way that something is wrong
  }
}

/** Slab.scope. */
export function runScope<T>(slab: Slab, run: (scope: SlabScope) => T): T {
  const scope = new SlabScope(slab);
  let result: T;
  let later: boolean;
  try {
    const { record } = scope;
    result = record === undefined ? run(scope) : Guard.enter(record, () => run(scope));
    later = isThenable(result); // looks at `then`, which may throw
  } catch (error) {
    endAfterFailure(scope);
    throw error;
  }
  if (later) {
    const settled = (async () => {
      let value: unknown;
      try {
        value = await result;
      } catch (error) {
        endAfterFailure(scope);
        throw error;
      }
      scope.end();
      return value;
    })();
    return settled as unknown as T;
  }
  scope.end();
  return result;
}
