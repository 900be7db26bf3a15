// Cancellation that is handed down, as Go's context has it, on AbortSignal.

import { InvalidArgument, TimeoutError } from '../errors';
import { duration, kMaxDelayMs } from './options';

export interface Cancelable {
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch; Infinity when there is none. Never later than the parent's. */
  readonly deadline: number;
  /** Aborts the signal with this reason (an AbortError when none is given) and frees the timer. Idempotent. */
  cancel(reason?: unknown): void;
}

/** What a context can be made from: a signal, or another context. */
export type Parent = AbortSignal | Pick<Cancelable, 'signal' | 'deadline'>;

/** When each context of ours ends, by the clock that cannot be set. */
const ends = new WeakMap<object, number>();

/** `left`: milliseconds until `deadline`, which is counted on from here by the clock that cannot be set, as Go does. */
function make(deadline: number, left: number, parent: Parent | undefined): Cancelable {
  let above: AbortSignal | undefined;
  /** The timer of a context above is that of this one too. */
  let follows = false;
  if (parent instanceof AbortSignal) {
    above = parent;
  } else if (parent !== undefined) {
    if (!(parent?.signal instanceof AbortSignal)) {
      throw new InvalidArgument('parent', 'an AbortSignal or a context', parent);
    }
    above = parent.signal;
    if (parent.deadline < deadline) deadline = parent.deadline;
    const end = ends.get(parent);
    const leftAbove = end === undefined ? parent.deadline - Date.now() : end - performance.now();
    if (leftAbove < left) {
      left = leftAbove;
      follows = end !== undefined;
    }
  }
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const cancel = (reason?: unknown): void => {
    if (timer !== undefined) clearTimeout(timer);
    above?.removeEventListener('abort', onParent);
    controller.abort(reason);
  };
  const onParent = (): void => cancel(above?.reason);
  const expire = (): void => cancel(new TimeoutError('the deadline has passed'));
  if (above?.aborted) cancel(above.reason);
  else {
    above?.addEventListener('abort', onParent, { once: true });
    if (left <= 0) expire();
    else if (left !== Number.POSITIVE_INFINITY && !follows) {
      // what is longer than a timer can be is taken in steps
      const arm = (rest: number): void => {
        const wait = Math.min(Math.ceil(rest), kMaxDelayMs);
        timer = setTimeout(() => (rest > wait ? arm(rest - wait) : expire()), wait);
        timer.unref();
      };
      arm(left);
    }
  }
  const context = { signal: controller.signal, deadline, cancel };
  ends.set(context, performance.now() + left);
  return context;
}

/** A signal that is aborted by cancel() or by its parent. */
export function withCancel(parent?: Parent): Cancelable {
  return make(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, parent);
}

/** Aborted with a TimeoutError after `ms` too. Its timer does not keep the process alive. */
export function withTimeout(ms: number, parent?: Parent): Cancelable {
  return make(Date.now() + duration('ms', ms), ms, parent);
}

/** Aborted with a TimeoutError at that time (a Date or milliseconds since the epoch) too. */
export function withDeadline(deadline: Date | number, parent?: Parent): Cancelable {
  const at = deadline instanceof Date ? deadline.getTime() : deadline;
  if (typeof at !== 'number' || Number.isNaN(at)) {
    throw new InvalidArgument('deadline', 'a Date or milliseconds since the epoch', deadline);
  }
  return make(at, at - Date.now(), parent);
}
