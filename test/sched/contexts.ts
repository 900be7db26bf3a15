// What the contexts of tailrace/sched do, on whatever backend is chosen.

import * as assert from 'node:assert/strict';
import { mock } from 'node:test';
import { suite } from 'uvu';
import { withCancel, withDeadline, withTimeout } from '../../lib/sched';
import { invalid } from '../support/errors';

export function contexts(name: string) {
  const test = suite(`contexts on ${name}`);

  test('handed down, with the earliest deadline', async () => {
    const top = withCancel();
    const below = withTimeout(60_000, top);
    const last = withDeadline(Date.now() + 120_000, below);
    assert.equal(last.deadline, below.deadline);
    const reason = new Error('top');
    top.cancel(reason);
    top.cancel(new Error('again'));
    for (const context of [top, below, last]) assert.equal(context.signal.reason, reason);
    assert.equal(withCancel(top.signal).signal.aborted, true);
    const soon = withTimeout(1);
    const keep = setTimeout(() => {}, 10_000); // its own timer does not keep the process
    await new Promise<void>((resolve) => soon.signal.addEventListener('abort', () => resolve()));
    clearTimeout(keep);
    assert.equal(soon.signal.reason.code, 'ERR_TAILRACE_TIMEOUT');
    assert.equal(withDeadline(new Date(0)).signal.aborted, true);
    assert.equal(withCancel().deadline, Number.POSITIVE_INFINITY);
    assert.throws(() => withTimeout(-1), invalid('ms'));
    assert.throws(() => withDeadline('x' as never), invalid('deadline'));
    assert.throws(() => withCancel({} as never), invalid('parent'));
  });

  test('a clock that is set, or that ticks, moves no timeout', async () => {
    const real = Date.now;
    let now = real();
    try {
      // Every look at the clock finds it a second later: what is to last 20 ms is not over at once.
      Date.now = () => (now += 1000);
      assert.equal(withTimeout(20).signal.aborted, false);
      Date.now = real;
      const [back, forth] = [withTimeout(20), withTimeout(3_600_000)];
      Date.now = () => real() - 3_600_000;
      const keep = setTimeout(() => {}, 10_000);
      await new Promise<void>((resolve) => back.signal.addEventListener('abort', () => resolve()));
      clearTimeout(keep);
      Date.now = () => real() + 7_200_000;
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(forth.signal.aborted, false);
      const below = [withCancel(forth), withTimeout(60_000, forth), withTimeout(9_000_000, forth)];
      for (const { signal, deadline } of below) {
        assert.equal(signal.aborted, false);
        assert.ok(deadline <= forth.deadline);
      }
      forth.cancel();
      for (const { signal } of below) assert.equal(signal.aborted, true);
    } finally {
      Date.now = real;
    }
  });

  test('timers that a test moves on, and no other clock', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const soon = withTimeout(500);
      const far = withDeadline(Date.now() + 2 ** 31 + 1000);
      const below = withCancel(far);
      mock.timers.tick(499);
      assert.equal(soon.signal.aborted, false);
      mock.timers.tick(1);
      assert.equal(soon.signal.reason.code, 'ERR_TAILRACE_TIMEOUT');
      mock.timers.tick(2 ** 31 - 1 - 500);
      assert.equal(far.signal.aborted, false);
      mock.timers.tick(1002);
      assert.equal(far.signal.aborted, true);
      assert.equal(below.signal.aborted, true);
    } finally {
      mock.timers.reset();
    }
  });

  return test;
}
